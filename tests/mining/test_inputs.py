"""Columns as people write them, and transactions cleaned in the open."""

import datetime as dt

import pandas as pd
import pytest

from guanxi.mining.amounts import numbers
from guanxi.mining.parsing import dates, texts
from guanxi.mining.result import BadInput
from guanxi.mining.transactions import btyd_summary, customer_summary, transactions
from guanxi.mining.value import rfm, scored


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["2024-03-05", "2024-12-31"], ["2024-03-05", "2024-12-31"]),
        (["05/03/2024", "31/12/2024"], ["2024-03-05", "2024-12-31"]),
        (["03/05/2024", "12/31/2024"], ["2024-03-05", "2024-12-31"]),
        (["5.3.2024", "31.12.2024"], ["2024-03-05", "2024-12-31"]),
        (["2024年3月5日", "2024年12月31日"], ["2024-03-05", "2024-12-31"]),
        (["20240305", "20241231"], ["2024-03-05", "2024-12-31"]),
        (["05-Mar-2024", "31-Dec-2024"], ["2024-03-05", "2024-12-31"]),
        (["45356", "45657"], ["2024-03-05", "2024-12-31"]),
        (["1709596800", "1735603200"], ["2024-03-05", "2024-12-31"]),
        (["2024-03-05T23:30:00Z", "2024-12-31T01:00:00+02:00"], ["2024-03-05", "2024-12-31"]),
        (["2024-03-05 00:00:00+0800", "2024-12-31T00:00+08"], ["2024-03-05", "2024-12-31"]),
        (["3/5/2024 8:05 PM", "12/31/2024 11:59 PM"], ["2024-03-05", "2024-12-31"]),
    ],
)
def test_dates(written: list[str], expected: list[str]) -> None:
    read, _notes = dates(pd.Series(written))
    assert [str(one.date()) for one in read] == expected


@pytest.mark.parametrize(
    ("written", "codes"),
    [
        (["2024年1月2日", "Jan 5, 2024"], ["date.mixed"]),
        (["2024-01-02", "25/12/2024"], ["date.mixed"]),
        (["13/01/2024", "01/13/2024", "02/03/2024"], ["date.ambiguous", "date.unreadable"]),
    ],
)
def test_ways_of_one_column_contradict_only_where_both_read_a_cell(written: list[str], codes: list[str]) -> None:
    assert [one.code for one in dates(pd.Series(written))[1]] == codes


def test_dates_that_could_be_either_are_noted() -> None:
    read, notes = dates(pd.Series(["01/02/2024", "02/02/2024", "03/02/2024"]))
    assert [one.code for one in notes] == ["date.ambiguous"]
    assert list(read.dt.month) == [2, 2, 2]  # three days of February, rather than three months


@pytest.mark.parametrize("written", [["apple", "pear"], ["", " "], ["17", "18"]])
def test_what_is_no_date_is_refused(written: list[str]) -> None:
    with pytest.raises(BadInput):
        dates(pd.Series(written))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["1,234.50", "$7"], [1234.5, 7]),
        (["1.234,50", "7,00"], [1234.5, 7]),
        (["￥1,234", "￥5.5"], [1234, 5.5]),
        (["(12.00)", "3-"], [-12, -3]),
        (["1.5万", "2亿"], [15000, 2e8]),
        (["12 €", "1 234,5 €"], [12, 1234.5]),
        (["NULL", "5"], [None, 5]),
    ],
)
def test_amounts(written: list[str], expected: list[float | None]) -> None:
    read, _notes = numbers(pd.Series(written))
    assert [None if pd.isna(one) else one for one in read] == expected


def test_several_currencies_are_refused() -> None:
    for several in (["$5", "€7"], ["US$5", "HK$7"]):
        with pytest.raises(BadInput, match="several currencies"):
            numbers(pd.Series(several))
    frame = pd.DataFrame(
        {"who": ["a", "b"], "day": ["2024-01-01"] * 2, "worth": ["5", "7"], "Currency": ["USD", "EUR"]}
    )
    with pytest.raises(BadInput) as caught:
        transactions(frame, customer="who", date="day", amount="worth")
    assert caught.value.code == "currency.mixed"
    one = transactions(frame, customer="who", date="day", amount="worth", currency="Currency", only="eur")
    assert (one.rows, [note.code for note in one.notes]) == (1, ["currency.other"])


def test_ids_keep_their_zeros_and_lose_their_decimals() -> None:
    assert list(texts(pd.Series(["0007", " 12 "]))) == ["0007", "12"]
    assert list(texts(pd.Series(["17850.0", "13047.0"]))) == ["17850", "13047"]
    assert list(texts(pd.Series([17850.0, None])).fillna("-")) == ["17850", "-"]


def test_what_is_left_out_is_counted() -> None:
    frame = pd.DataFrame(
        [("a", "2024-01-01", "10"), ("", "2024-01-02", "10"), ("b", "", "10"), ("b", "2999-01-01", "10"), ("c", "2024-01-05", "-4"), ("c", "2024-01-05", ""), ("d", "2024-01-03", "0")],
        columns=["who", "day", "worth"],
    )  # fmt: skip
    sales = transactions(frame, customer="who", date="day", amount="worth")
    counted = {one.code: one.count for one in sales.notes}
    assert counted == {
        "customer.missing": 1,
        "date.missing": 1,
        "amount.missing": 1,
        "date.future": 1,
        "amount.negative": 1,
        "amount.zero": 1,
    }
    assert (sales.rows, sales.customers, sales.as_of) == (3, 3, dt.date(2024, 1, 5))


def test_returns_lower_the_value_and_are_no_purchase() -> None:
    rows = [
        ("a", "2024-01-01", 10),
        ("a", "2024-01-01", 5),
        ("a", "2024-01-15", -3),
        ("a", "2024-01-29", 8),
        ("b", "2024-01-03", -1),
    ]
    sales = transactions(
        pd.DataFrame(rows, columns=["who", "day", "worth"]),
        customer="who",
        date="day",
        amount="worth",
        as_of=dt.date(2024, 2, 5),
    )
    whole = customer_summary(sales)
    assert whole.loc["a", ["purchases", "spent", "returned", "repeat_spent", "net"]].tolist() == [2, 23, -3, 8, 20]
    assert whole.loc["b", "purchases"] == 0
    made, notes = btyd_summary(sales)
    assert made.loc["a"].tolist() == [1, 4.0, 5.0, 8.0]
    assert [one.code for one in notes] == ["customer.returns_only"]


def test_unknown_columns_are_named() -> None:
    with pytest.raises(BadInput, match="no column nobody"):
        transactions(pd.DataFrame({"a": [1]}), customer="nobody", date="a")


@pytest.mark.parametrize(
    ("given", "meant"), [("Client", "client"), ("dya", "day"), ("client_id", "client"), ("something", "")]
)
def test_a_wrong_column_is_answered_with_the_one_meant(given: str, meant: str) -> None:
    frame = pd.DataFrame({"client": ["a"], "day": ["2024-01-05"], "total": ["1"]})
    with pytest.raises(BadInput) as caught:
        transactions(frame, customer=given, date="day", amount="total")
    assert ("Did you mean " + meant + "?" in str(caught.value)) is bool(meant)
    assert caught.value.code == "column.missing"


def test_where_all_customers_are_alike_nobody_is_worst() -> None:
    frame = pd.DataFrame({"c": ["a", "b", "c"], "d": ["2024-01-05"] * 3, "a": ["5", "5", "5"]})
    found = rfm(transactions(frame, customer="c", date="d", amount="a"))
    assert found.table[["r", "f", "m"]].to_numpy().tolist() == [[3, 3, 3]] * 3
    assert {"constant.frequency", "constant.monetary", "constant.recency_days", "few"} <= {
        one.code for one in found.notes
    }
    assert scored([(0, 1, 5.0)] * 3, None) == found.table["segment"].tolist()


def test_a_million_rows_of_one_customer_are_one_customer() -> None:
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(pd.Series(range(1_000_000)) % 300, unit="D")
    frame = pd.DataFrame({"c": "big", "d": days, "a": 1.0})
    sales = transactions(frame, customer="c", date="d", amount="a")
    table = rfm(sales).table
    assert (len(table), int(table["frequency"].iloc[0]), float(table["monetary"].iloc[0])) == (1, 300, 1e6)


def test_currencies_are_known_by_what_is_in_the_column() -> None:
    frame = pd.DataFrame(
        {"c": ["a", "b", "c"], "d": "2024-01-02", "a": [1, 2, 3], "cur": ["usd", "CNY", ""], "z": ["ALL", "CNY", "USD"]}
    )
    with pytest.raises(BadInput, match="cur holds several currencies"):
        transactions(frame, customer="c", date="d", amount="a")
    kept = transactions(frame, customer="c", date="d", amount="a", only="CNY")
    assert (kept.rows, kept.customers) == (1, 1)
    plain = transactions(frame.drop(columns="cur"), customer="c", date="d", amount="a")
    assert plain.rows == 3, "a column that also holds other words is none of currencies"


def test_lists_and_bytes_in_other_columns_do_no_harm() -> None:
    frame = pd.DataFrame(
        {
            "c": [b"K1", b"K1", b"K2"],
            "d": "2024-01-02",
            "a": 1.5,
            "tags": [["x"], ["x"], None],
            "m": [{"y": 1}, {"y": 1}, {}],
        }
    )
    found = transactions(frame, customer="c", date="d", amount="a")
    assert [one.code for one in found.notes] == ["rows.copies"]
    assert sorted(customer_summary(found).index) == ["K1", "K2"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["1.234.567", "999"], [1234567, 999]),
        (["0,125", "1,5"], [0.125, 1.5]),
        (["3,1416", "2"], [3.1416, 2]),
        (["12,34,567", "5,000"], [1234567, 5000]),
        (["１２３", "￥４，５６７"], [123, 4567]),
        (["人民币5", "¥6", "7元"], [5, 6, 7]),
        (["1,234.50", "12,5", "1,000"], [1234.5, 12.5, None]),
        (["7", "8", "9", "05.03.2024"], [7, 8, 9, None]),
        (["US$1,200.50", "$3"], [1200.5, 3]),
        (["HK$12", "HK$1,000"], [12, 1000]),
        (["1.234万", "1,5"], [12340, 1.5]),
        (["1.234", "1,234"], [None, None]),
        (["1.234", "1,234", "5.50"], [1.234, 1234, 5.5]),
    ],
)
def test_separators_are_read_as_the_column_uses_them(written: list[str], expected: list[float | None]) -> None:
    read, notes = numbers(pd.Series(written))
    assert [None if pd.isna(one) else one for one in read] == expected
    assert bool(notes) is (None in expected), "what is left out is said"


@pytest.mark.parametrize("written", [["SKU 12", "SKU 13"], ["138-0013-8000", "139-0013-8000"], ["v1.2.3", "v1.2.4"]])
def test_names_with_digits_are_no_amounts(written: list[str]) -> None:
    with pytest.raises(BadInput):
        numbers(pd.Series(written))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["45356.5", "45657.25"], ["2024-03-05", "2024-12-31"]),
        (["2024/3/5 下午3:05", "2024/12/31 上午9:00"], ["2024-03-05", "2024-12-31"]),
        (["２０２４-０３-０５", "２０２４-１２-３１"], ["2024-03-05", "2024-12-31"]),
        (["24/03/05", "24/12/31"], ["2024-03-05", "2024-12-31"]),
        (["2024年3月", "2024年12月"], ["2024-03-01", "2024-12-01"]),
        (["5 Mar 24", "31 Dec 24"], ["2024-03-05", "2024-12-31"]),
        (["Mar 05 2024", "Tue, Dec 31 2024"], ["2024-03-05", "2024-12-31"]),
        (["2024-03-05 23:30 UTC", "2024-12-31 08:00:01 GMT+8"], ["2024-03-05", "2024-12-31"]),
        (["2024/3/5 星期二", "2024/12/31 星期二"], ["2024-03-05", "2024-12-31"]),
        (["2024Q1", "Q4 2024"], ["2024-01-01", "2024-10-01"]),
        (["45356.123456789", "45657.987654321"], ["2024-03-05", "2024-12-31"]),
    ],
)
def test_more_dates(written: list[str], expected: list[str]) -> None:
    read, _notes = dates(pd.Series(written))
    assert [str(one.date()) for one in read] == expected
