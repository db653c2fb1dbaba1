"""The forecast of a month, and the course of a pipeline between two days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext
from markupsafe import Markup

from guanxi.areas.sales.models import ForecastEntry, Opportunity
from guanxi.areas.sales.selectors import history, pipelines_for, usual_pipeline_id
from guanxi.areas.sales.selectors import targets as read
from guanxi.areas.sales.services import targets
from guanxi.core import access
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import User
from guanxi.core.records import display, fields_of
from guanxi.core.records.rates import base_currency
from guanxi.core.records.seen import seen
from guanxi.core.records.shape import spoken
from guanxi.core.reporting import charts
from guanxi.core.reporting.results import Unit
from guanxi.core.schema import kinds
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import days, toasts
from guanxi.core.web.contributions import Entry, add_entries, add_pages
from guanxi.core.web.record.common import done
from guanxi.core.web.reports.shown import node_url
from guanxi.core.web.reports.views import width_sent
from guanxi.core.web.views.common import actor_of, draw, page_view

DEAL = "sales.opportunity"


def _day(text: str, fallback: dt.date) -> dt.date:
    try:
        return days.read_day(text) if text else fallback
    except ValueError:
        return fallback


def deals_url(*nodes: dict[str, Any]) -> str:
    """The list of exactly the opportunities a figure counts."""
    return node_url(entity_of(DEAL), {"all": list(nodes)})


def _of_all(actor: Actor, lines: Sequence[read.Foreseen]) -> dict[str, Any]:
    """Whose opportunities the sums of all lines are made of."""
    if actor.rights.of(DEAL, "view").everyone:
        return {"field": "owner", "op": "not_empty"}
    return {"field": "owner", "op": "in", "value": sorted(one.user.pk for one in lines)}


def _links(mine: dict[str, Any], month: dt.date) -> dict[str, str]:
    """The list behind each figure of a month, of a person's or of all."""
    last = read.month_after(month) - dt.timedelta(days=1)
    span = [month.isoformat(), last.isoformat()]
    open_ = (
        mine,
        {"field": "category", "op": "eq", "value": "open"},
        {"field": "close_on", "op": "between", "value": span},
    )
    won = (
        mine,
        {"field": "category", "op": "eq", "value": "won"},
        {"field": "closed_at", "op": "between", "value": span},
    )
    of = {"commit": ["commit"], "best_case": ["best_case"]}
    found = {name: deals_url(*open_, {"field": "forecast", "op": "in", "value": keys}) for name, keys in of.items()}
    unset = {"any": [{"field": "forecast", "op": "eq", "value": "pipeline"}, {"field": "forecast", "op": "empty"}]}
    found["weighted"] = deals_url(*open_, {"field": "forecast", "op": "ne", "value": "omitted"})
    return {**found, "pipeline": deals_url(*open_, unset), "closed": deals_url(*won)}


@page_view("GET", "POST")
def forecast(request: HttpRequest) -> HttpResponseBase:
    """A month person by person: won, open by category, what was submitted, the target and what is missing."""
    actor = actor_of(request)
    if not read.sees_sums(actor):
        raise Denied
    today = clock.today(actor.timezone)
    month = _day(f"{request.GET.get('month', '')}-01" if request.GET.get("month") else "", today).replace(day=1)
    error = ""
    if request.method == "POST":
        owner = request.POST.get("owner", "")
        try:
            targets.forecast_submit(
                actor,
                owner=int(owner) if owner.isdecimal() else 0,
                month=month,
                adjusted=_amount(request.POST.get("adjusted", "")),
                comment=request.POST.get("comment", ""),
            )
        except Invalid as found:
            error = str(found)
        else:
            return done(request, toasts.toast(_("The forecast is submitted.")), go=f"/forecast/?month={month:%Y-%m}")
    lines = read.foreseen(actor, month)
    if not any(one.user.pk == actor.user_id for one in lines) and actor.user_id:
        lines += [one for one in [_mine(actor, month)] if one]
    entries = access.visible(ForecastEntry.objects.filter(month=month), actor).select_related("owner", "created_by")
    dated = access.reads(actor, targets.ENTRY, "month")
    reach = actor.rights.of(targets.ENTRY, "create")
    context = {
        "title": _("Forecast of sales"),
        "month": month,
        "before": month - dt.timedelta(days=1),
        "after": read.month_after(month),
        "lines": [
            (one, _links({"field": "owner", "op": "eq", "value": one.user.pk}, month), reach.covers(one.user.pk))
            for one in lines
        ],
        "totals": read.totals(lines),
        "total_links": _links(_of_all(actor, lines), month),
        "entries": [seen(actor, one) for one in entries.order_by("-submitted_at")[:40]] if dated else [],
        "over": read.month_after(month) <= today,
        "error": error,
    }
    return draw(request, "sales/forecast.jinja", context, status=422 if error else 200)


def _mine(actor: Actor, month: dt.date) -> read.Foreseen | None:
    user = User.everything.filter(pk=actor.user_id or 0).first()
    if user is None:
        return None
    last, own = read.submitted(actor, [user.pk], month)
    said = read.sums(user.pk, month)
    return read.Foreseen(user=user, last=last.get(user.pk), own=own.get(user.pk), target=read.ZERO, **said)


def _amount(text: str) -> Any:
    return kinds.parse(fields_of(targets.ENTRY)["adjusted"], regional.untyped(text))


@page_view()
def course(request: HttpRequest) -> HttpResponseBase:
    """A pipeline between two days: what was open, came, grew, was won and lost, and the stages at either end."""
    actor = actor_of(request)
    if not read.sees_sums(actor):
        raise Denied
    today = clock.today(actor.timezone)
    start = _day(request.GET.get("from", ""), today.replace(day=1))
    end = _day(request.GET.get("to", ""), today)
    offered = pipelines_for(actor)
    asked = request.GET.get("pipeline", "")
    chosen = next((one for one in offered if str(one.pk) == asked), None)
    number = chosen.pk if chosen else usual_pipeline_id(actor)
    error = _("The end lies before the beginning.") if end < start else ""
    steps, levels = history.course(actor, number or 0, start, max(start, end))
    step = next((one for one in steps if one.key == request.GET.get("step", "")), None)
    if request.GET.get("save") == "svg":
        return _picture(steps, start, end)
    if request.GET.get("save") == "fit":
        return HttpResponse(_drawn(steps, width=width_sent(request, 960)))
    context = {
        "title": _("Course of the pipeline"),
        "start": start,
        "end": end,
        "pipelines": [(one.pk, display.title_of(entity_of("sales.pipeline"), one, actor)) for one in offered],
        "pipeline": number,
        "steps": [(one, step_label(one.key), _step_url(request, one, number, end >= today)) for one in steps],
        "step": step,
        "step_label": step_label(step.key) if step else "",
        "behind": [
            (*_named(actor, deal), amount)
            for deal, amount in history.behind(actor, number or 0, start, max(start, end), step.key if step else "")
        ],
        "picture": Markup(_drawn(steps)),  # noqa: S704 - drawn by us, its texts are escaped
        "save": f"{request.path}?{urlencode({**request.GET.dict(), 'save': 'svg'})}",
        "fit": f"{request.path}?{urlencode({**request.GET.dict(), 'save': 'fit'})}",
        "levels": [(one, stage_url(one.stage)) for one in levels],
        "error": error,
    }
    return draw(request, "sales/pipeline.jinja", context)


def _named(actor: Actor, deal: Opportunity) -> tuple[Any, str, str]:
    """An opportunity as the actor may see it, its title and its stage."""
    told = seen(actor, deal)
    stage = spoken(told.stage.name, told.stage.name_en) if told.stage else ""
    return told, display.title_of(entity_of(deal), deal, actor), stage


def _step_url(request: HttpRequest, step: history.Step, pipeline: int | None, now: bool) -> str:
    """Where the opportunities of a step or an end are named, '' where there are none; what is open ``now`` is a list."""
    if not step.count:
        return ""
    if step.key == "closing" and now:
        return deals_url(
            {"field": "pipeline", "op": "eq", "value": pipeline}, {"field": "category", "op": "eq", "value": "open"}
        )
    return f"{request.path}?{urlencode({**request.GET.dict(), 'step': step.key})}#behind"


#: What each step is painted in; what neither adds nor takes stays grey.
STEP_COLORS = {
    "opening": "slate", "closing": "slate", "new": "blue", "reopened": "blue", "grown": "teal", "shrunk": "amber", "won": "green",
    "lost": "red", "gone": "gray",
}  # fmt: skip


def _drawn(steps: Sequence[history.Step], title: str = "", *, width: int = 960) -> str:
    parts = [
        charts.Part(
            label=step_label(one.key),
            amount=one.amount,
            level=one.key in ("opening", "closing"),
            color=STEP_COLORS[one.key],
            about=ngettext("%(num)d opportunity", "%(num)d opportunities", one.count) % {"num": one.count},
        )
        for one in steps
        if one.count or one.key in ("opening", "closing")
    ]
    return charts.waterfall(parts, Unit("money", base_currency()), width=width, title=title)


def _picture(steps: Sequence[history.Step], start: dt.date, end: dt.date) -> HttpResponse:
    """The waterfall as a file that stands alone."""
    drawn = _drawn(steps, f"{_('Course of the pipeline')} {start} – {end}")
    answer = HttpResponse(drawn, content_type="image/svg+xml")
    answer["Content-Disposition"] = f'attachment; filename="pipeline-{start}-{end}.svg"'
    return answer


def stage_url(stage: int) -> str:
    """The opportunities that stand in a stage now."""
    return deals_url({"field": "stage", "op": "eq", "value": stage})


def step_label(key: str) -> str:
    """The name of a step of the waterfall."""
    return {
        "opening": _("Open at the beginning"),
        "new": _("Newly made"),
        "reopened": _("Opened again"),
        "grown": _("Amounts raised"),
        "shrunk": _("Amounts lowered"),
        "won": _("Deals won"),
        "lost": _("Deals lost"),
        "gone": _("In the trash"),
        "closing": _("Open at the end"),
    }[key]


add_entries(
    Entry(
        key="sales.forecast", label=_lazy("Forecast of sales"), url="/forecast/", icon="trending-up", place="performance", order=10,
        color="green", shown=read.sees_sums,
    ),
    Entry(
        key="sales.course", label=_lazy("Course of the pipeline"), url="/pipeline-course/", icon="chart-line",
        place="performance", order=20, color="green", shown=read.sees_sums,
    ),
)  # fmt: skip
add_pages(path("forecast/", forecast, name="forecast"), path("pipeline-course/", course, name="pipeline-course"))
