"""A result as pages show it: picture, table with links to the lists behind its figures, what it is about and how fresh."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _
from markupsafe import Markup

from guanxi.core.kernel.actor import Actor
from guanxi.core.records import fields_of
from guanxi.core.reporting.charts import draw
from guanxi.core.reporting.charts.series import change_words, words
from guanxi.core.reporting.folding import Node
from guanxi.core.reporting.results import Cell, Result, Row, Unit
from guanxi.core.schema.entity import Entity
from guanxi.core.web.addresses import list_url
from guanxi.core.web.lists.wording import describe, nodes_of

Leads = Callable[[Node | None], str]


def node_url(entity: Entity, node: Node | None) -> str:
    """The list that holds exactly the records of a filter; '' where there is none."""
    if node is None:
        return ""
    query = (
        {"view": "0", "f": json.dumps(node, ensure_ascii=False, separators=(",", ":"), default=str)}
        if node
        else {"view": "0"}
    )
    return f"{list_url(entity)}?{urlencode(query)}"


def leads_of(result: Result) -> Leads:
    """Where figures lead: the list of their records, or the records as they were on the day asked for."""
    if result.day is None:
        columns = _measured(result)
        return lambda node: f"{url}{columns}" if (url := node_url(result.entity, node)) else ""
    known = {"dataset": result.entity.path, "asof": result.day.isoformat()}

    def past(node: Node | None) -> str:
        if node is None:
            return ""
        held = json.dumps(node, ensure_ascii=False, separators=(",", ":"), default=str)
        return f"/reports/past/?{urlencode({**known, **({'f': held} if node else {})})}"

    return past


def _measured(result: Result) -> str:
    """Columns for the list, where it would not show by itself what the figure adds up."""
    entity = result.entity
    listed = [one.rstrip("!") for one in entity.columns]
    more = [one.field for one in result.spec.measures if one.field in fields_of(entity) and one.field not in listed]
    return f"&cols={','.join(dict.fromkeys([*listed, *more]))}" if more else ""


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A figure as text, where it leads, how it changed (``up`` says in which direction)."""

    text: str
    url: str
    before: str = ""
    change: str = ""
    up: bool | None = None
    heat: int = 0


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as text."""

    names: tuple[tuple[str, str], ...]
    cells: tuple[ShownCell, ...]
    sort: str = ""


def shown_cell(result: Result, cell: Cell, unit: Unit, leads: Leads) -> ShownCell:
    """One cell as text; ``leads`` gives the address of its records."""
    change = cell.change
    return ShownCell(
        words(unit, cell.value) or "—",
        leads(cell.leads),
        words(unit, cell.before) if result.compared else "",
        change_words(cell) if result.compared else "",
        None if not change else change > 0,
        round(min(cell.value, 100) / 20) if unit.heat and cell.value else 0,
    )


def shown_row(result: Result, row: Row, leads: Leads) -> ShownRow:
    """One row as text."""
    return ShownRow(
        tuple((head.label, head.color) for head in row.heads),
        tuple(
            shown_cell(result, cell, column.unit, leads) for cell, column in zip(row.cells, result.columns, strict=True)
        ),
        row.sort,
    )


def about(actor: Actor, result: Result) -> list[str]:
    """What the figures are: which records, which period, compared with what, whose rights, how fresh."""
    found = [_("%(what)s that you may see") % {"what": result.entity.plural}]
    base = list(nodes_of(result.spec.filter)[1]) if "any" not in result.spec.filter else [result.spec.filter]
    found += [describe(actor, result.entity, one) for one in base]
    if result.day is not None:
        found.append(
            _("as it was at the end of %(day)s, of what you may see today; other records they refer to as of today")
            % {"day": result.day.isoformat()}
        )
    if result.window is not None:
        found.append(f"{result.date_label}: {result.window.text()}")
    if result.window_before is not None:
        found.append(_("compared with %(period)s") % {"period": result.window_before.text()})
    if result.day_before is not None:
        found.append(_("compared with %(period)s") % {"period": result.day_before.isoformat()})
    if result.spec.target is not None:
        found.append(_("target %(value)s") % {"value": words(result.first.unit, result.spec.target)})
    return found


def freshness(actor: Actor, result: Result) -> str:
    """When it was worked out, in which time zone."""
    at = timezone.localtime(result.at)
    return _("As of %(time)s, time zone %(zone)s") % {"time": f"{at:%Y-%m-%d %H:%M:%S}", "zone": actor.timezone}


def shown(
    actor: Actor, result: Result, *, chart: str = "", width: int = 720, height: int = 300, links: bool = True
) -> Mapping[str, Any]:
    """Everything the templates of a result need; without ``links`` nothing leads to records."""
    chart = chart or result.spec.chart
    leads: Leads = leads_of(result) if links else (lambda _node: "")
    picture = draw(result, chart=chart, width=width, height=height, link=leads)
    return {
        "result": result,
        "chart": chart,
        "picture": Markup(picture),  # noqa: S704 - texts in it are escaped where it is drawn
        "rows": [shown_row(result, row, leads) for row in result.rows] if result.spec.rows else [],
        "total": shown_row(result, result.total, leads),
        "about": about(actor, result),
        "fresh": freshness(actor, result),
    }
