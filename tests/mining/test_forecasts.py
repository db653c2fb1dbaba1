"""Forecasts: candidates by hand, the right one chosen, intervals that cover."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from guanxi.mining.forecasts.series import forecast, forecast_series, naive, seasonal_naive, series_of
from guanxi.mining.result import BadInput
from guanxi.mining.transactions import Transactions, transactions


def months(values: np.ndarray) -> pd.Series:
    return pd.Series(values, index=pd.date_range("2015-01-01", periods=len(values), freq="MS"))


def test_simple_candidates_by_hand() -> None:
    y = np.array([1.0, 4.0, 2.0, 6.0])
    middle, spread = naive(y, 2, 12)
    assert middle.tolist() == [6, 6]
    assert spread.tolist() == pytest.approx([np.sqrt(29 / 3), np.sqrt(58 / 3)])
    assert seasonal_naive(y, 3, 2)[0].tolist() == [2, 6, 2]


def test_a_season_is_seen() -> None:
    generator = np.random.default_rng(1)
    t = np.arange(60)
    y = 100 + 30 * np.sin(2 * np.pi * t / 12) + generator.normal(0, 3, 60)
    result = forecast_series(months(y), steps=12, every="month")
    assert "season" in result.parameters["method"]
    truth = 100 + 30 * np.sin(2 * np.pi * np.arange(60, 72) / 12)
    assert np.abs(result.table["forecast"] - truth).max() < 10
    assert ((result.table["low"] < truth) & (truth < result.table["high"])).mean() >= 0.7
    assert result.diagnostics["wape"] < 0.06


def test_noise_is_not_taken_for_a_pattern() -> None:
    y = 100 + np.random.default_rng(2).normal(0, 10, 60)
    assert (forecast_series(months(y), steps=6, every="month").table["forecast"] - 100).abs().max() < 12


def sales_of(rows: list[tuple[str, dt.date, float]]) -> Transactions:
    return transactions(pd.DataFrame(rows, columns=["who", "day", "worth"]), customer="who", date="day", amount="worth")


def test_periods_that_are_not_whole_are_left_out_and_gaps_are_zero() -> None:
    first = dt.date(2024, 1, 1)  # a Monday
    days = [first + dt.timedelta(days=7 * one) for one in range(12) if one != 5]
    sales = sales_of([("a", one, 10.0) for one in (*days, first + dt.timedelta(days=1))])
    series, notes = series_of(sales, "week")
    assert series.tolist() == [20.0] + [10.0] * 4 + [0.0] + [10.0] * 5
    assert [one.code for one in notes] == ["forecast.partial"]


def test_too_short_and_constant() -> None:
    with pytest.raises(BadInput, match="at least 8"):
        forecast(sales_of([("a", dt.date(2024, 1, 1) + dt.timedelta(days=one), 1.0) for one in range(5)]))
    alike = forecast(sales_of([("a", dt.date(2024, 1, 1) + dt.timedelta(days=one), 7.0) for one in range(40)]))
    assert alike.table["forecast"].tolist() == [7.0] * len(alike.table)
    assert "constant" in {one.code for one in alike.notes}


@pytest.mark.parametrize(
    ("written", "every", "n"),
    [
        ([f"{2021 + i // 12}年{1 + i % 12:02d}月" for i in range(20)], "month", 20),
        ([f"{2015 + i // 4}Q{1 + i % 4}" for i in range(16)], "quarter", 16),
        ([f"q{1 + i % 4} {2015 + i // 4}" for i in range(16)], "quarter", 16),
        ([f"2024年第{'一二三四'[i % 4]}季度".replace("2024", str(2015 + i // 4)) for i in range(16)], "quarter", 16),
        ([f"2023-W{i:02d}" for i in range(1, 53)], "week", 52),
        ([f"{day:%Y-%m-%d}" for day in pd.date_range("2023-01-04", periods=30, freq="7D")], "week", 30),
    ],
)  # fmt: skip
def test_a_table_with_one_figure_a_period_is_whole(written: list[str], every: str, n: int) -> None:
    """Its last period is over, though its day is the first of it."""
    rows = pd.DataFrame({"day": written, "paid": np.arange(len(written)) + 10.0, "who": "x"})
    found = forecast(transactions(rows, customer="who", date="day", amount="paid"), steps=2)
    assert (found.parameters["every"], found.diagnostics["n"]) == (every, n)
    assert found.history.iloc[-1] == len(written) + 9
