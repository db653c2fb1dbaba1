"""The insight pages at ``/insight/``: what was found, how far to trust it, the thresholds one may move, and the grounds it stands on."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.areas.insight import (
    jobs,
    mapping,
    panels,
    pictures,
    planning,
    runs,
    selectors,
    services,
    sheet,
    sheets,
    surveys,
    thresholds,
)
from guanxi.core.access import allowed, exporting, require
from guanxi.core.access.features import SETTINGS, has_feature, require_feature
from guanxi.core.exchange.writers import CsvWriter
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import replica
from guanxi.core.records import dictionaries, discretion, writing
from guanxi.core.schema.derive import fields_of
from guanxi.core.web import days, toasts
from guanxi.core.web.reports.views import width_sent
from guanxi.core.web.views.common import actor_of, draw, page_view

#: Whose birthdays stand on a page beside figures of customers.
PEOPLE = ("customers.customer", "customers.contact")


def _tree(request: HttpRequest) -> Mapping[str, Any] | None:
    """The narrowing of the page: mine, and one value class."""
    nodes: list[dict[str, Any]] = []
    if request.GET.get("whose") == "me":
        nodes.append({"field": "customer.owner", "op": "eq", "value": "@me"})
    if request.GET.get("class") in ("A", "B", "C"):
        nodes.append({"field": "value_class", "op": "eq", "value": request.GET["class"]})
    return {"all": nodes} if nodes else None


def _narrowing(request: HttpRequest) -> str:
    return "".join(
        f"{name}={request.GET[name]}&" for name in ("whose", "class", "with") if request.GET.get(name, "").isalnum()
    )


def _asked(request: HttpRequest) -> Actor:
    """The actor, if he may see values of customers at all. Raises NotFound."""
    actor = actor_of(request)
    if not panels.shown(actor):
        raise NotFound(code="page.unknown")
    return actor


def _pages(actor: Actor) -> list[sheets.Page]:
    every = selectors.sees_all(actor)
    return [one for one in sheets.PAGES if every or not one.whole]


@page_view(may_be_old=True)
def show(request: HttpRequest, key: str = "rfm") -> HttpResponseBase:
    """One page."""
    actor = _asked(request)
    pages = _pages(actor)
    page = next((one for one in pages if one.key == key), None)
    if page is None:
        raise NotFound(code="page.unknown")
    done, tree = selectors.last_calculation(), _tree(request)
    if request.GET.get("export") == "csv":
        return _csv(request, actor, page, tree)
    with pictures.fitting(width_sent(request, 720)):
        made = _sheet(request, actor, page, tree)
    if request.GET.get("part", "").isdecimal():
        return _picture(made, int(request.GET["part"]))
    context = {
        **_shell(actor, page.key, pages), "page": page, "sheet": made, "done": done, "current": selectors.current_calculation(),
        "fits": f"/insight/{page.key}/?{_narrowing(request)}part=",
        "notes": sheets.spoken_notes(done, page) if done else [], "whose": request.GET.get("whose", ""), "value_class": request.GET.get("class", ""),
        "thresholds": _thresholds(request, actor, page) if page.knobs and done else None,
        "may_export": allowed(actor, "export", selectors.VALUE) and page in _pages(_taking(actor)),
        "plan": _plan_form(actor) if made.keys else None,
    }  # fmt: skip
    return draw(request, "insight/page.jinja", context)


def _sheet(request: HttpRequest, actor: Actor, page: sheets.Page, tree: Mapping[str, Any] | None) -> sheet.Sheet:
    done = selectors.last_calculation()
    if done is None:
        return sheet.Sheet()
    number = request.GET.get("with", "")
    if page.key == "runs" and number.isdecimal():
        return runs.sheet(actor, done, tree, selectors.run_of(int(number)))
    return page.make(actor, done, tree)


def _shell(actor: Actor, key: str, pages: list[sheets.Page]) -> dict[str, Any]:
    groups = [(label, [one for one in pages if one.group == name]) for name, label in sheets.GROUPS.items()]
    return {"key": key, "groups": [one for one in groups if one[1]], "may_set": has_feature(actor, "settings")}


def _thresholds(request: HttpRequest, actor: Actor, page: sheets.Page) -> dict[str, Any]:
    """Present and wished thresholds, and how many customers each class would have."""
    tree, now = _tree(request), thresholds.current()
    wished, wrong = now, ""
    try:
        wished = thresholds.wished(page.key, request.GET, now)
        thresholds.check(wished)
    except Invalid as error:
        wrong = str(error.message)
    before = thresholds.effect(actor, page.key, now, tree)
    changed = wished != now and not wrong
    return {
        "knobs": [(knob, knob.shown(wished[knob.name])) for knob in page.knobs], "method": wished["method"] if page.key == "rfm" else "",
        "before": before, "after": thresholds.effect(actor, page.key, wished, tree) if changed else before, "changed": changed, "wrong": wrong,
    }  # fmt: skip


def _plan_form(actor: Actor) -> dict[str, Any] | None:
    if not allowed(actor, "create", planning.PLAN):
        return None
    kinds = dictionaries.values(fields_of(planning.PLAN)["kind"].dictionary)
    start = planning.next_working_day(clock.today(actor.timezone))
    return {"kinds": [(one.key, one.label) for one in kinds if one.active], "start": start.isoformat()}


@page_view("POST")
def plan(request: HttpRequest) -> HttpResponseBase:
    """Plan contacts with the ticked customers."""
    actor, data = _asked(request), request.POST
    try:
        start = days.read_day(data.get("start"))
    except ValueError:
        start = clock.today(actor.timezone) + dt.timedelta(days=1)
    a_day = data.get("a_day", "")
    back = _back(request)
    try:
        step = planning.contacts_plan(
            actor, [int(one) for one in data.getlist("customer") if one.isdecimal()], kind=data.get("kind", "call"), purpose=data.get("purpose", "")[:200],
            start=max(start, clock.today(actor.timezone)), a_day=min(50, int(a_day)) if a_day.isdecimal() else 5,
        )  # fmt: skip
    except Invalid as error:
        toasts.keep(request, toasts.toast(error.message or "", level="error"))
        return redirect(back)
    done, left = step.result["done"], step.result["skipped"]
    text = ngettext("%(count)d contact was planned.", "%(count)d contacts were planned.", done) % {"count": done}
    if left:
        more = ngettext("%(count)d customer has a plan already.", "%(count)d customers have a plan already.", left)
        text = f"{text} {more % {'count': left}}"
    undo = f"/operations/{step.pk}/undo/" if done else ""
    toasts.keep(request, toasts.toast(text, url="/follow-up-plans/", undo=undo))
    return redirect(back)


@page_view("POST")
def save(request: HttpRequest, key: str) -> HttpResponseBase:
    """Keep the thresholds of a page and compute with them."""
    actor = _asked(request)
    try:
        made = services.settings_set(actor, thresholds.wished(key, request.POST, thresholds.current()))
    except Invalid as error:
        toasts.keep(request, toasts.toast(error.message or "", level="error"))
    else:
        jobs.calculation_do.defer(calculation_id=made.pk)
    return redirect(f"/insight/{key}/")


@page_view("POST")
def compute(request: HttpRequest) -> HttpResponseBase:
    """Compute now: it costs the whole workspace time, so whoever may change settings starts it."""
    actor = _asked(request)
    require_feature(actor, SETTINGS)
    made = services.calculation_ask(actor)
    jobs.calculation_do.defer(calculation_id=made.pk)
    return redirect(_back(request))


def _back(request: HttpRequest) -> str:
    back = str(request.POST.get("back", ""))
    return back if back.startswith("/insight/") else "/insight/"


@page_view("GET", "POST")
def sources(request: HttpRequest) -> HttpResponseBase:
    """Where transactions and answers of surveys come from; for those who may change settings."""
    actor = _asked(request)
    if not has_feature(actor, "settings"):
        raise NotFound(code="page.unknown")
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = mapping.store(actor, request.POST)
        if not errors:
            return redirect("/insight/sources/")
    context = {
        **_shell(actor, "sources", _pages(actor)),
        **mapping.shown(actor, request.POST or request.GET),
        "errors": errors,
    }
    return draw(request, "insight/sources.jinja", context, status=422 if errors else 200)


@page_view("GET")
def progress(request: HttpRequest) -> HttpResponseBase:
    """How far the calculation is; asks again while it runs."""
    if not panels.shown(actor_of(request)):
        raise NotFound(code="page.unknown")
    current = selectors.current_calculation()
    response = draw(request, "insight/progress.jinja", {"current": current})
    if current is None:
        response.headers["HX-Refresh"] = "true"
    return response


def _picture(made: sheet.Sheet, part: int) -> HttpResponse:
    """One picture of a page alone, drawn for the width it has on a small screen: the first is 0, those of further blocks follow."""
    found = [made.picture, *(one.picture for one in made.more)]
    if part >= len(found) or not found[part]:
        raise NotFound(code="page.unknown")
    return HttpResponse(found[part])


def _plain(cell: sheet.Cell) -> str:
    """A cell for a file: a number as programs read it, without thousands and whatever the reader’s decimal mark."""
    neutral = regional.untyped(cell.text).replace(",", "") if cell.number else ""
    return neutral if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", neutral) else cell.text


def _taking(actor: Actor) -> Actor:
    """The actor over what he may take out of all that pages speak of."""
    survey = surveys.chosen()
    return exporting(actor, selectors.VALUE, *PEOPLE, *([survey.entity] if survey else []))


def _csv(request: HttpRequest, actor: Actor, page: sheets.Page, tree: Mapping[str, Any] | None) -> HttpResponse:
    """The figures of a page as a file: of what he may take out of a list too, by who may, counted and noted."""
    require(actor, "export", selectors.VALUE)
    taking = _taking(actor)
    if page not in _pages(taking):
        raise Denied(
            _("These figures are of all customers, and you may export part of them only."), code="insight.export"
        )
    made = _sheet(request, taking, page, tree)
    rows = len(made.rows) + sum(len(one.rows) for one in made.more)
    with replica.on_primary(), writing(actor):
        discretion.rows_take(actor, rows)
        discretion.noted(actor, "export", selectors.VALUE, rows=rows, format="csv", page=page.key)
    out = io.BytesIO()
    writer = CsvWriter(out, [str(one) for one in made.head])
    for row in made.rows:
        writer.row([_plain(cell) for cell in row])
    for block in made.more:
        for line in (
            [],
            [str(block.title)],
            [str(one) for one in block.head],
            *([_plain(cell) for cell in row] for row in block.rows),
        ):
            writer.row(line)
    writer.close()
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{page.key}.csv"'
    return response


urlpatterns = [
    path("", show, name="insight"),
    path("compute/", compute, name="insight-compute"),
    path("plan/", plan, name="insight-plan"),
    path("progress/", progress, name="insight-progress"),
    path("sources/", sources, name="insight-sources"),
    path("thresholds/<str:key>/", save, name="insight-thresholds"),
    path("<str:key>/", show, name="insight-page"),
]
