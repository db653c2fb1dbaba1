"""Customer lifetime value: probability alive × expected purchases × expected value, discounted.

CLV = Σₘ [E(purchases up to month m) − E(up to m−1)] · E(value) · margin / (1+d)^m, months of 365.25/12 days, for each customer from now on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from guanxi.mining.lifetime.model import PurchaseModel, fit_purchases
from guanxi.mining.lifetime.spending import GammaGamma, gamma_gamma
from guanxi.mining.result import BadInput, Note, Result, Text, note, words
from guanxi.mining.transactions import Transactions, btyd_summary

WEEKS_A_MONTH: Final = 365.25 / 12 / 7


@dataclass(frozen=True, kw_only=True)
class ClvResult(Result):
    """One row per customer: ``x t_x T mean`` as observed, ``alive`` (0…1), ``expected`` purchases in ``weeks``, ``low`` and ``high`` (80 %
    interval, absent above 20,000 customers), ``value`` of a purchase, ``clv`` discounted, in the data's currency."""

    purchases: PurchaseModel
    spending: GammaGamma | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def explain(self, customer: Any, language: str = "zh") -> str:
        """How sure we are that the customer still buys, what is to be expected, and what that is worth."""
        row, weeks, months = self.row(customer), float(self.parameters["weeks"]), int(self.parameters["months"])
        said = words(
            "{who} bought {n} times, last {ago:.0f} weeks ago. With {alive:.0%} he is still a customer; in the next {weeks:.0f} weeks {expected:.1f} purchases are to be expected.",
            "{who} 共购买 {n} 次，最近一次在 {ago:.0f} 周前。仍为活跃客户的概率为 {alive:.0%}；未来 {weeks:.0f} 周预计购买 {expected:.1f} 次。",
            who=customer, n=int(row["x"]) + 1, ago=float(row["T"] - row["t_x"]), alive=float(row["alive"]), weeks=weeks, expected=float(row["expected"]),
        ).in_(language)  # fmt: skip
        if "clv" in row.index and np.isfinite(row["clv"]):
            said += words(
                " A purchase brings about {value:,.2f}; the next {months} months are worth {clv:,.2f} today.",
                "每次约 {value:,.2f}，未来 {months} 个月折现价值 {clv:,.2f}。",
                value=float(row["value"]), months=months, clv=float(row["clv"]),
            ).in_(language)  # fmt: skip
        return said

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """How many customers have which value."""
        column = "clv" if "clv" in self.table.columns else "expected"
        values = self.table[column].dropna().to_numpy(dtype=float)
        counts, edges = np.histogram(values, bins=min(30, max(5, int(np.sqrt(len(values))))))
        title = (
            Text("Customers by lifetime value", "客户终身价值分布")
            if column == "clv"
            else Text("Customers by expected purchases", "预期购买次数分布")
        )
        return {
            "title": {"text": title.in_(language)},
            "tooltip": {"trigger": "axis"},
            "xAxis": {"type": "category", "data": [f"{one:,.3g}" for one in edges[:-1]]},
            "yAxis": {"type": "value", "name": Text("customers", "客户数").in_(language)},
            "series": [{"type": "bar", "data": counts.tolist()}],
        }

    def summary(self, language: str = "en") -> dict[str, Any]:
        """With ``params``, ``loglik``, ``n`` and ``gamma_gamma`` at the top, as scripts read it."""
        made = super().summary(language)
        made["params"] = self.purchases.parameters
        made["settings"] = dict(self.parameters)
        return made


def clv(
    sales: Transactions,
    *,
    model: str = "bgnbd",
    weeks: float = 52.0,
    months: int = 12,
    discount: float = 0.1,
    margin: float = 1.0,
    penalty: float = 0.0,
) -> ClvResult:
    """Lifetime value of each customer as of ``sales.as_of``.

    ``weeks``: horizon of ``expected``; ``months``: horizon of the value; ``discount``: yearly rate; ``margin``: share of the turnover that stays.
    Without amounts, or when the spending model cannot be fitted, only purchases are predicted, and a note says so.
    About 2 s for 100,000 customers.
    """
    if weeks <= 0 or months <= 0 or discount <= -1:
        raise BadInput(
            "horizon", "The horizon must be positive and the discount above −100 %.", "期限须为正，折现率须大于 −100%。"
        )
    observed, notes = btyd_summary(sales)
    fitted = fit_purchases(observed, model, penalty=penalty)
    return value_of(
        sales,
        observed,
        fitted,
        [*notes, *fitted.notes],
        weeks=weeks,
        months=months,
        discount=discount,
        margin=margin,
        penalty=penalty,
    )


def value_of(
    sales: Transactions,
    observed: pd.DataFrame,
    fitted: PurchaseModel,
    notes: list[Note],
    *,
    weeks: float,
    months: int,
    discount: float,
    margin: float,
    penalty: float = 0.0,
) -> ClvResult:
    """The values that follow from a fitted model of purchases."""
    spending = _spending(sales, observed, notes, penalty)
    grid = [WEEKS_A_MONTH * (one + 1) for one in range(months)]
    ahead = fitted.expected_if_alive(observed, [weeks, *grid])
    alive = fitted.alive(observed)
    table = observed.copy()
    table["alive"] = alive
    table["expected"] = alive * ahead[:, 0]
    if len(table) <= 20_000:
        table[["low", "high"]] = fitted.interval(observed, weeks, draws=400 if len(table) > 2000 else 2000)
    if spending is not None:
        steps = np.diff(ahead[:, 1:], axis=1, prepend=0.0)
        factors = (1 + discount) ** (-(np.arange(months) + 1) / 12)
        table["value"] = spending.expected(table["x"].to_numpy(dtype=float), table["mean"].to_numpy(dtype=float))
        table["clv"] = alive * (steps @ factors) * table["value"] * margin
    return ClvResult(
        model=fitted.kind,
        table=table,
        parameters={"weeks": weeks, "months": months, "discount": discount, "margin": margin, "penalty": penalty},
        diagnostics=_diagnostics(fitted, spending, table),
        notes=(*sales.notes, *notes),
        as_of=sales.as_of,
        purchases=fitted,
        spending=spending,
    )


def _spending(sales: Transactions, observed: pd.DataFrame, notes: list[Note], penalty: float) -> GammaGamma | None:
    if not sales.has_amount:
        notes.append(
            note(
                "amount.none",
                "There is no column of amounts: purchases are predicted, values are not.",
                "没有金额列：仅预测购买次数，不计算价值。",
            )
        )
        return None
    try:
        made = gamma_gamma(observed, penalty=penalty)
    except BadInput as reason:
        notes.append(
            note(
                reason.code,
                "No values: " + reason.text.en.replace("{", "("),
                "未计算价值：" + reason.text.zh.replace("{", "("),
            )
        )
        return None
    notes.extend(made.notes)
    return made


def _diagnostics(fitted: PurchaseModel, spending: GammaGamma | None, table: pd.DataFrame) -> dict[str, Any]:
    made: dict[str, Any] = {
        "loglik": fitted.fit.loglik,
        "n": fitted.n,
        "se": fitted.fit.errors,
        "converged": fitted.fit.converged,
        "repeat_customers": int((table["x"] > 0).sum()),
        "alive_customers": float(table["alive"].sum()),
        "expected_total": float(table["expected"].sum()),
        "gamma_gamma": None,
    }
    if spending is not None:
        made["gamma_gamma"] = {
            "p": spending.p, "q": spending.q, "gamma": spending.gamma, "loglik": spending.fit.loglik, "n": spending.n, "se": spending.fit.errors
        }  # fmt: skip
        made["clv_total"] = float(table["clv"].sum())
    return made
