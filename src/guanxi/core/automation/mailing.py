"""Notifications by mail: at once for those who want that, else one mail a day. Text only, in the reader's language."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core.automation.notify import Note, unmailed
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.apart import apart
from guanxi.core.models import Notification, User
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.runtime.environment import environment

logger = logging.getLogger("guanxi.mail")

#: The hour of the reader's day at which the daily mail goes out.
DIGEST_HOUR = 8


def send_now(user_id: int) -> int:
    """Send what the person wants by mail at once and has not read yet. Returns how many notifications went out."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    return _send(user, "now") if user is not None and user.email else 0


def send_digests(moment: dt.datetime) -> int:
    """Send the daily mail to everyone whose day has come to ``DIGEST_HOUR``. Returns how many mails went out.

    What could not be sent is in the mail of the next day.
    """
    waiting = Notification.objects.filter(mailed_at__isnull=True, created_at__gte=moment - dt.timedelta(days=7))
    users = User.objects.filter(pk__in=waiting.values("user_id"), is_active=True).exclude(email="")
    sent = 0
    for user in users:
        if _hour(user, moment) == DIGEST_HOUR:
            with apart(logger, "a daily mail could not be sent", user=user.pk):
                sent += bool(_send(user, "digest"))
    return sent


def _hour(user: User, moment: dt.datetime) -> int:
    try:
        return moment.astimezone(ZoneInfo(user.timezone)).hour
    except (KeyError, ValueError, OSError):
        return moment.astimezone(ZoneInfo(environment().time_zone)).hour


def _send(user: User, mail: str) -> int:
    with regional.speaking(user.language, user.timezone, regional.Regional.of(user.preferences)):
        notes = unmailed(user, mail)
        if not notes:
            return 0
        message(user, notes).send()
    Notification.objects.filter(pk__in=[note.id for note in notes]).update(mailed_at=clock.now())
    return len(notes)


#: Further lines of a notification's part of the mail, by sort: ``(user, note) -> text``.
FURTHER_LINES: dict[str, Callable[[User, Note], str]] = {}


def message(user: User, notes: Sequence[Note]) -> EmailMessage:
    """The mail with these notifications, in the present language."""
    count = len(notes)
    if count == 1:
        subject = notes[0].text
    else:
        subject = ngettext("%(count)d notification", "%(count)d notifications", count) % {"count": count}
    body = "\n\n".join(_lines(user, notes))
    footer = _("You can choose by mail or not in your settings: %(address)s") % {
        "address": f"{environment().url}/account/notifications/"
    }
    name = user.name or user.username
    greeting = _("Hello %(name)s,") % {"name": name}
    return EmailMessage(
        subject=" ".join(subject.split())[:200], body=f"{greeting}\n\n{body}\n\n-- \n{footer}\n", to=[user.email]
    )


def _lines(user: User, notes: Sequence[Note]) -> list[str]:
    """Each notification; of several about one record the last has the further lines: a link made anew ends earlier ones."""
    last = {(note.sort, note.entity, note.record_id): note.id for note in notes}
    further = [
        FURTHER_LINES[note.sort](user, note)
        if note.sort in FURTHER_LINES and last[note.sort, note.entity, note.record_id] == note.id
        else ""
        for note in notes
    ]
    return [f"{note.text}\n{address_of(note)}\n{more}".strip() for note, more in zip(notes, further, strict=True)]


def address_of(note: Note) -> str:
    """Where the notification leads, as a full address; '' for nowhere."""
    if not note.record_id or not is_registered(note.entity):
        return ""
    return f"{environment().url}/{entity_of(note.entity).path}/{note.record_id}/"
