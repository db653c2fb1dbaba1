"""A deadline counted before one's eyes: its stretches of working time, and the holidays, make-up days and leave on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.kernel.working_time import Calendar, Counted, count_working_time
from guanxi.core.models import User
from guanxi.core.records import worktime
from guanxi.core.records.shape import spoken
from guanxi.core.web.days import read_moment


class Met(NamedTuple):
    """What lies on the way: days or a leave from ``first`` to ``last``, its name, and whether it is worked."""

    first: dt.date
    last: dt.date
    name: str
    works: bool


def hours(length: dt.timedelta) -> str:
    """A duration as hours and minutes."""
    minutes = round(length.total_seconds() / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


def trial(data: Mapping[str, Any]) -> dict[str, Any]:
    """The counted deadline the form below the calendars asks for: by a calendar, or for a person with his leave."""
    asked = {name: data.get(name, "") for name in ("start", "hours", "in", "who")}
    result: Counted | None = None
    met: list[Met] = []
    error = ""
    plain = worktime.calendar("")
    if asked["start"] and asked["hours"]:
        try:
            plain = _calendar(asked)
            start = read_moment(asked["start"]).replace(tzinfo=plain.zone)
            result = count_working_time(start, dt.timedelta(hours=float(asked["hours"])), plain)
            met = sorted([*special_days(plain, result), *leave(plain, result)])
        except (ValueError, OverflowError):
            error = _("Say a moment and a number of hours.")
        except GuanxiError as problem:
            error = str(problem.message)
    spans = [(one.begin.astimezone(plain.zone), one.end.astimezone(plain.zone), hours(one.length)) for one in result.spans] if result else []  # fmt: skip
    asked["start"] = asked["start"] or timezone.localtime(clock.now(), plain.zone).strftime("%Y-%m-%dT%H:%M")
    return {
        "asked": asked, "result": result, "ends": result.end.astimezone(plain.zone) if result else None, "spans": spans,
        "met": met, "trial_error": error, "zone": plain.timezone,
        "persons": User.objects.filter(is_active=True).order_by("sort_key", "pk").values_list("pk", "name")[:500],
    }  # fmt: skip


def _calendar(asked: Mapping[str, str]) -> Calendar:
    who = asked["who"]
    known = who.isdecimal() and len(who) < 10 and User.objects.filter(pk=int(who), is_active=True).exists()
    return worktime.calendar_of_user(int(who)) if known else worktime.calendar(asked["in"])


def _between(plain: Calendar, result: Counted) -> tuple[dt.date, dt.date]:
    ends = sorted((result.start, result.end))
    return ends[0].astimezone(plain.zone).date(), ends[1].astimezone(plain.zone).date()


def special_days(plain: Calendar, result: Counted) -> Iterator[Met]:
    """Holidays and make-up days between beginning and end; days of one name that follow each other are one."""
    first, last = _between(plain, result)
    held: Met | None = None
    for day in sorted(one for one in plain.days if first <= one <= last):
        special = plain.days[day]
        name = spoken(special.name_zh, special.name_en)
        if held is not None and (held.name, held.works, held.last + dt.timedelta(days=1)) == (name, special.works, day):
            held = held._replace(last=day)
            continue
        if held is not None:
            yield held
        held = Met(day, day, name, special.works)
    if held is not None:
        yield held


def leave(plain: Calendar, result: Counted) -> Iterator[Met]:
    """Leave of the person between beginning and end; with its times unless it is of whole days."""
    first, last = _between(plain, result)
    for one in plain.absences:
        since, until = one.begin.astimezone(plain.zone), one.end.astimezone(plain.zone)
        begin, end = since.date(), (until - dt.timedelta(microseconds=1)).date()
        times = "" if since.time() == until.time() == dt.time() else f" {since:%H:%M} – {until:%H:%M}"
        if begin <= last and end >= first:
            yield Met(begin, end, _("Leave") + times, False)
