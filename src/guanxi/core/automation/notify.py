"""Notifications: writing them for those who may know, reading them, and telling open pages at once.

A text is a msgid with ``%(name)s`` places, filled at reading: ``by`` is the person's name, ``record`` the record's
title as the reader may see it, ``entity`` the name of an entity whose key stands in the values; all else comes from
the values. What a record holds is never told as it stands: a value is a field of the record (``field_told``), read for
the reader as he reads, or a text of that moment for who reads some fields (``told_to_readers``). Others may be said in
both languages, ``{"zh": …, "en": …}``, or be an address somebody outside is reached by, shown as the reader may see
it: ``{"address": …, "channel": "mail"}``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from guanxi.core.access import actors, allowed, reads
from guanxi.core.automation import channels
from guanxi.core.automation.addressing import address_seen
from guanxi.core.automation.queue import app, defer_once
from guanxi.core.kernel import clock, machines
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models import Notification, PushDevice, User
from guanxi.core.models.fixed import Fixed
from guanxi.core.records import display, figures, marks, values
from guanxi.core.records.rates import base_currency
from guanxi.core.records.shape import fields_of, spoken
from guanxi.core.schema.registry import entity_of, is_registered

#: The channel open pages are told on; its payload is the id of a user.
LIVE_CHANNEL = "guanxi_live"
#: Unread ones are counted up to this.
COUNT_LIMIT = 99
#: The job that mails to one person (see ``jobs``).
MAIL_JOB = "guanxi.mail_send"
#: The job that sends one notification to the devices of its reader.
PUSH_JOB = "guanxi.push_send"
#: Mails sent "at once" wait so many seconds for more to go into the same mail.
MAIL_PAUSE = 20
#: In place of what is not for the reader.
UNTOLD = "…"


@dataclass(frozen=True, slots=True)
class Note:
    """One notification as its reader sees it. ``entity`` and ``record_id`` say where it leads ('', 0: nowhere)."""

    id: int
    sort: str
    icon: str
    text: str
    at: dt.datetime
    read: bool
    by_id: int | None
    by_name: str
    entity: str
    record_id: int
    title: str


@dataclass(frozen=True, slots=True)
class NoteGroup:
    """Notifications about the same record, newest first."""

    entity: str
    record_id: int
    title: str
    notes: tuple[Note, ...]
    unread: int


@dataclass(frozen=True, slots=True)
class NotePage:
    """A page of notifications; ``next`` goes into ``before`` for the following one, 0 at the end."""

    notes: tuple[Note, ...]
    next: int

    @property
    def groups(self) -> tuple[NoteGroup, ...]:
        """The same, grouped by record in order of the newest."""
        found: dict[tuple[str, int], list[Note]] = {}
        for note in self.notes:
            key = (note.entity, note.record_id) if note.record_id else ("", -note.id)
            found.setdefault(key, []).append(note)
        return tuple(
            NoteGroup(
                some[0].entity, some[0].record_id, some[0].title, tuple(some), sum(not note.read for note in some)
            )
            for some in found.values()
        )


# -- writing -----------------------------------------------------------------------------------------------------------


def field_told(name: str) -> dict[str, str]:
    """A value of a text: a field of the record it is about, as it is and as its reader sees it when he reads."""
    return {"field": name}


def told_to_readers(text: Any, entity: str, *names: str) -> dict[str, Any]:
    """A value of a text: made now of fields of an entity, told to who reads all of these in full when he reads."""
    return {"text": str(text), "reads": [entity, *names]}


def notify(
    users: Iterable[int],
    sort: str,
    text: str,
    values: Mapping[str, Any] | None = None,
    *,
    record: models.Model | None = None,
    by: int | None = None,
    once: str = "",
) -> list[int]:
    """Tell people (ids) something; returns the ids of those who are told.

    Left out are: who did it (``by``), the inactive, who may not see the record, who muted it (for sorts that can be
    muted), who switched this sort off, and who was told under the key ``once`` before. Part of the present transaction.
    """
    key = entity_of(record).key if record is not None else ""
    record_id = int(record.pk) if record is not None else 0
    wanted = _wanted({number for number in users if number and number != by}, sort, key, record_id, once)
    rows, mailed, now = [], [], clock.now()
    for user in User.objects.filter(pk__in=wanted, is_active=True).order_by("pk"):
        how = channels.ways(user, sort)
        if (how.web or how.push or how.mail != "off") and _may_know(user, record):
            note = Notification(user=user, sort=sort, text=text, values=dict(values or {}), by_id=by, once=once)
            note.entity, note.record_id, note.created_at = key, record_id, now
            note.read_at = None if how.web else now
            rows.append(note)
            mailed += [user.pk] if how.mail == "now" and user.email else []
    told = [note.user_id for note in rows]
    with transaction.atomic():
        Notification.objects.bulk_create(rows, ignore_conflicts=bool(once))
        tell_pages(told)
        _mail_soon(mailed)
        _push_soon(rows)
    return told


def _wanted(users: set[int], sort: str, entity: str, record_id: int, once: str) -> set[int]:
    """Those who did not mute the record and were not told under the key before."""
    declared = channels.SORTS.get(sort)
    if users and declared is not None and declared.mutable and entity:
        users = users - marks.users_with("mute", entity, record_id)
    if users and once:
        users = users - set(Notification.objects.filter(user__in=users, once=once).values_list("user_id", flat=True))
    return users


def _may_know(user: User, record: models.Model | None) -> bool:
    return record is None or allowed(actors.load(user, via="job"), "view", record)


def tell_pages(users: Iterable[int]) -> None:
    """Let open pages of these people fetch anew, when the transaction commits."""
    chosen = sorted(set(users))
    if chosen:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, u::text) FROM unnest(%s::bigint[]) u", [LIVE_CHANNEL, chosen])


def _mail_soon(users: Iterable[int]) -> None:
    for user in users:
        defer_once(MAIL_JOB, f"mail:{user}", {"user_id": user}, schedule_in={"seconds": MAIL_PAUSE})


def _push_soon(rows: Sequence[Notification]) -> None:
    """A job for each notification whose reader has a device that shows them."""
    wanted = [row for row in rows if channels.ways(row.user, row.sort).push]
    if not wanted:
        return
    having = set(PushDevice.objects.filter(user__in=[row.user_id for row in wanted]).values_list("user_id", flat=True))
    for row in wanted:
        if row.user_id in having:
            once = {"user_id": row.user_id, "once": row.once}
            number = row.pk or Notification.objects.filter(**once).values_list("pk", flat=True).first()
            app.configure_task(PUSH_JOB, queue="default").defer(notification_id=number)


# -- reading -----------------------------------------------------------------------------------------------------------


def notifications(actor: Actor, *, sort: str = "", unread: bool = False, before: int = 0, limit: int = 30) -> NotePage:
    """The actor's notifications, newest first. Those about records he may no longer see do not exist for him."""
    rows = Notification.objects.filter(user_id=actor.user_id or 0).select_related("by").order_by("-id")
    if sort:
        rows = rows.filter(sort=sort)
    if unread:
        rows = rows.filter(read_at__isnull=True)
    notes: list[Note] = []
    position = before
    while len(notes) < limit:
        some = list((rows.filter(pk__lt=position) if position else rows)[: limit + 1])
        shown = _readable(actor, some[:limit])
        for row in some[:limit]:
            position = row.pk
            if row.pk in shown:
                notes.append(shown[row.pk])
            if len(notes) == limit:
                break
        if len(some) <= limit and (not some or position == some[-1].pk):
            return NotePage(tuple(notes), 0)
    return NotePage(tuple(notes), position)


_UNREAD = Fixed(
    lambda user_id: (
        Notification.objects.filter(user_id=user_id, read_at__isnull=True)
        .order_by("-id")
        .values_list("entity", "record_id", "sort")[: COUNT_LIMIT * 2]
    ),
    [-1],
)


@asked_once(lambda actor: actor.user_id)
def _unread(actor: Actor) -> list[tuple[str, int, str]]:
    """Entity, record and sort of what the actor has not read, newest first, up to some number."""
    return _UNREAD.rows(actor.user_id or 0)


def unread_count(actor: Actor) -> int:
    """How many the actor has not read, at most ``COUNT_LIMIT`` (shown as 99+)."""
    some = [(key, number) for key, number, _sort in _unread(actor)]
    found = marks.visible_records(actor, some)
    return min(sum(not key or (key, number) in found for key, number in some), COUNT_LIMIT)


def mark_read(
    actor: Actor, ids: Iterable[int] | None = None, *, record: models.Model | None = None, read: bool = True
) -> int:
    """Mark notifications read (or unread): these, those about a record, or all. Returns how many changed."""
    rows = Notification.objects.filter(user_id=actor.user_id or 0, read_at__isnull=read)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    if record is not None:
        rows = rows.filter(entity=entity_of(record).key, record_id=record.pk)
    with transaction.atomic():
        changed = rows.update(read_at=clock.now() if read else None)
        if changed and actor.user_id is not None:
            tell_pages([actor.user_id])
    return changed


def live_state(actor: Actor) -> dict[str, int | str]:
    """What open pages ask for: unread count, the latest notification's id, and what changes with the actor's rights."""
    latest = (
        Notification.objects.filter(user_id=actor.user_id or 0).order_by("-id").values_list("pk", flat=True).first()
    )
    return {"unread": unread_count(actor), "latest": latest or 0, "rights": actors.fingerprint(actor)}


def _readable(actor: Actor, rows: Sequence[Notification]) -> dict[int, Note]:
    """The notes of those rows whose record the actor may see, by id."""
    found = marks.visible_records(actor, [(row.entity, row.record_id) for row in rows])
    notes = {}
    for row in rows:
        record = found.get((row.entity, row.record_id))
        if row.record_id and record is None:
            continue
        title = display.title_of(entity_of(row.entity), record, actor) if record is not None else ""
        notes[row.pk] = Note(
            id=row.pk,
            sort=row.sort,
            icon=channels.SORTS[row.sort].icon if row.sort in channels.SORTS else "bell",
            text=text_of(actor, row, record),
            at=row.created_at,
            read=row.read_at is not None,
            by_id=row.by_id,
            by_name=str(row.by) if row.by else "",
            entity=row.entity,
            record_id=row.record_id,
            title=title,
        )
    return notes


def note_for(user: User, row: Notification) -> Note | None:
    """One notification as its reader may see it now; ``None`` when what it is about is no longer for him."""
    return _readable(actors.load(user, via="job"), [row]).get(row.pk)


def text_of(actor: Actor, row: Notification, record: Any = None) -> str:
    """The sentence in the present language, as the reader may see it; ``record`` is what it is about."""
    places = {"by": _("Somebody"), "record": ""} | {name: _told(actor, one, record) for name, one in row.values.items()}
    if row.by:
        places["by"] = str(row.by)
    if record is not None:
        places["record"] = display.title_of(entity_of(record), record, actor)
    places["by"] = machines.spoken(str(places["by"]), row.by_id)
    if is_registered(str(places.get("entity", ""))):
        places["entity"] = str(entity_of(str(places["entity"])).label)
    try:
        return _(row.text) % places
    except (KeyError, ValueError, TypeError):
        return _(row.text)


def _told(actor: Actor, value: Any, record: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "address" in value:
        return address_seen(actor, value["channel"], value["address"])
    if "field" in value:
        return _field_text(actor, record, value["field"]) or UNTOLD
    if "reads" in value:
        entity, *names = value["reads"]
        return value["text"] if is_registered(entity) and reads(actor, entity, *names) else UNTOLD
    return spoken(value["zh"], value["en"])


def _field_text(actor: Actor, record: Any, name: str) -> str:
    """A field of a record as the reader sees it, money with its currency; '' for what is not for him."""
    entity = entity_of(record) if record is not None else None
    field = fields_of(entity).get(name) if entity is not None else None
    if entity is None or field is None:
        return ""
    if field.kind == "money" and reads(actor, entity, name):
        currency = str(getattr(record, field.currency, "") or "") if field.currency else ""
        return figures.money(values.current(record, field), currency or base_currency())
    return display.value_text(actor, entity, record, name)


def unread_mentions(actor: Actor, *, limit: int = 20) -> tuple[Note, ...]:
    """Mentions of the actor he has not read."""
    known = _unread(actor)
    if len(known) < COUNT_LIMIT * 2 and not any(sort == "mention" for _key, _number, sort in known):
        return ()
    return notifications(actor, sort="mention", unread=True, limit=limit).notes


def unmailed(user: User, mail: str, *, since: dt.timedelta = dt.timedelta(days=7)) -> tuple[Note, ...]:
    """Unread notifications that still have to go to the person by mail in that way, oldest first."""
    keys = [sort.key for sort in channels.SORTS.values() if channels.ways(user, sort.key).mail == mail]
    rows = Notification.objects.filter(
        Q(read_at__isnull=True) | Q(read_at=models.F("created_at")),
        user=user,
        sort__in=keys,
        mailed_at__isnull=True,
        created_at__gte=clock.now() - since,
    )
    readable = _readable(actors.load(user, via="job"), list(rows.select_related("by").order_by("id")[:200]))
    return tuple(readable.values())
