"""Merging records into one: chosen values, united lists, children moved; taken back whole by its undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from guanxi.core.access import require
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import (
    Collaborator,
    Comment,
    File,
    InboundMessage,
    Mark,
    Operation,
    OutboundMessage,
    PortalLogin,
    Record,
)
from guanxi.core.records import carrying, gates, saving, shape, upkeep, values
from guanxi.core.records.writing import emit, operation_begin, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered, made_entities

MOST = 20
_LISTS = ("phones", "emails", "urls", "addresses", "table", "choices", "tags")


def merge(
    actor: Actor,
    entity: Entity | str,
    keep_id: int,
    other_ids: Sequence[int],
    choices: Mapping[str, Any] | None = None,
) -> Operation:
    """Make one record of several; the others go to the trash and everything that hung on them moves.

    ``choices`` maps a field to the id of the record whose value is kept; otherwise the kept record's value stays, an
    empty one is filled from the others in order, and lists are united. Needs ``merge`` on every record.
    """
    declared = entity_of(entity)
    others = [number for number in dict.fromkeys(other_ids) if number != keep_id]
    if not others or len(others) >= MOST:
        raise Invalid(_("Choose 2 to %(most)d records to merge.") % {"most": MOST}, code="merge.number")
    with writing(actor):
        records = {number: saving.locked(actor, declared, number) for number in sorted([keep_id, *others])}
        for record in records.values():
            require(actor, "merge", record)
            gates.held(actor, declared, record.pk)
        step = operation_begin(
            actor,
            "merge",
            declared.key,
            total=len(others),
            progress=len(others),
            parameters={"keep": keep_id, "ids": others},
        )
        with writing(actor, operation=step):
            moved = _move_children(declared, keep_id, others)
            _trash(actor, declared, others)
            _fill(actor, declared, records, keep_id, others, choices or {})
            carrying.carry_down(declared, [keep_id])
        step.result = {"moved": moved}
        step.save(update_fields=["result"])
        emit(actor, "merged", records[keep_id], {"merged": [others, keep_id]})
    return step


def _fill(
    actor: Actor,
    entity: Entity,
    records: Mapping[int, Any],
    keep_id: int,
    others: Sequence[int],
    choices: Mapping[str, Any],
) -> None:
    fresh = entity.model._base_manager.get(pk=keep_id)
    new: dict[str, Any] = {}
    for name, field in shape.fields_of(entity).items():
        if field.readonly or (name == entity.access.owner and name not in choices):
            continue
        mine = values.current(fresh, field)
        if name in choices:
            if int(choices[name]) not in records:
                raise Invalid(_("Choose one of the records."), code="merge.choice", field=name)
            new[name] = values.current(records[int(choices[name])], field)
        elif field.kind in _LISTS:
            new[name] = _united([mine, *(values.current(records[number], field) for number in others)])
        elif mine in (None, ""):
            new[name] = next(
                (found for number in others if (found := values.current(records[number], field)) not in (None, "")),
                mine,
            )
    changes = values.assign(fresh, shape.fields_of(entity), new)
    saving.save(actor, fresh, changes=changes)


def _united(lists: Sequence[Any]) -> list[Any]:
    """All entries once, in order; one entry stays the primary one."""
    found: list[Any] = []
    seen: set[str] = set()
    for entry in (entry for entries in lists for entry in entries or ()):
        mark = (
            str(entry.get("value") or {key: value for key, value in entry.items() if key != "primary"})
            if isinstance(entry, dict)
            else str(entry)
        )
        if mark not in seen:
            seen.add(mark)
            found.append({**entry, "primary": not found} if isinstance(entry, dict) and "primary" in entry else entry)
    return found


def _trash(actor: Actor, entity: Entity, ids: Sequence[int]) -> None:
    """The merged records go to the trash alone; what they carried has moved."""
    now = clock.now()
    entity.model._base_manager.filter(pk__in=ids).update(
        deleted_at=now, deleted_by_id=actor.user_id, updated_at=now, version=F("version") + 1
    )
    upkeep.after_trash(entity, ids)


def _relations(model: type[models.Model]) -> Iterator[tuple[type[models.Model], str]]:
    """Every foreign key anywhere that points to the model."""
    for other in (*apps.get_models(), *(one.model for one in made_entities())):
        for column in other._meta.concrete_fields:
            if isinstance(column, models.ForeignKey) and column.related_model is model:
                yield other, column.name


def _move_children(entity: Entity, keep_id: int, others: Sequence[int]) -> dict[str, int]:
    """Point everything that pointed to the others to the kept record; what would collide stays where it is."""
    moved: dict[str, int] = {}
    for model, name in _relations(entity.model):
        rows = model._base_manager.filter(**{f"{name}_id__in": others}).exclude(
            pk=keep_id if model is entity.model else 0
        )
        number = _point(rows, {f"{name}_id": keep_id})
        if model is entity.model:
            model._base_manager.filter(pk=keep_id, **{f"{name}_id__in": [*others, keep_id]}).update(
                **{f"{name}_id": None}
            )
        if number:
            moved[model._meta.label_lower] = moved.get(model._meta.label_lower, 0) + number
            _recarry(model, name, keep_id)
    InboundMessage.objects.filter(person_entity=entity.key, person_id__in=others).update(person_id=keep_id)
    for hanging in (Comment, File, Mark, Collaborator, InboundMessage, OutboundMessage):
        number = _point(hanging._base_manager.filter(entity=entity.key, record_id__in=others), {"record_id": keep_id})
        if number:
            moved[hanging._meta.label_lower] = number
    if number := _move_login(entity, keep_id, others):
        moved[PortalLogin._meta.label_lower] = number
    return moved


def _move_login(entity: Entity, keep_id: int, others: Sequence[int]) -> int:
    """One client signs in once: the kept record's sign-in stays, else that of the others used last comes; the rest go."""
    mine = PortalLogin.objects.filter(entity=entity.key, record_id=keep_id)
    theirs = PortalLogin.objects.filter(entity=entity.key, record_id__in=others)
    last = None if mine.exists() else theirs.order_by("-active", F("last_at").desc(nulls_last=True), "pk").first()
    number = PortalLogin.objects.filter(pk=last.pk).update(record_id=keep_id) if last else 0
    theirs.delete()
    return number


def _recarry(model: type[models.Model], name: str, keep_id: int) -> None:
    if is_registered(model) and entity_of(model).access.carried_by == name:
        ids = list(model._base_manager.filter(**{f"{name}_id": keep_id}).values_list("pk", flat=True))
        carrying.carry_again(entity_of(model), ids)


def _point(rows: models.QuerySet[Any], new: Mapping[str, Any]) -> int:
    """Update rows at once, or one by one when some would collide."""
    if issubclass(rows.model, Record):
        new = {**new, "updated_at": clock.now(), "version": F("version") + 1}
    ids = list(rows.values_list("pk", flat=True))
    try:
        with transaction.atomic():
            return int(rows.model._base_manager.filter(pk__in=ids).update(**new))
    except IntegrityError:
        return sum(_point_one(rows.model, number, new) for number in ids)


def _point_one(model: type[models.Model], number: int, new: Mapping[str, Any]) -> int:
    try:
        with transaction.atomic():
            return model._base_manager.filter(pk=number).update(**new)
    except IntegrityError:
        return 0
