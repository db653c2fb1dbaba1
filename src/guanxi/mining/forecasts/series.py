"""Forecast of one series by the candidate that did best on its own past.

Candidates: naive, seasonal naive and mean; exponential smoothing (simple, damped trend, additive season: Hyndman, Koehler, Ord and
Snyder, *Forecasting with Exponential Smoothing*, 2008); ARIMA (Box and Jenkins 1970) chosen by AIC. Chosen by rolling-origin backtest on
MASE (Hyndman and Koehler, Int. J. Forecasting 22 (2006)); a complicated model must beat the simple ones there to be used.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from threadpoolctl import threadpool_limits

from guanxi.mining.lifetime.estimate import Array
from guanxi.mining.result import BadInput, Note, Result, Text, note, words
from guanxi.mining.transactions import Transactions

FREQUENCIES: Final = {
    "week": ("W-SUN", 52, 7),
    "month": ("MS", 12, 30.4375),
    "day": ("D", 7, 1),
    "quarter": ("QS", 4, 91.3125),
}
"""Name -> pandas' word, season length, days."""

Prediction = tuple[Array, Array]  # mean and standard deviation of each step


@dataclass(frozen=True, kw_only=True)
class ForecastResult(Result):
    """One row per future period (its first day): ``forecast low high``. ``history`` holds the series it stands on."""

    history: pd.Series
    backtests: pd.DataFrame = field(default_factory=pd.DataFrame)

    def explain(self, customer: Any = None, language: str = "zh") -> str:
        """The whole horizon in a sentence; with a period (its first day) only that."""
        chosen = self.parameters["method"]
        if customer is not None:
            day = pd.to_datetime(customer, errors="coerce")
            if day is pd.NaT:
                raise KeyError(customer)
            row = self.row(day)
            return words(
                "{p:%Y-%m-%d}: {f:,.0f}, with 80 % between {l:,.0f} and {h:,.0f}.",
                "{p:%Y-%m-%d}：{f:,.0f}，80% 区间 {l:,.0f} 至 {h:,.0f}。",
                p=day,
                f=row["forecast"],
                l=row["low"],
                h=row["high"],
            ).in_(language)
        total, past = float(self.table["forecast"].sum()), float(self.history.iloc[-len(self.table) :].sum())
        change = (total / past - 1) if past else float("nan")
        return words(
            "The next {n} periods bring {total:,.0f}, {change:+.0%} against the last {n}. Method: {how}; in backtests off by {mape:.0%} on average.",
            "未来 {n} 期合计 {total:,.0f}，较前 {n} 期 {change:+.0%}。方法：{how}；回测平均误差 {mape:.0%}。",
            n=len(self.table), total=total, change=change, how=chosen, mape=self.diagnostics["wape"] or float("nan"),
        ).in_(language)  # fmt: skip

    def plot(self, language: str = "zh") -> dict[str, Any]:
        """History, forecast and the 80 % band."""
        names = [f"{one:%Y-%m-%d}" for one in [*self.history.index, *self.table.index]]
        blank = [None] * len(self.history)
        series = [("history", [*self.history.tolist(), *[None] * len(self.table)])] + [
            (one, [*blank, *self.table[one].tolist()]) for one in ("forecast", "low", "high")
        ]
        return {
            "title": {"text": Text("Sales and forecast", "销售额与预测").in_(language)},
            "tooltip": {"trigger": "axis"},
            "legend": {},
            "xAxis": {"type": "category", "data": names},
            "yAxis": {"type": "value"},
            "series": [{"name": name, "type": "line", "showSymbol": False, "data": data} for name, data in series],
        }


def naive(y: Array, steps: int, season: int) -> Prediction:  # noqa: ARG001 - all candidates are called alike
    """The last value goes on; errors grow with √h."""
    spread = float(np.sqrt(np.mean(np.diff(y) ** 2))) if len(y) > 1 else 0.0
    return np.full(steps, y[-1]), spread * np.sqrt(np.arange(1, steps + 1))


def mean(y: Array, steps: int, season: int) -> Prediction:  # noqa: ARG001 - as above
    """The mean of all values goes on."""
    return np.full(steps, y.mean()), np.full(
        steps, float(y.std(ddof=1)) * np.sqrt(1 + 1 / len(y)) if len(y) > 1 else 0.0
    )


def seasonal_naive(y: Array, steps: int, season: int) -> Prediction:
    """The value of a season ago."""
    if len(y) <= season:
        raise ValueError("too short for a season")
    made = np.resize(y[-season:], steps)
    spread = float(np.sqrt(np.mean((y[season:] - y[:-season]) ** 2)))
    return made, spread * np.sqrt(np.arange(steps) // season + 1)


def _ets(trend: str | None, seasonal: str | None) -> Callable[[Array, int, int], Prediction]:
    def predict(y: Array, steps: int, season: int) -> Prediction:
        if seasonal and len(y) < 2 * season + 4:
            raise ValueError("too short for a season")
        model = ETSModel(
            pd.Series(y),
            error="add",
            trend=trend,
            damped_trend=bool(trend),
            seasonal=seasonal,
            seasonal_periods=season if seasonal else None,
        )
        fitted = model.fit(disp=False, maxiter=200)
        shown = fitted.get_prediction(start=len(y), end=len(y) + steps - 1)
        low = shown.pred_int(alpha=0.2).to_numpy()[:, 0]
        middle = np.asarray(shown.predicted_mean)
        return middle, (middle - low) / stats.norm.ppf(0.9)

    return predict


_ORDERS: Final[tuple[tuple[int, int, int], ...]] = ((0, 1, 1), (1, 1, 0), (1, 1, 1), (1, 0, 0), (2, 0, 1))


def _arima(y: Array, steps: int, season: int) -> Prediction:  # noqa: ARG001 - as above
    best: Any = None
    for order in _ORDERS:
        fitted = ARIMA(y, order=order, trend="c" if order[1] == 0 else "n").fit(method_kwargs={"maxiter": 60})
        # An information criterion compares models of the same differencing only; the difference costs an observation.
        score = fitted.aic / max(1, len(y) - order[1])
        if best is None or score < best[0]:
            best = (score, fitted)
    ahead = best[1].get_forecast(steps)
    return np.asarray(ahead.predicted_mean), np.asarray(ahead.se_mean)


CANDIDATES: Final[dict[str, Callable[[Array, int, int], Prediction]]] = {
    "naive": naive,
    "mean": mean,
    "seasonal_naive": seasonal_naive,
    "ets_simple": _ets(None, None),
    "ets_damped": _ets("add", None),
    "ets_seasonal": _ets(None, "add"),
    "ets_damped_seasonal": _ets("add", "add"),
    "arima": _arima,
}
SIMPLE: Final = ("naive", "mean", "seasonal_naive")


def predicted(name: str, y: Array, steps: int, season: int) -> Prediction | None:
    """What a candidate says, or ``None`` when it cannot be fitted to this series."""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        try:
            middle, spread = CANDIDATES[name](y, steps, season)
        except (ValueError, np.linalg.LinAlgError, IndexError, AssertionError):
            return None
    return (middle, np.nan_to_num(spread)) if np.isfinite(middle).all() else None


def series_of(sales: Transactions, every: str) -> tuple[pd.Series, list[Note]]:
    """Net sales per period from the first to the last whole period; periods without sales are 0."""
    return _whole(sales, _daily(sales), every)


def _whole(sales: Transactions, series: pd.Series, every: str) -> tuple[pd.Series, list[Note]]:
    if every not in FREQUENCIES:
        raise BadInput(
            "frequency",
            "Unknown period {every}: {known}.",
            "未知周期 {every}：可用 {known}。",
            every=every,
            known=", ".join(FREQUENCIES),
        )
    given = _given_by(series.index)
    through = pd.Timestamp(sales.as_of)
    if given:  # a figure a period stands on one of its days; the period is over all the same
        through = max(through, _end(_begin(series.index[-1], given), given))
    whole = _weekly(series) if every == "week" else series.resample(FREQUENCIES[every][0]).sum()
    notes = []
    if _end(whole.index[-1], every) > through and len(whole) > 1:
        whole = whole.iloc[:-1]
        notes.append(
            note(
                "forecast.partial",
                "The last period is not over and was left out.",
                "最后一期尚未结束，未计入。",
                warning=False,
            )
        )
    if given != every and not _complete_start(whole.index[0], every, sales.first) and len(whole) > 8:
        whole = whole.iloc[1:]
        notes.append(
            note(
                "forecast.partial_first",
                "The first period began before the data and was left out.",
                "首期早于数据起点，未计入。",
                warning=False,
            )
        )
    return whole, notes


def _weekly(series: pd.Series) -> pd.Series:
    mondays = series.index - pd.to_timedelta(series.index.day_of_week, unit="D")
    summed = series.groupby(mondays).sum()
    return summed.reindex(pd.date_range(summed.index[0], summed.index[-1], freq="7D"), fill_value=0.0)


def _end(start: pd.Timestamp, every: str) -> pd.Timestamp:
    step = {
        "day": pd.DateOffset(days=1),
        "week": pd.DateOffset(days=7),
        "month": pd.DateOffset(months=1),
        "quarter": pd.DateOffset(months=3),
    }[every]
    return pd.Timestamp(start + step) - pd.Timedelta(days=1)


def _begin(day: pd.Timestamp, every: str) -> pd.Timestamp:
    if every == "week":
        return pd.Timestamp(day - pd.Timedelta(days=day.day_of_week))
    return pd.Timestamp(day.to_period({"month": "M", "quarter": "Q"}[every]).start_time)


def _given_by(days: pd.DatetimeIndex) -> str:
    """The period a table has one figure for, when all its days are the first of such a period, or the same day of a week; else ''."""
    found = days.unique()
    if len(found) < 4:
        return ""
    if bool((found.day == 1).all()):
        return "quarter" if bool(found.month.isin([1, 4, 7, 10]).all()) else "month"
    return "week" if found.day_of_week.nunique() == 1 else ""


def _daily(sales: Transactions) -> pd.Series:
    daily = sales.table.group_by("day").aggregate(value=lambda t: t.amount.sum()).execute()
    return pd.Series(daily["value"].to_numpy(dtype=float), index=pd.to_datetime(daily["day"])).sort_index()


def _complete_start(start: pd.Timestamp, every: str, first: dt.date) -> bool:
    return bool(pd.Timestamp(first) - start <= pd.Timedelta(days=FREQUENCIES[every][2] * 0.15))


def forecast(sales: Transactions, *, every: str = "", steps: int | None = None, level: float = 0.8) -> ForecastResult:
    """Net sales of the coming periods.

    ``every``: day, week, month or quarter (default: what the table has one figure for; else month when there are 24 months or more, else week, else day). ``steps``: periods ahead (default: a
    fifth of the history, at most a season). Raises :class:`BadInput` with fewer than 8 periods.
    """
    if not sales.has_amount:
        raise BadInput("amount.needed", "A forecast needs a column of amounts.", "预测需要金额列。")
    days, daily = (sales.as_of - sales.first).days, _daily(sales)
    every = every or _given_by(daily.index) or ("month" if days > 24 * 30.5 else "week" if days >= 9 * 7 else "day")
    history, notes = _whole(sales, daily, every)
    if len(history) < 8:
        raise BadInput(
            "forecast.short",
            "Only {n} whole periods ({every}); a forecast needs at least 8. Take a shorter period.",
            "只有 {n} 个完整周期（{every}），预测至少需要 8 个。请改用更短的周期。",
            n=len(history),
            every=every,
        )
    season = FREQUENCIES[every][1]
    ahead = steps or max(1, min(season, len(history) // 5))
    return forecast_series(
        history, steps=ahead, every=every, level=level, notes=(*sales.notes, *notes), as_of=sales.as_of
    )


def forecast_series(
    history: pd.Series,
    *,
    steps: int,
    every: str,
    level: float = 0.8,
    notes: tuple[Note, ...] = (),
    as_of: dt.date | None = None,
) -> ForecastResult:
    """Forecast of a regular series; ``history`` has the first day of each period as index."""
    season = FREQUENCIES[every][1]
    y = history.to_numpy(dtype=float)
    said = list(notes)
    if float(np.ptp(y)) == 0:
        said.append(
            note("constant", "Every period is alike; the forecast is that value.", "各期数值相同，预测值即该值。")
        )
        trials = pd.DataFrame({"mase": [0.0], "wape": [0.0], "bias": [0.0], "covers": [1.0]}, index=["naive"])
    else:
        trials = backtest(y, steps, season, level)
    simple = trials.loc[[one for one in SIMPLE if one in trials.index], "mase"]
    best = str(trials["mase"].idxmin())
    # What is not clearly better than the best simple guess is not used: within 5 % the simple one wins.
    if best not in SIMPLE and not simple.empty and trials.loc[best, "mase"] > 0.95 * simple.min():
        best = str(simple.idxmin())
    made = predicted(best, y, steps, season)
    if made is None:
        best, made = "naive", naive(y, steps, season)
    width = float(stats.norm.ppf((1 + level) / 2))
    future = [_start_after(history.index[-1], every, one) for one in range(1, steps + 1)]
    table = pd.DataFrame(
        {"forecast": made[0], "low": made[0] - width * made[1], "high": made[0] + width * made[1]},
        index=pd.DatetimeIndex(future, name="period"),
    )
    if (y >= 0).all():
        table = table.clip(lower=0.0)
    detail = {
        "n": len(y),
        "every": every,
        **trials.loc[best].to_dict(),
        "candidates": trials.round(4).reset_index(names="method").to_dict("records"),
    }
    detail["forecast"] = [
        {"period": str(day.date()), **row} for day, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    return ForecastResult(
        model="forecast", table=table, parameters={"method": best, "steps": steps, "level": level, "every": every}, diagnostics=detail,
        notes=tuple(said), as_of=as_of, history=history, backtests=trials,
    )  # fmt: skip


def _start_after(last: pd.Timestamp, every: str, periods: int) -> pd.Timestamp:
    step = {
        "day": pd.DateOffset(days=periods),
        "week": pd.DateOffset(days=7 * periods),
        "month": pd.DateOffset(months=periods),
        "quarter": pd.DateOffset(months=3 * periods),
    }
    return pd.Timestamp(last + step[every])


def backtest(y: Array, steps: int, season: int, level: float = 0.8, rounds: int = 3) -> pd.DataFrame:
    """Each candidate on up to ``rounds`` earlier origins: ``mase``, ``wape`` (sum of errors by sum of values), ``bias``, ``covers`` (of the interval)."""
    h = min(steps, max(1, len(y) // 4))
    origins = [len(y) - h * (one + 1) for one in range(rounds) if len(y) - h * (one + 1) >= 6]
    origins = origins or [len(y) - 1]
    width = float(stats.norm.ppf((1 + level) / 2))
    rows = {}
    for name in CANDIDATES:
        errors, sizes, covered, scales = [], [], [], []
        for origin in origins:
            truth = y[origin : origin + h]
            said = predicted(name, y[:origin], len(truth), season)
            if said is None:
                break
            errors.append(said[0] - truth)
            sizes.append(np.abs(truth))
            covered.append(np.abs(said[0] - truth) <= width * said[1])
            scales.append(np.full(len(truth), np.abs(np.diff(y[:origin])).mean() or 1.0))
        if len(errors) < len(origins):
            continue
        error, size = np.concatenate(errors), np.concatenate(sizes).sum()
        rows[name] = {
            "mase": float(np.mean(np.abs(error) / np.concatenate(scales))),
            "wape": float(np.abs(error).sum() / size) if size else float("nan"),
            "bias": float(error.sum() / size) if size else float("nan"),
            "covers": float(np.concatenate(covered).mean()),
        }
    return pd.DataFrame(rows).T
