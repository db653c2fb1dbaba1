"""Messages as people meet them: on the timeline of a record, in the list of those nobody is known for, answered and filed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core import access, records
from guanxi.core.access import sight, visible
from guanxi.core.access.features import MESSAGES, has_feature
from guanxi.core.automation import merge_fields, messages, templates
from guanxi.core.automation.addressing import address_seen
from guanxi.core.automation.incoming import letters, mailboxes, receiving
from guanxi.core.automation.marketing import addresses, record_of
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import File, InboundMessage, Mailbox, MessageTemplate, OutboundMessage
from guanxi.core.models.fixed import Shaped
from guanxi.core.models.incoming import FILED, IGNORED, NEW
from guanxi.core.models.stamps import kept
from guanxi.core.records import files, positions, timeline
from guanxi.core.records.children import present
from guanxi.core.records.moments import TimelineEntry, Wish
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import children_of, entity_of, generation, is_registered

KIND, RANK = "message", 5
SENT_STATES = {
    "waiting": gettext_lazy("is being sent"),
    "sent": gettext_lazy("sent"),
    "failed": gettext_lazy("not delivered"),
    "stopped": gettext_lazy("held back"),
}
ICONS = {"mail": "mail", "sms": "message-circle"}


# -- on the timeline ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """A message on a timeline: ``row`` as stored, ``incoming`` or not, its new text, its files, what became of it."""

    row: Any
    incoming: bool
    text: str
    files: tuple[File, ...] = ()
    state: str = ""

    @property
    def more(self) -> bool:
        """Whether there is more to read than the text shown."""
        return self.incoming and (self.row.body.strip() != self.text or bool(self.row.html))


def _circle(entity: Entity) -> list[tuple[str, str]]:
    """Entities with addresses whose records belong to those of this one, and by which reference: their messages stand here too."""
    return [
        (child.key, name)
        for child, name in children_of(entity.key)
        if child.access.carried_by == name and any(key.how in ("email", "phone") for key in child.match_keys)
    ]


def _belonging(wish: Wish) -> list[tuple[str, list[int]]]:
    """Those who belong to the record and are there for the reader, by entity."""
    found, circle = [], _circle(entity_of(wish.record))
    there = present(wish.record) if circle else frozenset()
    for key, name in circle:
        if (key, name) in there:
            sees = sight(wish.actor)
            asked = (generation(), key, name, sees) if sees is not None else None
            found.append((key, [pk for (pk,) in _OWN.rows(asked, (wish.actor, key, name), wish.record.pk)]))
    return found


_OWN = Shaped(
    lambda actor, key, name, pk: (
        visible(entity_of(key).model._default_manager.filter(**{name: pk}), actor)
        .order_by("pk")
        .values_list("pk")[:500]
    ),
    [-7001],
)


def _about(entity: str, number: str, here: str, keys: Sequence[str], pk: int, ids: Sequence[Any]) -> Q:
    """Rows about the record, or about those who belong to it."""
    found = Q(**{entity: here, number: pk})
    for key, some in zip(keys, ids, strict=True):
        found |= Q(**{entity: key, f"{number}__any": some})
    return found


def _received(wish: Wish, here: str, keys: Sequence[str], pk: int, *ids: Any) -> QuerySet[InboundMessage]:
    rows = InboundMessage.objects.filter(
        _about("entity", "record_id", here, keys, pk, ids) | _about("person_entity", "person_id", here, keys, pk, ids),
        state=FILED,
    )
    if wish.text:
        rows = rows.filter(Q(subject__icontains=wish.text) | Q(body__icontains=wish.text))
    return rows.filter(positions.older(wish, RANK, "at")).order_by("-at", "-id")[: wish.limit + 1]


def _sent(wish: Wish, here: str, keys: Sequence[str], pk: int, *ids: Any) -> QuerySet[OutboundMessage]:
    rows = OutboundMessage.objects.filter(_about("entity", "record_id", here, keys, pk, ids), channel__in=[*ICONS])
    rows = rows.exclude(payload__has_key=messages.INSIDE)
    if wish.people:
        rows = rows.filter(by_id__in=wish.people)
    if wish.text:
        rows = rows.filter(Q(subject__icontains=wish.text) | Q(body__icontains=wish.text))
    rows = rows.filter(positions.older(wish, RANK + 1, "created_at"))
    return rows.order_by("-created_at", "-id")[: wish.limit + 1]


#: One query of each for records nobody belongs to, one for those with one sort of people: put into SQL once.
_QUERIES = {
    (make, count): Shaped(make, [-7001, *([[-7001]] * count)]) for make in (_received, _sent) for count in (0, 1)
}


def _rows(make: Any, wish: Wish, belonging: Sequence[tuple[str, list[int]]]) -> list[Any]:
    here, keys = entity_of(wish.record).key, tuple(key for key, _ids in belonging)
    ids = [some for _key, some in belonging]
    query = _QUERIES.get((make, len(keys)))
    if query is None:
        return list(make(wish, here, keys, wish.record.pk, *ids))
    plain = not wish.people and not wish.text and wish.before is None
    return query.rows((here, keys, wish.limit) if plain else None, (wish, here, keys), wish.record.pk, *ids)


def _entries(wish: Wish) -> list[TimelineEntry]:
    belonging = _belonging(wish)
    came = [] if wish.people else _rows(_received, wish, belonging)
    attached: dict[int, File] = File.objects.in_bulk([one for row in came for one in row.files]) if came else {}
    found = [_incoming(wish.actor, row, attached) for row in came]
    return [*found, *(_outgoing(wish.actor, row) for row in _rows(_sent, wish, belonging))]


def _incoming(actor: Actor, row: InboundMessage, attached: Mapping[int, File]) -> TimelineEntry:
    held = tuple(attached[one] for one in row.files if one in attached and attached[one].deleted_at is None)
    said = Said(row, True, letters.fresh(row.body), held)
    return TimelineEntry(
        kind=KIND, id=row.pk, at=row.at, rank=RANK, by_id=None, by_name=row.sender_name or address_seen(actor, row.channel, row.sender), title=row.subject,
        body=said.text, icon=ICONS.get(row.channel, "mail"), color="teal", variety="in",
        label=_("wrote by itself") if row.automatic else _("wrote a mail") if row.channel == "mail" else _("wrote a text message"),
        record=said,
    )  # fmt: skip


def _outgoing(actor: Actor, row: OutboundMessage) -> TimelineEntry:
    state = "" if row.state == "sent" else str(SENT_STATES.get(row.state, row.state))
    return TimelineEntry(
        kind=KIND, id=row.pk, at=row.created_at, rank=RANK + 1, by_id=row.by_id, by_name="" if row.by_id else _("Automation"),
        title=row.subject, body=row.body, icon=ICONS[row.channel], color="red" if row.state == "failed" else "indigo",
        variety="out", label=_("wrote to %(to)s") % {"to": address_seen(actor, row.channel, row.to)}, record=Said(row, False, row.body, (), state),
    )  # fmt: skip


timeline.add_source(timeline.FurtherSource(KIND, gettext_lazy("Messages"), "mail", RANK, _entries))


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


def _those_of(actor: Actor, record: Any) -> list[Any]:
    found: list[Any] = []
    for key, name in _circle(entity_of(record)):
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
