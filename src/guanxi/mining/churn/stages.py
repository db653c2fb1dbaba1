"""Life-cycle stages with memory: potential, developing, growing, mature, declining, lost.

After the customer life cycle of Dwyer, Schurr and Oh, “Developing buyer–seller relationships”, Journal of Marketing 51 (1987). Each month end is judged
by the year before it; a customer changes his stage only when two month ends in a row say so (hysteresis), except that a
purchase brings a lost one back at once.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from guanxi.mining.churn.model import purchase_days
from guanxi.mining.result import Result, Text, words
from guanxi.mining.transactions import Transactions

STAGES: Final[dict[str, Text]] = {
    "potential": Text("potential", "潜在"),
    "developing": Text("developing", "开发"),
    "growing": Text("growing", "成长"),
    "mature": Text("mature", "成熟"),
    "declining": Text("declining", "衰退"),
    "lost": Text("lost", "流失"),
}
HALF: Final = 182


@dataclass(frozen=True, kw_only=True)
class StageResult(Result):
    """One row per customer: ``stage``, ``since`` (first month end of it), ``recent`` and ``before`` (value of two half years), ``purchases``.

    ``history``: stage per customer and month end.
    """

    history: pd.DataFrame

    TITLE = Text("Customers by stage", "各阶段客户数")
    COUNTED, WORDS = "stage", STAGES

    def explain(self, customer: Any, language: str = "zh") -> str:
        """The stage and the two half years it follows from."""
        row = self.row(customer)
        return words(
            "{who} is {stage} since {since:%Y-%m}: {recent:,.0f} in the last half year, {before:,.0f} in the one before.",
            "{who} 自 {since:%Y-%m} 起处于{stage}期：近半年 {recent:,.0f}，前半年 {before:,.0f}。",
            who=customer, stage=STAGES[str(row["stage"])].in_(language), since=row["since"], recent=row["recent"], before=row["before"],
        ).in_(language)  # fmt: skip

    def migration(self, months: int = 3) -> pd.DataFrame:
        """How many customers went from each stage (rows) to each stage (columns) in the last ``months``."""
        now, then = self.history.iloc[:, -1], self.history.iloc[:, max(0, self.history.shape[1] - 1 - months)]
        names = list(STAGES)
        return pd.crosstab(then, now).reindex(index=names, columns=names, fill_value=0)


def judged(days: pd.DataFrame, end: pd.Timestamp, *, grow: float, fall: float, silent: int) -> pd.DataFrame:
    """The stage each customer's last year says at ``end``, without memory."""
    known = days[days["day"] <= end]
    made = known.groupby("customer").agg(purchases=("day", "size"), first=("day", "min"), last=("day", "max"))
    half, year = end - pd.Timedelta(days=HALF), end - pd.Timedelta(days=2 * HALF)
    made["recent"] = known[known["day"] > half].groupby("customer")["value"].sum().reindex(made.index).fillna(0.0)
    made["before"] = (
        known[(known["day"] <= half) & (known["day"] > year)]
        .groupby("customer")["value"]
        .sum()
        .reindex(made.index)
        .fillna(0.0)
    )
    silence, age = (end - made["last"]).dt.days, (end - made["first"]).dt.days
    made["stage"] = _stage(made["purchases"], age, silence, (made["last"] - made["first"]).dt.days, made["recent"], made["before"], grow=grow, fall=fall, silent=silent)  # fmt: skip
    return made


def _stage(purchases: Any, age: Any, silence: Any, span: Any, recent: Any, before: Any, *, grow: float, fall: float, silent: int) -> Any:  # fmt: skip
    gap = np.where(purchases > 1, span / np.maximum(purchases - 1, 1), np.inf)
    gone = (silence > silent) | ((silence > np.maximum(4 * gap, 120)) & (purchases > 2))
    grows = (recent >= before * (1 + grow)) & (recent > before)
    falls = (recent <= before * (1 - fall)) & (recent < before)
    return np.select(
        [gone, (purchases <= 2) | (age < HALF), grows, falls],
        ["lost", "developing", "growing", "declining"],
        "mature",
    )


def stage_of(
    purchases: int, age: int, silence: int, span: int, recent: float, before: float, *, grow: float = 0.2, fall: float = 0.3, silent: int = 365
) -> str:  # fmt: skip
    """The stage of one customer, without memory: purchase days, days since the first and the last, days between these, value of two half years."""
    figures: list[Any] = [np.asarray(one) for one in (purchases, age, silence, span, recent, before)]
    found = _stage(
        figures[0], figures[1], figures[2], figures[3], figures[4], figures[5], grow=grow, fall=fall, silent=silent
    )
    return str(found)


def stages(
    sales: Transactions, *, months: int = 12, grow: float = 0.2, fall: float = 0.3, silent: int = 365
) -> StageResult:
    """Stages as of ``sales.as_of`` and at the ``months`` month ends before it.

    growing: the last half year brought at least ``grow`` more than the one before; declining: at least ``fall`` less; lost: nothing for ``silent`` days,
    or for four usual gaps (at least 120 days); developing: one or two purchases, or a customer for less than half a year. O(n × months).
    """
    days = purchase_days(sales)
    ends = [_month_end(sales.as_of, back) for back in range(months, 0, -1)] + [pd.Timestamp(sales.as_of)]
    seen: list[pd.Series] = []
    raw: list[pd.Series] = []
    last = pd.DataFrame()
    names = pd.Index(sorted(days["customer"].unique()), name="customer")
    for end in ends:
        last = judged(days, end, grow=grow, fall=fall, silent=silent)
        now = last["stage"].reindex(names).fillna("potential")
        raw.append(now)
        if not seen:
            seen.append(now)
            continue
        before = seen[-1]
        sure = (now == raw[-2]) | before.isin(["potential"]) | ((before == "lost") & (now != "lost"))
        seen.append(before.where(~sure, now))
    history = pd.concat(seen, axis=1, keys=[one.date() for one in ends])
    table = last[["purchases", "recent", "before"]].reindex(names)
    table.insert(0, "stage", history.iloc[:, -1])
    table.insert(1, "since", _since(history))
    counts = table["stage"].value_counts().reindex(list(STAGES), fill_value=0)
    return StageResult(
        model="stages", table=table, history=history, parameters={"grow": grow, "fall": fall, "silent": silent},
        diagnostics={"n": len(table), "stages": {str(name): int(n) for name, n in counts.items()}}, notes=sales.notes, as_of=sales.as_of,
    )  # fmt: skip


def _month_end(day: dt.date, back: int) -> pd.Timestamp:
    return pd.Timestamp(day).to_period("M").to_timestamp() - pd.DateOffset(months=back - 1) - pd.Timedelta(days=1)


def _since(history: pd.DataFrame) -> pd.Series:
    codes = history.to_numpy()
    same = codes == codes[:, -1:]
    run = np.argmin(same[:, ::-1], axis=1)
    run = np.where(same.all(axis=1), codes.shape[1], run)
    return pd.Series([pd.Timestamp(history.columns[codes.shape[1] - int(one)]) for one in run], index=history.index)
