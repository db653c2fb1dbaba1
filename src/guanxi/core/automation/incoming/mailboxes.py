"""Mailboxes and numbers messages come in by: kept by administrators, looked into by the worker, shown when they fail."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.incoming import imap, letters, receiving
from guanxi.core.automation.incoming.sealed import seal, unseal
from guanxi.core.automation.messages import mail_address
from guanxi.core.automation.queue import LONG, defer_once
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, Unavailable
from guanxi.core.models import Mailbox, User
from guanxi.core.models.incoming import MAIL, SMS
from guanxi.core.models.stamps import bump
from guanxi.core.records.settings_registry import require_unchanged
from guanxi.core.records.writing import writing
from guanxi.runtime.environment import environment

logger = logging.getLogger("guanxi.mail")
JOB = "guanxi.mailbox_read"
STAMP = "mailboxes"
#: Seconds between two looks; after failures it grows twofold up to ``LONGEST``.
PAUSE, LONGEST = 60, 1800
#: A mailbox that has failed so long is told of; a short outage is not.
PATIENCE = dt.timedelta(minutes=10)
SECURITIES = ("tls", "starttls", "none")
#: Texts of the form, with their longest.
TEXTS = {"name": 100, "address": 254, "host": 253, "username": 254, "folder": 200}


def server_of(box: Mailbox) -> imap.Server:
    """How a mailbox is reached. Raises Unavailable when its password cannot be read any more."""
    return imap.Server(box.host, box.port, box.security, box.username, unseal(box.secret), box.folder or "INBOX")


# -- keeping -----------------------------------------------------------------------------------------------------------


def _filled(row: Mailbox, values: Mapping[str, Any]) -> Mailbox:
    """The row with the values of a form; checked. A password goes to no other server than the one it was typed for. Raises Invalid at the field."""
    host = row.host
    for name, limit in TEXTS.items():
        setattr(row, name, str(values.get(name, "")).strip()[:limit])
    row.security = str(values.get("security") or "tls")
    row.replies, row.plus, row.active = (bool(values.get(name)) for name in ("replies", "plus", "active"))
    row.unknown = str(values.get("unknown") or "")
    row.keeper = User.objects.filter(pk=values["keeper"], is_active=True).first() if values.get("keeper") else None
    if not row.name:
        raise Invalid(_("Give it a name."), code="value.required", field="name")
    if row.unknown and row.unknown not in receiving.MAKERS:
        raise Invalid(_("Choose from the list."), code="mailbox.unknown", field="unknown")
    if row.channel == SMS:
        return row
    if row.security not in SECURITIES:
        raise Invalid(_("Choose from the list."), code="mailbox.security", field="security")
    row.port = _port(values.get("port"))
    for name in ("host", "username"):
        if not getattr(row, name):
            raise Invalid(_("Fill this in."), code="value.required", field=name)
    try:
        row.address = mail_address(row.address)
    except Invalid as error:
        raise Invalid(error.message, code=error.code, field="address") from None
    row.folder = row.folder or "INBOX"
    if values.get("password"):
        row.secret = seal(str(values["password"]))
    elif not row.secret:
        raise Invalid(_("Fill this in."), code="value.required", field="password")
    elif row.host != host:
        raise Invalid(_("Another server: type the password again."), code="mailbox.password", field="password")
    return row


def _new(values: Mapping[str, Any]) -> Mailbox:
    """A new one; it stays what it is, for a mailbox's password must not become the key of a gateway, which is shown."""
    return Mailbox(channel=SMS if values.get("channel") == SMS else MAIL)


def _port(given: Any) -> int:
    text = str(given or "").strip()
    if not text.isdecimal() or not 0 < int(text[:6]) < 65536:
        raise Invalid(_("A port is a number from 1 to 65535."), code="mailbox.port", field="port")
    return int(text)


def mailbox_save(
    actor: Actor, box: Mailbox | None, values: Mapping[str, Any], *, version: int | None = None
) -> Mailbox:
    """Store a mailbox, and let the worker look into it. A new one begins with the mails of today. Raises Denied, Invalid at the field, Conflict."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        row = Mailbox.objects.select_for_update().get(pk=box.pk) if box else _new(values)
        require_unchanged(row, version)
        was = (row.host, row.username, row.folder)
        _filled(row, values)
        if row.channel == SMS and not row.secret:
            row.secret = seal(secrets.token_urlsafe(32))
        if box and was != (row.host, row.username, row.folder):
            row.uid_validity = row.last_uid = 0
        row.version += bool(box)
        row.failures, row.failing_since, row.error, row.next_at = 0, None, "", clock.now()
        row.save()
        if row.replies:
            Mailbox.objects.exclude(pk=row.pk).filter(channel=row.channel, replies=True).update(replies=False)
        bump(STAMP)
        if row.active and row.channel == MAIL:
            ask(row.pk)
    return row


def mailbox_delete(actor: Actor, box: Mailbox) -> None:
    """Remove a mailbox; the messages that came by it stay."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        box.delete()
        bump(STAMP)


def secret_renew(actor: Actor, box: Mailbox) -> str:
    """A new key for a gateway; the old one holds no longer."""
    require_feature(actor, SETTINGS)
    fresh = secrets.token_urlsafe(32)
    with writing(actor):
        Mailbox.objects.filter(pk=box.pk, channel=SMS).update(secret=seal(fresh))
    return fresh


def tried(actor: Actor, box: Mailbox | None, values: Mapping[str, Any]) -> str:
    """Reach the server as the form says, without keeping anything; what was found, in words. Raises Invalid or Unavailable."""
    require_feature(actor, SETTINGS)
    row = _filled(Mailbox(channel=box.channel, secret=box.secret, host=box.host) if box else _new(values), values)
    with imap.opened(server_of(row)) as folder:
        return _("It works: the folder “%(name)s” holds %(count)d messages.") % {
            "name": row.folder,
            "count": folder.count,
        }


# -- looking -----------------------------------------------------------------------------------------------------------


def look(now: dt.datetime) -> int:
    """Put a job into the queue for each mailbox whose time has come. Returns how many."""
    due = list(Mailbox.objects.filter(channel=MAIL, active=True, next_at__lte=now).values_list("pk", flat=True))
    for number in due:
        ask(number)
    return len(due)


def ask(number: int) -> None:
    """Let the worker look into a mailbox soon; once, however often it is asked."""
    with transaction.atomic():
        if Mailbox.objects.filter(pk=number).update(next_at=clock.now() + dt.timedelta(seconds=PAUSE)):
            name = f"mailbox:{number}"
            defer_once(JOB, name, {"mailbox_id": number}, queue=LONG, lock=name)


def read(mailbox_id: int) -> int:
    """Take in what is new in a mailbox; how many messages. A fault is noted on it and tried again later, never raised."""
    box = Mailbox.objects.filter(pk=mailbox_id, active=True, channel=MAIL).first()
    if box is None:
        return 0
    try:
        taken = _read(box)
    except GuanxiError as error:
        _failed(box, str(error))
        return 0
    Mailbox.objects.filter(pk=box.pk).update(
        checked_at=clock.now(), failures=0, failing_since=None, error="",
        next_at=clock.now() + dt.timedelta(seconds=PAUSE),
    )  # fmt: skip
    return taken


def _read(box: Mailbox) -> int:
    taken, rows = 0, Mailbox.objects.filter(pk=box.pk)
    with imap.opened(server_of(box)) as folder:
        if folder.uid_validity != box.uid_validity:  # new, or numbered anew: until all is read, a fault begins it again
            last = folder.last()
            taken = sum(_take(box, fetched) for fetched in folder.since(_first_day(box)))
            rows.update(uid_validity=folder.uid_validity, last_uid=last)
            return taken
        for fetched in folder.newer(box.last_uid):
            taken += _take(box, fetched)
            rows.update(last_uid=fetched.uid)
    return taken


def _first_day(box: Mailbox) -> dt.date:
    """A new mailbox begins with the mails of today; one numbered anew with what arrived since it was last read. Each is taken once."""
    seen = (box.failing_since or box.checked_at) if box.uid_validity else None
    return seen.date() - dt.timedelta(days=2) if seen else clock.today(environment().time_zone)


def _take(box: Mailbox, fetched: imap.Fetched) -> int:
    """One message; whatever is wrong with it, the next is read as well."""
    try:
        letter = letters.read(fetched.raw)
        if not fetched.whole:
            letter = letters.shortened(letter)
        return receiving.receive(letter, mailbox=box) is not None
    except (DatabaseError, Unavailable):
        raise  # tried again later
    except Exception:  # one mail's fault must not keep the others from coming in; it stays in the mailbox
        logger.exception("a message was left out", extra={"mailbox": box.name, "uid": fetched.uid})
        return 0


def _failed(box: Mailbox, reason: str) -> None:
    pause = min(PAUSE * 2 ** min(box.failures, 8), LONGEST)
    Mailbox.objects.filter(pk=box.pk).update(
        failures=box.failures + 1, failing_since=box.failing_since or clock.now(), error=reason[:1000],
        checked_at=clock.now(), next_at=clock.now() + dt.timedelta(seconds=pause),
    )  # fmt: skip
    logger.warning("a mailbox cannot be read", extra={"mailbox": box.name, "reason": reason})
