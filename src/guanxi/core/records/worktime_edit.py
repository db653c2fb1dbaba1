"""Changing calendars, special days and leave. Calendars ask for the feature ``settings``; leave is one's own."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from django.db import models
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, has_feature, require_feature
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, RuleBroken
from guanxi.core.models import Absence, CalendarDay, User, WorkCalendar
from guanxi.core.records import worktime
from guanxi.core.records.doubts import doubt
from guanxi.core.records.settings_registry import checked_names, free_key, require_unchanged
from guanxi.core.records.writing import writing

_LONGEST_CYCLE = 60
_IMPORT_ROWS = 5000
#: Minutes a stretch over midnight usually lasts: a longer one is rarely meant, but a day shift with its end mistyped.
_LONGEST_NIGHT = 16 * 60
_OFF = {"off", "holiday", "休", "休息", "放假", "节假日", "0", "false"}
_WORK = {"work", "workday", "班", "上班", "补班", "调休上班", "工作日", "1", "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDraft:
    """A calendar as its form holds it; ``pattern`` has one list of ``(begin, end)`` texts per day of the cycle."""

    name_zh: str
    name_en: str = ""
    key: str = ""
    timezone: str = "Asia/Shanghai"
    pattern: Sequence[Sequence[Sequence[str]]] = ()
    cycle_start: dt.date | None = None
    based_on: str = ""
    is_default: bool = False
    departments: Sequence[int] = ()
    people: Sequence[int] = ()


def hours_checked(given: Iterable[Sequence[str]], field: str) -> list[list[str]]:
    """Hours as stored, in order. Raises Invalid for times that are none and stretches that overlap; doubts nights too long."""
    found = []
    for pair in given:
        begin, end = str(pair[0]).strip(), str(pair[1]).strip()
        if not begin and not end:
            continue
        try:
            first, last = worktime.minutes(begin), worktime.minutes(end)
        except ValueError:
            raise Invalid(_("Hours are written like 09:00–12:00."), code="worktime.hours", field=field) from None
        if first == last:
            raise Invalid(_("The hours end when they begin."), code="worktime.hours", field=field)
        if last < first and last + 1440 - first > _LONGEST_NIGHT:
            said = _("%(begin)s–%(end)s would last until the next day, longer than 16 hours. Check the end.")
            doubt(said % {"begin": begin, "end": end}, field=field, code="worktime.long")
        found.append((first, last if last > first else last + 1440, begin, end))
    found.sort()
    for one, other in itertools.pairwise(found):
        if other[0] < one[1]:
            raise Invalid(_("These hours overlap."), code="worktime.overlap", field=field)
    return [[begin, end] for _first, _last, begin, end in found]


def _pattern(draft: CalendarDraft) -> list[list[list[str]]]:
    days = [hours_checked(hours, f"day{number}") for number, hours in enumerate(draft.pattern)]
    if not days or len(days) > _LONGEST_CYCLE or not any(days):
        raise Invalid(_("A calendar needs working hours on at least one day."), code="worktime.empty", field="day0")
    if len(days) != 7 and draft.cycle_start is None:
        raise Invalid(_("Say on which day the cycle begins."), code="worktime.cycle", field="cycle_start")
    return days


def _based_on(row: WorkCalendar, key: str) -> WorkCalendar | None:
    if not key:
        return None
    found = WorkCalendar.objects.filter(key=key).first()
    step: WorkCalendar | None = found
    while step is not None:
        if step.pk == row.pk and row.pk is not None:
            raise Invalid(
                _("Calendars cannot be based on each other in a circle."), code="worktime.circle", field="based_on"
            )
        step = step.based_on
    if found is None:
        raise Invalid(_("There is no such calendar."), code="worktime.unknown", field="based_on")
    return found


def calendar_check(row: WorkCalendar) -> None:
    """Raise Invalid for a stored calendar its editor would refuse."""
    if row.timezone not in available_timezones():
        raise Invalid(_("There is no such time zone."), code="worktime.timezone", field="timezone")
    _pattern(CalendarDraft(name_zh=row.name_zh, pattern=row.pattern, cycle_start=row.cycle_start))
    _based_on(row, row.based_on.key if row.based_on else "")


def calendar_save(
    actor: Actor, row: WorkCalendar | None, draft: CalendarDraft, *, version: int | None = None
) -> WorkCalendar:
    """Store a calendar, new when ``row`` is ``None``. Raises Denied, Invalid at the field, Conflict when somebody saved first."""
    require_feature(actor, SETTINGS)
    names = checked_names(draft.name_zh, draft.name_en)
    if draft.timezone not in available_timezones():
        raise Invalid(_("There is no such time zone."), code="worktime.timezone", field="timezone")
    with writing(actor):
        row = WorkCalendar.objects.select_for_update().get(pk=row.pk) if row is not None else WorkCalendar()
        require_unchanged(row, version)
        row.key = row.key or free_key(WorkCalendar, draft.key or draft.name_en or "calendar")
        (row.name_zh, row.name_en), row.timezone = names, draft.timezone
        row.pattern, row.cycle_start = _pattern(draft), draft.cycle_start
        row.based_on = _based_on(row, draft.based_on)
        row.departments, row.people = sorted(set(draft.departments)), sorted(set(draft.people))
        if draft.is_default and not row.is_default:
            WorkCalendar.objects.filter(is_default=True).update(is_default=False)
        elif row.is_default and not draft.is_default:
            raise Invalid(
                _("One calendar must be the usual one; make another the usual one instead."),
                code="worktime.default",
                field="is_default",
            )
        row.is_default = draft.is_default or not WorkCalendar.objects.filter(is_default=True).exists()
        row.version += 1
        row.save()
        worktime.forget()
    return row


def calendar_delete(actor: Actor, row: WorkCalendar) -> None:
    """Remove a calendar. RuleBroken for the usual one and for one others are based on."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        if row.is_default:
            raise RuleBroken(_("The usual calendar stays. Make another the usual one first."), code="worktime.default")
        try:
            row.delete()
        except models.ProtectedError:
            raise RuleBroken(_("Other calendars are based on this one."), code="worktime.used") from None
        worktime.forget()


def day_set(
    actor: Actor, row: WorkCalendar, day: dt.date, *, works: bool, name_zh: str = "", name_en: str = "",
    hours: Sequence[Sequence[str]] = (),
) -> CalendarDay:  # fmt: skip
    """Make one day a holiday or a working day."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        checked = hours_checked(hours, "hours") if works else []
        found, _made = CalendarDay.objects.update_or_create(
            calendar=row, day=day,
            defaults={"works": works, "name_zh": name_zh.strip()[:60], "name_en": name_en.strip()[:60], "hours": checked},
        )  # fmt: skip
        worktime.forget()
    return found


def day_clear(actor: Actor, row: WorkCalendar, day: dt.date) -> None:
    """Let one day follow the pattern again."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        row.days.filter(day=day).delete()
        worktime.forget()


def days_read(text: str) -> list[dict[str, Any]]:
    """Special days from lines ``2027-01-01, off, 元旦, New Year`` (comma, tab or space) or a JSON list of objects.

    JSON objects have ``date`` or ``day``, ``name``, and ``isOffDay`` or ``off``; an object with ``days`` holds such a
    list. Raises Invalid naming the line.
    """
    content = text.strip().lstrip("\ufeff")
    if content[:1] in "[{":
        rows = _json_rows(content)
    else:
        rows = [
            _line(number, line)
            for number, line in enumerate(content.splitlines(), 1)
            if line.strip() and line.strip()[0] != "#"
        ]
    if not rows or len(rows) > _IMPORT_ROWS:
        raise Invalid(_("There are no days in it."), code="worktime.import", field="text")
    return rows


def _json_rows(content: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(content)
        listed = found["days"] if isinstance(found, Mapping) else found
        return [
            {
                "day": dt.date.fromisoformat(str(one.get("date") or one.get("day"))),
                "works": not one["isOffDay"] if "isOffDay" in one else not one.get("off", True),
                "name_zh": str(one.get("name", ""))[:60],
                "name_en": str(one.get("name_en", ""))[:60],
            }
            for one in listed
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid(_("This is no list of days."), code="worktime.import", field="text") from None


def _line(number: int, line: str) -> dict[str, Any]:
    parts = [one.strip() for one in line.replace("\t", ",").replace("，", ",").split(",")]
    if len(parts) == 1:
        parts = line.split(None, 3)
    try:
        day = dt.date.fromisoformat(parts[0].replace("/", "-").replace(".", "-"))
        sort = parts[1].lower()
        if sort not in _OFF | _WORK:
            raise ValueError(sort)
    except (ValueError, IndexError):
        raise Invalid(
            _("Line %(number)d is not understood: %(line)s") % {"number": number, "line": line[:60]},
            code="worktime.import",
            field="text",
        ) from None
    return {
        "day": day,
        "works": sort in _WORK,
        "name_zh": "".join(parts[2:3])[:60],
        "name_en": "".join(parts[3:4])[:60],
    }


def days_import(actor: Actor, row: WorkCalendar, text: str) -> int:
    """Enter special days from a text, over those of the same date; returns how many."""
    require_feature(actor, SETTINGS)
    rows = {one["day"]: one for one in days_read(text)}
    with writing(actor):
        CalendarDay.objects.bulk_create(
            [CalendarDay(calendar=row, **one) for one in rows.values()],
            update_conflicts=True,
            unique_fields=["calendar", "day"],
            update_fields=["works", "name_zh", "name_en"],
        )
        worktime.forget()
    return len(rows)


def absence_save(
    actor: Actor, user: User, *, begins_at: dt.datetime, ends_at: dt.datetime, reason: str = "", deputy: User | None = None
) -> Absence:  # fmt: skip
    """Note that somebody is away. One's own leave needs no right, that of others the feature ``settings``.

    Raises Invalid when the times make no sense or the deputy is nobody who could act.
    """
    _require_leave(actor, user.pk)
    if ends_at <= begins_at:
        raise Invalid(_("It ends before it begins."), code="absence.times", field="ends_at")
    if ends_at - begins_at > dt.timedelta(days=1000):
        raise Invalid(_("This span of time is too long."), code="worktime.too_long", field="ends_at")
    if deputy is not None and (deputy.pk == user.pk or not deputy.is_active):
        raise Invalid(_("Choose somebody else who is active."), code="absence.deputy", field="deputy")
    with writing(actor):
        row = Absence.objects.create(
            user=user, begins_at=begins_at, ends_at=ends_at, reason=reason.strip()[:200], deputy=deputy
        )
        worktime.forget()
    return row


def absence_end(actor: Actor, row: Absence) -> None:
    """Take an absence back, or end one that has begun now."""
    _require_leave(actor, row.user_id)
    with writing(actor):
        now = clock.now()
        if row.begins_at < now < row.ends_at:
            row.ends_at = now
            row.save(update_fields=["ends_at"])
        else:
            row.delete()
        worktime.forget()


def _require_leave(actor: Actor, user_id: int) -> None:
    if actor.user_id == user_id or has_feature(actor, SETTINGS):
        return
    raise Denied(code="absence.others")
