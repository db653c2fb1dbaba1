"""A list as a calendar: one month by one of its dates, under the same filter; records are dragged from day to day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, QuerySet, Sum, Window
from django.db.models.functions import RowNumber, TruncDate
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import formats as django_formats
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.access import allowed
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.records import columns as typed
from guanxi.core.records import display, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.web.addresses import face_url, list_url, peek_url, record_url
from guanxi.core.web.days import FIRST_YEAR, LAST_YEAR
from guanxi.core.web.jinja import with_query
from guanxi.core.web.lists import faces, lanes
from guanxi.core.web.lists.state import ListState, read_state
from guanxi.core.web.toasts import attach, toast
from guanxi.core.web.views.common import actor_of, draw, entity_for, page_view

WEEK, MOST = 7, 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One record on its day; ``move`` is where it is moved, for those who may change its date."""

    title: str
    url: str
    peek: str
    color: str
    hint: str
    version: int
    move: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the grid: its first entries, how many there are, their sum, where all of them are listed."""

    date: dt.date
    name: str
    weekday: str
    inside: bool
    today: bool
    entries: Sequence[Entry]
    count: int
    sum: str
    url: str


def month_of(text: str, today: dt.date) -> dt.date:
    """The first day of the month asked for as ``2026-11``; of the present month for anything else."""
    try:
        month = dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)
    return month if FIRST_YEAR <= month.year <= LAST_YEAR else today.replace(day=1)


def chosen_field(request: HttpRequest, actor: Actor, entity: Entity) -> tuple[Field, dict[str, Field]]:
    """The date of the calendar, and those there are. Raises NotFound where there is none."""
    offered = faces.date_fields(actor, entity)
    name = request.GET.get("on", "") or next(iter(offered), "")
    if name not in offered:
        raise NotFound(_("There is no calendar of this kind."), code="calendar.unknown")
    return offered[name], offered


def days(actor: Actor, state: ListState, by: Field, month: dt.date) -> list[list[Day]]:
    """The weeks of a month; three queries and those that name what is shown."""
    first = regional.week_start(month)
    after = (month + dt.timedelta(days=32)).replace(day=1)
    last = regional.week_start(after + dt.timedelta(days=WEEK - 1))
    found = faces.rows_of(actor, state).filter(faces.span(by, first, last, actor.timezone))
    on: Any = (
        typed.typed(by, by.name)
        if by.kind == "date"
        else TruncDate(typed.typed(by, by.name), tzinfo=ZoneInfo(actor.timezone))
    )
    found = found.annotate(day_of=on)
    board = state.entity.board
    total = faces.summed(actor, state.entity, board.total) if board and board.total else None
    sums = {"amount": Sum(typed.typed(total, total.name))} if total else {}
    counted = {row["day_of"]: row for row in found.values("day_of").annotate(number=Count("pk"), **sums)}
    entries = _entries(actor, state.entity, by, found)
    today = clock.today(actor.timezone)

    def one(day: dt.date) -> Day:
        row = counted.get(day, {})
        url = state.url(
            filter=faces.narrowed(state, faces.days_node(by, day, day)), path=list_url(state.entity), quick={}
        )
        number = row.get("number", 0)
        amount = faces.short(total, row.get("amount"))
        names = (django_formats.date_format(day, "DATE_FORMAT"), django_formats.date_format(day, "D"))
        return Day(day, *names, day.month == month.month, day == today, entries.get(day, []), number, amount, url)

    whole = [first + dt.timedelta(days=number) for number in range((last - first).days)]
    return [[one(day) for day in whole[start : start + WEEK]] for start in range(0, len(whole), WEEK)]


def _entries(actor: Actor, entity: Entity, on: Field, rows: QuerySet[Any]) -> dict[dt.date, list[Entry]]:
    """The first records of each day, coloured by the columns of the board."""
    numbered = rows.annotate(nth=Window(RowNumber(), partition_by=F("day_of"), order_by=[F("pk").desc()]))
    shown = list(numbered.filter(nth__lte=MOST).order_by("day_of", "-pk"))
    by = entity.board and lanes.board_fields(actor, entity).get(entity.board.field)
    choices = {one.key: one for one in lanes.choices_for(actor, entity, by)} if by else {}
    writable = on.name in shape.writable(actor, entity)
    found: dict[dt.date, list[Entry]] = {}
    for record in shown:
        choice = choices.get(str(values.current(record, by) or "")) if by else None
        entry = Entry(
            display.title_of(entity, record, actor),
            record_url(entity, record.pk),
            peek_url(entity, record.pk),
            (choice.color if choice else "") or "slate",
            str(choice.label) if choice else "",
            record.version,
            f"/{entity.path}/{record.pk}/day/?on={on.name}" if writable and allowed(actor, "change", record) else "",
        )
        found.setdefault(record.day_of, []).append(entry)
    return found


def moved_to(by: Field, record: Any, day: dt.date, timezone: str) -> dt.date | dt.datetime:
    """The value of a record's date on another day; a moment keeps its time of day in the actor's zone."""
    now = values.current(record, by)
    if by.kind == "date" or not isinstance(now, dt.datetime):
        return day
    return dt.datetime.combine(day, now.astimezone(ZoneInfo(timezone)).time(), tzinfo=ZoneInfo(timezone))


@page_view("POST")
def move_day(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Move one record to another day, through the one write path. A refusal answers with its reason."""
    entity, actor = entity_for(request, path), actor_of(request)
    record = records.get(actor, entity, pk)
    by, _offered = chosen_field(request, actor, entity)
    try:
        day = dt.date.fromisoformat(request.POST.get("to", ""))
    except ValueError:
        raise Invalid(_("This is no date."), code="date.unreadable", field=by.name) from None
    version = request.POST.get("version", "")
    given = {by.name: moved_to(by, record, day, actor.timezone)}
    fresh = records.update(actor, record, given, version=int(version) if version.isdecimal() else None)
    response = HttpResponse(status=204)
    response["X-Record-Version"] = str(fresh.version)
    text = _("%(name)s: %(field)s is now %(value)s.") % {
        "name": display.title_of(entity, fresh, actor),
        "field": capfirst(str(by.label)),
        "value": display.value_text(actor, entity, fresh, by.name),
    }
    operation = getattr(fresh, "operation_id", None)
    return attach(response, toast(text, undo=f"/operations/{operation}/undo/" if operation else ""))


@page_view(may_be_old=True)
def show_calendar(request: HttpRequest, path: str) -> HttpResponseBase:
    """The calendar page; filters and views are those of the list."""
    entity, actor = entity_for(request, path), actor_of(request)
    by, offered = chosen_field(request, actor, entity)
    here = face_url(entity, "calendar")
    state = replace(read_state(request, actor, entity, path=here), cursor="", peek=None)
    month = month_of(request.GET.get("month", ""), clock.today(actor.timezone))
    fixed = {"on": by.name}

    def at(day: dt.date, **changes: Any) -> str:
        return with_query(state.url(), **{**fixed, "month": f"{day:%Y-%m}", **changes})

    weeks = days(actor, state, by, month)
    context = {
        **faces.frame(actor, state),
        "title": f"{entity.plural} · {capfirst(str(by.label))}",
        "by": by,
        "fields": [(one, at(month, on=name), name == by.name) for name, one in offered.items()],
        "fixed": {**fixed, "month": f"{month:%Y-%m}"},
        "weeks": weeks,
        "month": django_formats.date_format(month, "YEAR_MONTH_FORMAT"),
        "before": at(month - dt.timedelta(days=1)),
        "after": at(month + dt.timedelta(days=32)),
        "present": at(clock.today(actor.timezone)),
        "count": sum(day.count for week in weeks for day in week if day.inside),
    }
    return draw(request, "list/calendar.jinja", context)
