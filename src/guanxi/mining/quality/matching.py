"""Who is the same: entity resolution by Fellegi and Sunter's model, fitted without labels.

Fellegi and Sunter, “A theory for record linkage”, JASA 64 (1969); parameters by expectation–maximisation (Winkler 1988); names compared by Jaro and Winkler (1990). Candidates come from
blocking: pairs that agree in a cheap key. The result is a table of pairs with a probability, sure ones, and a queue for a person's eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.parsing import frame_of
from guanxi.mining.result import BadInput, Note, Result, Text, note, require_columns, words


@dataclass(frozen=True, kw_only=True)
class MatchResult(Result):
    """One row per candidate pair: ``left right probability verdict`` (same, review, different) and one level 0…3 per column."""

    clusters: pd.Series

    TITLE = Text("Pairs by verdict", "候选对判定")
    COUNTED = "verdict"
    WORDS: ClassVar = {"same": Text("the same", "相同"), "review": Text("to be looked at", "待复核"), "different": Text("different", "不同")}  # fmt: skip

    def explain(self, customer: Any, language: str = "zh") -> str:
        """Why the most likely twin of a record is one."""
        pairs = self.table[(self.table["left"] == customer) | (self.table["right"] == customer)]
        if pairs.empty:
            raise KeyError(customer)
        row = pairs.sort_values("probability", ascending=False).iloc[0]
        other = row["right"] if row["left"] == customer else row["left"]
        same = [name for name in self.parameters["columns"] if row[name] == 3]
        return words(
            "{who} and {other} are the same with {p:.1%}: alike in {same}.",
            "{who} 与 {other} 相同的概率为 {p:.1%}：{same} 一致。",
            who=customer,
            other=other,
            p=row["probability"],
            same=", ".join(same) or "–",
        ).in_(language)


def jaro_winkler(a: str, b: str) -> float:
    """Similarity 0…1 of two words; agreement at the beginning counts more. O(len²)."""
    if a == b:
        return 1.0
    if not a or not b:
        return 0.0
    reach = max(len(a), len(b)) // 2 - 1
    used = [False] * len(b)
    first = []
    for i, sign in enumerate(a):
        for j in range(max(0, i - reach), min(len(b), i + reach + 1)):
            if not used[j] and b[j] == sign:
                used[j] = True
                first.append(sign)
                break
    if not first:
        return 0.0
    second = [sign for sign, hit in zip(b, used, strict=True) if hit]
    swaps = sum(x != y for x, y in zip(first, second, strict=True)) / 2
    m = len(first)
    score = (m / len(a) + m / len(b) + (m - swaps) / m) / 3
    prefix = next((i for i, (x, y) in enumerate(zip(a[:4], b[:4], strict=False)) if x != y), min(4, len(a), len(b)))
    return score + prefix * 0.1 * (1 - score)


def _levels(left: Sequence[str], right: Sequence[str]) -> Array:
    """3 the same, 2 nearly, 1 similar, 0 different, −1 one is empty."""
    known: dict[tuple[str, str], int] = {}
    made = np.empty(len(left), dtype=int)
    for i, pair in enumerate(zip(left, right, strict=True)):
        if pair not in known:
            a, b = pair
            score = jaro_winkler(a, b) if a and b else -1.0
            known[pair] = -1 if score < 0 else 3 if score == 1 else 2 if score >= 0.92 else 1 if score >= 0.85 else 0
        made[i] = known[pair]
    return made.astype(float)


def candidates(frame: pd.DataFrame, blocks: Sequence[Sequence[str]], most: int = 200) -> tuple[pd.DataFrame, int]:
    """Pairs (places) that agree in all columns of at least one block; values with more than ``most`` records say nothing and are passed over: how many records."""
    passed = 0
    pairs: set[tuple[int, int]] = set()
    for block in blocks:
        key = frame[list(block)].agg("\x1f".join, axis=1)
        filled = (frame[list(block)] != "").all(axis=1).to_numpy()
        for places in pd.Series(np.flatnonzero(filled)).groupby(key.to_numpy()[filled]).agg(list):
            if 1 < len(places) <= most:
                pairs.update(combinations(places, 2))
            passed += len(places) if len(places) > most else 0
    return pd.DataFrame(sorted(pairs), columns=["a", "b"]), passed


def resolve(
    data: Any,
    *,
    key: str,
    columns: Sequence[str],
    blocks: Sequence[Sequence[str]],
    same: float = 0.9,
    review: float = 0.2,
    prior: float | None = None,
) -> MatchResult:
    """Pairs of records that are the same. ``key`` names the record, ``columns`` are compared, ``blocks`` make candidates.

    ``prior``: share of true pairs among candidates, else fitted. At least ``same`` is sure, at least ``review`` goes to the queue. ``clusters`` gives each record its group.
    Raises :class:`BadInput` when a column is missing or no pair is left.
    """
    frame = frame_of(data).reset_index(drop=True)
    notes: list[Note] = []
    if frame.empty:
        raise BadInput("empty", "The table has no rows.", "表中没有数据。")
    used = list(dict.fromkeys([*columns, *(name for block in blocks for name in block)]))
    require_columns(frame.columns, key, *used)
    text = frame[used].fillna("").astype(str).apply(lambda column: column.str.strip().str.lower())
    pairs, passed = candidates(text, blocks)
    if pairs.empty and passed:
        raise BadInput("match.wide", "Every value of the blocks is shared by more than 200 records, so it says nothing of who is the same. Block by something rarer.", "候选条件的每个取值都超过 200 条记录，无法据此判断。请改用更有区分度的列。")  # fmt: skip
    if pairs.empty:
        raise BadInput("match.none", "No two records agree in any block.", "没有任何两条记录满足候选条件。")
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    levels = np.stack([_levels(text[name].to_numpy()[a], text[name].to_numpy()[b]) for name in columns], axis=1)
    u = by_chance(text, columns)
    probability, m, share = fitted(levels.astype(int), u, prior)
    names = frame[key].to_numpy()
    table = pd.DataFrame({"left": names[a], "right": names[b], "probability": probability})
    table["verdict"] = np.select([probability >= same, probability >= review], ["same", "review"], "different")
    for place, name in enumerate(columns):
        table[name] = levels[:, place].astype(int)
    clusters = _clusters(len(frame), a[probability >= same], b[probability >= same])
    counts = table["verdict"].value_counts()
    if passed:
        notes.append(note("match.common", "{count} records share a value of a block with more than 200 others; by it they were not compared.", "{count} 条记录的候选值与其他 200 多条相同，未据此比较。", count=passed))  # fmt: skip
    return MatchResult(
        model="match", table=table.sort_values("probability", ascending=False).reset_index(drop=True), clusters=pd.Series(clusters, index=names),
        parameters={"columns": list(columns), "same": same, "review": review, "m": m.round(4).tolist(), "u": u.round(4).tolist(), "prior": share},
        diagnostics={"records": len(frame), "pairs": len(pairs), "groups": len(set(clusters)), **{str(one): int(n) for one, n in counts.items()}}, notes=tuple(notes),
    )  # fmt: skip


def by_chance(text: pd.DataFrame, columns: Sequence[str], pairs: int = 20_000, seed: int = 0) -> Array:
    """u: how often two records drawn at random agree, by column and level. Candidates cannot say it: most of them may be true."""
    generator = np.random.default_rng(seed)
    a, b = generator.integers(0, len(text), (2, pairs))
    a, b = a[a != b], b[a != b]
    made = []
    for name in columns:
        levels = _levels(text[name].to_numpy()[a], text[name].to_numpy()[b])
        counts = np.array([(levels == level).sum() for level in range(4)], dtype=float) + 0.5
        made.append(counts / counts.sum())
    return np.stack(made)


def fitted(levels: Any, u: Array, prior: float | None = None, rounds: int = 60) -> tuple[Array, Array, float]:
    """EM on agreement levels (pairs × columns, −1 for missing) with u given: probability of each pair, m by column and level, share of true pairs."""
    patterns, back, counts = np.unique(levels, axis=0, return_inverse=True, return_counts=True)
    k = patterns.shape[1]
    m = np.tile([0.03, 0.04, 0.08, 0.85], (k, 1))
    share = prior or 0.1
    hit = np.stack([patterns == level for level in range(4)], axis=2).astype(
        float
    )  # patterns × columns × levels; missing says nothing
    for _round in range(rounds):
        weight = np.log(share / (1 - share)) + np.einsum("pkl,kl->p", hit, np.log(m) - np.log(u))
        p = 1 / (1 + np.exp(-np.clip(weight, -500, 500)))
        filled = np.einsum("p,pkl->kl", counts * p, hit) + 0.5
        m = filled / filled.sum(axis=1, keepdims=True)
        share = prior or float(np.clip((counts * p).sum() / counts.sum(), 1e-6, 0.999))
    weight = np.log(share / (1 - share)) + np.einsum("pkl,kl->p", hit, np.log(m) - np.log(u))
    return (1 / (1 + np.exp(-np.clip(weight, -500, 500))))[np.ravel(back)], m, share


def _clusters(n: int, a: Array, b: Array) -> list[int]:
    up = list(range(n))

    def root(i: int) -> int:
        while up[i] != i:
            up[i] = up[up[i]]
            i = up[i]
        return i

    for i, j in zip(a.tolist(), b.tolist(), strict=True):
        up[root(int(i))] = root(int(j))
    return [root(i) for i in range(n)]
