"""Reports and boards by mail: everybody gets his own figures, worked out under his own rights, in his language."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from guanxi.core.access import actors, allowed, exporting
from guanxi.core.automation.queue import LONG, app
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.apart import apart
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound, TooMany
from guanxi.core.models import ReportSchedule, User
from guanxi.core.records.writing import writing
from guanxi.core.reporting import files, stored
from guanxi.core.reporting.charts import draw
from guanxi.core.reporting.charts.series import change_words, words
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.naming import day_words
from guanxi.core.reporting.results import Result
from guanxi.core.reporting.spec import read
from guanxi.core.reporting.stored import Setup, Sort
from guanxi.runtime.environment import environment

logger = logging.getLogger("guanxi.reports")

JOB = "guanxi.report_mail"
EVERY = ("day", "week", "month")
MOST_RECIPIENTS, MOST_LINES = 50, 20


def next_moment(every: str, weekday: int, day: int, hour: int, zone: str, after: dt.datetime) -> dt.datetime:
    """The first moment after ``after`` that a schedule names, in the time zone of its maker."""
    local = after.astimezone(ZoneInfo(zone))
    found = local.date()
    for _attempt in range(400):
        fits = {"day": True, "week": found.isoweekday() == weekday, "month": found.day == day}[every]
        moment = dt.datetime.combine(found, dt.time(hour), ZoneInfo(zone)).astimezone(dt.UTC)
        if fits and moment > after:
            return moment
        found += dt.timedelta(days=1)
    raise AssertionError("a schedule comes round within a year")


def schedule_set(
    actor: Actor, *, sort: Sort, key: str, recipients: Sequence[int], every: str, weekday: int = 1, day: int = 1, hour: int = 8
) -> ReportSchedule:  # fmt: skip
    """Mail a report or board regularly: one schedule of one's own for each. Raises Invalid, NotFound."""
    if actor.user_id is None:
        raise Denied
    held = _row(actor, sort, key)
    people = list(
        User.objects.filter(pk__in=list(recipients)[:MOST_RECIPIENTS], is_active=True).values_list("pk", flat=True)
    )
    if not people:
        raise Invalid(_("Choose who gets it."), code="schedule.recipients", field="recipients")
    if every not in EVERY or not (1 <= weekday <= 7 and 1 <= day <= 28 and 0 <= hour <= 23):
        raise Invalid(
            _("Choose when it is sent: a day of the month from 1 to 28, an hour from 0 to 23."),
            code="schedule.when",
            field="every",
        )
    values = {"recipients": people, "every": every, "weekday": weekday, "day": day, "hour": hour}
    moment = next_moment(every, weekday, day, hour, actor.timezone, clock.now())
    with writing(actor):
        made, _new = ReportSchedule.objects.update_or_create(
            **{"report" if sort == "report" else "dashboard": held}, user_id=actor.user_id,
            defaults={**values, "next_at": moment},
        )  # fmt: skip
    return made


def _row(actor: Actor, sort: Sort, key: str) -> Any:
    """The stored row of a report or board; a built-in one gets a copy of its own first, once."""
    held = stored.setup(actor, sort, key)
    if held.row is not None:
        return held.row
    mailed = schedules_of(actor, held)
    if mailed is not None:
        return mailed.report or mailed.dashboard
    return stored.setup_copy(actor, sort=sort, key=key).row


def schedules_of(actor: Actor, held: Setup) -> ReportSchedule | None:
    """One's own schedule of a report or board; of a built-in one that of the unchanged copy made for it."""
    name = "report" if held.sort == "report" else "dashboard"
    mine = ReportSchedule.objects.filter(user_id=actor.user_id or 0).order_by("pk")
    if held.row is not None:
        return mine.filter(**{name: held.row}).first()
    copied = {
        "user_id": actor.user_id,
        "deleted_at": None,
        "definition": stored.definition_check(held.sort, held.definition),
    }
    return mine.filter(**{f"{name}__{field}": value for field, value in copied.items()}).first()


def schedule_delete(actor: Actor, *, sort: Sort, key: str) -> None:
    """Send it no more."""
    found = schedules_of(actor, stored.setup(actor, sort, key))
    if found is None:
        raise NotFound
    with writing(actor):
        found.delete()


def send_due(now: dt.datetime) -> int:
    """Put a mail into the queue for each recipient of what is due; returns how many. Two workers never ask for the same."""
    asked = 0
    due = ReportSchedule.objects.filter(next_at__lte=now).order_by("next_at", "pk")
    for number in due.values_list("pk", flat=True):
        with apart(logger, "reports to be mailed could not be put into the queue", schedule=number):
            asked += _ask(number, now)
    return asked


@transaction.atomic
def _ask(number: int, now: dt.datetime) -> int:
    rows = ReportSchedule.objects.select_for_update(skip_locked=True, of=("self",)).select_related("user")
    one = rows.filter(pk=number, next_at__lte=now).first()
    if one is None:
        return 0
    one.next_at = next_moment(one.every, one.weekday, one.day, one.hour, one.user.timezone, now)
    one.last_at = now
    one.save(update_fields=["next_at", "last_at"])
    for user in one.recipients:
        app.configure_task(JOB, queue=LONG).defer(schedule_id=number, user_id=user)
    return len(one.recipients)


@transaction.atomic
def send(schedule_id: int, user_id: int) -> bool:
    """Mail one recipient what he may see of it now; whether there was anything. The maker must still be there.

    What cannot be sent takes none of his day's rows: it is tried again.
    """
    schedule = ReportSchedule.objects.select_related("user", "report", "dashboard").filter(pk=schedule_id).first()
    user = User.objects.filter(pk=user_id, is_active=True).exclude(email="").first()
    if schedule is None or user is None or user.pk not in schedule.recipients or not schedule.user.is_active:
        return False
    row = schedule.report or schedule.dashboard
    if row is None or row.deleted_at is not None:
        return False
    with regional.speaking(user.language, user.timezone, regional.Regional.of(user.preferences)):
        mail = _mail(user, schedule.user, "report" if schedule.report_id else "board", row.key)
        return mail is not None and bool(mail.send())


def _mail(user: User, maker: User, sort: Sort, key: str) -> EmailMessage | None:
    """The mail for one reader; the set-up is the maker's, the figures are the reader's."""
    actor = actors.load(user, via="job")
    held = stored.setup(actors.load(maker, via="job"), sort, key)
    parts = [held] if sort == "report" else _tiles(maker, held)
    results: list[tuple[str, Result]] = []
    for one in parts:
        try:
            results.append((one.name, run(actor, read(one.definition))))
        except GuanxiError:
            continue
    if not results:
        return None
    link = f"{environment().url}{held.url}"
    body = "\n\n".join([*(_text(name, result) for name, result in results), f"-- \n{link}", _from(maker)])
    mail = EmailMessage(subject=held.name[:200], body=body, to=[user.email])
    file = slugify(held.key) or "report"
    if all(allowed(actor, "export", result.entity) for _name, result in results):
        try:
            mail.attach(f"{file}.xlsx", files.taken(actor, _taken(actor, results)), files.FORMATS["xlsx"])
        except (
            Denied,
            TooMany,
        ) as error:  # the day's rows are used up: the figures stand in the mail, the workbook does not
            mail.body = f"{body}\n\n{error.message}"
    for number, (name, result) in enumerate(results, start=1):
        picture = draw(result, width=900, height=340, title=name)
        if picture:
            mail.attach(f"{file}-{number}.svg", picture.encode(), files.FORMATS["svg"])
    return mail


def _taken(actor: Actor, results: Sequence[tuple[str, Result]]) -> list[tuple[str, Result]]:
    """The figures of a workbook: over what the reader may take out, where that is less than he sees."""
    takers = [exporting(actor, result.entity) for _name, result in results]
    return [
        (name, result if who is actor else run(who, result.spec))
        for who, (name, result) in zip(takers, results, strict=True)
    ]


def _from(maker: User) -> str:
    return _("%(name)s set up this mail. The figures are those you may see.") % {"name": maker.name or maker.username}


def _tiles(maker: User, board: Setup) -> list[Setup]:
    known = {one.key: one for one in stored.setups(actors.load(maker, via="job"), "report")}
    keys = [str(tile.get("report", "")) for tile in board.definition.get("tiles", ())]
    return [known[key] for key in keys if key in known]


def _text(name: str, result: Result) -> str:
    """A result as lines of text: the first rows with all their figures, and the total."""
    lines = [name, "=" * 24]
    if result.day is not None:
        lines.append(day_words(result))
    if result.window is not None:
        lines.append(f"{result.date_label}: {result.window.text()}")
    lines.append(" | ".join(["", *(column.label for column in result.columns)]).strip())
    shown = [*result.rows[:MOST_LINES], result.total]
    for row in shown:
        heads = " · ".join(head.label for head in row.heads if head.label)
        cells = []
        for cell, column in zip(row.cells, result.columns, strict=True):
            change = change_words(cell) if result.compared else ""
            cells.append(" ".join(part for part in (words(column.unit, cell.value) or "—", change) if part))
        lines.append(f"{heads}: {' | '.join(cells)}")
    if len(result.rows) > MOST_LINES:
        lines.append("…")
    return "\n".join(lines)
