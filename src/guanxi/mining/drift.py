"""Drift: whether customers are still those a model or a threshold was made for.

Population stability index Σ (pᵢ − qᵢ)·ln(pᵢ/qᵢ) over the tenths of the reference (Siddiqi, *Credit Risk Scorecards*, 2006, with its customary bounds: below 0.1 stable,
above 0.25 another population). It equals the symmetric Kullback–Leibler divergence of the two distributions (Kullback and Leibler 1951).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from guanxi.mining.result import BadInput, Note, Result, bar, note, words

MOVING, DRIFTED = 0.1, 0.25


class DriftResult(Result):
    """One row per figure: ``psi``, ``verdict`` (stable, moving, drifted), ``n``; a figure is what ``explain`` takes."""

    def explain(self, customer: Any, language: str = "zh") -> str:
        """How far one figure has moved."""
        row = self.row(customer)
        return words(
            "The distribution of {who} is {verdict} against the reference (stability index {psi:.2f}).",
            "{who} 的分布较基准{verdict_zh}（稳定指数 {psi:.2f}）。",
            who=customer, psi=row["psi"], verdict=row["verdict"],
            verdict_zh={"stable": "稳定", "moving": "在变化", "drifted": "已漂移"}[str(row["verdict"])],
        ).in_(language)  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """The index of each figure."""
        title = words("Stability index", "稳定指数").in_(language)
        return bar(title, list(self.table.index), self.table["psi"].tolist(), x="", y="PSI")


def spread(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Bounds of the tenths and the share in each, per numeric column: what a later run is compared with. Missing values are a class of their own. O(n log n)."""
    made = {}
    for name in table.columns:
        values = table[name].to_numpy(dtype=float)
        known = values[np.isfinite(values)]
        edges = np.unique(np.quantile(known, np.linspace(0.1, 0.9, 9))).tolist() if len(known) else []
        made[str(name)] = {"edges": edges, "shares": shares(values, edges).tolist(), "n": len(values)}
    return made


def shares(values: Any, edges: Any) -> Any:
    """Share of values up to each bound, beyond the last one, and missing."""
    seen = np.asarray(values, dtype=float)
    place = np.where(
        np.isfinite(seen), np.searchsorted(np.asarray(edges, dtype=float), seen, side="left"), len(edges) + 1
    )
    return np.bincount(place, minlength=len(edges) + 2) / max(1, len(seen))


def psi(reference: Any, current: Any, n: int = 10_000) -> float:
    """The index of two lists of shares; a class without anybody counts as half a customer, so that it stays finite."""
    least = 0.5 / max(1, n)
    p, q = np.maximum(np.asarray(reference, dtype=float), least), np.maximum(np.asarray(current, dtype=float), least)
    return float(((q / q.sum() - p / p.sum()) * np.log((q / q.sum()) / (p / p.sum()))).sum())


def drift(table: pd.DataFrame, reference: Mapping[str, Mapping[str, Any]]) -> DriftResult:
    """Compare figures of customers with those of an older run (its :func:`spread`). Raises BadInput when they have no figure in common."""
    rows, names = [], [str(one) for one in table.columns if str(one) in reference]
    if not names or not len(table):
        raise BadInput("drift.nothing", "There is nothing to compare with.", "没有可比较的数据。")
    few = 0
    for name in names:
        old = reference[name]
        n = min(int(old["n"]), len(table))
        few = few or (n if n < 100 else 0)
        value = psi(old["shares"], shares(table[name].to_numpy(dtype=float), old["edges"]), n)
        rows.append((value, "drifted" if value > DRIFTED else "moving" if value > MOVING else "stable", len(table)))
    made = pd.DataFrame(rows, columns=["psi", "verdict", "n"], index=pd.Index(names, name="figure"))
    notes: tuple[Note, ...] = ()
    if few:
        notes = (
            note(
                "drift.few",
                "Only {count} customers: the index moves by chance.",
                "只有 {count} 位客户，指数易受偶然影响。",
                count=few,
            ),
        )
    return DriftResult(
        model="drift", table=made.sort_values("psi", ascending=False), parameters={"moving": MOVING, "drifted": DRIFTED},
        diagnostics={"n": len(table), "drifted": int((made["verdict"] == "drifted").sum())}, notes=notes,
    )  # fmt: skip
