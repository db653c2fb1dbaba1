"""RFM and ABC against values worked out by hand, and properties that always hold."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.mining.concentration import abc, gini
from guanxi.mining.result import BadInput
from guanxi.mining.transactions import Transactions, transactions
from guanxi.mining.value import SEGMENTS, rfm, segment_of


def sales_of(rows: list[tuple[str, str, float]], as_of: dt.date | None = None) -> Transactions:
    frame = pd.DataFrame(rows, columns=["who", "day", "worth"])
    return transactions(frame, customer="who", date="day", amount="worth", as_of=as_of)


ROWS = [
    ("a", "2024-01-01", 10.0), ("a", "2024-03-01", 90.0), ("a", "2024-03-20", 100.0), ("b", "2024-03-30", 50.0),
    ("c", "2023-06-01", 40.0), ("d", "2023-01-01", 5.0), ("e", "2024-02-01", 5.0), ("e", "2024-02-02", 5.0),
]  # fmt: skip


def test_rfm_by_hand() -> None:
    result = rfm(sales_of(ROWS, dt.date(2024, 3, 31)))
    assert result.table["recency_days"].tolist() == [11, 1, 304, 455, 58]
    assert result.table["frequency"].tolist() == [3, 1, 1, 1, 2]
    assert result.table["r"].tolist() == [4, 5, 2, 1, 3]
    assert result.table["f"].tolist() == [5, 1, 1, 1, 4]  # three customers share the lowest rank
    assert result.table["m"].tolist() == [5, 4, 3, 1, 2]
    assert result.table.loc["a", "segment"] == "champion"
    assert result.explain("a", "zh").startswith("a 共购买 3 天次，最近一次在 11 天前，累计 200.00")
    assert "Champions" in result.explain("a", "en")


def test_rfm_with_fixed_bounds() -> None:
    bounds = {"recency": [10, 60, 200, 400], "frequency": [2, 3, 4, 5], "monetary": [10, 45, 100, 500]}
    result = rfm(sales_of(ROWS, dt.date(2024, 3, 31)), method="fixed", bounds=bounds)
    assert result.table[["r", "f", "m"]].to_numpy().tolist() == [[4, 3, 4], [5, 1, 3], [2, 1, 2], [1, 1, 1], [4, 2, 2]]


def test_every_pair_of_scores_has_a_segment() -> None:
    for k in (3, 5, 7):
        assert {segment_of(r, f, k) for r in range(1, k + 1) for f in range(1, k + 1)} <= set(SEGMENTS)
    assert {segment_of(r, f) for r in range(1, 6) for f in range(1, 6)} == set(SEGMENTS)


def test_abc_by_hand() -> None:
    result = abc(
        sales_of(
            [
                ("a", "2024-01-01", 60),
                ("b", "2024-01-01", 25),
                ("c", "2024-01-01", 10),
                ("d", "2024-01-01", 5),
                ("e", "2024-01-01", -9),
            ]
        )
    )
    assert result.table["class"].to_dict() == {"a": "A", "b": "A", "c": "B", "d": "C", "e": "C"}
    assert result.table["cumulative"].tolist() == pytest.approx([0.6, 0.85, 0.95, 1.0, 1.0])
    assert result.diagnostics["customers_for_80"] == pytest.approx(0.4)
    assert "value.not_positive" in {one.code for one in result.notes}


def test_nothing_to_share_is_refused() -> None:
    with pytest.raises(BadInput, match="No customer has a positive value"):
        abc(sales_of([("a", "2024-01-01", -5.0), ("b", "2024-01-02", 0.0)]))


money = st.integers(-50_00, 500_00).map(lambda cents: cents / 100)
rows = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.dates(dt.date(2020, 1, 1), dt.date(2024, 1, 1)).map(str), money),
    min_size=1,
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(rows)
def test_what_always_holds(made: list[tuple[str, str, float]]) -> None:
    sales = sales_of(made)
    bought = {who for who, _day, worth in made if worth >= 0}
    if bought:
        result = rfm(sales).table
        assert set(result.index) == bought
        assert result[["r", "f", "m"]].isin(range(1, 6)).all(axis=None)
        assert (result.sort_values("monetary")["m"].diff().dropna() >= 0).all()
        assert (result.sort_values("recency_days")["r"].diff().dropna() <= 0).all()
    if sum(max(0.0, sum(w for who, _d, w in made if who == one)) for one in "abcdefgh") > 0:
        shares = abc(sales).table
        assert shares["share"].sum() == pytest.approx(1)
        assert shares["cumulative"].is_monotonic_increasing
        assert shares["value"].sum() == pytest.approx(sum(worth for _who, _day, worth in made))


def test_gini_is_half_the_mean_difference() -> None:
    values = np.random.default_rng(1).gamma(0.5, 10, 300)
    assert gini(values) == pytest.approx(np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean()))
    assert gini(np.ones(9)) == pytest.approx(0)
