"""The one write path: create, update, delete, restore. Faces call these (or the service the declaration names)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, models
from django.utils.translation import gettext as _

from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import Operation, User
from guanxi.core.models.fixed import Shaped
from guanxi.core.records import (
    carrying,
    cleaning,
    columns,
    conflicts,
    derived,
    gates,
    lines,
    numbering,
    process,
    rules,
    settling,
    shape,
    standing,
    upkeep,
    values,
)
from guanxi.core.records.writing import emit, operation_begin, writing
from guanxi.core.schema.derive import INTERNAL
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, generation, going_along


def create(
    actor: Actor,
    entity: Entity | str,
    given: Mapping[str, Any],
    *,
    operation: Operation | None = None,
    trusted: bool = False,
) -> Any:
    """Make a record from raw or clean values and return it.

    Without an owner given, the actor owns it. ``trusted`` lets a service write read-only fields.
    Raises Denied, or Invalid with the errors of each field.
    """
    declared = entity_of(entity)
    if declared.writer.create is not None and not trusted:
        return declared.writer.create(actor, values=given, operation=operation)
    return create_plain(actor, declared, given, operation=operation, trusted=trusted)


def create_plain(
    actor: Actor, entity: Entity, given: Mapping[str, Any], *, operation: Operation | None = None, trusted: bool = False
) -> Any:
    """``create`` without the area's own service; that service calls it."""
    if not trusted:
        require(actor, "create", entity)
    given, rows = lines.take(entity, given)
    with writing(actor, operation=operation):
        cleaned = cleaning.clean(actor, entity, given, trusted=trusted)
        record: Any = entity.model()
        lines.give(record, rows, trusted=trusted)
        owner = entity.access.owner
        if owner and owner not in given:
            cleaned[owner] = actor.user_id
        elif owner and cleaned.get(owner) != actor.user_id and not trusted:
            require(actor, "assign", entity)
        changes = values.assign(record, shape.fields_of(entity), cleaned)
        numbering.fill(entity, record)
        save(actor, record, changes=changes, creating=True)
    return record


def update(
    actor: Actor,
    record: Any,
    given: Mapping[str, Any],
    *,
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
    trusted: bool = False,
) -> Any:
    """Change a record and return it as stored.

    ``version`` is the one the person started from and ``original`` the values he saw: what others changed meanwhile is
    kept where it does not clash, else Conflict is raised with mine, theirs and the original per field.
    """
    entity = entity_of(record)
    if entity.writer.update is not None and not trusted:
        return entity.writer.update(
            actor, record, values=given, version=version, original=original, operation=operation
        )
    return update_plain(actor, record, given, version=version, original=original, operation=operation, trusted=trusted)


def update_plain(
    actor: Actor,
    record: Any,
    given: Mapping[str, Any],
    *,
    version: int | None = None,
    original: Mapping[str, Any] | None = None,
    operation: Operation | None = None,
    trusted: bool = False,
) -> Any:
    """``update`` without the area's own service; that service calls it."""
    entity = entity_of(record)
    given, rows = lines.take(entity, given)
    with writing(actor):
        fresh = locked(actor, entity, record.pk)
        held = dict(fresh.__dict__)
        if not trusted:
            require_change(actor, entity, fresh, {**given, **rows})
        lines.check_original(fresh, entity, rows, original)
        cleaned = cleaning.clean(actor, entity, given, record=fresh, trusted=trusted)
        if version is not None and version != fresh.version:
            cleaned = conflicts.settled(entity, fresh, cleaned, version=version, original=original)
        changes = values.assign(fresh, shape.fields_of(entity), cleaned)
        if changes or lines.differ(actor, entity, fresh, rows, trusted=trusted):
            lines.give(fresh, rows, trusted=trusted)
            step = operation or operation_begin(
                actor, "update", entity.key, total=1, progress=1, parameters={"ids": [fresh.pk]}
            )
            with writing(actor, operation=step, savepoint=False):
                save(actor, fresh, changes=changes, held=held)
            fresh.operation_id = step.pk
    return fresh


def require_change(actor: Actor, entity: Entity, record: Any, given: Mapping[str, Any]) -> None:
    """Handing a record over needs ``assign``; everything else ``change``."""
    names = set(given)
    if entity.access.owner and entity.access.owner in names:
        wanted = given[entity.access.owner]
        if str(wanted or "") != str(getattr(record, f"{entity.access.owner}_id") or ""):
            require(actor, "assign", record)
        names.discard(entity.access.owner)
    if names or not given:
        require(actor, "change", record)


def locked(actor: Actor, entity: Entity, record_id: int) -> Any:
    """The record, locked until the transaction ends. Raises NotFound if it is gone, in the trash or not for him."""
    found = _LOCKED.rows((entity.key, generation()), (entity,), record_id)
    if not found:
        raise NotFound
    require(actor, "view", found[0])
    return found[0]


_LOCKED = Shaped(
    lambda entity, pk: entity.model._default_manager.select_for_update(of=("self",)).filter(pk=pk).order_by(), [-7001]
)


def save(
    actor: Actor,
    record: Any,
    *,
    changes: Mapping[str, list[Any]] | None = None,
    creating: bool = False,
    verb: str = "",
    held: Mapping[str, Any] | None = None,
) -> None:
    """Check and store a record within ``writing``: rules of the entity, columns, search, match keys, event.

    ``changes`` (name → [before, after]) tells the event what changed. ``held`` is what the locked row held, where nobody wrote to it
    since: columns that hold the same are not written. Raises Invalid.
    """
    entity = entity_of(record)
    changes = dict(changes or {})
    now = clock.now()
    gates.before(actor, entity, record, changes, creating=creating)
    with lines.foreseen(actor, entity, record) if creating else nullcontext():
        entered = process.hold(actor, entity, record, changes, creating=creating)
    if entity.clean is not None:
        entity.clean(actor, record, changes)
    work = lines.hold(actor, entity, record, changes)
    if creating:
        record.created_at = record.created_at or now
        record.created_by_id = record.created_by_id or actor.user_id
    else:
        record.version += 1
    record.updated_at, record.updated_by_id = now, actor.user_id
    carrying.carry(entity, record)
    derived.fill(entity, record, changes)
    rules.hold(actor, entity, record, changes, creating=creating)
    check_model(record)
    _as_stored(record)
    try:
        record.save(force_insert=creating, update_fields=None if held is None else _written(record, held))
    except IntegrityError as error:
        raise _explained(entity, error) from None
    except DatabaseError as error:
        if "value too long" in str(error) or "out of range" in str(error):
            raise Invalid(_("A value is too large to be stored."), code="value.too_large") from None
        raise
    lines.store(actor, record, work)
    owners = settling.owners_of(entity, record, changes)
    if owners:
        settling.settle_records(actor, owners)
        record.refresh_from_db()
    upkeep.after_save(entity, [record], changes)
    if not creating and entity.access.owner in changes:
        carrying.carry_down(entity, [record.pk])
    emit(actor, verb or ("created" if creating else "updated"), record, changes)
    process.follow(actor, entity, record, entered)
    gates.after(actor, entity, record, changes, creating=creating)


def _written(record: models.Model, held: Mapping[str, Any]) -> list[str]:
    """Columns that hold something else than the row; lists and mappings may have been changed in place."""
    values_ = record.__dict__
    return [
        column.name
        for column in record._meta.concrete_fields
        if not column.primary_key
        and (isinstance(values_[column.attname], list | dict) or values_[column.attname] != held[column.attname])
    ]


def _as_stored(record: models.Model) -> None:
    """Decimals with as many places as their columns keep, so that the answer to a write is what a read will say."""
    for column in record._meta.concrete_fields:
        if isinstance(column, models.DecimalField):
            value = getattr(record, column.attname)
            if isinstance(value, Decimal | int):
                setattr(
                    record,
                    column.attname,
                    Decimal(value).quantize(Decimal(1).scaleb(-column.decimal_places), rounding=ROUND_HALF_UP),
                )


def check_model(record: models.Model) -> None:
    """The model's own validation, without asking again for the records it points to."""
    skip = {column.name for column in record._meta.concrete_fields if column.is_relation} | INTERNAL
    found: dict[str, list[Invalid]] = {}
    checks: tuple[Callable[[], None], ...] = (lambda: record.clean_fields(exclude=skip), record.clean)
    for check in checks:
        try:
            check()
        except ValidationError as error:
            given = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
            for name, messages in given.items():
                place = "" if name == "__all__" else name
                found.setdefault(place, []).extend(
                    Invalid(message, code="value.invalid", field=place) for message in messages
                )
    if found:
        raise Invalid.collect(found)


def _explained(entity: Entity, error: IntegrityError) -> Invalid:
    """A broken constraint as an error at its field."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = str(getattr(diagnosis, "constraint_name", "") or "")
    for constraint in entity.model._meta.constraints:
        if constraint.name == name and isinstance(constraint, models.UniqueConstraint):
            return _taken(constraint.fields[0] if constraint.fields else "")
    for column in entity.model._meta.concrete_fields:
        if column.unique and name.startswith(f"{entity.table}_{column.column}"):
            return _taken(column.name)
    for field in shape.fields_of(entity).values():
        if field.custom and field.unique and columns.index_name(entity.table, field.key, "uq") == name:
            return _taken(field.name)
    column_name = str(getattr(diagnosis, "column_name", "") or "")
    return Invalid(
        _("This breaks a rule of the database: %(rule)s.") % {"rule": name or column_name},
        code="value.constraint",
        field=column_name,
    )


def _taken(field: str) -> Invalid:
    return Invalid(_("This value is taken already."), code="value.taken", field=field)


def delete(actor: Actor, record: Any, *, operation: Operation | None = None) -> Operation:
    """Put a record, and what belongs to it, in the trash; returns the operation that takes it back."""
    entity = entity_of(record)
    with writing(actor):
        standing.hold(entity, record.pk)
        if entity.writer.delete is not None:
            return entity.writer.delete(actor, record, operation=operation)  # type: ignore[no-any-return]
        return delete_plain(actor, record, operation=operation)


def delete_plain(actor: Actor, record: Any, *, operation: Operation | None = None) -> Operation:
    """``delete`` without the area's own service."""
    entity = entity_of(record)
    with writing(actor):
        fresh = locked(actor, entity, record.pk)
        require(actor, "delete", fresh)
        standing.require_free(actor, entity, fresh)
        gates.delete(actor, entity, fresh)
        step = operation or operation_begin(
            actor, "delete", entity.key, total=1, progress=1, parameters={"ids": [fresh.pk]}
        )
        with writing(actor, operation=step, savepoint=False):
            trash(actor, entity, [fresh.pk])
            settling.settle_records(actor, settling.owners_of(entity, fresh, {}))
    return step


def trash(actor: Actor, entity: Entity, ids: Iterable[int], *, at: dt.datetime | None = None) -> int:
    """Move records and those they carry to the trash, within ``writing``; returns how many of the entity itself.

    All bear the same moment ``at`` (now), by which ``restore`` knows what went together.
    """
    chosen = list(ids)
    now = at or clock.now()
    for child, field in going_along(entity.key):
        rows = child.model._default_manager.filter(**{f"{field}_id__any": chosen})
        below = list(rows.values_list("pk", flat=True))
        if below:
            trash(actor, child, below, at=now)
    gone = list(entity.model._default_manager.filter(pk__in=chosen).select_for_update().values_list("pk", flat=True))
    entity.model._default_manager.filter(pk__in=gone).update(
        deleted_at=now, deleted_by_id=actor.user_id, updated_at=now, version=models.F("version") + 1
    )
    upkeep.after_trash(entity, gone)
    for number in gone:
        emit(actor, "deleted", entity=entity.key, record_id=number)
    return len(gone)


def restore(actor: Actor, entity: Entity | str, ids: Iterable[int]) -> Operation:
    """Take records out of the trash, with the children that went in with them."""
    declared = entity_of(entity)
    chosen = list(ids)
    with writing(actor):
        rows = list(declared.model.everything.filter(pk__in=chosen, deleted_at__isnull=False).select_for_update())  # type: ignore[attr-defined]
        if len(rows) != len(set(chosen)):
            raise NotFound
        for record in rows:
            require(actor, "delete", record)
        step = operation_begin(
            actor, "restore", declared.key, total=len(rows), progress=len(rows), parameters={"ids": chosen}
        )
        with writing(actor, operation=step):
            for record in rows:
                untrash(actor, declared, record.pk, record.deleted_at)
    return step


def untrash(actor: Actor, entity: Entity, record_id: int, deleted_at: Any) -> None:
    """Take one record, and the children deleted at the same moment or after, out of the trash; within ``writing``."""
    entity.model.everything.filter(pk=record_id).update(  # type: ignore[attr-defined]
        deleted_at=None, deleted_by_id=None, updated_at=clock.now(), version=models.F("version") + 1
    )
    for child, field in going_along(entity.key):
        whole = {f"{name}__deleted_at": None for name in child.part_of}
        rows = child.model.everything.filter(**{f"{field}_id": record_id, "deleted_at": deleted_at}, **whole)  # type: ignore[attr-defined]
        for number in list(rows.values_list("pk", flat=True)):
            untrash(actor, child, number, deleted_at)
    upkeep.after_restore(entity, [record_id])
    emit(actor, "restored", entity=entity.key, record_id=record_id)


def user_of(actor: Actor) -> User:
    """The acting person; Denied for the system and strangers."""
    if actor.user_id is None:
        raise Denied
    return User.everything.get(pk=actor.user_id)
