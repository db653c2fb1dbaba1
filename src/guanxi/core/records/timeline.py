"""Everything that happened to a record, newest first: what hangs on it, comments, files and changes of its fields.

Each source answers with one query of at most a page; the page is merged here. A position is a moment, the rank of the
source and an id, so pages neither repeat nor lose an entry, whatever happens at the same moment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.access import allowed, reads, require, sight, visible
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.kernel.machines import spoken
from guanxi.core.models import Comment, File, User
from guanxi.core.models.fixed import Fixed, Shaped
from guanxi.core.records import dictionaries, display, positions, shape
from guanxi.core.records.children import present
from guanxi.core.records.moments import CHANGE, CHANGE_ICON, FieldLine, TimelineEntry, Wish, changes
from guanxi.core.schema.entity import Entity, Timeline
from guanxi.core.schema.registry import children_of, entity_of, generation

__all__ = ["FieldLine", "TimelineEntry", "TimelineKind", "TimelinePage", "kinds_of", "timeline"]

COMMENT, FILE = "comment", "file"
LABELS = {COMMENT: gettext_lazy("Comments"), FILE: gettext_lazy("Files"), CHANGE: gettext_lazy("Changes")}
ICONS = {COMMENT: "message-circle", FILE: "paperclip", CHANGE: CHANGE_ICON}
MOST = 200
_PINNED = 20
FILE_RANK, COMMENT_RANK = 2, 3
_FIRST_ENTITY_RANK = 10


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """Entries, pinned ones first, then newest first; ``next`` is the position of the next page, '' at the end."""

    entries: tuple[TimelineEntry, ...]
    next: str


@dataclass(frozen=True, slots=True)
class TimelineKind:
    """A kind of entry one may filter by: ``key`` goes into ``timeline(kinds=…)``."""

    key: str
    label: str
    icon: str


def timeline(
    actor: Actor,
    record: models.Model,
    *,
    kinds: Iterable[str] = (),
    people: Iterable[int] = (),
    text: str = "",
    before: str = "",
    jump_to: dt.date | None = None,
    limit: int = 50,
) -> TimelinePage:
    """One page of what happened to ``record``, as far as the actor may see it.

    ``kinds`` are keys from :func:`kinds_of`, ``people`` user ids, ``before`` the ``next`` of the page before,
    ``jump_to`` begins with the last entry of that day (in the actor's time zone). Pinned entries stand on a first
    page only.
    Raises NotFound if the record is not for him, Invalid for a position that is none.
    """
    require(actor, "view", record)
    place = positions.read(before) if before else positions.end_of(jump_to, actor) if jump_to else None
    wish = Wish(actor, record, frozenset(kinds), tuple(people), text.strip(), place, min(max(limit, 1), MOST))
    pinned: list[TimelineEntry] = []
    entries: list[TimelineEntry] = []
    there = present(record)
    for source in _sources(wish):
        if not isinstance(source, _Branch) or (source.leads(there) and source.told(actor)):
            entries += source(wish)
    if not before:
        for branch in _branches(entity_of(record), wish.kinds):
            if branch.leads(there) and branch.told(actor):
                pinned += branch.pinned(wish)
    entries.sort(key=lambda entry: entry.place, reverse=True)
    more = len(entries) > wish.limit
    entries = entries[: wish.limit]
    following = positions.write(entries[-1].place) if more else ""
    pinned.sort(key=lambda entry: entry.place, reverse=True)
    return TimelinePage(tuple(_named([*pinned, *entries])), following)


def kinds_of(actor: Actor, record: models.Model) -> list[TimelineKind]:
    """What the record's timeline can be filtered by."""
    found = []
    for branch in _branches(entity_of(record)):
        entity, declared = branch.entity, branch.declared
        if not allowed(actor, "view", entity) or not branch.told(actor):
            continue
        field = shape.fields_of(entity).get(declared.icon_by)
        if field is None or not branch.sorted_for(actor):
            found.append(TimelineKind(entity.key, str(entity.plural), entity.icon))
            continue
        found += [
            TimelineKind(f"{entity.key}:{one.key}", one.label, declared.icons.get(one.key, entity.icon))
            for one in dictionaries.choices_of(field)
            if one.active
        ]
    found += [TimelineKind(one.kind, str(one.label), one.icon) for one in _further.values()]
    return [*found, *(TimelineKind(key, str(LABELS[key]), ICONS[key]) for key in (COMMENT, FILE, CHANGE))]


# -- sources -----------------------------------------------------------------------------------------------------------

Source = Callable[[Wish], list[TimelineEntry]]


@dataclass(frozen=True, slots=True)
class _Branch:
    """An entity whose records appear on the timeline, by the reference ``name``."""

    rank: int
    entity: Entity
    declared: Timeline
    name: str

    def __call__(self, wish: Wish) -> list[TimelineEntry]:
        """Its entries after the position; pinned ones stand elsewhere."""
        return [self.entry(wish.actor, row) for row in self._asked(wish, pinned=False)]

    def pinned(self, wish: Wish) -> list[TimelineEntry]:
        """Its pinned entries."""
        if not self._pins(wish.actor):
            return []
        return [replace(self.entry(wish.actor, row), pinned=True) for row in self._asked(wish, pinned=True)]

    def _asked(self, wish: Wish, *, pinned: bool) -> list[Any]:
        """The rows; a wish for the newest of everything is put into SQL once for all records."""
        plain = wish == Wish(wish.actor, wish.record, frozenset(), (), "", None, wish.limit)
        sees = sight(wish.actor) if plain else None
        key = sees and (self.entity.key, self.name, generation(), pinned, wish.limit, sees)
        return _BRANCH.rows(key, (self, wish, pinned), wish.record.pk)

    def query(self, wish: Wish, pinned: bool, pk: int) -> models.QuerySet[Any]:
        """The pinned rows, or the others after the position, newest first."""
        at, rows = self.declared.at, self.rows(wish, pk)
        if self._pins(wish.actor):
            rows = rows.filter(**{self.declared.pinned: pinned})
        if not pinned:
            rows = rows.filter(positions.older(wish, self.rank, at))
        return rows.order_by(f"-{at}", "-id")[: _PINNED if pinned else wish.limit + 1]

    def told(self, actor: Actor) -> bool:
        """Whether the actor may know that, and when, its rows are about a record."""
        names = [one for one in (self.name, self.declared.at) if one in shape.fields_of(self.entity)]
        return reads(actor, self.entity, *names)

    def sorted_for(self, actor: Actor) -> bool:
        """Whether the actor may know of what variety each row is."""
        return bool(self.declared.icon_by) and reads(actor, self.entity, self.declared.icon_by)

    def _pins(self, actor: Actor) -> bool:
        return bool(self.declared.pinned) and reads(actor, self.entity, self.declared.pinned)

    def leads(self, there: frozenset[tuple[str, str]]) -> bool:
        """Whether any of its rows, or a line of one, can lead to the record, given the references that do."""
        if "__" in self.name:
            return True
        lines = {(spec.entity, self.name) for spec in self.entity.lines if self.name in spec.columns}
        return (self.entity.key, self.name) in there or not lines.isdisjoint(there)

    @property
    def person(self) -> str:
        """The attribute that holds whose doing it was."""
        return f"{self.entity.access.owner or 'created_by'}_id"

    def rows(self, wish: Wish, pk: int) -> models.QuerySet[Any]:
        """Rows about the record with this key that the actor may see and asked for."""
        about = Q(**{self.name: pk})
        for spec in self.entity.lines:
            if self.name in spec.columns:  # a line names the record in a field of the same name
                lines = entity_of(spec.entity).model._default_manager.filter(**{self.name: pk})
                about |= Q(pk__in=lines.values(f"{spec.field}_id"))
        rows = self.entity.model._default_manager.filter(about, **{f"{self.declared.at}__isnull": False})
        varieties = {kind.partition(":")[2] for kind in wish.kinds if kind.partition(":")[0] == self.entity.key}
        if varieties and "" not in varieties and self.sorted_for(wish.actor):
            rows = rows.filter(**{f"{self.declared.icon_by}__in": varieties})
        if wish.people:
            rows = rows.filter(**{f"{self.person}__in": wish.people})
        if wish.text:
            fits = Q(pk__in=[])
            for name in (self.declared.title, self.declared.body):
                if name and reads(wish.actor, self.entity, name):
                    fits |= Q(**{f"{name}__icontains": wish.text})
            rows = rows.filter(fits)
        return visible(rows, wish.actor)

    def entry(self, actor: Actor, row: Any) -> TimelineEntry:
        """One row as an entry."""
        field = shape.fields_of(self.entity).get(self.declared.icon_by) if self.sorted_for(actor) else None
        variety = str(getattr(row, self.declared.icon_by)) if field is not None else ""
        choice = dictionaries.choice_of(field, variety) if field is not None and variety else None
        title, body = self._text(actor, row, self.declared.title), self._text(actor, row, self.declared.body)
        return TimelineEntry(
            kind=self.entity.key,
            id=row.pk,
            at=getattr(row, self.declared.at),
            rank=self.rank,
            by_id=getattr(row, self.person),
            title="" if body.startswith(title.removesuffix("…")) else title,  # the title was taken from the body
            body=body,
            icon=self.declared.icons.get(variety, self.entity.icon),
            color=choice.color if choice else self.entity.color,
            variety=variety,
            label=choice.label if choice else str(self.entity.label),
            own=allowed(actor, "change", row),
            record=row,
        )

    def _text(self, actor: Actor, row: Any, name: str) -> str:
        field = shape.fields_of(self.entity).get(name)
        if field is None:
            return ""
        return display.shown(field, display.masked(actor, self.entity, field, getattr(row, field.name)))


_BRANCH = Shaped(lambda branch, wish, pinned, pk: branch.query(wish, pinned, pk), [-7001])

#: Entities that appear on the timeline of another by way of a link no field of theirs shows: entity, path of the query.
_linked: dict[str, list[tuple[str, str]]] = {}


def add_linked(onto: str, entity: str, path: str) -> None:
    """Let records of ``entity`` appear on the timeline of those of ``onto`` to which the query ``path`` leads."""
    if (entity, path) not in _linked.setdefault(onto, []):
        _linked[onto].append((entity, path))


def _branches(entity: Entity, kinds: Iterable[str] = ()) -> list[_Branch]:
    """Entities that appear on the timeline of records of ``entity``; with ``kinds`` those asked for."""
    wanted = {kind.partition(":")[0] for kind in kinds}
    found = [(child, child.timeline, name) for child, name in children_of(entity.key)]
    all_of_them = [
        _Branch(rank, child, declared, name)
        for rank, (child, declared, name) in enumerate(found, start=_FIRST_ENTITY_RANK)
        if declared is not None and name in declared.on
    ]
    for rank, (key, path) in enumerate(_linked.get(entity.key, ()), start=_FIRST_ENTITY_RANK + len(found)):
        linked = entity_of(key)
        if linked.timeline is not None:
            all_of_them.append(_Branch(rank, linked, linked.timeline, path))
    return [branch for branch in all_of_them if not wanted or branch.entity.key in wanted]


@dataclass(frozen=True, slots=True)
class FurtherSource:
    """Entries a higher floor adds to every timeline: their kind, how it is called, their rank, and where they come from."""

    kind: str
    label: Text
    icon: str
    rank: int
    read: Source


_further: dict[str, FurtherSource] = {}


def add_source(source: FurtherSource) -> None:
    """Add entries to every timeline. The rank (0 to 9, not taken) orders entries of the same moment."""
    _further[source.kind] = source


def _sources(wish: Wish) -> list[Source]:
    found: list[Source] = [*_branches(entity_of(wish.record), wish.kinds)]
    if not wish.kinds or COMMENT in wish.kinds:
        found.append(_comments)
    if not wish.kinds or FILE in wish.kinds:
        found.append(_files)
    if (not wish.kinds or CHANGE in wish.kinds) and not wish.text:
        found.append(changes)
    found += [one.read for one in _further.values() if not wish.kinds or one.kind in wish.kinds]
    return found


def _left(wish: Wish, sort: str) -> list[Any]:
    """Comments or files on the record after the position."""
    plain = not wish.people and not wish.text and wish.before is None
    return _LEFT.rows((sort, wish.limit) if plain else None, (wish, sort), entity_of(wish.record).key, wish.record.pk)


def _left_query(wish: Wish, sort: str, entity: str, pk: int) -> models.QuerySet[Any]:
    model, rank, person, text = _LEAVING[sort]
    rows = model._default_manager.filter(entity=entity, record_id=pk, deleted_at__isnull=True)
    if wish.people:
        rows = rows.filter(**{f"{person}__in": wish.people})
    if wish.text:
        rows = rows.filter(**{f"{text}__icontains": wish.text})
    return rows.filter(positions.older(wish, rank, "created_at")).order_by("-created_at", "-id")[: wish.limit + 1]


_LEAVING: dict[str, tuple[type[models.Model], int, str, str]] = {
    COMMENT: (Comment, COMMENT_RANK, "author_id", "body"),
    FILE: (File, FILE_RANK, "uploaded_by_id", "name"),
}
_LEFT = Shaped(_left_query, ["\0", -7001])


def _comments(wish: Wish) -> list[TimelineEntry]:
    return [
        TimelineEntry(
            kind=COMMENT,
            id=row.pk,
            at=row.created_at,
            rank=COMMENT_RANK,
            by_id=row.author_id,
            body=row.body,
            icon=ICONS[COMMENT],
            label=_("Comment"),
            own=row.author_id is not None and row.author_id == wish.actor.user_id,
            record=row,
        )
        for row in _left(wish, COMMENT)
    ]


def _files(wish: Wish) -> list[TimelineEntry]:
    return [
        TimelineEntry(
            kind=FILE,
            id=row.pk,
            at=row.created_at,
            rank=FILE_RANK,
            by_id=row.uploaded_by_id,
            title=row.name,
            icon="photo" if row.is_picture else ICONS[FILE],
            label=_("File"),
            own=row.uploaded_by_id is not None and row.uploaded_by_id == wish.actor.user_id,
            record=row,
        )
        for row in _left(wish, FILE)
    ]


_NAMES = Fixed(lambda ids: User.everything.filter(pk__any=ids).values_list("pk", "name"), [[-7001]])


def _named(entries: list[TimelineEntry]) -> list[TimelineEntry]:
    """Every entry with the name of its person, in one query."""
    ids = {entry.by_id for entry in entries if entry.by_id}
    names = dict(_NAMES.rows(sorted(ids))) if ids else {}
    for entry in entries:
        entry.by_name = names.get(entry.by_id or 0) or spoken(entry.by_name, entry.by_id)
    return entries
