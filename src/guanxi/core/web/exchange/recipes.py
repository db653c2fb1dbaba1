"""The pages of recipes: several files of one other system chosen, looked at step by step, brought in, taken back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.http import HttpRequest, HttpResponseBase
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.automation.doing import action_of
from guanxi.core.exchange import people, recipe_whole, staging
from guanxi.core.exchange.jobs import recipe_do
from guanxi.core.exchange.mapping import FieldMap
from guanxi.core.exchange.recipes import Recipe, fitting
from guanxi.core.exchange.recipes import Step as RecipeStep
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound, Text
from guanxi.core.models import ExchangeRate
from guanxi.core.models.exchange import ImportRun, RecipeRun
from guanxi.core.records import files, rates
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import addresses, toasts
from guanxi.core.web.errors import text_of
from guanxi.core.web.exchange.steps import Step, all_fields
from guanxi.core.web.formats import date_text
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.views.pages import redirect

SHOWN = 5
#: So many rows take no longer than a page may.
AT_ONCE = 200
#: So many bytes of files are read while the page waits.
READ_AT_ONCE = 300_000
OWN = "own"
HALTS = {"pause": "paused", "cancel": "cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step as the page shows it: what it makes or does, its run, and its first rows under the names of fields."""

    number: int
    entity: Entity
    does: Text
    run: ImportRun
    columns: list[Text]
    rows: list[list[str]]


@page_view("GET", "POST")
def begin(request: HttpRequest) -> HttpResponseBase:
    """Choose the recipe and the files, or an archive of them; earlier works below."""
    actor = actor_of(request)
    error = ""
    if request.method == "POST":
        try:
            whole = _begun(request, actor)
        except GuanxiError as wrong:
            error = text_of(wrong)
        else:
            return redirect(f"/import/recipe/{whole.pk}/")
    context = {
        "title": _("Import from another system"),
        "steps": _path("upload"),
        "recipes": recipe_whole.recipes_for(actor),
        "own": OWN,
        "chosen": request.POST.get("recipe", ""),
        "works": [(one, recipe_whole.recipe_in(one).name) for one in recipe_whole.recipe_list(actor)],
        "error": error,
    }
    return draw(request, "exchange/recipe_begin.jinja", context, status=422 if error else 200)


def _path(here: str) -> list[Step]:
    names = [("upload", _("Upload")), ("preview", _("Preview")), ("run", _("Run")), ("result", _("Result"))]
    at = [key for key, _label in names].index(here)
    return [
        Step(key, label, "", "now" if number == at else "done" if number < at else "next")
        for number, (key, label) in enumerate(names)
    ]


def _begun(request: HttpRequest, actor: Actor) -> RecipeRun:
    name, sent = request.POST.get("recipe", ""), request.FILES.getlist("files")
    if not sent:
        raise Invalid(_("Choose a file first."), code="file.none", field="files")
    if name == OWN:
        found = [one for one in sent if str(one.name).lower().endswith(".json")]
        if len(found) != 1:
            raise Invalid(_("Put your recipe, one .json file, among the files."), code="recipe.none", field="files")
        recipe = recipe_whole.own_recipe(files.readable(files.store(found[0]).digest), str(found[0].name))
        sent = [one for one in sent if one is not found[0]]
    else:
        known = {one.key: one for one in recipe_whole.recipes_for(actor)}
        if name not in known:
            raise Invalid(_("Choose a recipe from the list."), code="recipe.unknown", field="recipe")
        recipe = known[name]
    with transaction.atomic():
        whole = recipe_whole.recipe_begin(actor, recipe=recipe)
        _add(request, actor, whole, sent)
    return whole


def _add(request: HttpRequest, actor: Actor, whole: RecipeRun, sent: list[Any]) -> None:
    uploads, size = {}, 0
    for one in sent:
        stored = files.store(one)
        uploads[stored.name] = files.readable(stored.digest)
        size += stored.size
    unused = recipe_whole.recipe_add(actor, whole=whole, uploads=uploads)
    if unused:
        text = _("The recipe has no use for: %(names)s.") % {"names": ", ".join(unused[:8])}
        toasts.keep(request, toast(text))
    if whole.state != "staging":
        return
    if size <= READ_AT_ONCE:
        recipe_whole.recipe_stage(actor, whole=whole)
    else:
        recipe_do.defer(number=whole.pk)


@page_view()
def work(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Where a work stands: files missing, its steps to look at, how far it is, or what came of it."""
    actor = actor_of(request)
    whole = recipe_whole.recipe_get(actor, number=pk)
    recipe = recipe_whole.recipe_in(whole)
    lines = [_line(actor, recipe.steps[run.step - 1], run, whole) for run in recipe_whole.runs_of(whole)]
    here = {"collecting": "upload", "staging": "upload", "ready": "preview", "running": "run", "paused": "run"}
    missing = recipe_whole.missing(whole) if whole.state == "collecting" else []
    context = {
        "title": recipe.name,
        "steps": _path(here.get(whole.state, "result")),
        "whole": whole,
        "lines": lines,
        "wanted": [(name, name not in missing, fitting(whole.files, name)) for name in recipe.files()],
        "missing": missing,
        "rates": _rates(recipe) if whole.state in ("ready", "failed") else [],
        "strangers": _strangers(actor, [one.run for one in lines]) if whole.state == "ready" else [],
        "users_url": addresses.list_url(entity_of("core.user")),
        "rates_url": addresses.list_url(entity_of("core.exchangerate")),
        "total": sum(one.run.total for one in lines),
        "done": sum(one.run.done for one in lines),
        "counts": {
            name: sum(getattr(one.run, name) for one in lines) for name in ("created", "updated", "skipped", "failed")
        },
    }
    return draw(request, "exchange/recipe_work.jinja", context)


def _line(actor: Actor, step: RecipeStep, run: ImportRun, whole: RecipeRun) -> Line:
    entity = entity_of(step.entity)
    action = action_of(entity, step.do) if step.do else None
    fields = {str(one.name): one for one in action.fields if hasattr(one, "name")} if action else {}
    known = all_fields(actor, entity)
    labels: dict[int, Text] = {}
    if action:
        for index, name in enumerate(run.columns):
            labels[index] = fields[name].label if name in fields else entity.label
    else:
        for index, target in FieldMap.from_json(run.mapping).targets.items():
            labels[index] = known[target.field].label if target.field in known else run.columns[index]
    rows = staging.staged(run, 0, SHOWN) if whole.state == "ready" else []
    return Line(
        number=run.step,
        entity=entity,
        does=action.label if action else "",
        run=run,
        columns=[capfirst(str(labels[index])) for index in sorted(labels)],
        rows=[[row.cells[index] if index < len(row.cells) else "" for index in sorted(labels)] for row in rows],
    )


def _rates(recipe: Recipe) -> list[tuple[str, str]]:
    """Foreign currencies the recipe speaks of, with the first day a rate is known for: rows before it would be refused."""
    said = {str(step.defaults["currency"]) for step in recipe.steps if step.defaults.get("currency")}
    rows = ExchangeRate.objects.filter(currency__in=said).order_by().values_list("currency").annotate(Min("day"))
    known: dict[str, dt.date] = dict(rows)
    foreign = sorted(said - {rates.base_currency()})
    return [(one, date_text(known[one]) if one in known else "") for one in foreign]


def _strangers(actor: Actor, runs: list[ImportRun]) -> list[str]:
    """Colleagues the files name whom nobody here is called: what they would own becomes the importer's."""
    known, found = people.colleagues(), set[str]()
    for run in runs:
        fields = all_fields(actor, entity_of(run.entity))
        for index, target in FieldMap.from_json(run.mapping).targets.items():
            if target.field in fields and fields[target.field].kind == "user":
                found.update(text for text in staging.said_in(run, index) if not people.colleague(known, text))
    return sorted(found)


@page_view("POST")
def add(request: HttpRequest, pk: int) -> HttpResponseBase:
    """More files for a work that has not begun."""
    actor = actor_of(request)
    whole = recipe_whole.recipe_get(actor, number=pk)
    try:
        with transaction.atomic():
            _add(request, actor, whole, request.FILES.getlist("files"))
    except GuanxiError as wrong:
        toasts.keep(request, toast(text_of(wrong), level="error"))
    return redirect(f"/import/recipe/{pk}/")


@page_view("POST")
def change(request: HttpRequest, pk: int, how: str) -> HttpResponseBase:
    """Begin or go on (``start``), ``pause``, ``cancel`` what is left, ``undo`` all of it."""
    if how not in (*HALTS, "start", "undo"):
        raise NotFound
    actor = actor_of(request)
    whole = recipe_whole.recipe_get(actor, number=pk)
    small = sum(run.total for run in recipe_whole.runs_of(whole)) <= AT_ONCE
    try:
        if how == "start":
            _go(actor, recipe_whole.recipe_start(actor, whole=whole), small=small)
        elif how == "undo":
            begun = recipe_whole.recipe_undo_begin(actor, whole=whole)
            _go(actor, begun, small=small)
        else:
            recipe_whole.recipe_halt(actor, whole=whole, how=HALTS[how])
    except GuanxiError as wrong:
        toasts.keep(request, toast(text_of(wrong), level="error"))
    return redirect(f"/import/recipe/{pk}/")


def _go(actor: Actor, whole: RecipeRun, *, small: bool) -> None:
    """Do it while the page waits when it is little, else in the background."""
    if not small:
        recipe_do.defer(number=whole.pk)
    elif whole.state == "undoing":
        recipe_whole.recipe_undo(actor, whole=whole)
    else:
        recipe_whole.recipe_go(actor, whole=whole)
