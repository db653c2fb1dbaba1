"""Parts of the timeline: its entries, and the changes of fields folded into one line per person and moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from django.db import connection
from django.utils.translation import gettext as _

from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import AuditEntry
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


@dataclass(frozen=True, slots=True)
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


# All rows of one person and moment are one group; it stands where its newest row stands.
_MOMENTS = """
SELECT max(at) AS newest, max(id) AS number, actor_id, max(actor_name) AS name,
       jsonb_agg(jsonb_build_array(action, changes) ORDER BY at, id) AS steps
FROM core_auditentry
WHERE entity = %(table)s AND record_id = %(record)s {people} {until}
  AND (action <> 'update' OR changes - %(unseen)s::text[] <> '{{}}'::jsonb)
GROUP BY actor_id, date_bin(%(moment)s, at, 'epoch'::timestamptz)
{having}
ORDER BY newest DESC, number DESC LIMIT %(limit)s
"""


def changes(wish: Wish) -> list[TimelineEntry]:
    """Changes of the record's fields the actor may see, newest first, at most ``limit + 1``."""
    found: list[TimelineEntry] = []
    for entry in _told(wish):
        if entry.changes or entry.action != "update":
            found.append(entry)
        if len(found) > wish.limit:
            break
    return found


def _told(wish: Wish) -> Iterator[TimelineEntry]:
    """Entries group by group; some come to nothing, because values went back to what they were or are hidden."""
    while True:
        entries = _fetched(wish)
        yield from entries
        if len(entries) <= wish.limit:
            return
        wish = replace(wish, before=entries[-1].place)


def _fetched(wish: Wish) -> list[TimelineEntry]:
    entity = entity_of(wish.record)
    moment = dt.timedelta(minutes=MOMENT_MINUTES)
    values: dict[str, Any] = {
        "table": entity.table,
        "record": wish.record.pk,
        "moment": moment,
        "unseen": _unseen(wish.actor, entity),
        "limit": wish.limit + 1,
        "people": list(wish.people),
    }
    until = having = ""
    if wish.before is not None:
        until, having = "AND at < %(edge)s", _having(wish.before)
        values |= {"edge": wish.before[0] + moment, "at": wish.before[0], "number": wish.before[2]}
    sql = _MOMENTS.format(people="AND actor_id = ANY(%(people)s)" if wish.people else "", until=until, having=having)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchall()
    raw = [(at, number, by, name, _folded(steps)) for at, number, by, name, steps in found]
    names = display.names_of(wish.actor, _pointed_at(entity, [one[4][1] for one in raw]))
    return [_change(wish.actor, entity, names, one) for one in raw]


def _having(place: Place) -> str:
    rank = CHANGE_RANK
    if rank < place[1]:
        return "HAVING max(at) <= %(at)s"
    if rank > place[1]:
        return "HAVING max(at) < %(at)s"
    return "HAVING (max(at), max(id)) < (%(at)s, %(number)s)"


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


def _folded(steps: Any) -> tuple[str, dict[str, Any]]:
    """The action and net changes of a group's rows, oldest first."""
    action = "update"
    net: dict[str, list[Any]] = {}
    for done, changes in steps if isinstance(steps, list) else orjson.loads(steps):
        entry = AuditEntry(action=done, changes=changes)
        told = history.action_of(entry)
        action = told if action == "update" or told != "update" else action
        for column, (before, after) in (changes or {}).items():
            net[column] = [net[column][0] if column in net else before, after]
    return action, {column: pair for column, pair in net.items() if pair[0] != pair[1]}


def _pointed_at(entity: Entity, changes: Sequence[dict[str, Any]]) -> dict[str, set[int]]:
    by_column = {field.column: field for field in shape.fields_of(entity).values() if field.column}
    wanted: dict[str, set[int]] = {}
    for one in changes:
        for column, pair in one.items():
            field = by_column.get(column)
            if field is not None and field.kind in ("reference", "user"):
                key = "core.user" if field.kind == "user" else field.target
                wanted.setdefault(key, set()).update(number for number in pair if isinstance(number, int))
    return wanted


def _change(actor: Actor, entity: Entity, names: display.Names, one: tuple[Any, ...]) -> TimelineEntry:
    at, number, by, name, (action, changes) = one
    lines: tuple[FieldLine, ...] = ()
    if action == "update":
        lines = tuple(
            FieldLine(
                change.field,
                display.shown(change.field, change.before, names),
                display.shown(change.field, change.after, names),
            )
            for change in history.field_changes(actor, entity, AuditEntry(action=action, changes=changes))
            if not change.field.readonly
        )
    return TimelineEntry(
        kind=CHANGE,
        id=number,
        at=at,
        rank=CHANGE_RANK,
        by_id=by,
        by_name=name,
        icon=CHANGE_ICON,
        label=_("Change"),
        action=action,
        changes=lines,
    )
