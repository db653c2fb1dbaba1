"""The pages of the run of an import: where it stands, start, progress, what came of it, undo; and the files to take along."""

from __future__ import annotations

import io
from itertools import islice
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.exchange import imports, results
from guanxi.core.exchange.jobs import import_do
from guanxi.core.exchange.reasons import texts
from guanxi.core.kernel.errors import GuanxiError, Invalid, RuleBroken
from guanxi.core.models.exchange import FAILED, OUTCOMES, ImportRun
from guanxi.core.records.search.index import lagging
from guanxi.core.schema.registry import entity_at, entity_of
from guanxi.core.web import addresses, toasts
from guanxi.core.web.errors import text_of
from guanxi.core.web.exchange import steps
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.views.pages import redirect

LISTED = 200
#: So many rows take no longer than a page may.
AT_ONCE = 300
OVER = ("done", "cancelled", "failed")


@page_view()
def resume(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Where a run stands: mapping, running, or its result."""
    run = imports.import_get(actor_of(request), run_id=pk)
    if run.recipe_id and run.state not in OVER:
        return redirect(f"/import/recipe/{run.recipe_id}/")
    step = (
        "result" if run.state in OVER and run.operation_id else "run" if run.state in ("running", "paused") else "map"
    )
    return redirect(f"/import/{pk}/{step}/")


@page_view("POST")
def start(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Begin, or go on: at once when the file is short, else in the background."""
    actor = actor_of(request)
    run = imports.import_get(actor, run_id=pk)
    try:
        if run.recipe_id:
            return redirect(f"/import/recipe/{run.recipe_id}/")
        with transaction.atomic():
            begun = imports.import_start(actor, run=run)
            if begun.total > AT_ONCE:
                import_do.defer(run_id=begun.pk)
        if begun.total <= AT_ONCE:
            imports.import_run(actor, run=begun)
    except (Invalid, RuleBroken) as wrong:
        toasts.keep(request, toast(text_of(wrong), level="error"))
        return redirect(f"/import/{pk}/")
    return redirect(f"/import/{pk}/")


@page_view()
def running(request: HttpRequest, pk: int) -> HttpResponseBase:
    """How far the run is: rows, pace, time left; pause and cancel. Leads on when it is over."""
    run = imports.import_get(actor_of(request), run_id=pk)
    if run.state in OVER:
        return redirect(f"/import/{pk}/result/")
    rate, left = imports.import_pace(run)
    return draw(request, "exchange/run.jinja", steps.context(run, "run", rate=int(rate), left=int(left)))


@page_view("POST")
def halt(request: HttpRequest, pk: int, how: str) -> HttpResponseBase:
    """Pause or cancel."""
    actor = actor_of(request)
    run = imports.import_get(actor, run_id=pk)
    (imports.import_pause if how == "pause" else imports.import_cancel)(actor, run=run)
    return redirect(f"/import/{pk}/" if run.operation_id else "/import/")


@page_view()
def result(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What came of it: counts, failed rows with reasons and as a file, undo."""
    actor = actor_of(request)
    run = imports.import_get(actor, run_id=pk)
    if run.state not in OVER:
        return redirect(f"/import/{pk}/")
    only = request.GET.get("only", "")
    context = steps.context(
        run,
        "result",
        rows=_rows(run, only),
        only=only,
        operation=run.operation,
        undone=run.operation is not None and run.operation.undone_at is not None,
        lagging=lagging(run.entity) if run.created else 0,
    )
    return draw(request, "exchange/result.jinja", context)


def _rows(run: ImportRun, only: str) -> list[dict[str, Any]]:
    """Rows of the file with what became of them: the refused ones, or those asked for."""
    wanted = {word: number for number, word in OUTCOMES.items()}
    chosen = [wanted[only]] if only in wanted else [FAILED]
    found = []
    for number, outcome, cells, reasons, record_id in islice(results.import_rows(run, chosen), LISTED):
        url = addresses.record_url(entity_of(run.entity), record_id) if record_id else ""
        found.append(
            {"number": number, "outcome": OUTCOMES[outcome], "cells": cells, "reasons": texts(reasons), "url": url}
        )
    return found


@page_view("POST")
def undo(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take the import back; what was changed since stays, and is listed."""
    actor = actor_of(request)
    run = imports.import_get(actor, run_id=pk)
    try:
        found = imports.import_undo(actor, run=run)
    except GuanxiError as wrong:
        toasts.keep(request, toast(text_of(wrong), level="error"))
        return redirect(f"/import/{pk}/result/")
    text = _("Undone: %(count)d records.") % {"count": found.undone}
    shown = toast(text)
    if found.skipped:
        shown = toast(
            _("Undone: %(count)d records; %(left)d were changed since and stay.")
            % {"count": found.undone, "left": len(found.skipped)},
            level="error",
            url=f"/operations/{run.operation_id}/",
            link=_("Which ones"),
        )
    toasts.keep(request, shown)
    return redirect(f"/import/{pk}/result/")


@page_view()
def failed_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The rows that were not brought in, as they were in the file, with a column that says why; can be imported again."""
    actor = actor_of(request)
    run = imports.import_get(actor, run_id=pk)
    out = io.BytesIO()
    results.import_write_errors(actor, run=run, out=out, format="csv", skipped="skipped" in request.GET)
    return _download(f"failed-{run.pk}.csv", out.getvalue())


@page_view()
def template(request: HttpRequest, path: str) -> HttpResponseBase:
    """An empty file with a column for every field, custom ones too, in the present language."""
    actor, entity = actor_of(request), entity_at(path)
    access.require(actor, "import", entity)
    out = io.BytesIO()
    results.template_write(actor, entity, out=out, format="xlsx")
    return _download(f"{entity.path}.xlsx", out.getvalue())


def _download(name: str, content: bytes) -> HttpResponseBase:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" if name.endswith(".xlsx") else "text/csv"
    answer = HttpResponse(content, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
