"""Which calendar counts: the stored ones as plain :class:`Calendar` values, by key or for a person with his leave.

Everything is kept in the process under the stamp ``worktime``, so that asking costs no query.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import NotFound
from guanxi.core.kernel.working_time import MONDAY, Calendar, Hours, Span, SpecialDay
from guanxi.core.models import Absence, Department, User, WorkCalendar
from guanxi.core.models.stamps import bump, kept
from guanxi.core.records.shape import spoken

STAMP = "worktime"
_DEPTH = 5
#: Leave that ended longer ago is not needed for counting forward.
_LEAVE_KEPT = dt.timedelta(days=400)


def minutes(text: str) -> int:
    """Minutes after midnight of ``HH:MM``. Raises ValueError."""
    hour, _colon, minute = text.partition(":")
    if not (hour.isdecimal() and minute.isdecimal() and len(minute) == 2 and int(minute) < 60 and int(hour) <= 24):
        raise ValueError(text)
    found = int(hour) * 60 + int(minute)
    if found > 24 * 60:
        raise ValueError(text)
    return found


def hours_from(stored: Iterable[Iterable[str]]) -> Hours:
    """Stored hours ``[["09:00", "12:00"], …]`` as minutes; an end not after its begin lies on the next day."""
    found = []
    for begin, end in stored:
        first, last = minutes(begin), minutes(end)
        found.append((first, last if last > first else last + 24 * 60))
    return tuple(sorted(found))


def _special(row: WorkCalendar, depth: int = 0) -> dict[dt.date, SpecialDay]:
    below = _special(row.based_on, depth + 1) if row.based_on is not None and depth < _DEPTH else {}
    own = {
        one.day: SpecialDay(one.works, one.name_zh, one.name_en, hours_from(one.hours or ())) for one in row.days.all()
    }
    return {**below, **own}


@kept(STAMP, size=1)
def _calendars() -> dict[str, Calendar]:
    """Every calendar by key; the default one also under ''."""
    found: dict[str, Calendar] = {}
    for row in WorkCalendar.objects.select_related("based_on").prefetch_related("days"):
        found[row.key] = Calendar(
            key=row.key,
            timezone=row.timezone,
            pattern=tuple(hours_from(hours) for hours in row.pattern) or ((),) * 7,
            start=row.cycle_start or MONDAY,
            days=_special(row),
        )
        if row.is_default:
            found[""] = found[row.key]
    if "" not in found:
        found[""] = Calendar("", pattern=(((540, 1080),),) * 5 + ((),) * 2)
    return found


def calendar(key: str = "") -> Calendar:
    """The calendar of that key, '' for the default one. Raises NotFound for a key nobody made."""
    found = _calendars()
    if key not in found:
        raise NotFound(_("There is no working calendar “%(key)s”.") % {"key": key}, code="worktime.unknown")
    return found[key]


@kept(STAMP, size=5000)
def calendar_of_user(user_id: int) -> Calendar:
    """The calendar a person works by, less his leave."""
    rows = list(WorkCalendar.objects.values_list("key", "departments", "people"))
    chosen = next((key for key, _departments, people in rows if user_id in people), None)
    if chosen is None:
        path = (
            Department.everything.filter(pk__in=User.everything.filter(pk=user_id).values("department_id"))
            .values_list("path", flat=True)
            .first()
        )
        above = [int(one) for one in (path or "").split("/") if one]
        chosen = next((key for number in reversed(above) for key, given, _people in rows if number in given), "")
    base = calendar(chosen)
    leave = Absence.objects.filter(user_id=user_id, ends_at__gt=clock.now() - _LEAVE_KEPT)
    spans = tuple(Span(one.begins_at, one.ends_at) for one in leave)
    return Calendar(base.key, base.timezone, base.pattern, base.start, base.days, spans)


def away(user_id: int, moment: dt.datetime | None = None) -> Absence | None:
    """The absence of a person at a moment (now), if he is away."""
    at = moment or clock.now()
    return Absence.objects.filter(user_id=user_id, begins_at__lte=at, ends_at__gt=at).order_by("-ends_at").first()


def name_of(row: WorkCalendar) -> str:
    """Its name in the active language."""
    return spoken(row.name_zh, row.name_en)


def forget() -> None:
    """Let every process read the calendars anew; belongs in the transaction that changed them."""
    bump(STAMP)
