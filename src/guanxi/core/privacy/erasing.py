"""Forgetting a person: his values, what people wrote and filed about him, and what the audit kept of both.

The record stays, without a name, so that contracts and receipts still have their customer. The audit keeps that something
was changed, when and by whom; the digest of what it said stays in ``AuditRedaction``, so the chain of seals still holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.db.models import F, Func, Q, Value
from django.utils import translation
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import (
    AuditEntry,
    Comment,
    Draft,
    Erasure,
    File,
    ImportOutcome,
    ImportRow,
    ImportRun,
    InboundMessage,
    KeptAnswer,
    MarketingWord,
    Notification,
    OutboundMessage,
    OutboxEvent,
    PortalLogin,
)
from guanxi.core.people.guards import require_administrator
from guanxi.core.privacy import register
from guanxi.core.privacy.subjects import WORDS, Subject, personal_fields
from guanxi.core.records import matching, shape, upkeep, values
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import telling_of

#: SQL for the place of some bytes within others.
_POSITION: dict[str, Any] = {
    "template": "position(%(expressions)s)",
    "arg_joiner": " IN ",
    "output_field": models.IntegerField(),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would take: fields that hold something, how many comments, files and records about the person, his sign-in."""

    fields: tuple[Field, ...]
    named: bool
    comments: int
    files: int
    notes: int
    login: bool


def plan(subject: Subject) -> Plan:
    """What ``erase`` would take away from a record."""
    entity, record = subject.entity, subject.record
    on = {"entity": entity.key, "record_id": record.pk}
    return Plan(
        tuple(field for field in personal_fields(entity, record) if values.current(record, field)),
        matching.is_person(entity, record),
        Comment.objects.filter(**on).count(),
        File.objects.filter(**on).count(),
        sum(rows.count() for _child, rows, _fields in _about(entity, record)),
        PortalLogin.objects.filter(**on).exists(),
    )


def erase(actor: Actor, subject: Subject, reason: str) -> Erasure:
    """Take all personal data off a record, for good; nothing of it can be brought back by undo or from the trash.

    The erasure is written into the register beside the backups, by which ``guanxi restore`` does it again. Raises Denied
    for those who do not administer people, Invalid without a reason.
    """
    require_administrator(actor)
    if not reason.strip():
        raise Invalid(_("Say why: who asked for it, and when."), code="privacy.reason", field="reason")
    record = subject.record
    made = Erasure(
        key=secrets.token_hex(16),
        entity=subject.entity.key,
        record_id=record.pk,
        born_at=record.created_at,
        reason=reason.strip()[:300],
        actor_id=actor.user_id,
        actor_name=actor.name,
    )
    take(actor, subject, made)
    register.note(made)
    return made


def take(actor: Actor, subject: Subject, made: Erasure) -> None:
    """The erasure itself, in one transaction; ``made`` is stored with it."""
    entity, record = subject.entity, subject.record
    with writing(actor):
        counts = {"comments": 0, "files": 0, "notes": 0}
        touched: list[tuple[str, list[int]]] = [(entity.table, [record.pk])]
        for model, name in ((Comment, "comments"), (File, "files")):
            rows = model._base_manager.filter(entity=entity.key, record_id=record.pk)
            ids = list(rows.values_list("pk", flat=True))
            touched.append((model._meta.db_table, ids))
            counts[name] = len(ids)
            rows.delete()
        touched.append((InboundMessage._meta.db_table, _messages(entity, record)))
        for child, children, fields in _about(entity, record):
            found = list(children)
            touched.append((child.table, [one.pk for one in found]))
            counts["notes"] += len(found)
            for one in found:
                _empty(actor, child, one, fields)
        words = MarketingWord.objects.filter(entity=entity.key, record_id=record.pk)
        touched.append((MarketingWord._meta.db_table, list(words.values_list("pk", flat=True))))
        logins, addresses = _logins(entity, record)
        touched.append((PortalLogin._meta.db_table, logins))
        fields = personal_fields(entity, record)
        _traces(entity, record, fields)
        if matching.is_person(entity, record):
            _rename(entity, record)
        _empty(actor, entity, record, fields)
        made.counts = counts | {"fields": [field.name for field in fields]}
        made.save(force_insert=True)
        _redact(touched, made)
        with connection.cursor() as cursor:
            cursor.execute("SELECT guanxi_access_forget(%s, %s)", [made.pk, addresses])
        emit(actor, "erased", entity=entity.key, record_id=record.pk)


def _messages(entity: Entity, record: Any) -> list[int]:
    """What the person wrote: that he did, and when, stays; what it said and who was told of it do not. The ids of his messages."""
    mine = Q(entity=entity.key, record_id=record.pk)
    wrote = InboundMessage.objects.filter(mine | Q(person_entity=entity.key, person_id=record.pk))
    held = [one for ids in wrote.values_list("files", flat=True) for one in ids]
    File.objects.filter(pk__in=held).delete()
    ids = list(wrote.values_list("pk", flat=True))
    Notification.objects.filter(once__in=[f"message:{one}" for one in ids]).delete()
    wrote.update(sender="", sender_name="", to="", subject="", body="", html="", note="", files=[])
    return ids


def _logins(entity: Entity, record: Any) -> tuple[list[int], list[str]]:
    """His sign-in as a client goes, and what is open of it. The ids of it and of those he once had, with all their addresses."""
    mine = PortalLogin.objects.filter(entity=entity.key, record_id=record.pk)
    ids = set(mine.values_list("pk", flat=True))
    mine.delete()
    told = AuditEntry.objects.filter(entity=PortalLogin._meta.db_table)
    ended = told.filter(action="destroy", changes__entity__0=entity.key, changes__record_id__0=record.pk)
    ids |= set(ended.values_list("record_id", flat=True))
    ids -= set(PortalLogin.objects.filter(pk__in=ids).values_list("pk", flat=True))
    changes = told.filter(record_id__in=ids).values_list("changes__email", flat=True)
    return sorted(ids), sorted({one for pair in changes for one in pair or () if one})


def _about(entity: Entity, record: Any) -> Iterator[tuple[Entity, models.QuerySet[Any], list[Field]]]:
    """Records that hang on a person's (follow-ups, plans), with their free words. Of an organisation they tell of business."""
    if not matching.is_person(entity, record):
        return
    for child, field in telling_of(entity.key):
        fields = [one for one in shape.fields_of(child).values() if one.kind in WORDS or one.personal]
        if fields:
            yield child, child.model._base_manager.filter(**{field: record}), fields


def _rename(entity: Entity, record: Any) -> None:
    with translation.override("zh-hans"):
        name = _("Erased person %(number)s") % {"number": record.pk}
    setattr(record, entity.title, name)


def _empty(actor: Actor, entity: Entity, record: Any, fields: Iterable[Field]) -> None:
    """Store a record without the values of some fields, past its rules: what must be forgotten may be required."""
    before = {field.name: values.current(record, field) for field in fields}
    for field in fields:
        if field.custom:
            record.custom.pop(field.key, None)
        else:
            setattr(record, field.column or field.name, values.empty_value(field))
    if entity.clean is not None:
        changes = {name: [value, None] for name, value in before.items()} | {entity.title: ["", None]}
        with suppress(GuanxiError):  # for what it reckons from values, such as the key of a birthday
            entity.clean(actor, record, changes)
    record.version += 1
    record.updated_at, record.updated_by_id = clock.now(), actor.user_id
    record.save()
    if record.deleted_at is None:
        upkeep.after_save(entity, [record])


def _traces(entity: Entity, record: Any, fields: Iterable[Field]) -> None:
    """Where values lie besides the record: notices, drafts, facts on their way, kept answers, rows of imported files."""
    on = {"entity": entity.key, "record_id": record.pk}
    Notification.objects.filter(**on).delete()
    OutboxEvent.objects.filter(**on).update(changes={})
    OutboundMessage.objects.filter(**on, state="waiting").update(state="stopped")
    OutboundMessage.objects.filter(**on).update(to="", subject="", body="", payload={}, error="")
    MarketingWord.objects.filter(**on).update(proof="")
    Draft.objects.filter(key=f"edit:{entity.key}:{record.pk}").delete()
    for text in _told([getattr(record, entity.title), *(values.current(record, field) for field in fields)]):
        KeptAnswer.objects.annotate(at=Func(Value(text.encode()), F("body"), **_POSITION)).filter(at__gt=0).delete()
    for run, position in ImportOutcome.objects.filter(
        record_id=record.pk, run__in=ImportRun.objects.filter(entity=entity.key)
    ).values_list("run_id", "position"):
        ImportRow.objects.filter(run_id=run, position=position).update(cells=[], problems=None)


def _told(value: Any) -> Iterator[str]:
    """The texts of values, as an answer of the API would tell them; too short ones say nothing about anybody."""
    if isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _told(one)
    elif value and len(str(value)) > 1 and not isinstance(value, bool):
        yield str(value)


def _redact(touched: Iterable[tuple[str, list[int]]], made: Erasure) -> None:
    """Take the values out of the audit's entries about some rows; what each said before stays as its digest."""
    with connection.cursor() as cursor:
        for table, ids in touched:
            if ids:
                cursor.execute("SELECT guanxi_audit_redact(%s, %s, %s)", [made.pk, table, ids])
