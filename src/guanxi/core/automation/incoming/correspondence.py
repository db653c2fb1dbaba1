"""Messages as people meet them: in the list of those nobody is known for, answered, written and filed by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.access import visible
from guanxi.core.access.features import MESSAGES, has_feature
from guanxi.core.automation import merge_fields, messages, templates
from guanxi.core.automation.incoming import mailboxes, receiving
from guanxi.core.automation.marketing import addresses, record_of
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import File, InboundMessage, Mailbox, MessageTemplate, OutboundMessage
from guanxi.core.models.incoming import FILED, IGNORED, NEW
from guanxi.core.models.stamps import kept
from guanxi.core.records import files
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import children_of, entity_of, is_registered

ICONS = {"mail": "mail", "sms": "message-circle"}


# -- reading one, filing by hand ---------------------------------------------------------------------------------------


def keeps(actor: Actor) -> bool:
    """Whether the actor sorts messages nobody is known for."""
    return has_feature(actor, MESSAGES) or (actor.user_id is not None and actor.user_id in keepers())


@kept(mailboxes.STAMP, size=1)
def keepers() -> frozenset[int]:
    """Who looks after a mailbox in use; 0 stands for one nobody looks after."""
    return frozenset(one or 0 for one in Mailbox.objects.filter(active=True).values_list("keeper_id", flat=True))


def sorts(actor: Actor) -> bool:
    """Whether the list of unknown senders is of use to the actor: he keeps it, and there is a mailbox at all."""
    return bool(keepers()) and keeps(actor)


def _kept_by(actor: Actor) -> Q:
    """Messages of no record an actor may see: all, or those of the mailboxes he keeps."""
    return Q() if has_feature(actor, MESSAGES) else Q(mailbox__keeper_id=actor.user_id or 0)


def waiting(actor: Actor, state: str = NEW, text: str = "") -> QuerySet[InboundMessage]:
    """Messages on no record the actor sorts: ``new`` ones, or those that were put aside (``ignored``)."""
    rows = InboundMessage.objects.filter(_kept_by(actor), state=IGNORED if state == IGNORED else NEW)
    if text:
        rows = rows.filter(
            Q(sender__icontains=text)
            | Q(sender_name__icontains=text)
            | Q(subject__icontains=text)
            | Q(body__icontains=text)
        )
    return rows.select_related("mailbox").order_by("-at", "-id")


def waiting_count(actor: Actor) -> int:
    """How many new ones there are, at most 99; nothing for who sorts none."""
    return waiting(actor).order_by()[:99].count() if actor.user_id else 0


def message(actor: Actor, number: int) -> InboundMessage:
    """A message, for who may see the record it is on, or sorts those on none. Raises NotFound."""
    row = InboundMessage.objects.select_related("mailbox").filter(pk=number).first()
    if row is None:
        raise NotFound
    if row.state == FILED:
        for entity, pk in ((row.entity, row.record_id), (row.person_entity, row.person_id)):
            record = record_of(entity, pk)
            if record is not None and access.allowed(actor, "view", record):
                return row
    lost = row.state != FILED or record_of(row.entity, row.record_id) is None
    if lost and keeps(actor) and InboundMessage.objects.filter(_kept_by(actor), pk=number).exists():
        return row
    raise NotFound


def file_open(actor: Actor, number: int, file_id: int) -> tuple[File, IO[bytes]]:
    """An attachment, for whoever may read the message. Raises NotFound."""
    row = message(actor, number)
    found = File.objects.filter(pk=file_id, deleted_at__isnull=True).first() if file_id in row.files else None
    if found is None:
        raise NotFound
    return found, files.opened(found)


def assign(actor: Actor, number: int, record: Any) -> InboundMessage:
    """File a message on a record the actor may change; later ones of this sender are not filed by that. Raises Denied, NotFound."""
    row = message(actor, number)
    access.require(actor, "change", record)
    if row.state == FILED:
        before = record_of(row.entity, row.record_id)
        if before is not None:
            access.require(actor, "change", before)
    with writing(actor):
        receiving.file_on(actor, row, record)
    return row


def make(actor: Actor, number: int, key: str) -> Any:
    """A new record (a lead, a customer …) of a sender nobody knows, with the message on it. Raises RuleBroken when it is on one."""
    row = message(actor, number)
    maker = receiving.MAKERS.get(key)
    if maker is None:
        raise NotFound
    if row.state == FILED:
        raise RuleBroken(_("The message is on a record already."), code="message.filed")
    with writing(actor):
        record = records.create(actor, maker.entity, maker.values(row))
        for other in _same_sender(actor, row):
            receiving.file_on(actor, other, record)
    return record


def _same_sender(actor: Actor, row: InboundMessage) -> list[InboundMessage]:
    """The message and what else waits of the same sender, the oldest first."""
    rows = InboundMessage.objects.filter(_kept_by(actor), state=NEW, channel=row.channel, sender=row.sender)
    found = list(rows.order_by("at", "id")[:200])
    return found if any(one.pk == row.pk for one in found) else [*found, row]


def put_aside(actor: Actor, number: int, *, back: bool = False) -> None:
    """Take a message nobody needs out of the list, or put it back."""
    row = message(actor, number)
    if row.state == FILED:
        raise RuleBroken(_("The message is on a record already."), code="message.filed")
    with writing(actor):
        row.state = NEW if back else IGNORED
        row.save(update_fields=["state"])


def movable(actor: Actor, row: InboundMessage) -> bool:
    """Whether the actor may put a message he reads on a record, or on another one, if there is one he may change."""
    before = record_of(row.entity, row.record_id) if row.state == FILED else None
    return before is None or access.allowed(actor, "change", before)


# -- writing -----------------------------------------------------------------------------------------------------------


def may_write(actor: Actor, record: models.Model) -> bool:
    """Whether the actor may write to people at a record from its page: a person who may change it."""
    return actor.user_id is not None and access.allowed(actor, "change", record) and bool(_sources(actor, record))


def writes(entity: Entity) -> bool:
    """Whether records of this sort, or whom they name, can be written to at all."""
    fields = records.fields_of(entity).values()
    return _addressed(entity.key) or any(
        one.kind == "reference" and not one.custom and _addressed(one.target) for one in fields
    )


def _sources(actor: Actor, record: Any) -> list[Any]:
    """The record, whoever it names who has addresses, and those who belong to it, as far as the actor may see them."""
    entity = entity_of(record)
    found = [record]
    for name, field in records.fields_of(entity).items():
        if field.kind == "reference" and not field.custom and _addressed(field.target):
            other = getattr(record, name, None)
            if other is not None and access.allowed(actor, "view", other):
                found.append(other)
                found += _those_of(actor, other)
    found += _those_of(actor, record)
    return [one for one in dict.fromkeys(found) if _addressed(entity_of(one).key)]


def circle(entity: Entity) -> list[tuple[str, str]]:
    """Entities with addresses whose records belong to those of this one, and by which reference: their messages stand here too."""
    return [
        (child.key, name)
        for child, name in children_of(entity.key)
        if child.access.carried_by == name and any(key.how in ("email", "phone") for key in child.match_keys)
    ]


def _those_of(actor: Actor, record: Any) -> list[Any]:
    found: list[Any] = []
    for key, name in circle(entity_of(record)):
        rows = entity_of(key).model._default_manager.filter(**{name: record.pk})
        found += list(visible(rows, actor).order_by("pk")[:50])
    return found


def _addressed(key: str) -> bool:
    return (
        key != "core.user"
        and is_registered(key)
        and any(one.how in ("email", "phone") for one in entity_of(key).match_keys)
    )


def receivers(actor: Actor, record: Any, channel: str) -> list[tuple[str, str]]:
    """Whom one may write to from a record: address and name; only addresses the actor may read in full."""
    found: dict[str, str] = {}
    kinds = ("email", "emails") if channel == "mail" else ("phone", "phones")
    for one in _sources(actor, record):
        entity = entity_of(one)
        names = [name for name, field in records.fields_of(entity).items() if field.kind in kinds]
        if not access.reads(actor, entity, *names):
            continue
        for way, to in addresses(one):
            if way == channel:
                found.setdefault(to, records.display.title_of(entity, one, actor))
    return list(found.items())


def templates_for(record: Any, channel: str) -> list[MessageTemplate]:
    """Message templates in use for such records."""
    return list(MessageTemplate.objects.filter(entity=entity_of(record).key, channel=channel, active=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """A message to be written: by which channel to whom, its text, the message it answers, whether it is marketing."""

    channel: str
    to: str
    subject: str = ""
    body: str = ""
    reply: int | None = None
    marketing: bool = False
    language: str = "zh-hans"


def _checked(actor: Actor, record: Any, given: Writing) -> InboundMessage | None:
    """The message that is answered, if any. Raises Invalid at the field for what cannot go out."""
    answered = message(actor, given.reply) if given.reply else None
    known = {to for to, _name in receivers(actor, record, given.channel)}
    if answered is not None and answered.channel == given.channel:
        known.add(answered.sender)
    if given.channel not in ICONS or given.to not in known:
        raise Invalid(_("Choose whom it goes to."), code="message.to", field="to")
    if not given.body.strip():
        raise Invalid(_("Write a text."), code="value.required", field="body")
    if given.channel == "mail" and not given.subject.strip():
        raise Invalid(_("Give it a subject."), code="value.required", field="subject")
    for field, text in (("subject", given.subject), ("body", given.body)):
        merge_fields.check(actor, entity_of(record), text, field=field)
    return answered


def shown(actor: Actor, record: Any, given: Writing) -> templates.Message:
    """What goes out, merge fields filled as the actor may see them. Raises Invalid at the field."""
    _checked(actor, record, given)
    return templates.Message(
        " ".join(merge_fields.fill(actor, record, given.subject, language=given.language).split())[:300],
        merge_fields.fill(actor, record, given.body, language=given.language),
    )


def write(actor: Actor, record: Any, given: Writing) -> OutboundMessage:
    """Send a message from a record's page; it stands on its timeline. Raises Denied, or Invalid at the field.

    Merge fields in the text are filled as the actor may see them. Only addresses of the record's people are taken, and the
    address of the message that is answered.
    """
    if actor.user_id is None:
        raise Denied
    access.require(actor, "change", record)
    answered = _checked(actor, record, given)
    text = shown(actor, record, given)
    with writing(actor):
        row = messages.put(
            given.channel, given.to, subject=text.subject, body=text.body, record=record, by=actor.user_id, reply_to=answered, marketing=given.marketing, language=given.language,
        )  # fmt: skip
        if answered is not None:
            InboundMessage.objects.filter(pk=answered.pk).update(answered_at=clock.now())
    return row
