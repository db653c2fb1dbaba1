"""Days, moments and times in forms: as the reader types them, read back, and what the calendar beside them needs to know."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock, days, regional
from guanxi.core.records import shape, worktime
from guanxi.core.web.views.common import actor_of, page_view

#: Kinds typed as days or times.
KINDS = frozenset({"date", "datetime", "time"})
_NEUTRAL = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?(?::\d\d)?")


def _now() -> dt.datetime:
    return timezone.localtime(clock.now()).replace(tzinfo=None)


def typed(value: Any, kind: str) -> str:
    """A day, a moment or their neutral text as the reader would type it; other text as it stands."""
    if isinstance(value, dt.datetime):
        local = timezone.localtime(value) if timezone.is_aware(value) else value
        value = f"{local:%Y-%m-%dT%H:%M}"
    elif isinstance(value, dt.date | dt.time):
        value = value.isoformat()[:10] if isinstance(value, dt.date) else f"{value:%H:%M}"
    found = _NEUTRAL.fullmatch(value or "")
    if found is None or kind == "time":
        return value or ""
    try:
        day = regional.day_text(dt.date.fromisoformat(found[1]))
    except ValueError:
        return str(value)
    return f"{day} {found[2]}" if found[2] and kind == "datetime" else day


def untyped(text: str, kind: str) -> str:
    """What was typed in neutral form, ``2026-12-01``, ``2026-12-01T14:30`` or ``14:30``; what we do not understand stays."""
    if kind == "time":
        clock_ = days.read_time(text)
        return f"{clock_:%H:%M}" if clock_ else text
    if kind == "datetime":
        moment = days.read_moment(text, _now())
        return f"{moment:%Y-%m-%dT%H:%M}" if moment else text
    day = days.read(text, _now().date())
    return day.isoformat() if day else text


#: Years pages reckon in: from any day of them there are others before and after.
FIRST_YEAR, LAST_YEAR = 1000, 9000


def read_day(text: str | None) -> dt.date:
    """The day that was typed. Raises ValueError when it is none, or so far off that nobody can reckon from it."""
    day = days.read(text or "", _now().date())
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(text)
    return day


def read_moment(text: str | None) -> dt.datetime:
    """The moment that was typed, naive, in whatever zone the form speaks of. Raises ValueError when it is none."""
    moment = days.read_moment(text or "", _now())
    if moment is None:
        raise ValueError(text)
    return moment


@page_view()
def read(request: HttpRequest) -> HttpResponseBase:
    """What a typed text means: ``{text, iso, about}``, or 422 with the sentence to show under the field."""
    text, kind = request.GET.get("text", "")[:60], request.GET.get("kind", "date")
    neutral = untyped(text, kind if kind in KINDS else "date")
    known = re.fullmatch(r"\d\d:\d\d" if kind == "time" else r"\d{4}-\d\d-\d\d(T\d\d:\d\d)?", neutral)
    if not known:
        example = {"time": "14:30", "datetime": _("tomorrow 14:30")}.get(kind, "")
        today = regional.day_text(_now().date())
        error = _("“%(value)s” is no date. Write it like %(example)s.") % {
            "value": text, "example": example or today + _(", “tomorrow”, “+3”")
        }  # fmt: skip
        return JsonResponse({"error": error}, status=422)
    about = "" if kind == "time" else str(WEEKDAYS[dt.date.fromisoformat(neutral[:10]).weekday()])
    return JsonResponse({"text": typed(neutral, kind), "iso": neutral, "about": about})


@page_view()
def special(request: HttpRequest) -> HttpResponseBase:
    """Holidays and make-up working days of a year in the reader's own calendar: ``{"2026-10-01": ["off", "国庆节"]}``."""
    actor, year = actor_of(request), request.GET.get("year", "")
    plan = worktime.calendar_of_user(actor.user_id) if actor.user_id else worktime.calendar()
    return JsonResponse({
        day.isoformat(): ["work" if one.works else "off", shape.spoken(one.name_zh, one.name_en or one.name_zh)]
        for day, one in plan.days.items() if str(day.year) == year
    })  # fmt: skip
