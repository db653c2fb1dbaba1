"""How the workspace is: each part with a plain sentence, for administrators on a page of their own."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection
from django.db.models import Min
from django.utils.translation import gettext as _

from guanxi.core.automation.queue_state import queue_counts, workers_alive
from guanxi.core.kernel import clock
from guanxi.core.models import FieldIndex, Mailbox, OutboundMessage, OutboxEvent, replica
from guanxi.core.records import quarantine, scanner, sealing
from guanxi.runtime import outside
from guanxi.runtime.backup import watching
from guanxi.runtime.continuous import watching as continuous
from guanxi.runtime.environment import environment

_MB = 1024 * 1024
_SPACE_LOW, _SPACE_OUT = 2048, 300
_APART_SECONDS = 5.0
_NEWEST_MESSAGES = 1000
#: Who waits for others; then what is taken and what is allowed: of the server, of this database, of our role.
_CONNECTIONS = """
SELECT count(*) FILTER (WHERE wait_event_type = 'Lock' AND state_change < clock_timestamp() - interval '20 s'),
       count(*), current_setting('max_connections')::int,
       count(*) FILTER (WHERE datname = current_database()),
       (SELECT coalesce(nullif(datconnlimit, -1), 1000000) FROM pg_database WHERE datname = current_database()),
       count(*) FILTER (WHERE usename = session_user),
       (SELECT coalesce(nullif(rolconnlimit, -1), 1000000) FROM pg_roles WHERE rolname = session_user)
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
_LONGEST_WAIT = dt.timedelta(minutes=5)
_LONGEST_SILENCE = dt.timedelta(hours=1)
_LONGEST_SEAL = dt.timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: ``state`` is ``ok``, ``warning`` or ``wrong``, ``text`` what was found, ``help`` what to do about it."""

    label: str
    state: str
    text: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that was given up: its number, name, when, and how often it was tried."""

    number: int
    name: str
    at: dt.datetime | None
    attempts: int


def findings() -> list[Finding]:
    """Every part, looked at now; a few cheap queries."""
    return [
        *_database(),
        _connections(),
        *_replica(),
        _disk(),
        *_work(),
        _outbox(),
        *_mailboxes(),
        *_mail(),
        *_address(),
        *_scanner(),
        _backup(),
        _archive(),
        _audit(),
    ]


def failed_jobs(limit: int = 50) -> list[FailedJob]:
    """The newest jobs that were given up."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT j.id, j.task_name, (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id), j.attempts"
            " FROM procrastinate_jobs j WHERE j.status = 'failed' ORDER BY j.id DESC LIMIT %s",
            [limit],
        )
        return [FailedJob(*row) for row in cursor.fetchall()]


def job_again(number: int) -> bool:
    """Put a job that was given up back into the queue; False when there is none of that number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = NULL, worker_id = NULL"
            " WHERE id = %s AND status = 'failed'",
            [number],
        )
        return bool(cursor.rowcount)


def _database() -> Iterator[Finding]:
    begun = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()), clock_timestamp(),"
            " pg_is_in_recovery()"
        )
        version, size, there, _standby = cursor.fetchone()
    words = {"version": version.partition(" ")[0], "size": f"{size // _MB:,}"}
    yield Finding(_("Database"), "ok", _("PostgreSQL %(version)s, %(size)s MB") % words)
    apart = abs((there - begun).total_seconds())
    state = "ok" if apart < _APART_SECONDS else "wrong"
    text = _("The clocks of this machine and of the database are %(seconds).1f s apart") % {"seconds": apart}
    yield Finding(_("Clock"), state, text, "" if state == "ok" else _("Set both by NTP."))
    if waiting := FieldIndex.objects.filter(state="waiting", error=FieldIndex.OWNER).count():
        text = _("%(number)s fields wait for an index, which only the owner of the database can make")
        help_text = _("Run guanxi migrate as the owner, or give the worker GUANXI_OWNER_DATABASE_URL.")
        yield Finding(_("Indexes"), "warning", text % {"number": waiting}, help_text)


def _connections() -> Finding:
    """How many connections are taken of those the server, this database or our role is allowed; who waits for whom."""
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        stuck, *pairs = cursor.fetchone()
    taken, most = max(zip(pairs[::2], pairs[1::2], strict=True), key=lambda pair: pair[0] / max(pair[1], 1))
    text = _("%(taken)s of %(most)s taken, %(stuck)s waiting for others") % {
        "taken": taken,
        "most": most,
        "stuck": stuck,
    }
    if taken > most * 0.85:
        return Finding(
            _("Connections"), "wrong", text, _("Allow more (max_connections), or run fewer web threads and nodes.")
        )
    help_text = _("Somebody holds what others want to change; it ends by itself within a minute.") if stuck else ""
    return Finding(_("Connections"), "warning" if stuck else "ok", text, help_text)


def _replica() -> Iterator[Finding]:
    if not replica.configured():
        return
    found = replica.standing()
    if found.used:
        yield Finding(
            _("Replica"), "ok", _("answers lists, reports and search; %(seconds)s s behind") % {"seconds": found.behind}
        )
        return
    text = found.reason or _("too far behind")
    yield Finding(
        _("Replica"),
        "warning",
        text,
        _("The primary answers everything meanwhile. Look after GUANXI_READ_DATABASE_URL."),
    )


def _disk() -> Finding:
    data = environment().data
    data.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(data).free // _MB
    state = "ok" if free >= _SPACE_LOW else "warning" if free >= _SPACE_OUT else "wrong"
    text = _("%(size)s MB free where the data lies") % {"size": f"{free:,}"}
    return Finding(
        _("Disk"), state, text, "" if state == "ok" else _("Make room: when it is full, nothing can be saved.")
    )


def _work() -> Iterator[Finding]:
    alive, found = workers_alive(), queue_counts()
    yield Finding(
        _("Worker"),
        "ok" if alive else "wrong",
        _("%(number)s at work") % {"number": alive},
        "" if alive else _("Reminders, imports and mails wait. Start guanxi serve, or guanxi serve --only worker."),
    )
    state = "warning" if found["late"] or found["failed"] else "ok"
    text = _("%(todo)s waiting, %(doing)s running, %(late)s late, %(failed)s given up") % found
    help_text = _("Somebody has to work on them: see Worker.") if found["late"] else ""
    yield Finding(_("Jobs"), state, text, _("Below stands which, to try them again.") if found["failed"] else help_text)


def _outbox() -> Finding:
    waiting = OutboxEvent.objects.filter(delivered_at__isnull=True)
    number = waiting.count()
    oldest = waiting.aggregate(at=Min("at"))["at"]
    late = oldest is not None and clock.now() - oldest > _LONGEST_WAIT
    failing = waiting.exclude(error="").order_by("pk").values_list("error", flat=True).first()
    text = _("%(number)s wait to be told") % {"number": number}
    return Finding(
        _("Events"), "warning" if late or failing else "ok", text, (failing or "").splitlines()[0] if failing else ""
    )


def _mailboxes() -> Iterator[Finding]:
    """Mailboxes that are read; one that fails for a while is told with what the server says."""
    rows = list(Mailbox.objects.filter(active=True, channel="mail"))
    failing = [one for one in rows if one.failing_since]
    if rows and not failing:
        yield Finding(_("Mailboxes"), "ok", _("%(number)s are read") % {"number": len(rows)})
    for one in failing:
        long = one.failing_since is not None and clock.now() - one.failing_since > _LONGEST_SILENCE
        text = f"{one.name}: {one.error}"
        help_text = _("Look after it under Settings, Mailboxes; it is tried again by itself.")
        yield Finding(_("Mailboxes"), "wrong" if long else "warning", text, help_text)


def _scanner() -> Iterator[Finding]:
    """The virus scanner, when there is one, and what is held back because of it."""
    held = quarantine.counts()
    if not scanner.configured() and not held[quarantine.FOUND]:
        return
    told = scanner.greeting() if scanner.configured() else scanner.Look("clean", _("not asked any more"))
    numbers = _("%(waiting)s files wait for it, a virus was found in %(found)s") % held
    if told.state == "failed":
        waits = environment().scanner_down == "hold"
        help_text = _("Files uploaded meanwhile are held back until it answers.") if waits else ""
        text = _("does not answer (%(reason)s); %(numbers)s") % {"reason": told.words, "numbers": numbers}
        yield Finding(_("Virus scanner"), "wrong", text, help_text or _("Files uploaded meanwhile pass unchecked."))
        return
    state = "warning" if held[quarantine.FOUND] or held[quarantine.WAITING] else "ok"
    help_text = _("They cannot be opened; delete them on their records.") if held[quarantine.FOUND] else ""
    yield Finding(_("Virus scanner"), state, f"{told.words}; {numbers}", help_text)


def _mail() -> Iterator[Finding]:
    """Whether mails leave, and those that were given up within a day."""
    found = outside.mail(environment(), translate=_)
    newest = OutboundMessage.objects.order_by("-pk").values_list("state", "created_at")[:_NEWEST_MESSAGES]
    yesterday = clock.now() - dt.timedelta(days=1)
    given_up = sum(state == "failed" and at > yesterday for state, at in newest)
    if found.state == "wrong":
        yield Finding(_("Mail server"), "wrong", found.text, _("Mails wait and are tried again. Look after EMAIL_URL."))
    elif given_up:
        text = _("%(number)s messages of the last day could not be sent") % {"number": given_up}
        yield Finding(_("Mail server"), "warning", text, _("The page of each message says why, and sends it again."))
    else:
        yield Finding(_("Mail server"), found.state, found.text)


def _address() -> Iterator[Finding]:
    """What people's browsers meet first: the certificate; and secrets that lie open."""
    if (found := outside.certificate(environment(), clock.now(), translate=_)) is not None:
        help_text = _("Renew it where TLS ends, at the proxy.") if found.state != "ok" else ""
        yield Finding(_("Address"), found.state, found.text, help_text)
    for place in outside.secrets_open(environment()):
        text = _("%(file)s can be read by others") % {"file": place}
        yield Finding(_("Secret"), "wrong", text, _("Run: chmod 600, and ask who else was on this machine."))


def _backup() -> Finding:
    found = watching.state(environment(), clock.now(), translate=_)
    return Finding(_("Backup"), "ok" if found.good else "warning", found.text)


def _archive() -> Finding:
    found = continuous.state(environment(), clock.now(), translate=_)
    help_text = _("Is there room in its folder, and may we write there?") if not found.good else ""
    return Finding(_("Continuous archive"), "ok" if found.good else "wrong", found.text, help_text)


def _audit() -> Finding:
    if silenced := sealing.silenced():
        text = _("changes of %(tables)s are not noted: triggers are switched off") % {"tables": ", ".join(silenced)}
        return Finding(_("Audit"), "wrong", text, _("Switch them on: ALTER TABLE … ENABLE TRIGGER USER."))
    if sealing.writable():
        return Finding(
            _("Audit"),
            "warning",
            _("the application works as the owner of the database and could change entries"),
            _("Give it a role of its own, with GUANXI_OWNER_DATABASE_URL; docs/operate/postgresql.md says how."),
        )
    head = sealing.head()
    if head is None:
        return Finding(_("Audit"), "ok", _("not sealed yet"))
    old = clock.now() - head.at > _LONGEST_SEAL and sealing.waits()
    text = _("sealed up to entry %(entry)s, digest %(digest)s …") % {
        "entry": head.last_entry,
        "digest": head.digest[:16],
    }
    return Finding(_("Audit"), "warning" if old else "ok", text)
