"""Transactions: the one input of most models, cleaned in the open.

Columns after cleaning: ``customer`` text, ``day`` date, ``amount`` float in one currency (absent amounts are an error unless
the model needs none), and, when named, ``item``. Negative amounts are returns: they lower what a customer is worth
and are no purchases. A purchase of 0 is a purchase.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd
from ibis import _

from guanxi.mining.amounts import CURRENCIES, numbers
from guanxi.mining.parsing import dates, frame_of, looks_like, texts
from guanxi.mining.result import BadInput, Note, note, require_columns

CURRENCY_NAMES = r"currency|currency_?code|ccy|币种|货币|币别"


@dataclass(frozen=True)
class Transactions:
    """Clean transactions up to and including ``as_of``, as an ibis table of any engine."""

    table: ibis.Table
    as_of: dt.date
    first: dt.date
    rows: int
    customers: int
    has_amount: bool
    notes: tuple[Note, ...] = ()


def transactions(
    data: Any,
    *,
    customer: str,
    date: str,
    amount: str = "",
    as_of: dt.date | None = None,
    currency: str = "",
    only: str = "",
    item: str = "",
    quantity: str = "",
    date_format: str = "",
    drop_copies: bool = False,
) -> Transactions:
    """Clean a table of one row per purchase, receipt or order line.

    ``data``: pandas, Arrow, polars or ibis. An ibis table must have typed columns and stays in its engine; of the others text
    is read by :mod:`guanxi.mining.parsing`. ``as_of``: the day of looking; later rows are left out (default: the last day in
    the data, never later than today). ``currency``/``only``: the column of currencies, and the one to keep.
    ``quantity``: a column by which the amount is multiplied, where the amount is the price of a unit. ``drop_copies`` takes rows that are alike in every given column once.

    Raises :class:`BadInput` when columns are missing, currencies are mixed, or nothing is left. O(n).
    """
    names = [str(one) for one in data.columns]
    require_columns(names, customer, date, amount, currency, item, quantity)
    notes: list[Note] = []
    if not isinstance(data, ibis.Table):
        data, notes = _typed(frame_of(data), customer, date, tuple(filter(None, (amount, quantity))), date_format, item)
    table = _one_currency(data, names, currency, only, amount, notes)
    if drop_copies:
        table = table.distinct()
    shaped = table.select(
        customer=_key(table[customer]),
        day=table[date].cast("date"),
        amount=_worth(table, amount, quantity),
        **({"item": _key(table[item])} if item else {}),
    )
    return _cleaned(shaped, as_of, notes, bool(amount), bool(item))


def _key(column: ibis.Column) -> ibis.Value:
    """An id as text; a whole number has no blanks to strip."""
    return column.cast("string") if column.type().is_integer() else column.cast("string").strip()


def _worth(table: ibis.Table, amount: str, quantity: str) -> ibis.Value:
    if not amount:
        return ibis.literal(1.0)
    worth = table[amount].cast("float64")
    return worth * table[quantity].cast("float64") if quantity else worth


def _typed(
    frame: pd.DataFrame, customer: str, date: str, amounts: tuple[str, ...], date_format: str, item: str
) -> tuple[ibis.Table, list[Note]]:
    if frame.empty:
        raise BadInput("empty", "The table has no rows.", "表中没有数据。")
    notes: list[Note] = []
    ready = frame.copy(deep=False)
    ready[customer] = texts(frame[customer])
    ready[date], said = dates(frame[date], name=date, format=date_format)
    notes += said
    for name in amounts:
        ready[name], said = numbers(frame[name], name=name)
        notes += said
    if item:
        ready[item] = texts(frame[item])
    # Several copies of one line are common in exports; they are kept unless told otherwise, but never in silence.
    copies = int(_hashable(frame).duplicated().sum()) if len(frame.columns) > 3 else 0
    if copies:
        notes.append(
            note(
                "rows.copies",
                "{count} rows are exact copies of another row; they are counted.",
                "{count} 行与其他行完全相同，仍计入。",
                count=copies,
            )
        )
    return ibis.memtable(ready), notes


def _hashable(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with lists and the like in cells as text."""
    odd = [
        one
        for one in frame.columns
        if frame[one].dtype == object
        and not frame[one].dropna().head(50).map(lambda cell: isinstance(cell, Hashable)).all()
    ]
    return frame.astype(dict.fromkeys(odd, str)) if odd else frame


def _currencies_in(table: ibis.Table) -> str:
    """A column of text that holds nothing but well-known codes of currencies, more than one: however it is called."""
    texts_of = [name for name, kind in table.schema().items() if kind.is_string()]
    first = table.select(*texts_of).limit(500).execute() if texts_of else pd.DataFrame()
    for name in texts_of:
        seen = set(first[name].dropna().astype(str).str.strip().str.upper()) - {""}
        if seen and seen <= CURRENCIES:
            held = set(table.select(one=table[name].strip().upper()).distinct().execute()["one"].dropna()) - {""}
            if len(held) > 1 and held <= CURRENCIES:
                return str(name)
    return ""


def _one_currency(
    table: ibis.Table, names: list[str], currency: str, only: str, amount: str, notes: list[Note]
) -> ibis.Table:
    column = currency or (looks_like(names, CURRENCY_NAMES) or _currencies_in(table) if amount else "")
    if not column:
        return table
    if only:
        kept = table.filter(table[column].cast("string").upper() == only.upper())
        left = int(table.count().execute()) - int(kept.count().execute())
        if left:
            notes.append(
                note(
                    "currency.other",
                    "{count} rows in other currencies than {only} were left out.",
                    "{count} 行的币种不是 {only}，未计入。",
                    count=left,
                    only=only,
                )
            )
        return kept
    found = [
        one
        for one in table.select(one=table[column].cast("string")).distinct().execute()["one"].tolist()
        if isinstance(one, str) and one
    ]
    if len(found) > 1:
        raise BadInput(
            "currency.mixed",
            "The column {column} holds several currencies ({found}); their amounts cannot be added. Convert them first, or choose one.",
            "{column} 列包含多种币种（{found}），金额不能相加。请先换算，或只选一种。",
            column=column, found=", ".join(sorted(found)[:12]),
        )  # fmt: skip
    return table


def _cleaned(
    table: ibis.Table, as_of: dt.date | None, notes: list[Note], has_amount: bool, has_item: bool
) -> Transactions:
    nobody = table.customer.isnull() | (table.customer == "")
    no_amount = table.amount.isnull() | table.amount.isnan()
    valid = ~nobody & table.day.notnull() & ~no_amount
    today = dt.datetime.now(dt.UTC).date()
    horizon = as_of or today
    good = valid & (table.day <= horizon)
    seen = table.aggregate(
        rows=table.count(),
        nobody=nobody.sum(),
        undated=table.day.isnull().sum(),
        unpriced=no_amount.sum(),
        later=(valid & (table.day > horizon)).sum(),
        kept=good.sum(),
        negative=(good & (table.amount < 0)).sum(),
        zero=(good & (table.amount == 0)).sum(),
        first=table.day.min(where=good),
        last=table.day.max(where=good),
        customers=table.customer.nunique(where=good),
    ).execute().iloc[0].to_dict()  # fmt: skip
    counts = {key: 0 if pd.isna(value) else value for key, value in seen.items()}
    said = {one.code for one in notes}
    notes.extend(
        _left_out(
            {key: int(value) for key, value in counts.items() if key not in ("first", "last")},
            said,
            given=as_of is not None,
        )
    )
    if not counts["kept"]:
        raise BadInput(
            "empty",
            "No usable transaction is left (of {rows} rows, up to {day}). {why}",
            "没有可用的交易（共 {rows} 行，截至 {day}）。{why}",
            rows=int(counts["rows"]), day=horizon, why=" ".join(one.text.en for one in notes),
        )  # fmt: skip
    last = pd.Timestamp(seen["last"]).date()
    columns = [table.customer, table.day, table.amount, *([table.item] if has_item else [])]
    return Transactions(
        table=table.filter(good).select(*columns),
        as_of=as_of or last,
        first=pd.Timestamp(seen["first"]).date(),
        rows=int(counts["kept"]),
        customers=int(counts["customers"]),
        has_amount=has_amount,
        notes=tuple(notes),
    )


def _left_out(counts: dict[str, int], said: set[str], *, given: bool) -> list[Note]:
    every = {
        "nobody": (
            "customer.missing",
            "{count} rows without a customer were left out.",
            "{count} 行没有客户，未计入。",
            True,
        ),
        "undated": ("date.missing", "{count} rows without a date were left out.", "{count} 行没有日期，未计入。", True),
        "unpriced": (
            "amount.missing",
            "{count} rows without an amount were left out.",
            "{count} 行没有金额，未计入。",
            True,
        ),
        "later": (
            (
                "date.after",
                "{count} rows after the chosen day were left out.",
                "{count} 行晚于所选日期，未计入。",
                False,
            )
            if given
            else (
                "date.future",
                "{count} rows dated in the future were left out.",
                "{count} 行的日期在未来，未计入。",
                True,
            )
        ),
        "negative": (
            "amount.negative",
            "{count} rows have negative amounts (returns): they lower the value and count as no purchase.",
            "{count} 行金额为负（退货）：减少金额，不算购买。",
            True,
        ),
        "zero": (
            "amount.zero",
            "{count} rows have an amount of 0; they count as purchases.",
            "{count} 行金额为 0，仍算一次购买。",
            True,
        ),
    }
    unreadable = {"undated": "date.unreadable", "unpriced": "amount.unreadable"}
    found = []
    for key, (code, en, zh, warning) in every.items():
        if counts.get(key) and unreadable.get(key) not in said:
            found.append(note(code, en, zh, count=counts[key], warning=warning))
    return found


def summary_expression(table: ibis.Table) -> ibis.Table:
    """One row per customer, the same on DuckDB, PostgreSQL and Spark.

    Columns: ``purchases`` (days with a purchase), ``first``, ``last`` (dates), ``spent`` (sum of purchases), ``returned`` (sum of
    negative amounts, ≤ 0), ``repeat_spent`` (purchases after the first day). Purchases of one day are one purchase.
    A customer with nothing but returns has 0 purchases.
    """
    days = table.group_by("customer", "day").aggregate(
        bought=ibis.ifelse(_.amount >= 0, 1, 0).cast("int64").max(),
        value=_.amount.sum(where=_.amount >= 0).fill_null(0.0),
        back=_.amount.sum(where=_.amount < 0).fill_null(0.0),
    )
    totals = days.group_by("customer").aggregate(
        purchases=_.bought.sum(),
        first=_.day.min(where=_.bought == 1),
        last=_.day.max(where=_.bought == 1),
        spent=_.value.sum(),
        returned=_.back.sum(),
        began=_.value.argmin(_.day, where=_.bought == 1),
    )
    # What the first day brought is taken off, which needs one pass less than looking back from every row.
    later = ibis.ifelse(totals.purchases > 1, totals.spent - totals.began, 0.0)
    return totals.mutate(repeat_spent=later).drop("began")


def customer_summary(sales: Transactions) -> pd.DataFrame:
    """:func:`summary_expression` computed, customers as index, sorted; plus ``net`` = spent + returned."""
    frame = summary_expression(sales.table).execute().set_index("customer").sort_index()
    for name in ("first", "last"):
        frame[name] = pd.to_datetime(frame[name])
    frame["net"] = frame["spent"] + frame["returned"]
    return frame


def btyd_summary(sales: Transactions, *, days_per_period: float = 7.0) -> tuple[pd.DataFrame, list[Note]]:
    """What the buy-till-you-die models need: ``x`` repeat purchases, ``t_x`` and ``T`` in weeks, ``mean`` value of repeat purchases.

    Purchases of one customer on one day are merged (Fader, Hardie and Lee 2005). ``T`` runs from the first purchase to ``as_of``.
    """
    frame = customer_summary(sales)
    bought = frame[frame["purchases"] > 0]
    notes = []
    if len(bought) < len(frame):
        notes.append(
            note(
                "customer.returns_only",
                "{count} customers have nothing but returns and were left out.",
                "{count} 位客户只有退货，未计入。",
                count=len(frame) - len(bought),
            )
        )
    if bought.empty:
        raise BadInput(
            "no_purchases",
            "There is no purchase in the data: every amount is negative.",
            "数据中没有购买：金额全为负。",
        )
    last_day = pd.Timestamp(sales.as_of)
    made = pd.DataFrame(
        {
            "x": bought["purchases"].astype("int64") - 1,
            "t_x": (bought["last"] - bought["first"]).dt.days / days_per_period,
            "T": (last_day - bought["first"]).dt.days / days_per_period,
        }
    )
    repeats = made["x"].to_numpy()
    with_repeats = repeats > 0
    mean = pd.Series(0.0, index=made.index)
    mean[with_repeats] = bought["repeat_spent"][with_repeats] / repeats[with_repeats]
    made["mean"] = mean
    return made, notes
