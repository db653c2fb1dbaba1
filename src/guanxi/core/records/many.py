"""Writing many clean rows at once, with the same rules, audit, search, match keys and events as one at a time.

Rows arrive cleaned (``cleaning.clean_given``) and with rights settled; what is left is done here per batch: required
fields and defaults, the entity's own rules, numbers, ``COPY`` into the tables, one event per record.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import Operation
from guanxi.core.records import (
    carrying,
    derived,
    dictionaries,
    doubts,
    gates,
    matching,
    narrowing,
    numbering,
    process,
    rules,
    settling,
    shape,
    upkeep,
    values,
)
from guanxi.core.records.copying import Blank, copy_lines, copy_records, escaped
from guanxi.core.records.search import index, tokens
from guanxi.core.records.writing import emit_many, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: Records whose columns are set in one statement.
PART = 250
#: Values of an author's columns a trusted loader may give.
AUTHORSHIP = ("created_at", "created_by", "updated_at")


def insert_many(
    actor: Actor,
    entity: Entity | str,
    rows: Sequence[Mapping[str, Any]],
    *,
    operation: Operation | None = None,
    quiet: bool = False,
    write: bool = True,
    search_later: bool = False,
) -> list[Any]:
    """Make records of clean rows; per row, in order, the record or the Invalid that refused it.

    What is rarely meant stands with the record (``doubts_of``). ``quiet`` sends no events, ``write=False`` checks only, ``search_later`` leaves the search documents to
    ``index.catch_up``. References must exist and be allowed.
    """
    declared = entity_of(entity)
    plan = Plan(actor, declared)
    made: list[Any] = [plan.built(row) for row in rows]
    records = [record for record in made if not isinstance(record, Invalid)]
    if not write or not records:
        return made
    with writing(actor, operation=operation):
        numbering.fill_many(declared, records)
        carrying.carry_many(declared, records)
        copy_records(records)
        process.note(actor, [(record, record._entered) for record in records if record._entered])
        if search_later:
            index.later(declared, [record.pk for record in records])
        else:
            _copy_search(declared, records)
        _copy_keys(declared, records)
        if upkeep.stamp_of(declared):
            upkeep.after_save(declared, records[:1], {})
        if not quiet:
            emit_many(actor, declared, "created", [(record.pk, record._changes) for record in records])
        settling.settle_owners(actor, declared, records)
        if gates.watched(declared):
            for record in records:
                gates.after(actor, declared, record, record._changes, creating=True)
    return made


def doubts_of(record: Any) -> list[Invalid]:
    """What the rules doubted of a record made or changed here."""
    found: list[Invalid] = record.__dict__.get("_doubts", [])
    return found


class Plan:
    """What is the same for every new record of a batch: an empty record to start from, defaults, required fields."""

    def __init__(self, actor: Actor, entity: Entity) -> None:
        self.actor = actor
        self.entity = entity
        self.fields = shape.fields_of(entity)
        self.now = clock.now()
        self.blank = Blank(entity.model)
        self.own_check = entity.model.clean is not models.Model.clean
        self.processes = process.held_fields(entity)
        self.ruled, self.derived = rules.bound(entity.key), derived.derives(entity)
        self.settled = [spec.settle for spec in entity.lines if spec.settle is not None]
        self.narrowed = narrowing.narrowed(entity.key)
        self.defaults: dict[str, Any] = {}
        self.required: list[Field] = []
        for name, declared in self.fields.items():
            if declared.readonly:
                continue
            default = dictionaries.usual(declared)
            if default not in (None, "", []):
                self.defaults[name] = default
            elif declared.required and declared.kind != "boolean":
                self.required.append(declared)

    def built(self, row: Mapping[str, Any]) -> Any:
        """An unsaved record, or why there can be none."""
        given = {**self.defaults, **row}
        for one in self.narrowed:
            if one.name in self.defaults and one.name not in row and narrowing.usual(self.fields, one, given) is None:
                del given[one.name]
        missing = [one for one in self.required if given.get(one.name) in (None, "", [])]
        if missing:
            return _unfilled(missing)
        record: Any = self.blank.copy()
        changes = self._assigned(record, given)
        try:
            with doubts.heard() as odd:
                self._held(record, changes)
        except ValidationError as error:
            return _of_validation(error)
        except GuanxiError as error:
            return error if isinstance(error, Invalid) else Invalid(error.message, code=error.code)
        held = record.__dict__
        held["created_at"] = given.get("created_at") or self.now
        held["created_by_id"] = given.get("created_by") or self.actor.user_id
        held["updated_at"] = given.get("updated_at") or self.now
        held["updated_by_id"] = self.actor.user_id
        held["_changes"] = changes
        if odd:
            record._doubts = odd
        return record

    def _held(self, record: Any, changes: dict[str, list[Any]]) -> None:
        """Hold a record against all its rules. Raises what they raise."""
        record._entered = ()
        if not self.processes.isdisjoint(changes):
            record._entered = process.hold(self.actor, self.entity, record, changes, creating=True)
        if self.entity.clean is not None:
            self.entity.clean(self.actor, record, changes)
        for settle in self.settled:
            settle(self.actor, record, [])
        if self.derived:
            derived.fill(self.entity, record, changes)
        if self.ruled:
            rules.hold(self.actor, self.entity, record, changes, creating=True)
        if self.own_check:
            record.clean()

    def _assigned(self, record: Any, given: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Put clean values on an empty record; what they change."""
        held = record.__dict__
        changes: dict[str, list[Any]] = {}
        for name, value in given.items():
            declared = self.fields[name]
            if declared.custom:
                if value not in (None, "", []):
                    kept = values.stored(declared, value)
                    held["custom"] = {**held["custom"], declared.key: kept}
                    changes[name] = [None, kept]
                continue
            before = held[declared.column]
            if before != value:
                held[declared.column] = value
                changes[name] = [before, value]
        return changes


def _unfilled(missing: Iterable[Field]) -> Invalid:
    return Invalid.collect({
        one.name: [Invalid(_("“%(label)s” must be filled.") % {"label": one.label}, code="value.required", field=one.name)]
        for one in missing
    })  # fmt: skip


@cache
def _columns(model: type[models.Model]) -> tuple[frozenset[str], frozenset[str]]:
    """All columns, and those the model checks by itself: references are checked for the whole batch before."""
    columns = model._meta.concrete_fields
    return frozenset(column.name for column in columns), frozenset(
        column.name for column in columns if not column.is_relation
    )


def _check(record: models.Model, changes: Mapping[str, Any]) -> None:
    """The model's own validation of what was set. Raises ValidationError."""
    every, own = _columns(type(record))
    record.clean_fields(exclude=every - (own & set(changes)))


def _of_validation(error: ValidationError) -> Invalid:
    given = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return Invalid.collect({
        name.replace("__all__", ""): [Invalid(message, code="value.invalid", field=name.replace("__all__", "")) for message in found]
        for name, found in given.items()
    })  # fmt: skip


def update_many(
    actor: Actor,
    entity: Entity | str,
    rows: Sequence[tuple[Any, Mapping[str, Any]]],
    *,
    operation: Operation | None = None,
    quiet: bool = False,
    write: bool = True,
) -> list[Any]:
    """Change locked records by clean values; per row ``True`` (changed), ``False`` (nothing differs) or an Invalid."""
    declared = entity_of(entity)
    amended = [(record, amend(actor, declared, record, given)) for record, given in rows]
    results: list[Any] = [one if isinstance(one, Invalid) else bool(one) for _record, one in amended]
    changed = [(record, one) for record, one in amended if one and not isinstance(one, Invalid)]
    if changed and gates.watched(declared):
        results = _store_watched(actor, declared, changed, results, operation=operation, quiet=quiet, write=write)
    elif write and changed:
        with writing(actor, operation=operation):
            store_changes(actor, declared, changed, quiet=quiet)
            settling.settle_owners(actor, declared, [record for record, _changes in changed])
            settling.settle_many(actor, declared, [record.pk for record, _changes in changed])
    return results


def amend(actor: Actor, entity: Entity, record: Any, given: Mapping[str, Any]) -> dict[str, list[Any]] | Invalid:
    """Put clean values on a record and hold it against all its rules: what they change, or why they may not.

    Stores nothing. A refused record keeps what was put on it.
    """
    fields = shape.fields_of(entity)
    missing = [fields[name] for name, value in given.items() if fields[name].required and value in (None, "", [])]
    if missing:
        return _unfilled(missing)
    try:
        changes = values.assign(record, fields, given)
        gates.before(actor, entity, record, changes, creating=False)
        record._entered = process.hold(actor, entity, record, changes)
        if changes and entity.clean is not None:
            with doubts.heard() as odd:
                entity.clean(actor, record, changes)
            if odd:
                record._doubts = odd
        if changes:
            derived.fill(entity, record, changes)
            rules.hold(actor, entity, record, changes)
            _check(record, changes)
    except ValidationError as error:
        return _of_validation(error)
    except GuanxiError as error:
        return error if isinstance(error, Invalid) else Invalid(error.message, code=error.code)
    return changes


class _TakenBack(Exception):
    """Ends a trial."""


def _store_watched(
    actor: Actor,
    entity: Entity,
    changed: Sequence[tuple[Any, dict[str, list[Any]]]],
    results: list[Any],
    *,
    operation: Operation | None,
    quiet: bool,
    write: bool,
) -> list[Any]:
    """Store changes one by one, so that a gate may refuse one record and not the others."""
    answers: list[Any] = []
    for record, changes in changed:
        try:
            with writing(actor, operation=operation):
                store_changes(actor, entity, [(record, changes)], quiet=quiet)
                gates.after(actor, entity, record, changes, creating=False)
                if not write:
                    raise _TakenBack
        except GuanxiError as error:
            answers.append(error if isinstance(error, Invalid) else Invalid(error.message, code=error.code))
        except _TakenBack:
            answers.append(True)
        else:
            answers.append(True)
    waiting = iter(answers)
    return [next(waiting) if one is True else one for one in results]


def store_changes(
    actor: Actor,
    entity: Entity,
    changed: Sequence[tuple[Any, Mapping[str, list[Any]]]],
    *,
    quiet: bool,
    columns: Collection[str] | None = None,
) -> None:
    """Store checked records and what follows from their changes, within ``writing``; ``columns`` names those that differ."""
    now = clock.now()
    records = [record for record, _changes in changed]
    for record in records:
        record.version += 1
        record.updated_at, record.updated_by_id = now, actor.user_id
    carrying.carry_many(entity, records)
    written = [column for column in entity.model._meta.concrete_fields if not (column.primary_key or column.generated)]
    if columns is None:
        written = [column for column in written if _may_differ(column, changed)]
    else:
        written = [column for column in written if column.name in columns or column.name in _ALWAYS]
    for start in range(0, len(records), PART):
        write_columns(entity.model, records[start : start + PART], written)
    process.note(actor, [(record, record._entered) for record in records if record._entered])
    touched = {name for _record, changes in changed for name in changes}
    upkeep.after_save(entity, records, dict.fromkeys(touched))
    owners = [record.pk for record, changes in changed if entity.access.owner in changes]
    if owners:
        carrying.carry_down(entity, owners)
    if not quiet:
        emit_many(actor, entity, "updated", [(record.pk, changes) for record, changes in changed])


def write_columns(model: type[models.Model], records: Sequence[Any], columns: Sequence[models.Field[Any, Any]]) -> None:
    """Set columns of stored records to what these hold, in one statement: a value they share once, others row by row."""
    shared: list[tuple[models.Field[Any, Any], Any]] = []
    several: list[models.Field[Any, Any]] = []
    for column in columns:
        first = getattr(records[0], column.attname)
        alike = all(getattr(record, column.attname) == first for record in records)
        shared += [(column, first)] if alike else []
        several += [] if alike else [column]
    sets = [f'"{column.column}" = {_cast(column)}' for column, _value in shared]
    params = [column.get_db_prep_save(value, connection) for column, value in shared]
    source, where = "", '"id" = ANY(%s)'
    if several:
        sets += [f'"{column.column}" = v."{column.column}"' for column in several]
        row = f"(%s::bigint, {', '.join(map(_cast, several))})"
        names = ", ".join(["id", *(f'"{column.column}"' for column in several)])
        source, where = f" FROM (VALUES {', '.join([row] * len(records))}) AS v ({names})", 't."id" = v.id'
        for record in records:
            params += [
                record.pk,
                *(column.get_db_prep_save(getattr(record, column.attname), connection) for column in several),
            ]
    else:
        params.append([record.pk for record in records])
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{model._meta.db_table}" AS t SET {", ".join(sets)}{source} WHERE {where}', params)  # noqa: S608 - names of our own columns


def _cast(column: models.Field[Any, Any]) -> str:
    """The place of a value of a column, of its type without a length, by which PostgreSQL would cut it short."""
    return f"%s::{re.sub(r'[(][^)]*[)]', '', str(column.db_type(connection)))}"


#: Columns a rule or the engine may set whatever the file says.
_ALWAYS = frozenset(("version", "updated_at", "updated_by", "sort_key", "birthday_key", "carrier_owner"))


def _may_differ(column: models.Field[Any, Any], changed: Iterable[tuple[Any, Mapping[str, list[Any]]]]) -> bool:
    if column.name in _ALWAYS:
        return True
    custom = column.name == "custom"
    return any(
        column.name in changes or (custom and any(name.startswith("custom.") for name in changes))
        for _r, changes in changed
    )


def _pairs(fields: Iterable[str], records: Sequence[Any]) -> list[tuple[int, Any]]:
    """Records by id; their plain values where all fields are columns, since asking a dict is much quicker."""
    if records and all(name in records[0].__dict__ for name in fields):
        return [(record.pk, record.__dict__) for record in records]
    return [(record.pk, record) for record in records]


def _copy_search(entity: Entity, records: Sequence[Any]) -> None:
    index.copy_documents(entity, _pairs(tokens.paths_of(entity), records))


def _copy_keys(entity: Entity, records: Sequence[Any]) -> None:
    rows = matching.key_rows_for(entity, _pairs([key.field for key in entity.match_keys], records))
    lines = [f"{key}\t{kind}\t{escaped(value)}\t{number}" for key, kind, value, number in rows]
    copy_lines("core_match_key", ("entity", "kind", "value", "record_id"), lines)
