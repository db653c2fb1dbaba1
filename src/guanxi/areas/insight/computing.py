"""From transactions to one row per customer and the pictures of the whole: pure steps over ``guanxi.mining``, no database.

A model that cannot answer leaves its part empty and says why; the others go on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from guanxi.mining.churn.model import ChurnResult, churn
from guanxi.mining.churn.rhythm import rhythm
from guanxi.mining.churn.stages import StageResult, stages
from guanxi.mining.churn.winback import win_back
from guanxi.mining.concentration import abc
from guanxi.mining.drift import drift, spread
from guanxi.mining.forecasts.series import forecast
from guanxi.mining.groups.cohorts import cohorts, survival
from guanxi.mining.hearts.words import sentiment, topics
from guanxi.mining.lifetime.holdout import clv_holdout
from guanxi.mining.lifetime.value import clv
from guanxi.mining.offers.baskets import baskets
from guanxi.mining.offers.recommend import recommend
from guanxi.mining.result import BadInput, Result, Text, plain
from guanxi.mining.transactions import Transactions, transactions
from guanxi.mining.value import rfm


@dataclass
class Findings:
    """``table`` by customer id; ``whole`` by page; ``notes`` as (where, English, Chinese)."""

    table: pd.DataFrame
    whole: dict[str, Any] = field(default_factory=dict)
    notes: list[dict[str, str]] = field(default_factory=list)

    def remark(self, where: str, text: Text) -> None:
        """Remember a note once."""
        one = {"where": where, "en": text.en, "zh": text.zh}
        if one not in self.notes:
            self.notes.append(one)


def compute(
    frame: pd.DataFrame,
    lines: pd.DataFrame,
    as_of: dt.date,
    settings: dict[str, Any],
    tell: Callable[[int, str], None],
    before: dict[str, Any] | None = None,
    comments: Sequence[str] = (),
) -> Findings:
    """All models over ``frame`` (customer, day, amount) and ``lines`` (customer, basket, item); ``before`` is the spread of figures of an older run, ``comments`` what customers wrote.

    Raises BadInput when there is no transaction.
    """
    sales = transactions(frame, customer="customer", date="day", amount="amount", as_of=as_of)
    made = Findings(pd.DataFrame(index=pd.Index(sorted(frame["customer"].astype(str).unique()), name="customer")))
    for note in sales.notes:
        made.remark("data", note.text)
    steps: list[tuple[str, Callable[[], None]]] = [
        ("rfm", lambda: _rfm(made, sales, settings)),
        ("abc", lambda: _abc(made, sales, settings)),
        ("stages", lambda: _stages(made, sales, settings)),
        ("rhythm", lambda: _rhythm(made, sales, settings)),
        ("clv", lambda: _clv(made, sales)),
        ("churn", lambda: _churn(made, sales)),
        ("win_back", lambda: _win_back(made, sales)),
        ("cohorts", lambda: _cohorts(made, sales)),
        ("forecast", lambda: _forecast(made, sales)),
        ("baskets", lambda: _baskets(made, lines)),
        ("drift", lambda: _drift(made, before)),
        ("comments", lambda: _comments(made, comments)),
    ]
    for place, (name, step) in enumerate(steps):
        tell(20 + 60 * place // len(steps), name)
        try:
            step()
        except BadInput as refusal:
            made.remark(name, refusal.text)
    return made


def _keep(made: Findings, where: str, result: Result) -> None:
    for note in result.notes:
        made.remark(where, note.text)


def _rfm(made: Findings, sales: Transactions, settings: dict[str, Any]) -> None:
    result = rfm(sales, method=settings["method"], bounds=settings)
    made.table = made.table.join(
        result.table[["recency_days", "last", "frequency", "monetary", "r", "f", "m", "segment"]]
    )
    bought = sales.table.filter(sales.table.amount >= 0).group_by("customer").aggregate(first=lambda t: t.day.min())
    made.table = made.table.join(pd.to_datetime(bought.execute().set_index("customer")["first"]))
    _keep(made, "rfm", result)


def _abc(made: Findings, sales: Transactions, settings: dict[str, Any]) -> None:
    result = abc(sales, a=settings["class_a"], b=settings["class_b"])
    made.table = made.table.join(result.table[["class", "cumulative"]])
    made.whole["abc"] = plain(
        {name: result.diagnostics[name] for name in ("top20_share", "customers_for_80", "gini", "value")}
    )
    _keep(made, "abc", result)


def _stages(made: Findings, sales: Transactions, settings: dict[str, Any]) -> None:
    result: StageResult = stages(sales, **{name: settings[name] for name in ("grow", "fall", "silent")})
    table = result.table[["stage", "recent", "before"]].copy()
    table["stage_from"] = result.history.iloc[:, max(0, result.history.shape[1] - 4)]
    made.table = made.table.join(table)


def _rhythm(made: Findings, sales: Transactions, settings: dict[str, Any]) -> None:
    result = rhythm(sales, level=settings["alarm"] / 100)
    # Who has been lost for long needs no alarm: one that comes after four usual gaps helps nobody.
    table = result.table[["gap", "spread", "silence", "chance", "alarm"]].copy()
    table["alarm"] &= table["silence"] <= np.maximum(6 * table["gap"], 120)
    made.table = made.table.join(table)


def _clv(made: Findings, sales: Transactions) -> None:
    result = clv(sales)
    columns = [one for one in ("alive", "expected", "low", "high", "value", "clv") if one in result.table]
    made.table = made.table.join(result.table[columns])
    summary = result.summary()
    whole: dict[str, Any] = {
        name: summary[name] for name in ("model", "params", "loglik", "n", "converged", "gamma_gamma")
    }
    _keep(made, "clv", result)
    try:
        cut = sales.first + (sales.as_of - sales.first) * 2 // 3
        whole["holdout"] = clv_holdout(sales, calibrate_until=cut).diagnostics["holdout"] | {"until": cut.isoformat()}
    except BadInput as refusal:
        made.remark("clv", refusal.text)
    made.whole["clv"] = plain(whole)


def _churn(made: Findings, sales: Transactions) -> None:
    result: ChurnResult = churn(sales)
    table = result.table[["probability", "risk"]].copy()
    table["why"] = [_reasons(result, one) for one in table.index]
    made.table = made.table.join(table)
    names = (
        "auc",
        "auc_recency_alone",
        "brier",
        "brier_base_rate",
        "base_rate",
        "top_decile_lift",
        "horizon_weeks",
        "n_test",
        "calibration",
        "reasons",
    )
    made.whole["churn"] = plain({name: result.diagnostics[name] for name in names})
    _keep(made, "churn", result)


def _reasons(result: ChurnResult, customer: str) -> list[list[Any]]:
    row = result.table.loc[customer]
    found = []
    for i in (1, 2, 3):
        name = row.get(f"reason_{i}")
        if isinstance(name, str) and float(row[f"effect_{i}"]) > 0.005:
            found.append(
                [name, plain(float(result.features.frame.loc[customer, name])), round(float(row[f"effect_{i}"]), 4)]
            )
    return found


def _win_back(made: Findings, sales: Transactions) -> None:
    result = win_back(sales)
    made.table = made.table.join(result.table[["gain"]])
    made.whole["win_back"] = plain({**result.parameters, **result.diagnostics})
    _keep(made, "win_back", result)


def _comments(made: Findings, comments: Sequence[str]) -> None:
    if len(comments) < 20:
        return
    found = topics(list(comments), number=6, words=4)
    own = found.own
    mood = sentiment(list(comments))
    made.whole["comments"] = plain(
        {
            "n": len(comments),
            "topics": [
                {
                    "words": row["words"], "share": row["share"], "mood": float(np.mean(mood[own == row["topic"]])),
                    "example": comments[int(np.flatnonzero(own == row["topic"])[0])][:120],
                }
                for row in found.table.reset_index().to_dict("records")
                if (own == row["topic"]).any()
            ],
        }
    )  # fmt: skip


FIGURES = ("recency_days", "frequency", "monetary", "clv", "probability", "alive")


def _drift(made: Findings, before: dict[str, Any] | None) -> None:
    figures = made.table[[one for one in FIGURES if one in made.table]]
    made.whole["spread"] = plain(spread(figures))
    if before:
        result = drift(figures, before)
        made.whole["drift"] = plain(result.table.reset_index().to_dict("records"))
        _keep(made, "runs", result)


def _cohorts(made: Findings, sales: Transactions) -> None:
    span = (sales.as_of - sales.first).days
    result = cohorts(sales, every="month" if span < 730 else "quarter")
    shares = result.table.drop(columns="customers").iloc[-16:, :13]
    made.whole["cohorts"] = plain(
        {
            "every": result.parameters["every"],
            "names": list(shares.index),
            "sizes": result.table["customers"].iloc[-16:].tolist(),
            "shares": shares.to_numpy(dtype=float),
        }
    )
    known = made.table.dropna(subset=["last"]) if "last" in made.table else made.table.iloc[:0]
    if len(known):
        length = (known["last"] - known["first"]).dt.days / 30.4375
        curve = survival(
            length.clip(lower=0), known["recency_days"] > 365 if span > 730 else known["recency_days"] > span / 4
        )
        made.whole["survival"] = plain(
            {
                "median": curve.diagnostics["median"],
                "points": [[float(t), float(s)] for t, s in curve.table["survival"].items()][:400],
            }
        )


def _forecast(made: Findings, sales: Transactions) -> None:
    result = forecast(sales)
    history = result.history.iloc[-36:]
    made.whole["forecast"] = plain(
        {
            "every": result.parameters["every"], "method": result.parameters["method"], "wape": result.diagnostics["wape"], "covers": result.diagnostics["covers"],
            "history": [[str(day.date()), value] for day, value in history.items()], "ahead": result.diagnostics["forecast"],
        }
    )  # fmt: skip
    _keep(made, "forecast", result)


def _baskets(made: Findings, lines: pd.DataFrame) -> None:
    if lines.empty:
        return
    result = baskets(lines, basket="basket", item="item", max_length=3)
    strong = result.table[result.table["significant"]].head(40)
    made.whole["baskets"] = plain(
        {"n": result.diagnostics["n"], "tested": result.diagnostics["tested"], "rules": strong.to_dict("records")}
    )
    _keep(made, "baskets", result)
    offers = recommend(lines, customer="customer", item="item")
    made.table = made.table.join(offers.table[["offers"]])
    made.whole["offers"] = plain(dict(offers.diagnostics))
