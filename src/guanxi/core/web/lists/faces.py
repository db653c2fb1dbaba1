"""As what a list may be shown: list, board, calendar, funnel, outlook; all share filters, text and saved views."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django.utils.translation import gettext_lazy as _

from guanxi.core import access, records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.records import columns, process, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.web import formats
from guanxi.core.web.lists import filters, page
from guanxi.core.web.lists.lanes import board_fields
from guanxi.core.web.lists.state import ListState

#: Dates every record has; a calendar of nothing else is of no use.
OWN_DATES = ("created_at", "updated_at")


@dataclass(frozen=True, slots=True)
class Face:
    """One kind of view of an entity."""

    key: str
    label: Text
    icon: str


LIST = Face("list", _("List"), "layout-list")
BOARD = Face("board", _("Board"), "layout-kanban")
CALENDAR = Face("calendar", _("Calendar"), "calendar")
FUNNEL = Face("funnel", _("Funnel"), "filter")
OUTLOOK = Face("outlook", _("Outlook by month"), "chart-line")


def faces_of(actor: Actor, entity: Entity) -> list[Face]:
    """The kinds of view the actor may choose from, the list first."""
    found = [LIST]
    if entity.board is not None:
        found.append(BOARD)
    if date_fields(actor, entity):
        found.append(CALENDAR)
    if step_field(actor, entity) is not None:
        found.append(FUNNEL)
    if entity.outlook is not None and {entity.outlook.on, entity.outlook.total} <= shape.unmasked(actor, entity).keys():
        found.append(OUTLOOK)
    return found


def date_fields(actor: Actor, entity: Entity) -> dict[str, Field]:
    """Dates a calendar may lie by, those of the list first; none for an entity that only knows when it was made."""
    dates = {name: one for name, one in shape.unmasked(actor, entity).items() if one.kind in ("date", "datetime")}
    first = [name for name in (*entity.columns, *entity.filters) if name in dates and name not in OWN_DATES]
    if not first:
        return {}
    return {name: dates[name] for name in dict.fromkeys((*first, *dates))}


def step_field(actor: Actor, entity: Entity) -> Field | None:
    """The field whose steps make a funnel: the board's own, if a process leads over it."""
    if entity.board is None or entity.board.field not in process.process_fields(entity):
        return None
    return board_fields(actor, entity).get(entity.board.field)


def summed(actor: Actor, entity: Entity, name: str) -> Field | None:
    """The field, if the actor may read it and it can be added up."""
    found = shape.unmasked(actor, entity).get(name)
    return found if found is not None and KINDS[found.kind].summable else None


def frame(actor: Actor, state: ListState) -> dict[str, Any]:
    """What every kind of view has above its content."""
    entity = state.entity
    return {
        "entity": entity,
        "state": state,
        "faces": faces_of(actor, entity),
        "chips": filters.chips(actor, state),
        "quick": filters.quick_filters(actor, state),
        "state_fields": page.kept_fields(state),
        "may": {name: access.allowed(actor, name, entity) for name in ("create", "export", "import")},
        "view_name": state.view.name if state.view else entity.plural,
    }


def narrowed(state: ListState, *nodes: Mapping[str, Any]) -> dict[str, Any]:
    """The filter of the state and further conditions."""
    return {"all": [*([state.filter] if state.filter else []), *nodes]}


def rows_of(actor: Actor, state: ListState) -> QuerySet[Any]:
    """All records of the state."""
    return records.queryset(actor, state.entity, filter=state.filter or None, text=state.now.text)


def span(field: Field, first: dt.date, after: dt.date, zone: str) -> Q:
    """Records whose date lies from ``first`` up to, not including, ``after``, in the reader's days."""
    ends: tuple[Any, Any] = (first, after)
    if field.kind != "date":
        ends = clock.day_start(first, zone), clock.day_start(after, zone)
    if field.custom:
        value = columns.typed(field, field.name)
        return Q(GreaterThanOrEqual(value, Value(ends[0]))) & Q(LessThan(value, Value(ends[1])))
    return Q(**{f"{field.name}__gte": ends[0], f"{field.name}__lt": ends[1]})


def days_node(field: Field, first: dt.date, last: dt.date) -> dict[str, Any]:
    """The condition that lists the records of some days."""
    return {"field": field.name, "op": "between", "value": [first.isoformat(), last.isoformat()]}


def short(field: Field | None, amount: Any) -> str:
    """A sum in few signs; '' for none."""
    if field is None or amount is None:
        return ""
    return formats.short_money(amount) if field.kind == "money" else formats.number(amount)
