"""How a board looks to a person: fields of a card, what colours it, rows across the columns, when a column is too full.

All of it stands in the address (``card``, ``color``, ``rows``, ``most``) and is kept for the person and board.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import dictionaries, display, layouts, shape
from guanxi.core.records.reading import Group
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.web.lists import columns as columns_of
from guanxi.core.web.lists.lanes import MOST_LANES
from guanxi.core.web.lists.state import ListState, preferences_of

KEPT = "boards"
NAMES = ("card", "color", "rows", "most")
#: Colours a card by how long ago the board's date lies.
AGE = "age"
MOST_CARD, MOST_ROWS = 12, 30
#: Fields of a card nobody arranged.
USUAL_CARD = 4


@dataclass(frozen=True, slots=True)
class Look:
    """``card`` fields, ``color`` a choice field, :data:`AGE` or '', ``rows`` a field or '', ``most`` cards (0: any number).

    ``by_type`` holds the fields of cards of a type that has a layout of its own.
    """

    card: tuple[str, ...]
    color: str = ""
    rows: str = ""
    most: int = 0
    given: Mapping[str, str] = field(default_factory=dict)
    by_type: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Every field some card shows."""
        return list(dict.fromkeys((*self.card, *(name for names in self.by_type.values() for name in names))))

    def of(self, entity: Entity, record: Any) -> tuple[str, ...]:
        """The fields of the card of a record, in their order."""
        return self.by_type.get(layouts.kind_of(entity, record), self.card) if self.by_type else self.card


@dataclass(frozen=True, slots=True)
class Age:
    """Days since the board's date, in words; ``color`` says how far it has gone."""

    text: str
    title: str
    color: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row across the columns: the value it stands for, its name, how many records, where its columns come from."""

    key: str
    label: str
    count: int
    state: ListState


def read_look(request: HttpRequest, actor: Actor, entity: Entity, by: Field) -> Look:
    """As the address says, else as the person left it, else as declared. What he may not read is left out."""
    kept = preferences_of(request).get(KEPT, {}).get(f"{entity.key}:{by.name}") or {}
    sent = {name: request.GET[name][:1000] for name in NAMES if name in request.GET}
    said = {**{name: str(kept[name]) for name in NAMES if name in kept}, **sent}
    arranged = layouts.names(layouts.layout_of(actor, entity, "card"))
    offered = card_fields(actor, entity)
    declared = arranged or (entity.board.card if entity.board else ()) or as_listed(actor, entity, by.name)
    names = tuple(name for name in said["card"].split(",") if name in offered) if "card" in said else declared
    color = said.get("color", AGE if age_field(actor, entity) else "")
    most = said.get("most", "")
    return Look(
        card=names[:MOST_CARD],
        color=color if color in color_fields(actor, entity) else "",
        rows=said["rows"] if said.get("rows") in row_fields(actor, entity, by) else "",
        most=int(most) if most.isdecimal() and len(most) < 6 else 0,
        given=sent,
        by_type={} if "card" in said else _by_type(actor, entity),
    )


def as_listed(actor: Actor, entity: Entity, by: str) -> tuple[str, ...]:
    """The first columns of the list on a card nobody arranged: a title alone seldom says which record it is."""
    offered = card_fields(actor, entity)
    listed = layouts.names(layouts.layout_of(actor, entity, "list")) or entity.columns
    return tuple(name for name in listed if name in offered and name != by)[:USUAL_CARD]


def _by_type(actor: Actor, entity: Entity) -> dict[str, tuple[str, ...]]:
    return {
        kind: layouts.names(layouts.layout_of(actor, entity, "card", kind=kind))[:MOST_CARD]
        for kind in layouts.kinds_of(entity, "card")
    }


def card_fields(actor: Actor, entity: Entity) -> dict[str, str]:
    """What a card may show, by path."""
    return {offer.path: str(offer.label) for offer in columns_of.offers(actor, entity) if offer.path != entity.title}


def age_field(actor: Actor, entity: Entity) -> Field | None:
    """The date the age of a card is reckoned from, if there is one the actor may read."""
    name = entity.board.age if entity.board else ""
    return (
        shape.fields_of(entity)[name] if name and shape.path_level(actor, entity, name) in ("read", "write") else None
    )


def color_fields(actor: Actor, entity: Entity) -> dict[str, str]:
    """What may colour a card: nothing, its age, choices that have colours."""
    found = {"": _("No colour")}
    if aged := age_field(actor, entity):
        found[AGE] = _("How long ago: %(field)s") % {"field": aged.label}
    for name, one in _flat(actor, entity).items():
        if one.kind == "choice" and any(choice.color for choice in dictionaries.choices_of(one)):
            found[name] = capfirst(str(one.label))
    return found


def row_fields(actor: Actor, entity: Entity, by: Field) -> dict[str, str]:
    """What may make rows across the columns."""
    found = {"": _("No rows")}
    found |= {name: capfirst(str(one.label)) for name, one in _flat(actor, entity).items() if name != by.name}
    return found


def _flat(actor: Actor, entity: Entity) -> dict[str, Field]:
    """Fields of few values: people, yes or no, choices without a tree."""
    found = {}
    for name, one in shape.readable(actor, entity).items():
        if one.custom or shape.path_level(actor, entity, name) == "masked" or name.endswith("_by"):
            continue
        choices = dictionaries.choices_of(one) if one.kind == "choice" else []
        few = 1 < len(choices) <= MOST_LANES and not any(choice.parent for choice in choices)
        if one.kind in ("user", "boolean") or few:
            found[name] = one
    return found


def color_of(look: Look, entity: Entity, record: Any, age: Age | None) -> str:
    """The colour of a card, '' for none."""
    if look.color == AGE:
        return age.color if age else ""
    if not look.color:
        return ""
    choice = dictionaries.choice_of(shape.fields_of(entity)[look.color], str(getattr(record, look.color, "") or ""))
    return choice.color if choice else ""


def age_of(actor: Actor, entity: Entity, record: Any, declared: Field | None) -> Age | None:
    """How many days ago the board's date lies; ``None`` for one to come or not given."""
    board = entity.board
    moment = getattr(record, declared.name, None) if declared else None
    if moment is None or board is None or declared is None:
        return None
    day = clock.day_of(moment, actor.timezone) if isinstance(moment, dt.datetime) else moment
    days = (clock.today(actor.timezone) - day).days
    warn, late = board.age_days
    if days < warn:
        return None
    text = ngettext("%(count)d day", "%(count)d days", days) % {"count": days}
    return Age(text, f"{capfirst(str(declared.label))}: {day.isoformat()}", "red" if days >= late else "amber")


def rows_of(actor: Actor, state: ListState, name: str) -> tuple[list[Row], int]:
    """The rows of a board, those of choices in their order, others by size; and how many were left out."""
    declared = shape.fields_of(state.entity)[name]
    groups = records.groups(actor, state.entity, name, filter=state.filter or None, text=state.now.text)
    groups = [one for one in groups if declared.kind != "boolean" or one.value is not None]
    names = display.names_of(actor, {"core.user": {one.value for one in groups if one.value}})
    if declared.kind == "choice":
        order = {choice.key: place for place, choice in enumerate(dictionaries.choices_of(declared))}
        groups = sorted(groups, key=lambda one: order.get(str(one.value or ""), -1))
    found = [Row(_key(one), _name(declared, one, names), one.count, narrowed(state, name, _key(one))) for one in groups]
    return found[:MOST_ROWS], max(len(found) - MOST_ROWS, 0)


def _key(group: Group) -> str:
    return str(int(group.value)) if isinstance(group.value, bool) else str(group.value or "")


def _name(declared: Field, group: Group, names: display.Names) -> str:
    if declared.kind == "boolean":
        return f"{capfirst(str(declared.label))}: {_('Yes') if group.value else _('No')}"
    if group.value in (None, ""):
        return _("Nothing given")
    if declared.kind == "user":
        return names.get("core.user", {}).get(int(group.value), "—")
    return dictionaries.label_of(declared, str(group.value))


def narrowed(state: ListState, name: str, key: str) -> ListState:
    """The list of one row alone."""
    boolean = shape.fields_of(state.entity)[name].kind == "boolean"
    value: Any = key == "1" if boolean else key
    node = {"field": name, "op": "eq", "value": value} if key else {"field": name, "op": "empty"}
    now = replace(state.now, filter={"all": [dict(state.now.filter), node]} if state.now.filter else node)
    return replace(state, now=now)
