"""Further commands of ``guanxi mine`` over tables that are no purchases: answers, texts, leads, campaigns, contracts, and what is wrong with a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import click

from guanxi.core.cli.mine_options import answer, frame_of, table_file, usual_column
from guanxi.runtime.words import say as _


def _column(name: str, help: str, *, required: bool = False, multiple: bool = False) -> Callable[[Any], Any]:
    if multiple:
        return click.option(name, multiple=True, required=required, metavar="COL", help=help)
    return click.option(name, required=required, metavar="COL", help=help, **usual_column(required))


@click.command(help=_("Satisfaction: recommendation, satisfaction and effort with intervals, and what matters."))
@table_file
@_column("--nps", _("Column of recommendation, 0 to 10."))
@_column("--csat", _("Column of overall satisfaction."))
@_column("--ces", _("Column of how easy it was."))
@_column("--driver", _("Column of a score that may matter for satisfaction; give several."), multiple=True)
@click.option("--csat-scale", type=click.IntRange(2), default=5, show_default=True, help=_("Highest answer of satisfaction."))  # fmt: skip
@click.option("--ces-scale", type=click.IntRange(2), default=7, show_default=True, help=_("Highest answer of effort."))
def satisfaction(**given: Any) -> None:
    """NPS, CSAT, CES, index and drivers."""
    if not (given["nps"] or given["csat"] or given["ces"]):
        raise click.UsageError(_("Give --nps, --csat or --ces."))
    names = ("nps", "csat", "ces", "csat_scale", "ces_scale")
    chosen = {name: given[name] for name in names} | {"drivers": given["driver"]}
    answer(given, lambda modules: modules["hearts.surveys"].satisfaction(frame_of(given), **chosen))


@click.command(help=_("What texts are about, in Chinese and English."))
@table_file
@_column("--text", _("Column of the text."), required=True)
@click.option("--number", type=click.IntRange(1, 50), default=8, show_default=True, help=_("Number of topics."))
def topics(**given: Any) -> None:
    """Topics of comments, reviews, complaints."""

    def run(modules: dict[str, Any]) -> Any:
        frame = frame_of(given)
        modules["result"].require_columns(frame.columns, given["text"])
        return modules["hearts.words"].topics(modules["parsing"].texts(frame[given["text"]]), number=given["number"])

    answer(given, run)


@click.command(help=_("What is bought after what."))
@table_file
@_column("--customer", _("Column of the customer."), required=True)
@_column("--item", _("Column of the item."), required=True)
@_column("--order", _("Column by which the purchases of a customer are ordered, for instance the date."), required=True)
@click.option("--min-support", type=click.FloatRange(0, 1), default=0.02, show_default=True, help=_("Least share of customers."))  # fmt: skip
def sequence(**given: Any) -> None:
    """Pairs of things bought one after the other."""
    names = ("customer", "item", "order", "min_support")
    answer(given, lambda modules: modules["offers.leads"].sequences(frame_of(given), **{name: given[name] for name in names}))  # fmt: skip


@click.command(help=_("What to offer each customer next, judged against simply offering what sells best."))
@table_file
@_column("--customer", _("Column of the customer."), required=True)
@_column("--item", _("Column of the item."), required=True)
@click.option("--offers", type=click.IntRange(1, 50), default=3, show_default=True, help=_("Offers to each customer."))
def offer(**given: Any) -> None:
    """Next best offers."""
    answer(given, lambda modules: modules["offers.recommend"].recommend(frame_of(given), customer=given["customer"], item=given["item"], top=given["offers"]))  # fmt: skip


@click.command(help=_("Whom a campaign moves: effect, uplift and Qini of a test with a control group."))
@table_file
@_column("--treatment", _("Column that says who was addressed."), required=True)
@_column("--response", _("Column that says who responded."), required=True)
@_column("--drop", _("Column not to learn from; give several."), multiple=True)
def uplift(**given: Any) -> None:
    """Effect and uplift."""
    answer(given, lambda modules: modules["offers.uplift"].uplift(frame_of(given), treatment=given["treatment"], response=given["response"], drop=given["drop"]))  # fmt: skip


@click.command(help=_("Chance of each lead, with reasons."))
@table_file
@_column("--won", _("Column that says which leads were won."), required=True)
@_column("--lead", _("Column of the lead."))
def leads(**given: Any) -> None:
    """Lead scores."""
    answer(given, lambda modules: modules["offers.leads"].lead_scores(frame_of(given), won=given["won"], lead=given["lead"]))  # fmt: skip


@click.command(help=_("Groups of customers who are alike, in words."))
@table_file
@_column("--column", _("Column of numbers to compare by; give several."), required=True, multiple=True)
@_column("--customer", _("Column of the customer."))
@click.option("--most", type=click.IntRange(2, 30), default=8, show_default=True, help=_("Most groups."))
def groups(**given: Any) -> None:
    """Clusters with profiles."""

    def run(modules: dict[str, Any]) -> Any:
        frame = frame_of(given)
        modules["result"].require_columns(frame.columns, given["customer"])
        frame = frame.set_index(given["customer"]) if given["customer"] else frame
        return modules["groups.clusters"].clusters(frame, columns=list(given["column"]), most=given["most"])

    answer(given, run)


@click.command(help=_("Profit of each customer, and who costs more than he brings."))
@table_file
@_column("--customer", _("Column of the customer."), required=True)
@_column("--revenue", _("Column of the turnover."), required=True)
@_column("--cost", _("Column of the cost of goods."))
@_column("--serve", _("Column of the cost to serve."))
@_column("--acquire", _("Column of the cost of winning the customer."))
def profit(**given: Any) -> None:
    """Profit, tiers, whale curve."""
    names = ("customer", "revenue", "cost", "serve", "acquire")
    answer(given, lambda modules: modules["worth"].profitability(frame_of(given), **{name: given[name] for name in names}))  # fmt: skip


@click.command(help=_("How long contracts last."))
@table_file
@_column("--length", _("Column of the length so far."), required=True)
@_column("--ended", _("Column that says which have ended."), required=True)
def survival(**given: Any) -> None:
    """Kaplan–Meier curve."""

    def run(modules: dict[str, Any]) -> Any:
        frame = frame_of(given)
        modules["result"].require_columns(frame.columns, given["length"], given["ended"])
        length, notes = modules["amounts"].numbers(frame[given["length"]], name=given["length"])
        ended = modules["churn.labelling"].endings(frame[given["ended"]])
        known = length.notna() & ended.notna()
        notes += modules["result"].gaps(int((~known).sum()), given["length"], given["ended"])
        found = modules["groups.cohorts"].survival(length[known], ended[known].astype(bool))
        return replace(found, notes=(*notes, *found.notes))

    answer(given, run)


@click.command(help=_("What shortens contracts: proportional hazards."))
@table_file
@_column("--length", _("Column of the length so far."), required=True)
@_column("--ended", _("Column that says which have ended."), required=True)
@_column("--covariate", _("Column that may matter; give several."), required=True, multiple=True)
@_column("--customer", _("Column of the customer."))
def hazards(**given: Any) -> None:
    """Cox regression."""
    names = ("length", "ended", "customer")
    answer(given, lambda modules: modules["groups.hazards"].hazards(frame_of(given), covariates=given["covariate"], **{name: given[name] for name in names}))  # fmt: skip


@click.command(help=_("Whether two categories go together: counts and a test."))
@table_file
@_column("--rows", _("Column whose values are the rows."), required=True)
@_column("--columns", _("Column whose values are the columns."), required=True)
def cross(**given: Any) -> None:
    """Cross table."""
    answer(given, lambda modules: modules["groups.differences"].cross_table(frame_of(given), rows=given["rows"], columns=given["columns"]))  # fmt: skip


@click.command(help=_("What a number depends on: least squares with diagnostics."))
@table_file
@_column("--target", _("Column of numbers to explain."), required=True)
@_column("--driver", _("Column of numbers that may explain it; give several."), required=True, multiple=True)
def regression(**given: Any) -> None:
    """Linear regression."""
    answer(given, lambda modules: modules["groups.differences"].regression(frame_of(given), target=given["target"], drivers=list(given["driver"])))  # fmt: skip


@click.command(help=_("Gaps and oddities of a table."))
@table_file
def quality(**given: Any) -> None:
    """What is missing, constant, doubled, far out."""
    answer(given, lambda modules: modules["quality.report"].quality(frame_of(given)))


@click.command(help=_("Which rows are the same person or firm."))
@table_file
@_column("--key", _("Column that names the row."), required=True)
@_column("--column", _("Column to compare; give several."), required=True, multiple=True)
@click.option("--block", multiple=True, required=True, metavar="COL[,COL]", help=_("Columns in which twins agree, to find candidates; give several."))  # fmt: skip
def match(**given: Any) -> None:
    """Entity resolution."""
    blocks = [[part.strip() for part in one.split(",") if part.strip()] for one in given["block"]]
    answer(given, lambda modules: modules["quality.matching"].resolve(frame_of(given), key=given["key"], columns=list(given["column"]), blocks=blocks))  # fmt: skip


COMMANDS: Final = (
    satisfaction,
    topics,
    sequence,
    offer,
    uplift,
    leads,
    groups,
    profit,
    survival,
    hazards,
    cross,
    regression,
    quality,
    match,
)
