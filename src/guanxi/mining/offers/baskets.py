"""Market baskets: which things are bought together, and which of these rules are more than chance.

Agrawal and Srikant (1994) for rules; Han, Pei and Yin, “Mining frequent patterns without candidate generation”, SIGMOD (2000) for
FP-growth; significance by Fisher's exact test, corrected for all tested rules by Benjamini and Hochberg (1995) or Holm (1979).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.offers.rows import pairs_of
from guanxi.mining.parsing import frame_of
from guanxi.mining.result import BadInput, Note, Result, Text, note, words


class _Tree:
    """An FP-tree: paths of items in descending frequency, with counts, and for each item the nodes that carry it."""

    __slots__ = ("children", "counts", "items", "links", "parents")

    def __init__(self) -> None:
        self.items: list[int] = [-1]
        self.parents: list[int] = [-1]
        self.counts: list[int] = [0]
        self.children: list[dict[int, int]] = [{}]
        self.links: dict[int, list[int]] = defaultdict(list)

    def add(self, path: Iterable[int], count: int) -> None:
        at = 0
        for item in path:
            below = self.children[at].get(item)
            if below is None:
                below = len(self.items)
                self.children[at][item] = below
                self.items.append(item)
                self.parents.append(at)
                self.counts.append(0)
                self.children.append({})
                self.links[item].append(below)
            self.counts[below] += count
            at = below

    def paths(self, item: int) -> list[tuple[list[int], int]]:
        """The way up from each node of the item, and the node's count."""
        found = []
        for node in self.links[item]:
            up, path = self.parents[node], []
            while up > 0:
                path.append(self.items[up])
                up = self.parents[up]
            path.reverse()
            found.append((path, self.counts[node]))
        return found


def _tree(paths: Iterable[tuple[Sequence[int], int]], least: int) -> _Tree:
    kept = list(paths)
    totals: Counter[int] = Counter()
    for path, count in kept:
        for item in path:
            totals[item] += count
    made = _Tree()
    for path, count in kept:
        made.add(sorted((one for one in path if totals[one] >= least), key=lambda one: (-totals[one], one)), count)
    return made


def frequent_itemsets(baskets: Sequence[Sequence[int]], least: int, longest: int = 4) -> dict[frozenset[int], int]:
    """Every set of at most ``longest`` items that is in at least ``least`` baskets, with the number of baskets, by FP-growth.

    Baskets hold each item once. Cost grows with the number of sets found.
    """
    found: dict[frozenset[int], int] = {}

    def grow(tree: _Tree, suffix: frozenset[int]) -> None:
        for item, nodes in tree.links.items():
            count = sum(tree.counts[node] for node in nodes)
            if count < least:
                continue
            whole = suffix | {item}
            found[whole] = count
            if len(whole) < longest:
                below = _tree(tree.paths(item), least)
                if below.links:
                    grow(below, whole)

    grow(_tree(((one, 1) for one in baskets), least), frozenset())
    return found


@dataclass(frozen=True, kw_only=True)
class BasketResult(Result):
    """One row per rule: ``antecedent`` and ``consequent`` (tuples), ``support confidence lift leverage conviction count p_value p_adjusted significant``."""

    itemsets: dict[frozenset[str], int]

    def explain(self, customer: Any, language: str = "zh") -> str:
        """A rule (its number), or the best rules that begin with an item (its name), in words."""
        if isinstance(customer, int | np.integer):
            rows = self.table.loc[[int(customer)]]
        else:
            rows = self.table[[str(customer) in one for one in self.table["antecedent"]]].head(3)
        if rows.empty:
            raise KeyError(customer)
        said = [
            words(
                "Who buys {a} also buys {c} in {conf:.0%} of cases, {lift:.1f} times as often as others ({n} baskets).",
                "买 {a} 的人有 {conf:.0%} 也买 {c}，是平均的 {lift:.1f} 倍（{n} 个购物篮）。",
                a=" + ".join(row["antecedent"]), c=" + ".join(row["consequent"]), conf=row["confidence"], lift=row["lift"], n=int(row["count"]),
            ).in_(language)
            for row in rows.to_dict("records")
        ]  # fmt: skip
        return " ".join(said)

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """A network of the strongest rules between single items."""
        pairs = self.table[
            [
                len(a) == 1 and len(c) == 1
                for a, c in zip(self.table["antecedent"], self.table["consequent"], strict=True)
            ]
        ].head(60)
        names = sorted({one for part in ("antecedent", "consequent") for items in pairs[part] for one in items})
        return {
            "title": {"text": Text("Bought together", "一起购买").in_(language)},
            "tooltip": {},
            "series": [
                {
                    "type": "graph",
                    "layout": "force",
                    "roam": True,
                    "label": {"show": True},
                    "data": [{"name": one, "value": self.itemsets.get(frozenset({one}), 0)} for one in names],
                    "links": [
                        {"source": a[0], "target": c[0], "value": lift}
                        for a, c, lift in zip(pairs["antecedent"], pairs["consequent"], pairs["lift"], strict=True)
                    ],
                }
            ],
        }


def baskets(
    data: Any,
    *,
    basket: str = "",
    item: str | Sequence[str],
    min_support: float | None = None,
    min_confidence: float = 0.25,
    max_length: int = 4,
    correction: str = "bh",
    level: float = 0.05,
) -> BasketResult:
    """Rules “who buys these also buys that” from a table of one row per basket and item; repeated rows count once.

    A table of one row per basket is understood too: lists in the column ``item`` (“a, b, c”, “a;b”, JSON), several columns
    of items, or a column for each item that says yes or how many. Without ``basket`` each row is one. ``min_support``: share of baskets (default 0.005, and at least 5 baskets). Rules have one item on the right. ``correction``: ``bh`` or ``holm``.
    The most surprising (lift) come first. Raises :class:`BadInput` when a column is missing or no basket is left.
    """
    pairs, notes = pairs_of(frame_of(data), basket, [item] if isinstance(item, str) else [*item])
    whole = pairs.dropna()
    if len(whole) < len(pairs):
        notes.append(
            note(
                "basket.missing",
                "{count} rows without basket or item were left out.",
                "{count} 行缺少购物篮或商品，未计入。",
                count=len(pairs) - len(whole),
            )
        )
    distinct = whole.drop_duplicates()
    if distinct.empty:
        raise BadInput("empty", "No usable row is left.", "没有可用的数据。")
    return _ruled(distinct, notes, min_support, min_confidence, max_length, correction, level)


def _ruled(
    pairs: pd.DataFrame,
    notes: list[Note],
    min_support: float | None,
    min_confidence: float,
    max_length: int,
    correction: str,
    level: float,
) -> BasketResult:
    codes, names = pd.factorize(pairs["item"], sort=True)
    n = int(pairs["basket"].nunique())
    support = 0.005 if min_support is None else min_support
    if not 0 < support <= 1 or not 0 <= min_confidence <= 1:
        raise BadInput(
            "basket.bounds", "Support and confidence are shares between 0 and 1.", "支持度与置信度须在 0 与 1 之间。"
        )
    least = max(int(np.ceil(support * n - 1e-9)), 5 if min_support is None else 1)
    grouped = pd.Series(codes).groupby(pd.factorize(pairs["basket"])[0]).agg(list)
    sizes = grouped.map(len)
    if int((sizes > 1).sum()) == 0:
        notes.append(
            note(
                "basket.single",
                "Every basket holds a single item; nothing is bought together.",
                "每个购物篮只有一种商品，没有搭配购买。",
            )
        )
    found = frequent_itemsets(grouped.tolist(), least, max_length)
    table = _rules(found, n)
    # Corrected over every rule that was looked at, not only those that pass the confidence asked for.
    table["p_adjusted"] = adjusted(table["p_value"].to_numpy(dtype=float), correction)
    table["significant"] = table["p_adjusted"] <= level
    tested = len(table)
    table = table[table["confidence"] >= min_confidence]
    for side in ("antecedent", "consequent"):
        table[side] = [tuple(sorted(str(names[one]) for one in items)) for items in table[side]]
    table = table.sort_values(["lift", "support"], ascending=False, kind="stable").reset_index(drop=True)
    if not len(table):
        notes.append(
            note(
                "basket.none",
                "No rule reaches the asked support and confidence; lower them.",
                "没有规则达到要求的支持度与置信度，可调低。",
            )
        )
    return BasketResult(
        model="basket",
        table=table,
        parameters={
            "min_support": least / n,
            "min_confidence": min_confidence,
            "max_length": max_length,
            "correction": correction,
            "level": level,
        },
        diagnostics={
            "n": n,
            "items": len(names),
            "itemsets": len(found),
            "tested": tested,
            "mean_basket": float(sizes.mean()),
            "significant": int(table["significant"].sum()),
        },
        notes=tuple(notes),
        itemsets={frozenset(str(names[one]) for one in key): count for key, count in found.items()},
    )


def _rules(found: dict[frozenset[int], int], n: int) -> pd.DataFrame:
    rows = []
    for items, count in found.items():
        if len(items) < 2:
            continue
        for right in items:
            left = items - {right}
            rows.append((left, frozenset({right}), count, found[left], found[frozenset({right})], count / found[left]))
    table = pd.DataFrame(rows, columns=["antecedent", "consequent", "count", "left", "right", "confidence"])
    both, left_n, right_n = (table[name].to_numpy(dtype=float) for name in ("count", "left", "right"))
    table["support"] = both / n
    table["lift"] = table["confidence"].to_numpy(dtype=float) * n / np.maximum(right_n, 1)
    table["leverage"] = both / n - left_n * right_n / n**2
    with np.errstate(divide="ignore"):
        table["conviction"] = (1 - right_n / n) / (1 - table["confidence"].to_numpy(dtype=float))
    # Fisher's exact test, one-sided: at least so many together if they had nothing to do with each other.
    table["p_value"] = stats.hypergeom.sf(both - 1, n, right_n, left_n) if len(table) else []
    return table[
        ["antecedent", "consequent", "support", "confidence", "lift", "leverage", "conviction", "count", "p_value"]
    ]


def adjusted(p: Array, correction: str = "bh") -> Array:
    """p-values corrected for many tests: ``bh`` bounds the false discovery rate, ``holm`` the chance of any false one. O(n log n)."""
    n = len(p)
    if correction not in ("bh", "holm"):
        raise BadInput(
            "correction",
            "Unknown correction {name}: bh or holm.",
            "未知校正方法 {name}：可用 bh 或 holm。",
            name=correction,
        )
    order = np.argsort(p, kind="stable")
    made = np.empty(n)
    if correction == "bh":
        made[order[::-1]] = np.minimum.accumulate((p[order] * n / np.arange(1, n + 1))[::-1])
    else:
        made[order] = np.maximum.accumulate(p[order] * (n - np.arange(n)))
    return np.minimum(made, 1.0)
