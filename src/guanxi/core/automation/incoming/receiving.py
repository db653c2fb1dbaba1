"""A message that came in: taken once, filed on the record it belongs to, told to whoever is answerable for it, heard by rules.

Where it belongs: an answer to a message of ours to that message's record. Else the sender's address decides: contacts before
customers before leads before whatever else has addresses (``RANKS``); of several the one changed last. Nobody known: it waits
for the mailbox's keeper, or becomes a record at once where the mailbox says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from guanxi.core import records
from guanxi.core.automation import channels, messages
from guanxi.core.automation.addressing import addressed
from guanxi.core.automation.incoming import threads
from guanxi.core.automation.incoming.letters import Letter
from guanxi.core.automation.marketing import record_of
from guanxi.core.automation.notify import notify
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import GuanxiError, Text, Unavailable
from guanxi.core.kernel.identifiers import email_key
from guanxi.core.kernel.phones import parse_phone
from guanxi.core.models import File, InboundMessage, Mailbox, MatchValue, OutboundMessage
from guanxi.core.models.incoming import FILED, IGNORED, MAIL, SMS
from guanxi.core.records import files
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

EVENT = "message_received"
SORT = "message"
#: What attachments hang on: whoever may read the message opens them (``correspondence.file_open``).
HOLDER = "core.message"
#: So much of a text goes with the event rules hear.
HEARD = 4000
WROTE = gettext_noop("%(sender)s wrote: %(subject)s")
UNKNOWN = gettext_noop("Somebody unknown wrote: %(sender)s, %(subject)s")
RETURNED = gettext_noop("A mail to %(to)s came back: %(reason)s")
channels.register_sort(
    channels.Sort(SORT, gettext_lazy("Messages from customers"), "mail", mail="off", push=True, mutable=True)
)


@dataclass(frozen=True, slots=True)
class Maker:
    """What an unknown sender can be made by one click: ``values(message)`` are those of a new record."""

    entity: str
    label: Text
    values: Callable[[InboundMessage], Mapping[str, Any]]
    order: int = 100


#: Which sort of record a sender is looked for in, the first that knows the address; others come after these.
RANKS: list[str] = []
MAKERS: dict[str, Maker] = {}


def add_ranks(*keys: str) -> None:
    """An area says in which of its entities senders are looked for, the likeliest first."""
    RANKS.extend(key for key in keys if key not in RANKS)


def add_maker(maker: Maker) -> None:
    """An area says what an unknown sender can be made."""
    MAKERS[maker.entity] = maker


def reached(message: InboundMessage) -> dict[str, Any]:
    """Name and address of whoever wrote, as fields ``name`` and ``emails`` or ``phones`` of a new record."""
    name = message.sender_name or message.sender.partition("@")[0]
    return {"name": name, ("phones" if message.channel == SMS else "emails"): [{"value": message.sender}]}


def makers() -> list[Maker]:
    """What an unknown sender can be made, in order."""
    return sorted(MAKERS.values(), key=lambda one: one.order)


def house(name: str = "") -> Actor:
    """Who files what came in."""
    return system_actor(name or "incoming", via="job")


# -- taking ------------------------------------------------------------------------------------------------------------


def receive(letter: Letter, *, mailbox: Mailbox | None, channel: str = MAIL) -> InboundMessage | None:
    """Take a message in; ``None`` for one taken before. All in one transaction: it is there, filed and told, or not at all.

    Raises Unavailable where its attachments cannot be taken in at this moment.
    """
    if InboundMessage.objects.filter(channel=channel, external_id=letter.external_id).exists():
        return None
    actor = house(mailbox.name if mailbox else "")
    answered = threads.answered(letter.ids, letter.to) if channel == MAIL else None
    attached = _stored(letter)  # before the transaction: pictures take their time
    try:
        with transaction.atomic(), writing(actor):
            message = InboundMessage.objects.create(
                mailbox=mailbox, channel=channel, external_id=letter.external_id, answers=answered, sender=letter.sender,
                sender_name=letter.sender_name, to=", ".join(letter.to)[:2000], subject=letter.subject, body=letter.body,
                html=letter.html, automatic=letter.automatic, at=letter.at,
            )  # fmt: skip
            _keep_files(message, letter, attached)
            if letter.bounce:
                _returned(message, answered, letter.bounce)
            elif _own(letter.sender):
                _ignore(message, _("It comes from an address of our own."))
            else:
                _sort(actor, message, answered)
    except IntegrityError:  # taken by another worker in the same moment
        return None
    return message


def _stored(letter: Letter) -> list[files.Stored]:
    """The attachments as files, under the rules of uploads; what those refuse is left out."""
    found = []
    for one in letter.attachments:
        try:
            found.append(files.store(files.as_upload(one.name, one.content)))
        except Unavailable:
            raise
        except GuanxiError:
            continue
    return found


def _keep_files(message: InboundMessage, letter: Letter, attached: list[files.Stored]) -> None:
    """The attachments on the message; how many were left out is said."""
    rows = File.objects.bulk_create(
        File(
            entity=HOLDER, record_id=message.pk, name=stored.name, size=stored.size, media_type=stored.media_type,
            digest=stored.digest, is_picture=stored.is_picture, created_at=message.at,
        )
        for stored in attached
    )  # fmt: skip
    message.files = [row.pk for row in rows]
    refused = letter.left_out + len(letter.attachments) - len(attached)
    if refused:
        message.note = _("%(count)d attachments were not accepted.") % {"count": refused}
    message.save(update_fields=["files", "note"])


def _own(sender: str) -> bool:
    return Mailbox.objects.filter(address__iexact=sender).exclude(address="").exists()


def _ignore(message: InboundMessage, why: str) -> None:
    message.state, message.note = IGNORED, why[:300]
    message.save(update_fields=["state", "note"])


def _returned(message: InboundMessage, answered: OutboundMessage | None, reason: str) -> None:
    """A delivery report: the mail it is about is marked, and whoever wrote it is told."""
    _ignore(message, _("A mail came back: %(reason)s") % {"reason": reason})
    if answered is None:
        return
    OutboundMessage.objects.filter(pk=answered.pk).update(
        state="failed", error=_("It came back: %(reason)s") % {"reason": reason}
    )
    record = record_of(answered.entity, answered.record_id)
    people = [answered.by_id] if answered.by_id else _answerable(record)
    values = {"to": _address(answered.channel, answered.to), "reason": reason}
    notify([one for one in people if one], SORT, RETURNED, values, record=record, once=f"returned:{answered.pk}")


def _sort(actor: Actor, message: InboundMessage, answered: OutboundMessage | None) -> None:
    """Find out where a message belongs, and put it there: one that answers what a colleague was told, on no record by itself."""
    inside = answered is not None and messages.INSIDE in answered.payload
    person = None if inside else find_sender(message.channel, message.sender)
    if person is not None:
        message.person_entity, message.person_id = entity_of(person).key, person.pk
    record = record_of(answered.entity, answered.record_id) if answered is not None and not inside else None
    record = record if record is not None else person
    box = message.mailbox
    if record is None and box is not None and box.unknown in MAKERS and not (message.automatic or inside):
        record = _made(actor, message, MAKERS[box.unknown], box.keeper_id)
    if record is not None:
        file_on(actor, message, record)
        return
    if message.automatic:
        _ignore(message, _("It was written by a machine."))
        return
    message.save()
    keeper = box.keeper_id if box is not None else None
    if keeper:
        notify(
            [keeper],
            SORT,
            UNKNOWN,
            {**_words(message), "sender": message.sender_name or message.sender},
            once=f"message:{message.pk}",
        )


def _made(actor: Actor, message: InboundMessage, maker: Maker, owner: int | None) -> models.Model | None:
    """The record a mailbox makes of an unknown sender at once; ``None`` when that is refused."""
    entity = entity_of(maker.entity)
    values = {**maker.values(message), **({entity.access.owner: owner} if entity.access.owner and owner else {})}
    try:
        with transaction.atomic():
            found: models.Model = records.create(actor, entity, values)
    except GuanxiError as error:
        message.note = str(error)[:300]
        return None
    return found


# -- who wrote ---------------------------------------------------------------------------------------------------------


def find_sender(channel: str, sender: str) -> models.Model | None:
    """The living record with this address: by ``RANKS``, of several the one changed last."""
    kind, value = ("email", email_key(sender)) if channel == MAIL else ("phone", _phone(sender))
    if not value:
        return None
    found: dict[str, list[int]] = {}
    for entity, number in MatchValue.objects.filter(
        kind=kind, value=value[:120], entity__in=addressed(kind)
    ).values_list("entity", "record_id")[:200]:
        found.setdefault(entity, []).append(number)
    for key in sorted(found, key=lambda one: (RANKS.index(one) if one in RANKS else len(RANKS), one)):
        rows = entity_of(key).model._default_manager.filter(pk__in=found[key])
        if (record := rows.order_by("-updated_at", "-pk").first()) is not None:
            return record
    return None


def _phone(number: str) -> str:
    try:
        return str(getattr(parse_phone(number), "e164", "") or "")
    except GuanxiError:
        return ""


# -- filing ------------------------------------------------------------------------------------------------------------


def file_on(actor: Actor, message: InboundMessage, record: models.Model) -> None:
    """Put a message on a record: it stands on its timeline, the owner is told, rules hear of it."""
    entity = entity_of(record)
    message.entity, message.record_id, message.state = entity.key, record.pk, FILED
    if not message.person_id:
        person = find_sender(message.channel, message.sender)
        if person is not None:
            message.person_entity, message.person_id = entity_of(person).key, person.pk
    message.save()
    if message.automatic:
        return
    notify(_answerable(record), SORT, WROTE, _words(message), record=record, once=f"message:{message.pk}")
    person = record_of(message.person_entity, message.person_id)
    for key, number in dict.fromkeys(_concerned(record, person)):
        emit(actor, EVENT, None, heard(message), entity=key, record_id=number)


def heard(message: InboundMessage) -> dict[str, list[Any]]:
    """What rules hear of a message, as the changes of its event."""
    told = {
        "message": message.pk,
        "channel": message.channel,
        "sender": message.sender,
        "subject": message.subject,
        "text": message.body[:HEARD],
    }
    return {name: [None, value] for name, value in told.items()}


def _concerned(record: models.Model, person: models.Model | None) -> list[tuple[str, int]]:
    """The records a message is about: where it is filed, who wrote it, and whom that one belongs to."""
    found = []
    for one in (record, person):
        while one is not None:
            entity = entity_of(one)
            found.append((entity.key, int(one.pk)))
            above = entity.access.carried_by
            one = getattr(one, above, None) if above else None  # noqa: PLW2901 - up the chain
    return found


def _answerable(record: models.Model | None) -> list[int]:
    """Who is told of a message on a record: its owner, or that of the record it belongs to."""
    while record is not None:
        entity: Entity = entity_of(record)
        owner = getattr(record, f"{entity.access.owner}_id", None) if entity.access.owner else None
        if owner:
            return [owner]
        record = getattr(record, entity.access.carried_by, None) if entity.access.carried_by else None
    return []


def _address(channel: str, address: str) -> dict[str, str]:
    """An address in a notification: whoever reads it sees it as he may then."""
    return {"address": address, "channel": channel}


def _words(message: InboundMessage) -> dict[str, Any]:
    shown = message.sender_name or _address(message.channel, message.sender)
    return {"sender": shown, "subject": (message.subject or " ".join(message.body.split()))[:120]}
