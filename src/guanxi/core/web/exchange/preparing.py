"""The pages before an import begins: file, columns, match rule, preview.

Each step is kept with the run, so going back or closing the page loses nothing.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.exchange import imports, wholecheck
from guanxi.core.exchange.guessing import speaks_of
from guanxi.core.exchange.jobs import check_do
from guanxi.core.exchange.mapping import FieldMap
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.plans import batcher_of
from guanxi.core.exchange.reading import members_of
from guanxi.core.exchange.reasons import text as reason_text
from guanxi.core.exchange.wholecheck import Whole
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, RuleBroken, Unavailable
from guanxi.core.models.exchange import ImportRun
from guanxi.core.records import files
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at, entity_of, is_registered
from guanxi.core.web.errors import text_of
from guanxi.core.web.exchange import steps
from guanxi.core.web.views.common import actor_of, draw, page_view
from guanxi.core.web.views.pages import redirect

#: Up to so many rows the preview looks at the whole file itself; of a longer one a job counts what would happen.
CHECKED = 2000
SHOWN = 50
ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16", "shift_jis", "windows-1252")
DELIMITERS = ((",", ","), (";", ";"), ("\t", "Tab"), ("|", "|"))


@page_view("GET", "POST")
def upload(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """Choose a file; its encoding, sheet, header and kind of record are found out."""
    actor = actor_of(request)
    known = steps.importable(actor)
    chosen = entity_at(path) if path else None
    if chosen is not None:
        access.require(actor, "import", chosen)
    error = ""
    if request.method == "POST":
        try:
            run = _staged(request, actor, chosen)
        except (Invalid, RuleBroken, Unavailable) as wrong:
            error = text_of(wrong)
        else:
            return redirect(f"/import/{run.pk}/map/")
    context = {
        "title": _("Import"),
        "steps": steps.steps(None, "upload"),
        "entities": known,
        "chosen": chosen,
        "error": error,
        "runs": [_line(one) for one in imports.import_list(actor, limit=20)],
    }
    return draw(request, "exchange/upload.jinja", context, status=422 if error else 200)


def _staged(request: HttpRequest, actor: Actor, chosen: Entity | None) -> ImportRun:
    sent = request.FILES.get("file")
    if sent is None:
        raise Invalid(_("Choose a file first."), code="file.none", field="file")
    wanted = request.POST.get("entity", "")
    entity = chosen or (entity_of(wanted) if wanted and is_registered(wanted) else None)
    stored = files.store(sent)
    content, name = files.readable(stored.digest), str(sent.name)
    first = next(iter(members_of(content, name)), None)  # of an archive; the next page offers the others
    return imports.import_stage(actor, content=content, name=name, entity=entity.key if entity else "", sheet=first)


def _line(run: ImportRun) -> dict[str, Any]:
    entity = entity_of(run.entity) if run.entity and is_registered(run.entity) else None
    return {"run": run, "entity": entity.plural if entity else "", "url": f"/import/{run.pk}/"}


def _open_run(request: HttpRequest, pk: int) -> tuple[Actor, ImportRun]:
    """A run that has not begun."""
    actor = actor_of(request)
    run = imports.import_get(actor, run_id=pk)
    if run.state != "ready" or run.recipe_id:
        raise RuleBroken(_("This import has begun already."), code="import.begun")
    return actor, run


@page_view("GET", "POST")
def map_columns(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Which column goes into which field; reading choices (sheet, encoding, delimiter) and the kind of record above."""
    actor, run = _open_run(request, pk)
    error = ""
    if request.method == "POST":
        try:
            if "reread" in request.POST:
                _reread(actor, run, request)
                return redirect(request.path)
            if request.POST.get("entity", run.entity) != run.entity:
                imports.import_configure(actor, run=_fresh(run), entity=request.POST["entity"])
                return redirect(request.path)
            run.mapping = steps.read_mapping(actor, run, request.POST).as_json()
            imports.import_configure(actor, run=run, mapping=run.mapping)
            return redirect(request.path if "again" in request.POST else f"/import/{pk}/rule/")
        except (Invalid, RuleBroken) as wrong:
            error = text_of(wrong)
    columns = steps.columns(actor, run)
    context = steps.context(
        run,
        "map",
        entities=steps.importable(actor),
        columns=columns,
        places=steps.places(steps.all_fields(actor, run.entity)) if run.entity else [],
        unmapped=[one.name for one in columns if not one.chosen],
        defaults=steps.default_inputs(actor, run) if run.entity else [],
        encodings=ENCODINGS,
        delimiters=DELIMITERS,
        problems=[*map(reason_text, run.problems), *_own_only(actor, run)],
        error=error,
    )
    return draw(request, "exchange/map.jinja", context, status=422 if error else 200)


def _own_only(actor: Actor, run: ImportRun) -> list[str]:
    """Says that everything becomes one's own, to those who may not hand records over and have a file with owners."""
    entity = entity_of(run.entity) if run.entity and is_registered(run.entity) else None
    if entity is None or not entity.access.owner or access.allowed(actor, "assign", entity):
        return []
    if not speaks_of(entity, entity.access.owner, run.columns):
        return []
    return [_("You have no right to assign: what is new becomes yours, whoever the file names as owner.")]


def _fresh(run: ImportRun) -> ImportRun:
    """The run with plain options, for another kind of record."""
    run.options = Options().as_json()
    return run


def _reread(actor: Actor, run: ImportRun, request: HttpRequest) -> None:
    header = request.POST.get("header_row", "")
    path = files.readable(run.digest)
    if not path.exists():
        raise RuleBroken(_("The file is no longer here; upload it again."), code="import.file_gone")
    imports.import_stage(
        actor,
        content=path,
        name=run.file_name,
        entity=run.entity,
        sheet=request.POST.get("sheet") or None,
        encoding=request.POST.get("encoding") or None,
        delimiter=request.POST.get("delimiter") or None,
        header_row=int(header) if header.isdecimal() and len(header) < 6 else None,
        run=run,
    )


@page_view("GET", "POST")
def rule(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Create, update or both; by which fields a row is the same as a record; what blanks and filled fields mean."""
    actor, run = _open_run(request, pk)
    error = ""
    if request.method == "POST":
        try:
            run.options = steps.read_options(run, request.POST, actor).as_json()
            imports.import_configure(actor, run=run, options=run.options)
            return redirect(f"/import/{pk}/preview/")
        except (Invalid, RuleBroken) as wrong:
            error = text_of(wrong)
    context = steps.context(
        run,
        "rule",
        options=Options.from_json(run.options),
        lines=steps.rule_lines(actor, run),
        owner=steps.owner_input(actor, run),
        admin=actor.rights.everything,
        error=error,
    )
    return draw(request, "exchange/rule.jinja", context, status=422 if error else 200)


@page_view()
def preview(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What would become of the rows: the first ones and all with something to say; nothing is written."""
    actor, run = _open_run(request, pk)
    only = request.GET.get("only", "")
    error, check = "", None
    found: dict[int, imports.PreviewRow] = {}
    try:
        check = _checked(actor, run)
        first = imports.import_preview(actor, run=run, limit=SHOWN)
        found = {one.position: one for one in (*first, *check.problems)}
    except (Invalid, RuleBroken) as wrong:
        error = text_of(wrong)
    rows = [found[position] for position in sorted(found)]
    if only:
        rows = [one for one in rows if one.outcome == only or (only == "noted" and one.reasons)]
    mapped = FieldMap.from_json(run.mapping).targets
    context = steps.context(
        run,
        "preview",
        rows=rows,
        check=check,
        only=only,
        unowned=0 if error else steps.unowned(actor, run),
        columns=[(index, name) for index, name in steps.maps_columns(run) if index in mapped],
        error=error,
    )
    return draw(request, "exchange/preview.jinja", context, status=422 if error else 200)


def _checked(actor: Actor, run: ImportRun) -> imports.Check | Whole:
    """A dry run over all rows: here for a short file, by a job for a long one."""
    if run.total <= CHECKED:
        return imports.import_check(actor, run=run, problems=500)
    batcher_of(actor, run)
    whole = wholecheck.found(run)
    if whole is None:
        whole = wholecheck.begin(run)
        check_do.defer(run_id=run.pk)
    return whole


@page_view("POST")
def edit_cell(request: HttpRequest, pk: int, position: int, column: int) -> HttpResponseBase:
    """Change one cell of the staged file; answers what would now become of the row."""
    actor, run = _open_run(request, pk)
    imports.import_edit(actor, run=run, position=position, column=column, value=request.POST.get("value", ""))
    rows = imports.import_preview(actor, run=run, limit=SHOWN, after=max(0, position - SHOWN))
    row = next(one for one in rows if one.position == position)
    return JsonResponse(
        {
            "outcome": row.outcome,
            "label": outcome_label(row.outcome),
            "reasons": row.reasons,
            "cell": row.cells[column],
        },
        json_dumps_params={"ensure_ascii": False},
    )


def outcome_label(outcome: str) -> str:
    """What would become of a row, in words."""
    return {
        "created": _("new"),
        "updated": _("change"),
        "skipped": _("skip"),
        "failed": _("error"),
    }.get(outcome, outcome)
