"""Parts of the timeline: its entries, and the changes of fields folded into one line per person and moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import orjson
from django.utils.translation import gettext as _

from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor
from guanxi.core.models.fixed import ask
from guanxi.core.records import display, history, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: Changes by one person within so many minutes (of the clock) are one line.
MOMENT_MINUTES = 5
#: The source of changes: its kind, rank and icon.
CHANGE, CHANGE_RANK, CHANGE_ICON = "change", 1, "history"

Place = tuple[dt.datetime, int, int]


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One changed field in words, as the reader may see it."""

    field: Field
    before: str
    after: str


@dataclass(slots=True)
class TimelineEntry:
    """One thing that happened.

    ``kind`` is ``comment``, ``file``, ``change`` or an entity key; ``variety`` the key of the choice that tells entries
    of an entity apart (call, visit …). ``record`` is the comment, file or record itself, ``None`` for changes;
    ``action`` of a change is create, update, trash or restore; ``own`` says that the reader may change the entry.
    """

    kind: str
    id: int
    at: dt.datetime
    rank: int
    by_id: int | None
    by_name: str = ""
    title: str = ""
    body: str = ""
    icon: str = ""
    color: str = ""
    variety: str = ""
    label: str = ""
    pinned: bool = False
    own: bool = False
    action: str = ""
    changes: tuple[FieldLine, ...] = ()
    record: Any = None

    @property
    def place(self) -> Place:
        """Where it stands in the order."""
        return (self.at, self.rank, self.id)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the reader asked for."""

    actor: Actor
    record: Any
    kinds: frozenset[str]
    people: tuple[int, ...]
    text: str
    before: Place | None
    limit: int


_ROWS = """
SELECT id, at, actor_id, actor_name, action, changes FROM core_auditentry
WHERE entity = %(table)s AND record_id = %(record)s {people} {until}
  AND (action <> 'update' OR changes - %(unseen)s::text[] <> '{{}}'::jsonb)
ORDER BY at DESC, id DESC LIMIT %(limit)s
"""


@dataclass(slots=True)
class _Row:
    """One audit entry."""

    id: int
    at: dt.datetime
    actor_id: int | None
    actor_name: str
    action: str
    changes: dict[str, Any]

    @property
    def moment(self) -> int:
        """The number of the span of time it falls into."""
        return int(self.at.timestamp()) // (MOMENT_MINUTES * 60)


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows of one person and moment, newest first, with what they come to."""

    rows: Sequence[_Row]
    action: str
    changes: tuple[history.FieldChange, ...]


def changes(wish: Wish) -> list[TimelineEntry]:
    """Changes of the record's fields the actor may see, newest first, at most ``limit + 1``.

    All rows of one person and moment are one entry; it stands where its newest row stands.
    """
    entity = entity_of(wish.record)
    found: list[TimelineEntry] = []
    groups = _groups(wish)
    while len(found) <= wish.limit:
        some = [_Group(rows, *_folded(wish.actor, entity, rows)) for rows in islice(groups, wish.limit + 1)]
        names = display.names_of(wish.actor, _pointed_at(some))
        entries = [_change(one, names) for one in some]
        found += [entry for entry in entries if entry.changes or entry.action != "update"]
        if len(some) <= wish.limit:
            break
    return found[: wish.limit + 1]


def _groups(wish: Wish) -> Iterator[list[_Row]]:
    """Rows of one person and moment together, newest first within and between the groups, after the position."""
    for _moment, rows in groupby(_rows(wish), key=lambda row: row.moment):
        people: dict[int | None, list[_Row]] = {}
        for row in rows:
            people.setdefault(row.actor_id, []).append(row)
        for group in people.values():  # in order of their newest rows
            if _follows(group[0], wish.before):
                yield group


def _follows(row: _Row, before: Place | None) -> bool:
    return before is None or (row.at, CHANGE_RANK, row.id) < before


def _rows(wish: Wish) -> Iterator[_Row]:
    """Audit entries of the record, newest first, fetched a page at a time."""
    entity = entity_of(wish.record)
    values: dict[str, Any] = {
        "table": entity.table,
        "record": wish.record.pk,
        "unseen": _unseen(wish.actor, entity),
        "people": list(wish.people),
        "limit": wish.limit * 2,
    }
    people = "AND actor_id = ANY(%(people)s)" if wish.people else ""
    until = ""
    if wish.before is not None:  # a group that began before the position may have rows up to a moment after it
        until = "AND at < %(edge)s"
        values["edge"] = wish.before[0] + dt.timedelta(minutes=MOMENT_MINUTES)
    while True:
        found = [
            _Row(number, at, by, name, action, _read(changes))
            for number, at, by, name, action, changes in ask(_ROWS.format(people=people, until=until), values)
        ]
        yield from found
        if len(found) < values["limit"]:
            return
        until = "AND (at, id) < (%(at)s, %(id)s)"
        values |= {"at": found[-1].at, "id": found[-1].id}


def _read(changes: Any) -> dict[str, Any]:
    return dict(changes if isinstance(changes, dict) else orjson.loads(changes or "{}"))


def _unseen(actor: Actor, entity: Entity) -> list[str]:
    """Columns whose change makes no line: those written by services, and those hidden from the actor."""
    return [
        str(column.column)
        for column in entity.model._meta.concrete_fields
        if column.name not in ("deleted_at", "custom") and not _shown(actor, entity, column.name)
    ]


def _shown(actor: Actor, entity: Entity, name: str) -> bool:
    field = shape.fields_of(entity).get(name)
    return field is not None and not field.readonly and field_level(actor, entity, name) != "hidden"


def _folded(actor: Actor, entity: Entity, rows: Sequence[_Row]) -> tuple[str, tuple[history.FieldChange, ...]]:
    """The action of a group's rows and, for an update, its net changes that make a line."""
    action = "update"
    net: dict[str, list[Any]] = {}
    for row in reversed(rows):
        told = history.action_of(row.action, row.changes)
        action = told if told != "update" else action
        for column, (before, after) in row.changes.items():
            net[column] = [net[column][0] if column in net else before, after]
    if action != "update":
        return action, ()
    net = {column: pair for column, pair in net.items() if pair[0] != pair[1]}
    found = history.field_changes(actor, entity, net)
    return action, tuple(one for one in found if not one.field.readonly)


def _pointed_at(groups: Sequence[_Group]) -> dict[str, set[int]]:
    wanted: dict[str, set[int]] = {}
    for change in (one for group in groups for one in group.changes):
        if change.field.kind in (*display.POINTING, "references"):
            ids = wanted.setdefault(display.target_of(change.field), set())
            for value in (change.before, change.after):
                ids.update(one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int))
    return wanted


def _change(group: _Group, names: display.Names) -> TimelineEntry:
    lines = tuple(
        FieldLine(one.field, display.shown(one.field, one.before, names), display.shown(one.field, one.after, names))
        for one in group.changes
    )
    newest = group.rows[0]
    return TimelineEntry(
        kind=CHANGE,
        id=newest.id,
        at=newest.at,
        rank=CHANGE_RANK,
        by_id=newest.actor_id,
        by_name=newest.actor_name,
        icon=CHANGE_ICON,
        label=_("Change"),
        action=group.action,
        changes=lines,
    )
