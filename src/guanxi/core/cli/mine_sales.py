"""Further commands of ``guanxi mine`` over purchases: whom to win back, stages, rhythm, cohorts."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import click

from guanxi.core.cli.mine_options import answer, sales_columns, sales_of, table_file
from guanxi.runtime.words import say as _


@click.command(help=_("Whom of the silent to win back, by the gain to expect."))
@table_file
@sales_columns()
@click.option("--horizon", type=click.FloatRange(1), default=182.0, show_default=True, help=_("Days in which somebody may return."))  # fmt: skip
@click.option("--margin", type=float, default=1.0, show_default=True, help=_("Share of the turnover that stays."))
@click.option("--cost", type=click.FloatRange(0), default=0.0, show_default=True, help=_("Cost of one attempt."))
def winback(**given: Any) -> None:
    """Silent customers with chance and gain."""
    names = ("horizon", "margin", "cost")
    answer(given, lambda modules: modules["churn.winback"].win_back(sales_of(given), **{name: given[name] for name in names}))  # fmt: skip


@click.command(help=_("Stage of each customer: developing, growing, mature, declining, lost."))
@table_file
@sales_columns()
@click.option("--grow", type=click.FloatRange(0), default=0.2, show_default=True, help=_("So much more in the last half year is growing."))  # fmt: skip
@click.option("--fall", type=click.FloatRange(0, 1), default=0.3, show_default=True, help=_("So much less in the last half year is declining."))  # fmt: skip
@click.option("--silent", type=click.IntRange(1), default=365, show_default=True, help=_("Days without a purchase that mean lost."))  # fmt: skip
def stages(**given: Any) -> None:
    """Stages by purchases."""
    names = ("grow", "fall", "silent")
    answer(given, lambda modules: modules["churn.stages"].stages(sales_of(given), **{name: given[name] for name in names}))  # fmt: skip


@click.command(help=_("Who has been silent for longer than his own rhythm explains."))
@table_file
@sales_columns(amount_needed=False)
@click.option("--level", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05, show_default=True, help=_("Chance of so long a silence below which there is an alarm."))  # fmt: skip
def rhythm(**given: Any) -> None:
    """Gap, spread and silence of each customer."""
    answer(given, lambda modules: modules["churn.rhythm"].rhythm(sales_of(given), level=given["level"]))


@click.command(help=_("Of those who came together, how many buy again."))
@table_file
@sales_columns(amount_needed=False)
@click.option("--every", type=click.Choice(["month", "quarter"]), default="month", show_default=True, help=_("Length of a period."))  # fmt: skip
def cohorts(**given: Any) -> None:
    """Retention by cohort."""
    answer(given, lambda modules: modules["groups.cohorts"].cohorts(sales_of(given), every=given["every"]))


#: The numbers of a what-if, as options; those left out are read from the purchases.
_NUMBERS: Final = (
    ("--customers", click.FloatRange(0), _("Customers there are.")),
    ("--profit", float, _("What a customer brings a year.")),
    ("--retention", click.FloatRange(0, 1), _("Share of customers who stay for another year.")),
    ("--acquired", click.FloatRange(0), _("Customers won a year.")),
)


def _numbers(command: Any) -> Any:
    for name, kind, text in reversed(_NUMBERS):
        command = click.option(name, type=kind, default=None, help=text)(command)
    return command


@click.command(
    "what-if",
    help=_("Profit of the coming years if price, retention or acquisition change; with a file, from its last year."),
)
@partial(table_file, needed=False)
@sales_columns(amount_needed=False, customer_needed=False, date_needed=False)
@_numbers
@click.option("--cost", type=click.FloatRange(0), default=0.0, show_default=True, help=_("Cost of winning one customer."))  # fmt: skip
@click.option("--margin", type=float, default=1.0, show_default=True, help=_("Share of the turnover that stays."))
@click.option("--price", type=float, default=0.0, show_default=True, help=_("Change of what a customer pays a year, in money."))  # fmt: skip
@click.option("--elasticity", type=float, default=0.0, show_default=True, help=_("How demand moves with the price (−1: one per cent less for one more)."))  # fmt: skip
@click.option("--years", type=click.IntRange(1, 100), default=5, show_default=True, help=_("Years to look ahead."))
@click.option("--discount", type=float, default=0.1, show_default=True, help=_("Discount rate a year."))
def what_if(**given: Any) -> None:
    """A scenario, from numbers or from purchases."""
    if given["file"] and not (given["customer"] and given["date"] and given["amount"]):
        raise click.UsageError(_("With a file give --customer, --date and --amount."))
    names = [name.removeprefix("--") for name, _kind, _text in _NUMBERS]
    lacking = [name for name in names if given[name] is None]
    if lacking and not given["file"]:
        raise click.UsageError(_("Give a file, or %(names)s.") % {"names": ", ".join(f"--{name}" for name in lacking)})

    def run(modules: dict[str, Any]) -> Any:
        module = modules["groups.scenario"]
        told = {name: given[name] for name in names if given[name] is not None}
        more = {name: given[name] for name in ("cost", "price", "elasticity", "years", "discount")}
        if not given["file"]:
            return module.what_if(told["customers"], told["profit"], told["retention"], told["acquired"], **more)
        return module.what_if_sales(sales_of(given), margin=given["margin"], told=told, **more)

    answer(given, run)


COMMANDS: Final = (winback, stages, rhythm, cohorts, what_if)
