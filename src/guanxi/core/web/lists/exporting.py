"""Taking a list or a selection out as a file: at once when short, by a job when long."""

from __future__ import annotations

import tempfile
from typing import IO, Any, cast

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.automation import approvals
from guanxi.core.exchange import exports
from guanxi.core.exchange.jobs import export_do
from guanxi.core.exchange.writers import FORMATS
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import shape
from guanxi.core.schema.entity import Entity
from guanxi.core.web.errors import text_of
from guanxi.core.web.lists import page
from guanxi.core.web.lists.state import read_state
from guanxi.core.web.views.common import actor_of, draw, entity_for, page_view
from guanxi.core.web.views.pages import redirect

#: So much of a file stays in memory before it goes to disk.
IN_MEMORY = 4 * 1024 * 1024


def _what(request: HttpRequest, actor: Actor, entity: Entity, query: QueryDict) -> dict[str, Any]:
    """Which rows: those ticked (``ids``), or those of the list as it is filtered and sorted."""
    sent = [one for one in str(query.get("ids", "")).split(",") if one.isdecimal() and len(one) < 19]
    if sent:
        return {"ids": [int(one) for one in sent]}
    state = read_state(request, actor, entity, query)
    return {"filter": state.filter or None, "text": state.now.text, "sort": list(state.now.sort)}


def _count(actor: Actor, entity: Entity, what: dict[str, Any]) -> tuple[int, bool]:
    rows = records.queryset(actor, entity, filter=what.get("filter"), text=what.get("text", ""), action="export")
    return records.counted(rows.filter(pk__in=what["ids"]) if "ids" in what else rows)


@page_view("GET", "POST")
def export_list(request: HttpRequest, path: str) -> HttpResponseBase:
    """GET: which format and columns. POST: the file, or the page of the operation that makes it."""
    entity, actor = entity_for(request, path, "export"), actor_of(request)
    query = QueryDict(request.POST.get("state", "")) if request.method == "POST" else request.GET
    what = _what(request, actor, entity, query)
    count, exact = _count(actor, entity, what)
    error = ""
    if request.method == "POST":
        try:
            return _export(request, actor, entity, query, what, count)
        except Invalid as wrong:
            error = text_of(wrong)
    kinds = {one.kind for one in shape.readable(actor, entity).values()}
    lined = exports.lines_of(actor, entity)
    kinds |= {"table"} if lined else set()
    names = {
        "xlsx": _("Excel (xlsx)"),
        "csv": _("CSV, UTF-8"),
        "zip": _("CSV files in a ZIP: one of the list, one with the items of all its documents")
        if lined
        else _("CSV files in a ZIP: one of the list, one of each table within it"),
        "vcf": _("vCard"),
    }
    needs = {"zip": {"table"}, "vcf": {"phones", "emails"}}
    context = {
        "title": _("Export %(what)s") % {"what": entity.plural},
        "entity": entity,
        "query": query.urlencode(),
        "count": page.count_text(count, exact=exact),
        "formats": [(key, names[key]) for key in FORMATS if key not in needs or kinds & needs[key]],
        "error": error,
        "later": count > exports.LARGE,
    }
    return draw(request, "list/export.jinja", context, status=422 if error else 200)


def _export(
    request: HttpRequest, actor: Actor, entity: Entity, query: QueryDict, what: dict[str, Any], count: int
) -> HttpResponseBase:
    kind = request.POST.get("format", "xlsx")
    if kind not in FORMATS:
        raise Invalid(field="format")
    columns: list[str] = []
    if request.POST.get("columns") == "shown":
        shown = page.shown_columns(request, actor, read_state(request, actor, entity, query))
        columns = [one.path for one in shown if "." not in one.path or one.field.custom]
        columns = [name for name in columns if shape.fields_of(entity)[name].kind not in ("file", "image")]
        if kind == "zip":  # lists do not show tables
            tables = [name for name, one in shape.readable(actor, entity).items() if one.kind == "table"]
            columns = list(dict.fromkeys([*columns, *tables]))
    approvals.check(actor, entity, None, "export", {"format": kind, "columns": columns, **what})
    if count > exports.LARGE:
        operation = exports.export_begin(actor, entity, format=kind, columns=columns, **what)
        export_do.defer(operation_id=operation.pk)
        return redirect(f"/operations/{operation.pk}/")
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as out:
        exports.export_write(actor, entity, out=cast("IO[bytes]", out), format=kind, columns=columns, **what)
        out.seek(0)
        response = HttpResponse(out.read(), content_type=FORMATS[kind])
    return named(response, f"{entity.path}-{clock.today(actor.timezone).isoformat()}.{kind}")


def named(response: HttpResponseBase, name: str) -> HttpResponseBase:
    """The answer as a download of that name."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@page_view()
def export_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file of one's own export that a job made."""
    made = exports.export_file(actor_of(request), operation_id=pk)
    kind = FORMATS.get(made.suffix.lstrip("."), "application/octet-stream")
    return named(FileResponse(made.open("rb"), content_type=kind), f"export-{pk}{made.suffix}")
