"""A list as an outlook: what is expected month by month, in the parts the entity declares, under the same filter."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.http import HttpRequest, HttpResponseBase
from django.utils import formats as django_formats
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.records import columns as typed
from guanxi.core.records import shape
from guanxi.core.schema.entity import Outlook
from guanxi.core.web.addresses import face_url, list_url
from guanxi.core.web.lists import faces
from guanxi.core.web.lists.state import ListState, read_state
from guanxi.core.web.views.common import actor_of, draw, entity_for, page_view

BACK, AHEAD = 2, 9
WHOLE = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """A sum, and where the records behind it are; ``width`` is its share of the widest month in percent."""

    amount: Decimal | None
    url: str
    width: int = 0


@dataclass(frozen=True, slots=True)
class Month:
    """One line: a month (or what lies before, after, or has no date), its records, parts and weighted sum."""

    label: str
    now: bool
    count: int
    url: str
    cells: list[Cell]
    weighted: Decimal | None


def _next(day: dt.date, months: int = 1) -> dt.date:
    place = day.year * 12 + day.month - 1 + months
    return dt.date(place // 12, place % 12 + 1, 1)


def months(actor: Actor, state: ListState, spec: Outlook) -> list[Month]:
    """The months around today, what lies before and after them, and what has no date; one query."""
    entity, fields = state.entity, shape.unmasked(actor, state.entity)
    on = fields[spec.on]
    now = clock.today(actor.timezone).replace(day=1)
    first, last = _next(now, -BACK), _next(now, AHEAD)
    value = typed.typed(fields[spec.total], spec.total)
    sums: dict[str, Any] = {
        f"part_{place}": Sum(value, filter=records.compile_tree(actor, entity, tree))
        for place, (_key, _label, tree) in enumerate(spec.parts)
    }
    if spec.weighted in fields:
        sums["weighted"] = Sum(typed.typed(fields[spec.weighted], spec.weighted))
    zone = ZoneInfo(actor.timezone) if on.kind == "datetime" else None
    month = TruncMonth(on.name, tzinfo=zone)
    rows = faces.rows_of(actor, state).annotate(month_of=month).values("month_of").annotate(number=Count("pk"), **sums)
    lines: dict[dt.date | str, dict[str, Any]] = {}
    for row in rows:
        day = row["month_of"]
        day = day.date() if isinstance(day, dt.datetime) else day
        key: dt.date | str = "none" if day is None else "before" if day < first else "after" if day > last else day
        line = lines.setdefault(key, {"number": 0})
        for name in ("number", *sums):
            line[name] = (line.get(name) or 0) + row[name] if row[name] is not None else line.get(name)
    whole: list[dt.date | str] = [_next(first, number) for number in range(BACK + AHEAD + 1)]
    keys = [*(["before"] if "before" in lines else []), *whole, *(one for one in ("after", "none") if one in lines)]
    most = max(
        (
            line.get(f"part_{place}") or 0
            for key, line in lines.items()
            if not isinstance(key, str)
            for place in range(len(spec.parts))
        ),
        default=0,
    )
    return [_line(state, spec, on, key, lines.get(key, {}), (first, last, now, most)) for key in keys]


def _line(state: ListState, spec: Outlook, on: Any, key: Any, line: dict[str, Any], about: tuple[Any, ...]) -> Month:
    first, last, now, most = about
    if key == "before":
        label, node = _("Earlier"), {"field": on.name, "op": "lt", "value": first.isoformat()}
    elif key == "after":
        label, node = _("Later"), {"field": on.name, "op": "gte", "value": _next(last).isoformat()}
    elif key == "none":
        label, node = _("Without a date"), {"field": on.name, "op": "empty"}
    else:
        label = django_formats.date_format(key, "YEAR_MONTH_FORMAT")
        node = faces.days_node(on, key, _next(key) - dt.timedelta(days=1))

    def url(*more: Any) -> str:
        return state.url(filter=faces.narrowed(state, node, *more), quick={}, path=list_url(state.entity))

    cells = [
        Cell(amount, url(tree), min(WHOLE, round(amount * WHOLE / most)) if amount and most else 0)
        for place, (_key, _label, tree) in enumerate(spec.parts)
        for amount in (line.get(f"part_{place}"),)
    ]
    return Month(label, key == now, line.get("number", 0), url(), cells, line.get("weighted"))


@page_view(may_be_old=True)
def show_outlook(request: HttpRequest, path: str) -> HttpResponseBase:
    """The outlook page; filters and views are those of the list."""
    entity, actor = entity_for(request, path), actor_of(request)
    spec = entity.outlook
    if spec is None or faces.OUTLOOK not in faces.faces_of(actor, entity):
        raise NotFound(_("There is no outlook of this kind."), code="outlook.unknown")
    state = replace(read_state(request, actor, entity, path=face_url(entity, "outlook")), cursor="", peek=None)
    found = months(actor, state, spec)
    totals = [
        sum((line.cells[place].amount or Decimal(0) for line in found), Decimal(0)) for place in range(len(spec.parts))
    ]
    context = {
        **faces.frame(actor, state),
        "title": f"{entity.plural} · {faces.OUTLOOK.label}",
        "by": records.fields_of(entity)[spec.on],
        "total": records.fields_of(entity)[spec.total],
        "fixed": {},
        "parts": [label for _key, label, _tree in spec.parts],
        "months": found,
        "totals": totals,
        "weigh": any(line.weighted is not None for line in found),
        "weighted": sum((line.weighted or Decimal(0) for line in found), Decimal(0)),
        "count": sum(line.count for line in found),
    }
    return draw(request, "list/outlook.jinja", context)
