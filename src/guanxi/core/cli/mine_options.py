"""What the commands of ``guanxi mine`` share: the file and its columns as options, computing, writing, printing."""

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


def table_file(command: Callable[..., None], *, needed: bool = True) -> Callable[..., None]:
    """What every analysis takes: the file, how to read it, and where the result goes."""
    for one in reversed(
        (
            click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=needed),
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


def usual_column(needed: bool) -> dict[str, Any]:
    """The default of a column: none at all for a needed one (``None`` would count as given)."""
    return {} if needed else {"default": ""}


def sales_columns(
    *, amount_needed: bool = True, customer_needed: bool = True, date_needed: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that say which columns hold customer, date and amount."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for one in reversed(
            (
                click.option(
                    "--customer",
                    required=customer_needed,
                    **usual_column(customer_needed),
                    metavar="COL",
                    help=_("Column of the customer."),
                ),
                click.option(
                    "--date",
                    required=date_needed,
                    **usual_column(date_needed),
                    metavar="COL",
                    help=_("Column of the date."),
                ),
                click.option(
                    "--amount",
                    required=amount_needed,
                    **usual_column(amount_needed),
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


class Modules(dict[str, Any]):
    """Modules of the library, imported when asked for."""

    def __missing__(self, name: str) -> Any:
        import importlib

        return importlib.import_module(f"guanxi.mining.{name}")


def frame_of(given: Options) -> Any:
    from guanxi.core.cli.mine_files import open_file

    return open_file(given["file"], encoding=given["encoding"], delimiter=given["delimiter"])


def sales_of(given: Options) -> Any:
    from guanxi.mining.result import require_columns
    from guanxi.mining.transactions import transactions

    frame = frame_of(given)
    customer = given["customer"]
    if not customer:  # a forecast of all sales needs no customer
        require_columns(frame.columns, given["date"], given["amount"])
        customer, frame = "__all", frame.assign(__all="all")
    names = ("date", "amount", "quantity", "as_of", "currency", "only", "date_format", "drop_copies")
    return transactions(frame, customer=customer, **{name: given[name] for name in names})


def answer(given: Options, run: Callable[[dict[str, Any]], Result]) -> None:
    """Compute, write and print. A refusal of the input is a sentence and exit code 1."""
    from guanxi.mining.result import BadInput

    language = console_language()
    try:
        result = run(Modules())
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
