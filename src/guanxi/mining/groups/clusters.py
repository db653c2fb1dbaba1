"""Clusters of customers with a chosen number and a test of their stability, told in words.

k-means (Lloyd 1982) on standardised, log-scaled figures; k by the silhouette (Rousseeuw 1987); stability by the adjusted Rand index (Hubert and Arabie 1985) of fits on
random halves (Ben-Hur, Elisseeff and Guyon 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from guanxi.mining.amounts import numeric
from guanxi.mining.parsing import frame_of
from guanxi.mining.result import BadInput, Result, Text, gaps, note, require_columns, words


@dataclass(frozen=True, kw_only=True)
class ClusterResult(Result):
    """One row per customer: ``cluster`` (0 the largest). ``profiles``: size and median of each figure by cluster; ``sayings``: each cluster in words."""

    profiles: pd.DataFrame
    sayings: dict[int, Text]

    TITLE = Text("Customers by group", "各组客户数")
    COUNTED = "cluster"

    def explain(self, customer: Any, language: str = "zh") -> str:
        """The customer's cluster in words."""
        cluster = int(self.row(customer)["cluster"])
        return words(
            "{who} belongs to group {n}: {what}.",
            "{who} 属于第 {n} 组：{what}。",
            who=customer,
            n=cluster + 1,
            what=self.sayings[cluster].in_(language),
        ).in_(language)


def clusters(data: Any, *, columns: list[str], most: int = 8, seed: int = 0) -> ClusterResult:
    """Group customers by numeric columns. Skewed positive columns are taken as logarithms. Raises :class:`BadInput` with fewer than 20 rows or nothing that varies."""
    frame = frame_of(data)
    require_columns(frame.columns, *columns)
    read, said = numeric(frame[columns], columns)
    x = read.astype(float).dropna()
    said += gaps(len(frame) - len(x), *columns)
    if len(x) < 20:
        raise BadInput(
            "cluster.few", "Groups need at least 20 customers with all figures.", "分组至少需要 20 位数据完整的客户。"
        )
    repeated = int(x.index.duplicated().sum()) if frame.index.name else 0
    scaled = x.copy()
    for name in columns:
        if (scaled[name] >= 0).all() and float(scaled[name].skew()) > 1:
            scaled[name] = np.log1p(scaled[name])
    spread = scaled.std(ddof=0)
    used = [name for name in columns if spread[name] > 0]
    if not used:
        raise BadInput("cluster.constant", "Nothing varies between customers.", "客户之间没有差异。")
    z = ((scaled[used] - scaled[used].mean()) / spread[used]).to_numpy()
    with threadpool_limits(1):
        scores = {
            k: float(silhouette_score(z, _fit(z, k, seed).labels_, sample_size=min(len(z), 2000), random_state=seed))
            for k in range(2, min(most, len(z) // 10) + 1)
        }
        best = max(scores, key=lambda k: scores[k])
        model = _fit(z, best, seed)
        stable = _stability(z, best, seed)
    order = np.argsort(-np.bincount(model.labels_))
    place = np.argsort(order)[model.labels_]
    table = pd.DataFrame({"cluster": place}, index=x.index)
    profiles = x.groupby(place).median().assign(size=np.bincount(place))
    sayings = {int(c): _saying(profiles.loc[c, columns], x) for c in profiles.index}
    notes = (
        [
            note(
                "cluster.loose",
                "The groups are hardly apart (silhouette {s:.2f}) or change with the sample (stability {r:.2f}); take them as a sketch.",
                "各组区分度低（轮廓系数 {s:.2f}）或不稳定（{r:.2f}），仅供参考。",
                s=scores[best],
                r=stable,
            )
        ]
        if scores[best] < 0.25 or stable < 0.7
        else []
    )
    notes = [*said, *notes]
    if repeated:
        notes.append(
            note(
                "cluster.repeated",
                "{count} rows repeat a customer; each row was grouped by itself. Give one row per customer.",
                "{count} 行的客户重复，已逐行分组；请每位客户一行。",
                count=repeated,
            )
        )
    return ClusterResult(
        model="clusters",
        table=table,
        parameters={"k": best, "columns": used},
        diagnostics={"n": len(x), "silhouette": scores, "stability": stable},
        notes=tuple(notes),
        profiles=profiles,
        sayings=sayings,
    )


def _fit(z: Any, k: int, seed: int) -> Any:
    return KMeans(k, n_init=5, random_state=seed).fit(z)


def _stability(z: Any, k: int, seed: int, rounds: int = 5) -> float:
    generator, scores = np.random.default_rng(seed), []
    for _round in range(rounds):
        halves = [_fit(z[generator.permutation(len(z))[: len(z) // 2]], k, seed).predict(z) for _half in range(2)]
        scores.append(adjusted_rand_score(*halves))
    return float(np.mean(scores))


def _saying(middle: pd.Series, x: pd.DataFrame) -> Text:
    high = [name for name in x.columns if middle[name] >= x[name].quantile(0.7) and middle[name] > x[name].median()]
    low = [name for name in x.columns if middle[name] <= x[name].quantile(0.3) and middle[name] < x[name].median()]
    en = (
        "; ".join(filter(None, ["high " + ", ".join(high) if high else "", "low " + ", ".join(low) if low else ""]))
        or "average in everything"
    )
    zh = (
        "；".join(filter(None, ["较高：" + "、".join(high) if high else "", "较低：" + "、".join(low) if low else ""]))
        or "各项均居中"
    )
    return Text(en, zh)
