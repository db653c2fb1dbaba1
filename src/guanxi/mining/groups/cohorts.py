"""Cohorts and survival: of those who came together, how many still buy.

Kaplan and Meier, “Nonparametric estimation from incomplete observations”, JASA 53 (1958), with Greenwood's variance; Fader and Hardie, “How to project customer
retention”, Journal of Interactive Marketing 21 (2007) for the shifted-beta-geometric model of contracts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from guanxi.mining.churn.model import purchase_days
from guanxi.mining.lifetime.estimate import Array, Fit, maximise
from guanxi.mining.result import BadInput, Result, Text, note, plain
from guanxi.mining.transactions import Transactions


@dataclass(frozen=True, kw_only=True)
class CohortResult(Result):
    """One row per cohort (month or quarter of the first purchase): ``customers`` and the share that bought 0, 1, 2 … periods later."""

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """A heat map of shares."""
        shares = self.table.drop(columns="customers")
        cells = [
            [int(j), int(i), plain(float(value))]
            for i, row in enumerate(shares.to_numpy(dtype=float))
            for j, value in enumerate(row)
            if np.isfinite(value)
        ]
        return {
            "title": {"text": Text("Share of each cohort that buys again", "各批客户的回购率").in_(language)},
            "tooltip": {},
            "xAxis": {"type": "category", "data": [str(one) for one in shares.columns]},
            "yAxis": {"type": "category", "data": [str(one) for one in shares.index]},
            "visualMap": {"min": 0, "max": 1},
            "series": [{"type": "heatmap", "data": cells}],
        }


def cohorts(sales: Transactions, *, every: str = "month") -> CohortResult:
    """Retention by cohort. ``every``: month or quarter. A period that is not over at ``as_of`` counts as it is; a note says so. O(n)."""
    word = {"month": "M", "quarter": "Q"}.get(every)
    if word is None:
        raise BadInput("frequency", "Cohorts go by month or quarter.", "批次须按月或季度。")
    days = purchase_days(sales)
    period = days["day"].dt.to_period(word)
    first = period.groupby(days["customer"]).transform("min")
    age = (period.dt.year - first.dt.year) * (12 if word == "M" else 4) + (
        period.dt.month - first.dt.month if word == "M" else period.dt.quarter - first.dt.quarter
    )
    buyers = days.assign(cohort=first, age=age).groupby(["cohort", "age"])["customer"].nunique().unstack()
    oldest, last = buyers.index.min(), pd.Period(sales.as_of, word)
    buyers = buyers.reindex(columns=range(_periods(oldest, last, word) + 1))
    size = buyers[0].astype(int)
    shares = buyers.div(size, axis=0)
    # Not yet reached is not the same as nobody: only the past is filled with 0.
    for cohort in shares.index:
        within = list(range(_periods(cohort, last, word) + 1))
        shares.loc[cohort, within] = shares.loc[cohort, within].fillna(0.0)
    shares.insert(0, "customers", size)
    shares.index = shares.index.astype(str)
    notes = (*sales.notes, note("cohort.running", "The last period is not over.", "最近一期尚未结束。", warning=False))
    return CohortResult(
        model="cohorts",
        table=shares,
        parameters={"every": every},
        diagnostics={"n": int(size.sum())},
        notes=notes,
        as_of=sales.as_of,
    )


def _periods(first: Any, last: Any, word: str) -> int:
    """How many months or quarters lie between two."""
    if word == "M":
        return int((last.year - first.year) * 12 + last.month - first.month)
    return int((last.year - first.year) * 4 + last.quarter - first.quarter)


class SurvivalResult(Result):
    """One row per time at which something ended: ``at_risk ended survival low high``."""

    SAYS = Text("After {who:g}, {survival:.0%} are still there ({low:.0%} to {high:.0%}).", "{who:g} 之后仍有 {survival:.0%}（{low:.0%} 至 {high:.0%}）。")  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """The curve with its interval, as steps."""
        series = [
            {"type": "line", "step": "end", "showSymbol": False, "lineStyle": {"type": kind}, "data": plain([[0.0, 1.0], *zip(self.table.index, self.table[name], strict=True)])}
            for name, kind in (("survival", "solid"), ("low", "dotted"), ("high", "dotted"))
        ]  # fmt: skip
        return {
            "title": {"text": Text("Share still there", "存续比例").in_(language)},
            "tooltip": {"trigger": "axis"},
            "xAxis": {"type": "value", "name": Text("time", "时间").in_(language)},
            "yAxis": {"type": "value", "min": 0, "max": 1},
            "series": series,
        }


def survival(length: Any, ended: Any, *, level: float = 0.95) -> SurvivalResult:
    """Kaplan–Meier: ``table`` by time with ``at_risk``, ``ended``, ``survival``, ``low``, ``high`` (log–log interval).

    ``length`` of observation in any unit, ``ended`` whether it ended with the event (else it was cut off). O(n log n).
    """
    times, event = np.asarray(length, dtype=float), np.asarray(ended, dtype=bool)
    if times.size == 0 or not np.isfinite(times).all() or (times < 0).any():
        raise BadInput("survival", "Lengths must be numbers of at least 0.", "时长须为不小于 0 的数。")
    grid = np.unique(times[event])
    risk = np.array([(times >= one).sum() for one in grid], dtype=float)
    out = np.array([((times == one) & event).sum() for one in grid], dtype=float)
    stay = np.cumprod(1 - out / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(out / (risk * (risk - out)))) / np.abs(np.log(stay))
        z = -special.ndtri((1 - level) / 2)
        low, high = stay ** np.exp(z * spread), stay ** np.exp(-z * spread)
    table = pd.DataFrame(
        {"at_risk": risk.astype(int), "ended": out.astype(int), "survival": stay, "low": low, "high": high},
        index=pd.Index(grid, name="time"),
    )
    below = table.index[table["survival"] <= 0.5]
    return SurvivalResult(
        model="survival",
        table=table,
        parameters={"level": level},
        diagnostics={"n": len(times), "events": int(event.sum()), "median": float(below[0]) if len(below) else None},
    )


@dataclass(frozen=True)
class ShiftedBetaGeometric:
    """Contracts that may end at each renewal with a chance of their own, Beta(a, b) among customers."""

    a: float
    b: float
    fit: Fit

    def survival(self, periods: int) -> Array:
        """Share that renews 0, 1 … ``periods`` times: S(t) = B(a, b+t)/B(a, b)."""
        t = np.arange(periods + 1)
        return np.asarray(np.exp(special.betaln(self.a, self.b + t) - special.betaln(self.a, self.b)))

    def retention(self, periods: int) -> Array:
        """r(t) = (b+t−1)/(a+b+t−1): it rises, because those who leave easily leave first."""
        t = np.arange(1, periods + 1)
        return np.asarray((self.b + t - 1) / (self.a + self.b + t - 1))

    def residual_value(self, renewals: int, discount: float) -> float:
        """Discounted expected renewals yet to come of a contract that stands before its ``renewals``-th renewal (at least 1; that one counts whole), per period and at 1 a period."""
        return float(
            special.hyp2f1(1, self.b + renewals, self.a + self.b + renewals, 1 / (1 + discount))
            * (self.b + renewals - 1)
            / (self.a + self.b + renewals - 1)
        )


def shifted_beta_geometric(active: Any) -> ShiftedBetaGeometric:
    """Fit on the numbers of a cohort still active at the start and after each period, for instance ``[1000, 869, 743, 653]``.

    log L = Σ lost(t)·log P(T=t) + still·log S(n). Raises :class:`BadInput` for numbers that rise or a single one.
    """
    counts = np.asarray(active, dtype=float)
    if counts.ndim != 1 or len(counts) < 3 or (np.diff(counts) > 0).any() or counts[0] <= 0:
        raise BadInput(
            "sbg",
            "Needed: at least three numbers of active customers that never rise.",
            "需要至少三个不递增的在册客户数。",
        )
    lost, still = -np.diff(counts), counts[-1]
    t = np.arange(1, len(counts))

    def objective(value: Array) -> tuple[float, Array]:
        a, b = value
        base = special.betaln(a, b)
        total = lost @ (special.betaln(a + 1, b + t - 1) - base) + still * (special.betaln(a, b + t[-1]) - base)
        psi = special.digamma
        d_base = np.array([psi(a) - psi(a + b), psi(b) - psi(a + b)])
        d_lost = np.array([lost @ (psi(a + 1) - psi(a + b + t)), lost @ (psi(b + t - 1) - psi(a + b + t))])
        d_still = still * np.array([psi(a) - psi(a + b + t[-1]), psi(b + t[-1]) - psi(a + b + t[-1])])
        return float(total), d_lost + d_still - counts[0] * d_base

    fit = maximise(objective, ("a", "b"), [(1.0, 1.0), (0.5, 3.0)], positive=2, scale=float(counts[0]))
    return ShiftedBetaGeometric(fit.values["a"], fit.values["b"], fit)
