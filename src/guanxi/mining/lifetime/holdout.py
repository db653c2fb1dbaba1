"""Holdout: fit up to a day, predict what came after, and compare with what happened and with naive guesses.

Following Fader, Hardie and Lee (2005), section 5, and Wübben and von Wangenheim, “Instant customer base analysis: managerial
heuristics often get it right”, Journal of Marketing 72 (2008), who ask that a model be compared with simple rules.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.lifetime.model import PurchaseModel, fit_purchases
from guanxi.mining.lifetime.value import ClvResult, value_of
from guanxi.mining.result import BadInput, note
from guanxi.mining.transactions import Transactions, btyd_summary


def until(sales: Transactions, day: dt.date) -> Transactions:
    """The same transactions as they were known at the end of ``day``."""
    if not sales.first <= day <= sales.as_of:
        raise BadInput(
            "calibrate.outside",
            "The calibration must end between {first} and {last}; {day} is outside.",
            "校准截止日须在 {first} 与 {last} 之间；{day} 不在其中。",
            first=sales.first, last=sales.as_of, day=day,
        )  # fmt: skip
    known = sales.table.filter(sales.table.day <= day)
    return Transactions(
        known,
        day,
        sales.first,
        int(known.count().execute()),
        int(known.customer.nunique().execute()),
        sales.has_amount,
        sales.notes,
    )


def clv_holdout(
    sales: Transactions,
    *,
    calibrate_until: dt.date,
    weeks: float | None = None,
    model: str = "bgnbd",
    months: int = 12,
    discount: float = 0.1,
    margin: float = 1.0,
    penalty: float = 0.0,
) -> ClvResult:
    """Fit on what was known on ``calibrate_until`` and judge the prediction of the following ``weeks`` (default: all that follows).

    The table gains ``actual`` purchases; ``diagnostics["holdout"]`` has errors of the model and of naive guesses, ``by_x`` the usual
    calibration table (mean predicted and actual by number of repeat purchases, 7 and more together), ``cumulative`` the weekly curve.
    """
    known = until(sales, calibrate_until)
    there = (sales.as_of - calibrate_until).days / 7
    span = min(weeks or there, there)
    if span < 1:
        raise BadInput(
            "holdout.short",
            "Less than a week of data follows the calibration; nothing to compare with.",
            "校准截止日之后不足一周，无从比较。",
        )
    observed, notes = btyd_summary(known)
    if weeks and weeks > there + 1e-9:
        notes.append(
            note(
                "holdout.cut",
                "Only {there:.1f} weeks of data follow the calibration; they are compared, not {weeks:.0f}.",
                "校准截止日之后只有 {there:.1f} 周数据，按此比较，而非 {weeks:.0f} 周。",
                there=there,
                weeks=weeks,
            )
        )
    fitted = fit_purchases(observed, model, penalty=penalty)
    result = value_of(
        known,
        observed,
        fitted,
        [*notes, *fitted.notes],
        weeks=span,
        months=months,
        discount=discount,
        margin=margin,
        penalty=penalty,
    )
    actual, days = _actual(sales, observed, calibrate_until, span)
    result.table["actual"] = actual
    measured = dict(result.diagnostics)
    measured["holdout"] = _judged(result.table, fitted, span)
    measured["holdout"]["cumulative"] = _curve(fitted, observed, days, span)
    object.__setattr__(result, "diagnostics", measured)
    return result


def _actual(sales: Transactions, observed: pd.DataFrame, day: dt.date, weeks: float) -> tuple[Array, Array]:
    """Purchase days of known customers in the holdout: their number per customer, and when (weeks after ``day``)."""
    end = day + dt.timedelta(days=round(weeks * 7))
    later = sales.table.filter((sales.table.day > day) & (sales.table.day <= end) & (sales.table.amount >= 0))
    frame = later.select("customer", "day").distinct().execute()
    frame = frame[frame["customer"].isin(observed.index)]
    counts = frame.groupby("customer").size().reindex(observed.index, fill_value=0)
    when = (pd.to_datetime(frame["day"]) - pd.Timestamp(day)).dt.days / 7
    return counts.to_numpy(dtype=float), when.to_numpy(dtype=float)


def _judged(table: pd.DataFrame, fitted: PurchaseModel, weeks: float) -> dict[str, Any]:
    actual, x = table["actual"].to_numpy(dtype=float), table["x"].to_numpy(dtype=float)
    length = np.maximum(table["T"].to_numpy(dtype=float), 1.0)
    guesses = {
        fitted.kind: table["expected"].to_numpy(dtype=float),
        "same_rate": x / length * weeks,
        "everybody_average": np.full(len(x), float((x / length).mean()) * weeks),
        "nobody": np.zeros(len(x)),
    }
    group = np.minimum(x, 7)
    by_x = [
        {
            "x": int(one),
            "customers": int((group == one).sum()),
            "predicted": float(guesses[fitted.kind][group == one].mean()),
            "actual": float(actual[group == one].mean()),
        }
        for one in np.unique(group)
    ]
    covered = float(((actual >= table["low"]) & (actual <= table["high"])).mean()) if "low" in table else None
    return {
        "weeks": weeks,
        "actual_total": float(actual.sum()),
        "errors": {name: _errors(actual, guess) for name, guess in guesses.items()},
        "interval80_covers": covered,
        "by_x": by_x,
    }


def _errors(actual: Array, guess: Array) -> dict[str, float]:
    both = float(np.ptp(actual)) > 0 and float(np.ptp(guess)) > 0
    return {
        "total": float(guess.sum()),
        "mae": float(np.abs(actual - guess).mean()),
        "rmse": float(np.sqrt(((actual - guess) ** 2).mean())),
        "correlation": float(np.corrcoef(actual, guess)[0, 1]) if both else float("nan"),
    }


def _curve(fitted: PurchaseModel, observed: pd.DataFrame, days: Array, weeks: float) -> list[dict[str, float]]:
    grid = np.unique(np.linspace(0, weeks, min(int(weeks), 40) + 1)[1:])
    alive = fitted.alive(observed)
    predicted = alive @ fitted.expected_if_alive(observed, grid.tolist())
    return [
        {"week": float(w), "predicted": float(p), "actual": float((days <= w + 1e-9).sum())}
        for w, p in zip(grid, predicted, strict=True)
    ]
