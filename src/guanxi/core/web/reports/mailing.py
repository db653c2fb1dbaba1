"""The dialog by which a report or board is mailed regularly."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils import dates
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import ReportSchedule
from guanxi.core.records import display
from guanxi.core.reporting import schedules, stored
from guanxi.core.web.errors import text_of
from guanxi.core.web.inputs import Option
from guanxi.core.web.lists.viewing import lead
from guanxi.core.web.views.common import actor_of, draw, page_view


def _number(text: str, usual: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else usual


def _copied(held: stored.Setup, known: ReportSchedule | None) -> Any:
    """The copy from which what comes with Guanxi is mailed already."""
    return (known.report or known.dashboard) if known is not None and held.row is None else None


def _people(sent: QueryDict) -> list[int]:
    return [int(one) for one in sent.getlist("recipients") if one.isdecimal() and len(one) < 19]


@page_view("GET", "POST")
def schedule(request: HttpRequest, sort: Any, key: str) -> HttpResponseBase:
    """GET: when and to whom it is mailed. POST: keep that, or stop."""
    actor = actor_of(request)
    held = stored.setup(actor, sort, key)
    known = schedules.schedules_of(actor, held)
    sent, trouble = request.POST, ""
    if request.method == "POST":
        try:
            if "stop" in sent:
                schedules.schedule_delete(actor, sort=sort, key=key)
                return lead(request, held.url, _("It is mailed no more."))
            made = schedules.schedule_set(
                actor,
                sort=sort,
                key=key,
                recipients=_people(sent),
                every=sent.get("every", ""),
                weekday=_number(sent.get("weekday", ""), 1),
                day=_number(sent.get("day", ""), 1),
                hour=_number(sent.get("hour", ""), 8),
            )
            row = made.report or made.dashboard
            if row is None or row.key == key:
                return lead(request, held.url, _("It will be mailed."))
            copy = stored.setup(actor, sort, row.key)
            if known is not None:
                return lead(request, copy.url, _("It will be mailed."))
            return lead(request, copy.url, _("“%(name)s” was made for you and will be mailed.") % {"name": copy.name})
        except Invalid as error:
            trouble = text_of(error)
    people = known.recipients if known else [actor.user_id or 0]
    if trouble:  # nothing that was chosen is lost
        people = _people(sent)
    names = display.names_of(actor, {"core.user": people}).get("core.user", {})
    context = {
        "title": _("Mail regularly"),
        "held": held,
        "known": known,
        "copy": stored.setup(actor, sort, copied.key) if (copied := _copied(held, known)) else None,
        "people": [Option(str(one), names.get(one, "")) for one in people],
        "everies": [Option("day", _("every day")), Option("week", _("every week")), Option("month", _("every month"))],
        "every": sent.get("every") or (known.every if known else "week"),
        "weekdays": [Option(str(number + 1), str(name)) for number, name in dates.WEEKDAYS.items()],
        "weekday": sent.get("weekday") or str(known.weekday if known else 1),
        "day": sent.get("day") or (known.day if known else 1),
        "hour": sent.get("hour") or (known.hour if known else 8),
        "trouble": trouble,
        "action": f"{held.url}mail/",
    }
    return draw(request, "reports/schedule.jinja", context, status=422 if trouble else 200)
