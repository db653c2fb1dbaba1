"""Messages on the timeline of a record: those filed with it and those written from it, and with those who belong to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.access import sight, visible
from guanxi.core.automation import messages
from guanxi.core.automation.addressing import address_seen
from guanxi.core.automation.incoming import letters
from guanxi.core.automation.incoming.correspondence import ICONS, circle
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import File, InboundMessage, OutboundMessage
from guanxi.core.models.fixed import Shaped
from guanxi.core.models.incoming import FILED
from guanxi.core.records import positions, timeline
from guanxi.core.records.children import present
from guanxi.core.records.moments import TimelineEntry, Wish
from guanxi.core.schema.registry import entity_of, generation

KIND, RANK = "message", 5
SENT_STATES = {
    "waiting": gettext_lazy("is being sent"),
    "sent": gettext_lazy("sent"),
    "failed": gettext_lazy("not delivered"),
    "stopped": gettext_lazy("held back"),
}


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


def _belonging(wish: Wish) -> list[tuple[str, list[int]]]:
    """Those who belong to the record and are there for the reader, by entity."""
    found, around = [], circle(entity_of(wish.record))
    there = present(wish.record) if around else frozenset()
    for key, name in around:
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
