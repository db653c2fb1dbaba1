"""``guanxi mine``: customer analysis of one file, without any database.

The computing is ``guanxi.mining``; here files are opened, options read and results shown.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import console_language
from guanxi.runtime.words import say as _

if TYPE_CHECKING:
    from guanxi.mining.result import Result

Options = dict[str, Any]


class Day(click.ParamType[dt.date]):
    """A day as yyyy-mm-dd."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """The day, or a usage error."""
        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(str(value).strip().replace("/", "-"))
        except ValueError:
            self.fail(_("%(text)s is not a day like 2026-01-31.") % {"text": value}, param, ctx)


def _file(command: Callable[..., None]) -> Callable[..., None]:
    """What every analysis takes: the file, how to read it, and where the result goes."""
    for one in reversed(
        (
            click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
            click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON.")),
            click.option(
                "--out",
                type=click.Path(dir_okay=False, path_type=Path),
                help=_("Write the whole table: CSV, Parquet, XLSX or JSON by its ending."),
            ),
            click.option(
                "--encoding", default=None, help=_("Encoding of the text, for instance gb18030; else it is found out.")
            ),
            click.option("--delimiter", default=None, help=_("Delimiter of the columns; else it is found out.")),
            click.option("--top", type=click.IntRange(0), default=10, show_default=True, help=_("Rows to print.")),
        )
    ):
        command = one(command)
    return command


def _sales(
    *, amount_needed: bool = True, customer_needed: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that say which columns hold customer, date and amount."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for one in reversed(
            (
                click.option(
                    "--customer",
                    required=customer_needed,
                    default=None if customer_needed else "",
                    metavar="COL",
                    help=_("Column of the customer."),
                ),
                click.option("--date", required=True, metavar="COL", help=_("Column of the date.")),
                click.option(
                    "--amount",
                    required=amount_needed,
                    default=None if amount_needed else "",
                    metavar="COL",
                    help=_("Column of the amount; negative ones are returns."),
                ),
                click.option(
                    "--quantity",
                    default="",
                    metavar="COL",
                    help=_("Column of the quantity, where the amount is the price of one."),
                ),
                click.option(
                    "--as-of", type=Day(), default=None, help=_("The day of looking; later rows are left out.")
                ),
                click.option(
                    "--date-format",
                    default="",
                    help=_("Format of the dates, for instance %d/%m/%Y; else it is found out."),
                ),
                click.option("--currency", default="", metavar="COL", help=_("Column of the currency.")),
                click.option("--only", default="", metavar="CODE", help=_("Take only rows in this currency.")),
                click.option("--drop-copies", is_flag=True, help=_("Take rows that are alike in every column once.")),
            )
        ):
            command = one(command)
        return command

    return decorate


@click.group(help=_("Analyse customers in a CSV or Parquet file, without a database."))
def mine() -> None:
    """Customer analysis of one file."""


@mine.command(help=_("Recency, frequency, monetary value, and segments."))
@_file
@_sales()
@click.option("--bins", type=click.IntRange(2, 10), default=5, show_default=True, help=_("Number of classes."))
def rfm(**given: Any) -> None:
    """RFM of each customer."""
    _answer(given, lambda modules: modules["value"].rfm(_transactions(given), bins=given["bins"]))


@mine.command(help=_("ABC classes: who brings the money."))
@_file
@_sales()
@click.option("--a", "share_a", type=float, default=0.8, show_default=True, help=_("Share of value of class A."))
@click.option(
    "--b", "share_b", type=float, default=0.95, show_default=True, help=_("Share of value of classes A and B.")
)
def abc(**given: Any) -> None:
    """ABC classes of customers."""
    _answer(
        given,
        lambda modules: modules["concentration"].abc(_transactions(given), a=given["share_a"], b=given["share_b"]),
    )


@mine.command(help=_("Customer lifetime value: who still buys, how often, and what that is worth."))
@_file
@_sales(amount_needed=False)
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
        sales = _transactions(given)
        if until:
            return modules["lifetime.holdout"].clv_holdout(sales, calibrate_until=until, weeks=weeks, **common)
        return modules["lifetime.value"].clv(sales, weeks=weeks or 52.0, **common)

    _answer(given, run)


@mine.command(help=_("Who is about to leave, and why: from transactions, or from a table with a label."))
@_file
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
            return modules["churn.model"].churn_table(_frame(given), label=given["label"], customer=given["customer"])
        return modules["churn.model"].churn(_transactions(given), horizon=given["weeks"])

    _answer(given, run)


@mine.command(help=_("What is bought together."))
@_file
@click.option("--basket", required=True, metavar="COL", help=_("Column of the basket, receipt or order."))
@click.option("--item", required=True, metavar="COL", help=_("Column of the item."))
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
    names = ("basket", "item", "min_support", "min_confidence", "max_length", "correction")
    _answer(
        given, lambda modules: modules["offers.baskets"].baskets(_frame(given), **{name: given[name] for name in names})
    )


@mine.command(help=_("What will be sold, with an interval tried on the past."))
@_file
@_sales(customer_needed=False)
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
        return module.forecast(_transactions(given), every=every, steps=steps, level=given["level"])

    _answer(given, run)


class _Modules(dict[str, Any]):
    """Modules of the library, imported when asked for."""

    def __missing__(self, name: str) -> Any:
        import importlib

        return importlib.import_module(f"guanxi.mining.{name}")


def _frame(given: Options) -> Any:
    from guanxi.core.cli.mine_files import open_file

    return open_file(given["file"], encoding=given["encoding"], delimiter=given["delimiter"])


def _transactions(given: Options) -> Any:
    from guanxi.mining.transactions import transactions

    frame = _frame(given)
    customer = given["customer"]
    if not customer:  # a forecast of all sales needs no customer
        customer, frame = "__all", frame.assign(__all="all")
    names = ("date", "amount", "quantity", "as_of", "currency", "only", "date_format", "drop_copies")
    return transactions(frame, customer=customer, **{name: given[name] for name in names})


def _answer(given: Options, run: Callable[[dict[str, Any]], Result]) -> None:
    """Compute, write and print. A refusal of the input is a sentence and exit code 1."""
    from guanxi.mining.result import BadInput

    language = console_language()
    try:
        result = run(_Modules())
    except BadInput as refusal:
        if given["as_json"]:
            click.echo(json.dumps({"error": refusal.code, "text": refusal.text.in_(language)}, ensure_ascii=False))
        raise Trouble(refusal.text.in_(language)) from refusal
    if given["out"]:
        from guanxi.core.cli.mine_files import write_file

        write_file(result.table, given["out"])
    if given["as_json"]:
        from guanxi.core.cli.mine_files import as_json

        click.echo(json.dumps(as_json(result, language, given["top"]), ensure_ascii=False))
    else:
        _show(result, language, given["top"])


def _show(result: Result, language: str, top: int) -> None:
    import pandas as pd

    for one in result.notes:
        click.echo(("! " if one.warning else "· ") + one.text.in_(language), err=True)
    for name, value in result.summary(language).items():
        if (
            name not in ("warnings", "holdout", "calibration", "candidates", "forecast", "reasons", "segments")
            and value is not None
        ):
            click.echo(
                f"{name}: {json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else value}"
            )
    if top:
        with pd.option_context("display.width", 200, "display.max_columns", 30):
            click.echo(result.table.head(top).to_string(float_format=lambda one: f"{one:,.4g}"))
    sys.stdout.flush()
