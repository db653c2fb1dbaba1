"""Lines of a record: rows of another entity that are written with it, in one form, one call, one operation.

``records.create`` and ``update`` take them as a list under the key of the declaration (:class:`~guanxi.core.schema.entity.Lines`):
rows with an ``id`` change stored lines, others are new, stored lines that are not named go to the trash; the order of
the list is theirs. Amounts are worked out by the declaration's ``settle`` whenever the record or one of its lines
changes, by whatever way. What may be seen and written in a line follows the field rights of the line's entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Clash, Conflict, Invalid
from guanxi.core.records import carrying, cleaning, dictionaries, shape, upkeep, values
from guanxi.core.records.writing import emit_many
from guanxi.core.schema.entity import Entity, Lines
from guanxi.core.schema.registry import entity_of

#: Where the rows of a record wait for its saving.
_WAITING = "_lines_waiting"


@dataclass(slots=True)
class Prepared:
    """The lines as they will be, in order, beside what they were (columns by id); ``gone`` go to the trash."""

    spec: Lines
    rows: list[Any]
    gone: list[Any] = field(default_factory=list)
    before: dict[int, dict[str, Any]] = field(default_factory=dict)

    def changed(self) -> list[tuple[Any, dict[str, list[Any]]]]:
        """Stored lines that differ now, with [before, after] by field."""
        found = []
        for row in self.rows:
            old = self.before.get(row.pk) if row.pk is not None else None
            if old is not None:
                changes = {name: [old[name], new] for name, new in columns_of(row).items() if old[name] != new}
                if changes:
                    found.append((row, changes))
        return found

    @property
    def differs(self) -> bool:
        """Whether anything has to be written."""
        return bool(self.gone or any(row.pk is None for row in self.rows) or self.changed())


def stored(record: Any, spec: Lines) -> list[Any]:
    """The lines of a record in their order; whoever may see the record may see that they are there."""
    if record.pk is None:
        return []
    model: Any = entity_of(spec.entity).model
    rows = list(model.objects.filter(**{f"{spec.field}_id": record.pk}).order_by("position", "pk"))
    for row in rows:
        setattr(row, spec.field, record)
    return rows


def stored_of(records: Sequence[Any], spec: Lines) -> dict[int, list[Any]]:
    """The lines of many records, by record; one query."""
    model: Any = entity_of(spec.entity).model
    by_id = {record.pk: record for record in records}
    found: dict[int, list[Any]] = {}
    for row in model.objects.filter(**{f"{spec.field}_id__in": list(by_id)}).order_by("position", "pk"):
        record = by_id[getattr(row, f"{spec.field}_id")]
        setattr(row, spec.field, record)
        found.setdefault(record.pk, []).append(row)
    return found


def marks_of(rows: Iterable[Any]) -> str:
    """Which lines in which version stand there, as text; sent along with a form to notice what others did meanwhile."""
    return ",".join(f"{row.pk}:{row.version}" for row in rows)


def take(entity: Entity, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values of the record itself, and those of its lines."""
    keys = {spec.key for spec in entity.lines}
    return (
        {name: value for name, value in given.items() if name not in keys},
        {name: value for name, value in given.items() if name in keys},
    )


def give(record: Any, given: Mapping[str, Any], *, trusted: bool) -> None:
    """Leave raw lines with the record; ``hold`` reads them when it is saved."""
    if given:
        setattr(record, _WAITING, (dict(given), trusted))


def check_original(record: Any, entity: Entity, given: Mapping[str, Any], original: Mapping[str, Any] | None) -> None:
    """Raise Conflict when somebody else changed the lines since the form was opened."""
    for spec in entity.lines:
        seen = (original or {}).get(spec.key)
        if spec.key not in given or not isinstance(seen, str):
            continue
        rows = stored(record, spec)
        if seen != marks_of(rows):
            count = _("%(count)d lines")
            sides = (len(given[spec.key] or ()), len(rows), len(list(filter(None, seen.split(",")))))
            raise Conflict(
                [Clash(spec.key, str(spec.label), *(count % {"count": number} for number in sides))],
                version=record.version,
            )


def differ(actor: Actor, entity: Entity, record: Any, given: Mapping[str, Any], *, trusted: bool) -> bool:
    """Whether the lines given are others than those stored. Raises Invalid."""
    for spec in entity.lines:
        if spec.key in given:
            work = prepared(actor, record, spec, given[spec.key], trusted=trusted)
            settle(actor, record, work)
            if work.differs:
                return True
    return False


@contextmanager
def foreseen(actor: Actor, entity: Entity, record: Any) -> Iterator[None]:
    """Within, a new record bears the amounts of the lines it comes with where it has none of its own, so that what asks
    for them is satisfied; ``hold`` settles them for good.
    """
    held = record.__dict__
    given, trusted = held.get(_WAITING, ({}, False))
    before, wrong = dict(held), None
    try:
        for spec in entity.lines:
            if spec.settle is not None and given.get(spec.key):
                spec.settle(actor, record, prepared(actor, record, spec, given[spec.key], trusted=trusted).rows)
    except Invalid as error:
        wrong = error  # said by ``hold``, after the record's own mistakes, or where it leaves an amount missing
    changed = {name: value for name, value in held.items() if name in before and before[name] is not value}
    held.update({name: before[name] for name in changed if before[name] is not None})
    try:
        yield
    except Invalid as missing:
        raise wrong or missing from None
    finally:
        held.update({name: before[name] for name, value in changed.items() if held[name] is value})


def hold(actor: Actor, entity: Entity, record: Any, changes: dict[str, list[Any]]) -> list[Prepared]:
    """Before a record is stored: read the lines given, settle all amounts, enter what changed in ``changes``."""
    if not entity.lines:
        return []
    given, trusted = record.__dict__.pop(_WAITING, ({}, False))
    before = totals_of(entity, record)
    found = []
    for spec in entity.lines:
        if spec.key in given:
            work = prepared(actor, record, spec, given[spec.key], trusted=trusted)
        else:
            rows = stored(record, spec)
            work = Prepared(spec, rows, before={row.pk: columns_of(row) for row in rows})
        settle(actor, record, work)
        if spec.key in given and work.differs:
            changes[spec.key] = [len(work.before), len(work.rows)]
        found.append(work)
    for name, value in totals_of(entity, record).items():
        if value != before[name]:
            changes[name] = [before[name], value]
    return found


def settle(actor: Actor, record: Any, work: Prepared) -> None:
    """Number the lines and let the declaration work out the amounts."""
    for position, row in enumerate(work.rows, 1):
        row.position = position
    if work.spec.settle is not None:
        work.spec.settle(actor, record, work.rows)


def totals_of(entity: Entity, record: Any) -> dict[str, Any]:
    """What settling may change in the record itself: the totals of its lines, and numbers nobody types."""
    fields = shape.fields_of(entity)
    names = {name for spec in entity.lines for name in spec.totals}
    readonly = [
        one.name for one in fields.values() if one.readonly and one.kind in ("money", "decimal", "percent", "boolean")
    ]
    return {name: getattr(record, name) for name in dict.fromkeys([*names, *readonly])}


# -- reading what was given --------------------------------------------------------------------------------------------


class Carried(dict[str, Any]):
    """A row a service took over from a line of another record: what is read-only in it, and a choice that is in the trash by now, stand as they were."""


def prepared(actor: Actor, record: Any, spec: Lines, given: Any, *, trusted: bool = False) -> Prepared:
    """Lines made of raw rows. Raises Invalid with the errors of each: ``lines.2.price``."""
    if not isinstance(given, list | tuple) or not all(isinstance(one, Mapping) for one in given or ()):
        raise Invalid(_("This must be a list of rows."), code="lines.type", field=spec.key)
    if len(given) > spec.most:
        raise Invalid(_("At most %(most)d rows are possible.") % {"most": spec.most}, code="lines.many", field=spec.key)
    entity = entity_of(spec.entity)
    there = {row.pk: row for row in stored(record, spec)}
    work = Prepared(spec, [], before={number: columns_of(row) for number, row in there.items()})
    pairs = [(_named(there, spec, number, one), _own(spec, one)) for number, one in enumerate(given)]
    taken = [_taken(entity, one) for one in given]
    for (_row, raw), held in zip(pairs, taken, strict=True):
        for name in held:
            raw.pop(name, None)
    try:
        cleaned = cleaning.clean_many(actor, entity, pairs, trusted=trusted)
    except Invalid as error:
        raise _placed(error, spec.key) from None
    errors: dict[str, list[Invalid]] = {}
    for number, ((row, _raw), clean) in enumerate(zip(pairs, cleaned, strict=True)):
        line = row if row is not None else entity.model()
        setattr(line, spec.field, record)
        work.rows.append(line)
        vars(line)["carried"] = isinstance(given[number], Carried)
        values.assign(line, shape.fields_of(entity), taken[number])
        try:
            _fill(actor, entity, spec, line, clean, sourced=given[number].get(spec.source) if spec.source else None)
        except Invalid as error:
            errors.update(_placed(error, f"{spec.key}.{number}").errors)
    if errors:
        raise Invalid.collect(errors)
    kept = {row.pk for row in work.rows}
    work.gone = [row for number, row in there.items() if number not in kept]
    return work


def _named(there: dict[int, Any], spec: Lines, number: int, one: Mapping[str, Any]) -> Any:
    """The stored line a row means, ``None`` for a new one; each may be named once."""
    raw = one.get("id")
    if raw in (None, ""):
        return None
    row = there.get(int(raw)) if str(raw).isdecimal() else None
    if row is None or getattr(row, "_named", False):
        raise Invalid(_("There is no such line."), code="lines.unknown", field=f"{spec.key}.{number}.id")
    row._named = True
    return row


def _taken(entity: Entity, one: Mapping[str, Any]) -> dict[str, Any]:
    """Of a carried row what stands as it was: read-only values and choices."""
    if not isinstance(one, Carried):
        return {}
    fields = shape.fields_of(entity)
    return {name: value for name, value in one.items() if fields[name].readonly or fields[name].kind == "reference"}


def _own(spec: Lines, one: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row without what the engine keeps; custom ones under their names."""
    kept = {"id", "version", "position", spec.field, "custom", "tags", "owner"}
    custom = one.get("custom")
    own = {f"custom.{key}": value for key, value in custom.items()} if isinstance(custom, Mapping) else {}
    return {**{name: value for name, value in one.items() if name not in kept}, **own}


def _fill(actor: Actor, entity: Entity, spec: Lines, line: Any, clean: dict[str, Any], *, sourced: Any = None) -> None:
    """Put clean values on a line, add what follows from them, check it."""
    fields = shape.fields_of(entity)
    changes = values.assign(line, fields, clean)
    if spec.sourced:
        line.written = (spec.sourced in changes if line.pk else getattr(line, spec.sourced) is not None) and not sourced
    if spec.follow is not None:
        spec.follow(actor, getattr(line, spec.field), line, frozenset(clean) if line.pk is None else frozenset(changes))
    if line.pk is None:
        changes |= values.assign(line, fields, _defaults(fields, line, clean))
    text_only = bool(spec.sort) and _is_text(spec, line)
    for name, one in fields.items():
        asked = one.required and not one.readonly and name != spec.field and one.kind != "boolean"
        if asked and not text_only and values.current(line, one) in (None, "", []):
            raise Invalid(_("“%(label)s” must be filled.") % {"label": one.label}, code="value.required", field=name)
    if entity.clean is not None:
        entity.clean(actor, line, changes)
    skip = {column.name for column in line._meta.concrete_fields if column.is_relation} | {"custom", "tags"}
    try:
        line.clean_fields(exclude=skip)
    except ValidationError as error:
        raise Invalid.collect(
            {
                name: [Invalid(text, code="value.invalid", field=name) for text in found]
                for name, found in error.message_dict.items()
            }
        ) from None


def _defaults(fields: Mapping[str, Any], line: Any, clean: Mapping[str, Any]) -> dict[str, Any]:
    """The usual choice where a new line says nothing, and nothing followed from what it says."""
    found = {}
    for name, one in fields.items():
        default = dictionaries.default_of(one.dictionary) if one.dictionary and not one.readonly else None
        if default and name not in clean and not getattr(line, name, ""):
            found[name] = default
    return found


def _is_text(spec: Lines, line: Any) -> bool:
    """Whether a line is only text: its sort is not the first of the choices."""
    choices = shape.fields_of(entity_of(spec.entity))[spec.sort].choices
    return bool(getattr(line, spec.sort) not in ("", choices[0][0]))


def _placed(error: Invalid, place: str) -> Invalid:
    """The same errors, named below ``place``."""
    found = error.errors or {"": [error]}
    return Invalid.collect({f"{place}.{name}".rstrip("."): errors for name, errors in found.items()})


# -- storing -----------------------------------------------------------------------------------------------------------


def columns_of(row: Any) -> dict[str, Any]:
    """What a line holds, without what every write changes."""
    skip = {"version", "updated_at", "updated_by", "created_at", "created_by", "carrier_owner"}
    return {one.name: getattr(row, one.attname) for one in row._meta.concrete_fields if one.name not in skip}


def store(actor: Actor, record: Any, work: Iterable[Prepared]) -> None:
    """After the record was stored: write the lines that are new or differ, put those left out in the trash."""
    for one in work:
        entity = entity_of(one.spec.entity)
        changed = one.changed()
        _insert(actor, entity, one.spec, record, [row for row in one.rows if row.pk is None])
        write_changed(actor, entity, changed)
        _remove(actor, entity, one.gone)


def _insert(actor: Actor, entity: Entity, spec: Lines, record: Any, rows: Sequence[Any]) -> None:
    if not rows:
        return
    now = clock.now()
    for row in rows:
        setattr(row, spec.field, record)
        row.created_at = row.updated_at = now
        row.created_by_id = row.updated_by_id = actor.user_id
    carrying.carry_many(entity, rows)
    entity.model._base_manager.bulk_create(rows)
    upkeep.after_save(entity, rows)
    emit_many(actor, entity, "created", [(row.pk, {}) for row in rows])


def write_changed(actor: Actor, entity: Entity, changed: Sequence[tuple[Any, dict[str, list[Any]]]]) -> None:
    """Write lines (or records) that were settled, each with what moved, and tell what they changed."""
    if not changed:
        return
    names = {name for _row, changes in changed for name in changes}
    for row, _changes in changed:
        row.version += 1
        row.updated_at, row.updated_by_id = clock.now(), actor.user_id
    rows = [row for row, _changes in changed]
    entity.model._base_manager.bulk_update(rows, [*names, "version", "updated_at", "updated_by"], 250)
    upkeep.after_save(entity, rows, dict.fromkeys(names))
    emit_many(actor, entity, "updated", [(row.pk, _plain(changes)) for row, changes in changed])


def _plain(changes: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {
        name: [one if isinstance(one, bool | int | None) else str(one) for one in pair]
        for name, pair in changes.items()
    }


def _remove(actor: Actor, entity: Entity, rows: Sequence[Any]) -> None:
    if not rows:
        return
    now, ids = clock.now(), [row.pk for row in rows]
    entity.model._base_manager.filter(pk__in=ids).update(
        deleted_at=now, deleted_by_id=actor.user_id, updated_at=now, version=models.F("version") + 1
    )
    upkeep.after_trash(entity, ids)
    emit_many(actor, entity, "deleted", [(number, {}) for number in ids])
