"""``guanxi mine``: customer analysis of one file, without any database.

The computing is ``guanxi.mining``; here are the commands on value, churn, baskets and forecasts. What else can be asked of purchases and of other tables is next door.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import click

from guanxi.core.cli import mine_sales, mine_tables
from guanxi.core.cli.mine_options import Day, answer, frame_of, sales_columns, sales_of, table_file
from guanxi.runtime.words import say as _


@click.group(help=_("Analyse customers in a CSV or Parquet file, without a database."))
def mine() -> None:
    """Customer analysis of one file."""


@mine.command(help=_("Recency, frequency, monetary value, and segments."))
@table_file
@sales_columns()
@click.option("--bins", type=click.IntRange(2, 10), default=5, show_default=True, help=_("Number of classes."))
def rfm(**given: Any) -> None:
    """RFM of each customer."""
    answer(given, lambda modules: modules["value"].rfm(sales_of(given), bins=given["bins"]))


@mine.command(help=_("ABC classes: who brings the money."))
@table_file
@sales_columns()
@click.option("--a", "share_a", type=float, default=0.8, show_default=True, help=_("Share of value of class A."))
@click.option(
    "--b", "share_b", type=float, default=0.95, show_default=True, help=_("Share of value of classes A and B.")
)
def abc(**given: Any) -> None:
    """ABC classes of customers."""
    answer(
        given,
        lambda modules: modules["concentration"].abc(sales_of(given), a=given["share_a"], b=given["share_b"]),
    )


@mine.command(help=_("Customer lifetime value: who still buys, how often, and what that is worth."))
@table_file
@sales_columns(amount_needed=False)
@click.option(
    "--model",
    type=click.Choice(["bgnbd", "mbgnbd", "paretonbd"]),
    default="bgnbd",
    show_default=True,
    help=_("Model of repeat buying."),
)
@click.option(
    "--weeks",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help=_("Weeks to predict (52; with --calibrate-until all that follow)."),
)
@click.option(
    "--calibrate-until",
    type=Day(),
    default=None,
    help=_("Fit on the time up to this day, and judge on the time after it."),
)
@click.option(
    "--months", type=click.IntRange(1), default=12, show_default=True, help=_("Months of which the value is summed.")
)
@click.option("--discount", type=float, default=0.1, show_default=True, help=_("Discount rate a year."))
@click.option("--margin", type=float, default=1.0, show_default=True, help=_("Share of the turnover that stays."))
@click.option(
    "--penalty",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help=_("Penalty on the size of the parameters."),
)
def clv(**given: Any) -> None:
    """Lifetime value of each customer."""
    common = {name: given[name] for name in ("model", "months", "discount", "margin", "penalty")}
    until, weeks = given["calibrate_until"], given["weeks"]

    def run(modules: dict[str, Any]) -> Any:
        sales = sales_of(given)
        if until:
            return modules["lifetime.holdout"].clv_holdout(sales, calibrate_until=until, weeks=weeks, **common)
        return modules["lifetime.value"].clv(sales, weeks=weeks or 52.0, **common)

    answer(given, run)


@mine.command(help=_("Who is about to leave, and why: from transactions, or from a table with a label."))
@table_file
@click.option(
    "--label", default="", metavar="COL", help=_("Column that says who left; the file then has one row per customer.")
)
@click.option("--customer", default="", metavar="COL", help=_("Column of the customer."))
@click.option("--date", default="", metavar="COL", help=_("Column of the date."))
@click.option("--amount", default="", metavar="COL", help=_("Column of the amount; negative ones are returns."))
@click.option(
    "--quantity", default="", metavar="COL", help=_("Column of the quantity, where the amount is the price of one.")
)
@click.option("--as-of", type=Day(), default=None, help=_("The day of looking; later rows are left out."))
@click.option("--date-format", default="", help=_("Format of the dates, for instance %d/%m/%Y; else it is found out."))
@click.option("--currency", default="", metavar="COL", help=_("Column of the currency."))
@click.option("--only", default="", metavar="CODE", help=_("Take only rows in this currency."))
@click.option("--drop-copies", is_flag=True, help=_("Take rows that are alike in every column once."))
@click.option(
    "--weeks",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help=_("Weeks without a purchase that mean having left."),
)
def churn(**given: Any) -> None:
    """Probability of leaving of each customer."""
    if not given["label"] and not (given["customer"] and given["date"]):
        raise click.UsageError(_("Give --label, or --customer and --date."))

    def run(modules: dict[str, Any]) -> Any:
        if given["label"]:
            return modules["churn.model"].churn_table(frame_of(given), label=given["label"], customer=given["customer"])
        return modules["churn.model"].churn(sales_of(given), horizon=given["weeks"])

    answer(given, run)


@mine.command(help=_("What is bought together."))
@table_file
@click.option(
    "--basket", default="", metavar="COL", help=_("Column of the basket, receipt or order; without it each row is one.")
)
@click.option(
    "--item",
    required=True,
    multiple=True,
    metavar="COL",
    help=_(
        "Column of the item, or of lists of them; several, or a pattern such as “item*”, for a table with a column for each."
    ),
)
@click.option(
    "--min-support",
    type=click.FloatRange(0, 1, min_open=True),
    default=None,
    help=_("Least share of baskets (0.005, and at least 5 baskets)."),
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.25,
    show_default=True,
    help=_("Least share of buyers of the first who buy the second."),
)
@click.option("--max-length", type=click.IntRange(2, 10), default=4, show_default=True, help=_("Most items in a rule."))
@click.option(
    "--correction",
    type=click.Choice(["bh", "holm"]),
    default="bh",
    show_default=True,
    help=_("Correction of significance for many tests."),
)
def basket(**given: Any) -> None:
    """Rules of what is bought together."""
    names = ("basket", "min_support", "min_confidence", "max_length", "correction")

    def run(modules: dict[str, Any]) -> Any:
        frame = frame_of(given)
        items = list(
            dict.fromkeys(one for asked in given["item"] for one in _meant(frame.columns, asked, given["basket"]))
        )
        return modules["offers.baskets"].baskets(frame, item=items, **{name: given[name] for name in names})

    answer(given, run)


def _meant(columns: Iterable[str], asked: str, basket: str) -> list[str]:
    """The columns a name or pattern stands for, without the basket's."""
    if asked in columns or "*" not in asked:
        return [asked]
    return [one for one in columns if one != basket and fnmatchcase(one, asked)] or [asked]


@mine.command(help=_("What will be sold, with an interval tried on the past."))
@table_file
@sales_columns(customer_needed=False)
@click.option(
    "--every",
    type=click.Choice(["day", "week", "month", "quarter"]),
    default=None,
    help=_("Period; else it is chosen by the length of the data."),
)
@click.option("--weeks", type=click.IntRange(1), default=None, help=_("Weeks ahead."))
@click.option("--periods", type=click.IntRange(1), default=None, help=_("Periods ahead."))
@click.option(
    "--level", type=click.FloatRange(0.01, 0.99), default=0.8, show_default=True, help=_("Level of the interval.")
)
def forecast(**given: Any) -> None:
    """Net sales of the coming periods."""
    every, weeks = given["every"] or ("week" if given["weeks"] else ""), given["weeks"]

    def run(modules: dict[str, Any]) -> Any:
        module = modules["forecasts.series"]
        steps = given["periods"] or (max(1, round(weeks * 7 / module.FREQUENCIES[every][2])) if weeks else None)
        return module.forecast(sales_of(given), every=every, steps=steps, level=given["level"])

    answer(given, run)


for _command in (*mine_sales.COMMANDS, *mine_tables.COMMANDS):
    mine.add_command(_command)
