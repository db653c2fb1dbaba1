"""The insight pages at ``/insight/``: what was found, how far to trust it, and the thresholds one may move."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path

from guanxi.areas.insight import jobs, panels, selectors, services, sheets
from guanxi.core.access.features import has_feature
from guanxi.core.exchange.writers import guarded
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.web.views.common import actor_of, draw, page_view


def _tree(request: HttpRequest, actor: Actor) -> Mapping[str, Any] | None:
    """The narrowing of the page: mine, and one value class."""
    nodes: list[dict[str, Any]] = []
    if request.GET.get("whose") == "me":
        nodes.append({"field": "customer.owner", "op": "eq", "value": "@me"})
    if request.GET.get("class") in ("A", "B", "C"):
        nodes.append({"field": "value_class", "op": "eq", "value": request.GET["class"]})
    del actor
    return {"all": nodes} if nodes else None


def _pages(actor: Actor) -> list[sheets.Page]:
    whole = selectors.sees_all(actor)
    return [one for one in sheets.PAGES if whole or not one.whole]


@page_view("GET")
def show(request: HttpRequest, key: str = "rfm") -> HttpResponseBase:
    """One page."""
    actor = actor_of(request)
    if not panels.shown(actor):
        raise NotFound(code="page.unknown")
    pages = _pages(actor)
    page = next((one for one in pages if one.key == key), None)
    if page is None:
        raise NotFound(code="page.unknown")
    done, current = selectors.last_calculation(), selectors.current_calculation()
    sheet = page.make(actor, done, _tree(request, actor)) if done else sheets.Sheet()
    if request.GET.get("export") == "csv":
        return _csv(page, sheet)
    context = {
        "page": page, "pages": pages, "sheet": sheet, "done": done, "current": current, "may_set": has_feature(actor, "settings"),
        "notes": sheets.spoken_notes(done, key) if done else [], "whose": request.GET.get("whose", ""), "value_class": request.GET.get("class", ""),
        "thresholds": _thresholds(request, actor) if key == "pareto" and done else None,
    }  # fmt: skip
    return draw(request, "insight/page.jinja", context)


def _thresholds(request: HttpRequest, actor: Actor) -> dict[str, Any] | None:
    """Present and wished bounds, and how many customers each class would have."""
    found = selectors.concentration(actor, _tree(request, actor))
    if found is None:
        return None
    now = services.current_settings()
    wished = {name: _share(request.GET.get(name), now[name]) for name in ("class_a", "class_b")}
    return {
        "now": now,
        "wished": wished,
        "before": found.classes(now["class_a"], now["class_b"]),
        "after": found.classes(wished["class_a"], wished["class_b"]),
        "changed": wished != {name: now[name] for name in wished},
    }


def _share(text: str | None, usual: float) -> float:
    try:
        return min(1.0, max(0.01, float(text or "") / 100))
    except ValueError:
        return usual


@page_view("POST")
def save(request: HttpRequest) -> HttpResponseBase:
    """Keep new thresholds and compute with them."""
    actor, now = actor_of(request), services.current_settings()
    alarm = request.POST.get("alarm")
    made = services.settings_set(
        actor,
        class_a=_share(request.POST.get("class_a"), now["class_a"]),
        class_b=_share(request.POST.get("class_b"), now["class_b"]),
        alarm=float(alarm) if alarm else now["alarm"],
    )
    jobs.calculation_do.defer(calculation_id=made.pk)
    return redirect("/insight/pareto/")


@page_view("POST")
def compute(request: HttpRequest) -> HttpResponseBase:
    """Compute now."""
    actor = actor_of(request)
    if not panels.shown(actor):
        raise NotFound(code="page.unknown")
    made = services.calculation_ask(actor)
    jobs.calculation_do.defer(calculation_id=made.pk)
    back = str(request.POST.get("back", ""))
    return redirect(back if back.startswith("/insight/") else "/insight/")


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


def _csv(page: sheets.Page, sheet: sheets.Sheet) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{page.key}.csv"'
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(sheet.head)
    writer.writerows([guarded(cell.text) for cell in row] for row in sheet.rows)
    return response


urlpatterns = [
    path("", show, name="insight"),
    path("compute/", compute, name="insight-compute"),
    path("progress/", progress, name="insight-progress"),
    path("thresholds/", save, name="insight-thresholds"),
    path("<str:key>/", show, name="insight-page"),
]
