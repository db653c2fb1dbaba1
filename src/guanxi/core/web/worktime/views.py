"""Working calendars: the list with the count of a deadline, the form of one, its special days."""

from __future__ import annotations

import calendar as months
import datetime as dt
import re
from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.kernel.working_time import Calendar
from guanxi.core.models import Department, User, WorkCalendar
from guanxi.core.records import worktime, worktime_edit
from guanxi.core.records.doubts import Doubtful
from guanxi.core.records.worktime_edit import CalendarDraft
from guanxi.core.web.days import read_day
from guanxi.core.web.people.common import done, show, version_of
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.core.web.worktime.counting import trial

HOME = "/settings/working-time/"
_SEPARATOR = re.compile(r"[,，;；、\s]+")
_TO = re.compile(r"\s*[-–—~～至到]+\s*")
ZONES = ("Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Tokyo", "Asia/Singapore", "Asia/Dubai",
         "Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Australia/Sydney", "UTC")  # fmt: skip


def hours_read(text: str) -> list[list[str]]:
    """Hours typed as ``09:00-12:00, 13:00-18:00``; what is no pair is kept for the error."""
    parts = [one for one in _SEPARATOR.split(_TO.sub("-", text.replace("：", ":")).strip()) if one]
    return [[*one.split("-", 1), ""][:2] for one in parts]


def hours_text(hours: Any) -> str:
    """Stored hours as they are typed."""
    return ", ".join(f"{begin}-{end}" for begin, end in hours)


def row_of(key: str) -> WorkCalendar:
    """The stored calendar of a key, else NotFound."""
    found = WorkCalendar.objects.select_related("based_on").filter(key=key).first()
    if found is None:
        raise NotFound
    return found


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """All calendars, and what a deadline would be."""
    require_feature(actor_of(request), SETTINGS)
    today = clock.today(request.user.timezone)  # type: ignore[union-attr]
    rows = []
    for row in WorkCalendar.objects.select_related("based_on"):
        plain = worktime.calendar(row.key)
        ahead = [(day, one) for day, one in sorted(plain.days.items()) if day >= today and not one.works]
        rows.append((row, worktime.name_of(row), week_of(row), ahead[:3], max(plain.days, default=None)))
    context = {"title": _("Working time"), "rows": rows, "today": today, **trial(request.GET)}
    return show(request, "worktime/index.jinja", context)


def week_of(row: WorkCalendar) -> list[tuple[str, str]]:
    """Neighbouring days with the same hours as one line: (days, hours)."""
    names = (
        [str(WEEKDAYS_ABBR[n]) for n in range(7)]
        if len(row.pattern) == 7
        else [str(n + 1) for n in range(len(row.pattern))]
    )
    lines: list[tuple[list[str], str]] = []
    for name, hours in zip(names, row.pattern, strict=True):
        text = hours_text(hours)
        if lines and lines[-1][1] == text:
            lines[-1][0].append(name)
        else:
            lines.append(([name], text))
    return [(f"{days[0]}–{days[-1]}" if len(days) > 1 else days[0], text) for days, text in lines]


def draft_from(data: QueryDict) -> CalendarDraft:
    """The draft a sent form stands for."""
    length = _length(data) or 7
    start = data.get("cycle_start", "")
    try:
        first = read_day(start) if start else None
    except ValueError:
        raise Invalid(_("This is no date."), code="value.date", field="cycle_start") from None
    return CalendarDraft(
        name_zh=data.get("name_zh", ""),
        name_en=data.get("name_en", ""),
        timezone=data.get("timezone", ""),
        pattern=[hours_read(data.get(f"day{number}", "")) for number in range(length)],
        cycle_start=first,
        based_on=data.get("based_on", ""),
        is_default=data.get("is_default") == "1",
        departments=[int(one) for one in data.getlist("departments") if one.isdecimal()],
        people=[int(one) for one in data.getlist("people") if one.isdecimal()],
    )


def _typed(data: QueryDict) -> dict[str, Any]:
    """What was typed, for the form drawn again."""
    length = _length(data) or 7
    return {
        **{name: data.get(name, "") for name in ("name_zh", "name_en", "timezone", "cycle_start", "based_on")},
        "is_default": data.get("is_default") == "1",
        "hours": [data.get(f"day{number}", "") for number in range(length)],
        "departments": [int(one) for one in data.getlist("departments") if one.isdecimal()],
        "people": [int(one) for one in data.getlist("people") if one.isdecimal()],
    }


def _stored(row: WorkCalendar | None, length: int = 0) -> dict[str, Any]:
    pattern = row.pattern if row else [[["09:00", "12:00"], ["13:00", "18:00"]]] * 5 + [[], []]
    if length and length != len(pattern):
        pattern = (list(pattern) + [[]] * length)[:length]
    return {
        "name_zh": row.name_zh if row else "",
        "name_en": row.name_en if row else "",
        "timezone": row.timezone if row else "Asia/Shanghai",
        "cycle_start": row.cycle_start.isoformat() if row and row.cycle_start else "",
        "based_on": row.based_on.key if row and row.based_on else ("" if row else "standard"),
        "is_default": row.is_default if row else False,
        "hours": [hours_text(one) for one in pattern],
        "departments": row.departments if row else [],
        "people": row.people if row else [],
    }


def _context(request: HttpRequest, row: WorkCalendar | None, filled: dict[str, Any]) -> dict[str, Any]:
    year_text = request.GET.get("year", "")
    year = int(year_text) if year_text.isdecimal() and 1990 < int(year_text) < 2200 else clock.now().year
    others = WorkCalendar.objects.exclude(pk=row.pk) if row else WorkCalendar.objects.all()
    count = len(filled["hours"])
    return {
        "title": worktime.name_of(row) if row else _("New calendar"),
        "row": row,
        "filled": filled,
        "names": [str(WEEKDAYS[n]) for n in range(7)] if count == 7 else [_("Day %(n)d") % {"n": n + 1} for n in range(count)],
        "zones": [(zone, zone) for zone in dict.fromkeys((*ZONES, filled["timezone"]))],
        "bases": [("", _("none")), *((one.key, worktime.name_of(one)) for one in others)],
        "departments": [("　" * (one.path.count("/") - 2) + one.name, one.pk) for one in Department.objects.order_by("path")],
        "users": User.objects.filter(is_active=True).order_by("sort_key")[:500],
        "year": year,
        "months": year_months(worktime.calendar(row.key), year) if row else [],
        "days": list(row.days.filter(day__year=year)) if row else [],
        "chosen": request.GET.get("day", ""),
        "weekdays": [str(WEEKDAYS_ABBR[n])[-1:] if str(WEEKDAYS_ABBR[n])[:1] > "z" else str(WEEKDAYS_ABBR[n])[:2] for n in (one - 1 for one in regional.weekdays())],
    }  # fmt: skip


def year_months(plain: Calendar, year: int) -> list[tuple[dt.date, list[list[dict[str, Any] | None]]]]:
    """The year as twelve months of weeks; each day says how one works and why."""
    found = []
    for month in range(1, 13):
        weeks = [
            [_day(plain, day) if day.month == month else None for day in week]
            for week in months.Calendar(firstweekday=regional.weekdays()[0] - 1).monthdatescalendar(year, month)
        ]
        found.append((dt.date(year, month, 1), weeks))
    return found


def _day(plain: Calendar, day: dt.date) -> dict[str, Any]:
    special = plain.days.get(day)
    works = bool(plain.hours_on(day))
    sort = ("makeup" if special.works else "holiday") if special else ("work" if works else "rest")
    return {"day": day, "sort": sort, "name": (special.name_zh, special.name_en) if special else ("", "")}


@page_view("GET", "POST")
def create(request: HttpRequest) -> HttpResponseBase:
    """A new calendar."""
    require_feature(actor_of(request), SETTINGS)
    if request.method == "POST":
        return _save(request, None)
    return show(request, "worktime/calendar.jinja", _context(request, None, _stored(None, _length(request.GET))))


def _length(data: QueryDict) -> int:
    """How many days the cycle is asked to have; 0 when nothing is said."""
    asked = str(data.get("length", ""))
    return min(max(int(asked), 1), 60) if asked.isdecimal() else 0


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str) -> HttpResponseBase:
    """One calendar: its hours, who works by it, its special days."""
    require_feature(actor_of(request), SETTINGS)
    row = row_of(key)
    if request.method != "POST":
        return show(request, "worktime/calendar.jinja", _context(request, row, _stored(row, _length(request.GET))))
    if request.POST.get("do") == "delete":
        worktime_edit.calendar_delete(actor_of(request), row)
        return done(request, HOME, _("“%(name)s” was removed.") % {"name": row})
    return _save(request, row)


def _save(request: HttpRequest, row: WorkCalendar | None) -> HttpResponseBase:
    try:
        saved = worktime_edit.calendar_save(
            actor_of(request), row, draft_from(request.POST), version=version_of(request)
        )
    except GuanxiError as error:
        context = {**_context(request, row, _typed(request.POST)), "doubtful": isinstance(error, Doubtful)}
        return show(request, "worktime/calendar.jinja", context, error)
    return done(request, f"{HOME}{saved.key}/", _("The calendar was saved."))


@page_view("POST")
def days(request: HttpRequest, key: str) -> HttpResponseBase:
    """Set or clear one special day, or enter many from a text or a file."""
    actor, row = actor_of(request), row_of(key)
    require_feature(actor, SETTINGS)
    try:
        text, year = _days_do(request, row)
    except GuanxiError as error:
        return show(
            request, "worktime/calendar.jinja", {**_context(request, row, _stored(row)), "typed": request.POST}, error
        )
    return done(request, f"{HOME}{key}/?year={year}#days", text)


def _days_do(request: HttpRequest, row: WorkCalendar) -> tuple[str, int]:
    actor, data = actor_of(request), request.POST
    if data.get("do") == "import":
        upload = request.FILES.get("file")
        content = upload.read(1_000_000).decode("utf-8", "replace") if upload else data.get("text", "")
        number = worktime_edit.days_import(actor, row, content)
        first = min(one["day"] for one in worktime_edit.days_read(content))
        return _("%(number)d days were entered.") % {"number": number}, first.year
    try:
        first = read_day(data.get("day"))
        last = read_day(data.get("until") or data.get("day"))
    except ValueError:
        raise Invalid(_("This is no date."), code="value.date", field="day") from None
    if not 0 <= (last - first).days <= 366:
        raise Invalid(_("It ends before it begins."), code="worktime.times", field="until")
    for number in range((last - first).days + 1):
        day = first + dt.timedelta(days=number)
        if data.get("do") == "clear":
            worktime_edit.day_clear(actor, row, day)
        else:
            worktime_edit.day_set(
                actor, row, day, works=data.get("works") == "1", name_zh=data.get("name_zh", ""),
                name_en=data.get("name_en", ""), hours=hours_read(data.get("hours", "")),
            )  # fmt: skip
    return _("The special days were saved."), first.year
