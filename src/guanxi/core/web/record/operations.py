"""What was done in one go and can be taken back: the list, one operation with its problems, undo; and the trash."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core import access, records
from guanxi.core.automation import operations
from guanxi.core.exchange.writers import CsvWriter
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound, Text
from guanxi.core.models import Operation
from guanxi.core.records import bulk, doubts
from guanxi.core.records.writing import UNDO_FOR
from guanxi.core.schema.registry import entities, entity_of, is_registered
from guanxi.core.web import addresses, formats, toasts
from guanxi.core.web.forms import choosing
from guanxi.core.web.record.common import done
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view

SHOWN = 50
PROBLEMS = 200

ICONS = {
    "update": "edit", "delete": "trash", "restore": "trash-off", "merge": "arrows-join", "import": "file-import",
    "undo": "arrow-back-up", "bulk_update": "edit", "bulk_delete": "trash", "bulk_assign": "user-share",
    "pack": "package", "bulk_tag": "tag", "bulk_untag": "tag-off", "bulk_act": "bolt",
}  # fmt: skip


def sort_label(sort: str) -> str:
    """The name of a sort of operation."""
    names = {
        "update": _("Change"),
        "delete": _("Delete"),
        "restore": _("Restore"),
        "merge": _("Merge"),
        "import": _("Import"),
        "export": _("Export"),
        "pack": _("Industry pack"),
        "undo": _("Undo"),
        "bulk_update": _("Change of several"),
        "bulk_delete": _("Deletion of several"),
        "bulk_assign": _("Handover"),
        "bulk_tag": _("Tagging"),
        "bulk_untag": _("Removing tags"),
        "bulk_act": _("Action on several"),
    }
    return names.get(sort, sort)


def state_label(state: str) -> tuple[str, str]:
    """The name and colour of a state."""
    return {
        "waiting": (_("waiting"), "slate"),
        "running": (_("running"), "blue"),
        "paused": (_("paused"), "amber"),
        "done": (_("done"), "green"),
        "failed": (_("failed"), "red"),
        "cancelled": (_("cancelled"), "amber"),
        "undone": (_("undone"), "slate"),
    }.get(state, (state, "slate"))


def _mine(actor: Actor) -> Any:
    rows = Operation.objects.select_related("undone_by")
    return rows if actor.rights.everything else rows.filter(actor_id=actor.user_id)


def described(actor: Actor, operation: Operation) -> dict[str, Any]:
    """One operation as the pages show it."""
    entity = entity_of(operation.entity) if operation.entity and is_registered(operation.entity) else None
    state, color = state_label(operation.state)
    return {
        "id": operation.pk,
        "url": f"/operations/{operation.pk}/",
        "icon": ICONS.get(operation.sort, "bolt"),
        "what": sort_label(operation.sort),
        "entity": entity.plural if entity else "",
        "title": _one_title(actor, operation),
        "sort": operation.sort,
        "done": operation.state == "done",
        "count": operation.total,
        "progress": operation.progress,
        "running": operation.state in ("waiting", "running", "paused"),
        "who": operation.actor_name,
        "at": operation.created_at,
        "state": state,
        "color": color,
        "can_undo": records.can_undo(actor, operation),
        "undo_until": operation.undo_until,
        "undone_at": operation.undone_at,
        "undone_by": operation.undone_by,
        "result": operation.result,
    }


def _one_title(actor: Actor, operation: Operation) -> dict[str, Text]:
    """The record of an operation on a single one: its name and address, as far as the actor may see it."""
    ids = operation.parameters.get("ids") or []
    keep = operation.parameters.get("keep")
    wanted = keep or (ids[0] if len(ids) == 1 else None)
    if not wanted or not operation.entity or not is_registered(operation.entity):
        return {}
    entity = entity_of(operation.entity)
    found = access.visible(entity.model._base_manager.filter(pk=wanted), actor).first()
    if found is None:
        return {}
    gone = getattr(found, "deleted_at", None) is not None
    return {
        "name": choosing.title_of(entity, found, actor),
        "url": "" if gone else addresses.record_url(entity, found.pk),
    }


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """One's own operations, newest first (everyone's for those with all rights); ``sort`` and ``before`` narrow it."""
    actor = actor_of(request)
    rows = _mine(actor)
    sort, before = request.GET.get("sort", ""), request.GET.get("before", "")
    if sort:
        rows = rows.filter(sort=sort)
    if before.isdecimal() and len(before) < 18:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows.order_by("-pk")[: SHOWN + 1])
    context = {
        "title": _("Operations"),
        "lines": [described(actor, one) for one in found[:SHOWN]],
        "sorts": [(key, sort_label(key)) for key in ICONS],
        "sort": sort,
        "next": f"?sort={sort}&before={found[SHOWN - 1].pk}" if len(found) > SHOWN else "",
    }
    return draw(request, "record/operations.jinja", context)


def _operation(actor: Actor, pk: int) -> Operation:
    found: Operation | None = _mine(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


@page_view()
def one(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One operation: what was done, skipped and failed, record by record with the reason."""
    actor = actor_of(request)
    operation = _operation(actor, pk)
    later = Operation.objects.filter(undoes_id=operation.pk).order_by("-pk").first()
    context = {
        "title": sort_label(operation.sort),
        "one": described(actor, operation),
        "problems": _problems(actor, operation, PROBLEMS),
        "doubted": _doubted(actor, operation),
        "undone": described(actor, later) if later else None,
        "undone_problems": _problems(actor, later, PROBLEMS) if later else [],
    }
    return draw(request, "record/operation.jinja", context)


def _problems(actor: Actor, operation: Operation, limit: int) -> list[dict[str, Any]]:
    """The records an operation could not do, named as far as the actor may see them."""
    found = (operation.result or {}).get("problems") or []
    lines = []
    for problem in found[:limit]:
        key = problem.get("entity") or operation.entity
        reason = problem.get("reason") or problem.get("message") or ""
        line = {
            "id": problem.get("id"),
            "row": problem.get("row"),
            "reason": reason,
            "name": "",
            "url": "",
            "entity": "",
        }
        if key and is_registered(key) and problem.get("id"):
            entity = entity_of(key)
            record = access.visible(entity.model._base_manager.filter(pk=problem["id"]), actor).first()
            line["entity"] = entity.label
            if record is not None:
                line["name"], line["url"] = (
                    choosing.title_of(entity, record, actor),
                    addresses.record_url(entity, record.pk),
                )
        lines.append(line)
    return lines


def _doubted(actor: Actor, operation: Operation) -> int:
    """How many records a long change left out because who asked for it is to be asked back."""
    found = (operation.result or {}).get("problems") or []
    mine = operation.state == "done" and operation.actor_id == actor.user_id
    return sum(one.get("code") == doubts.CODE for one in found) if mine else 0


@page_view("POST")
def meant(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What a long change doubted is meant: change those records too."""
    actor = actor_of(request)
    operation = _operation(actor, pk)
    step = operations.begun(actor, lambda: bulk.meant(actor, operation))
    return done(request, go=f"/operations/{step.pk}/")


@page_view()
def problems_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The records that were skipped or failed with their reasons, as CSV with a mark that spreadsheets understand."""
    actor = actor_of(request)
    operation = _operation(actor, pk)
    out = io.BytesIO()
    writer = CsvWriter(out, [_("Id"), _("Name"), _("Reason")])
    for line in _problems(actor, operation, 10_000):
        writer.row([str(line["id"]), str(line["name"]), str(line["reason"])])
    writer.close()
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="operation-{operation.pk}.csv"'
    return answer


@page_view("POST")
def undo(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take an operation back; says what could not be undone and leads to the reasons."""
    actor = actor_of(request)
    result = records.undo(actor, pk)
    url = f"/operations/{pk}/"
    if result.skipped:
        text = ngettext(
            "Undone, but %(count)d record stays as it is.",
            "Undone, but %(count)d records stay as they are.",
            len(result.skipped),
        ) % {"count": len(result.skipped)}
        shown = toast(text, level="error", url=url, link=_("Which ones"))
    else:
        shown = toast(_("Undone."), url="", link="")
    if "HX-Request" not in request.headers:
        toasts.keep(request, shown)
        return done(request, go=url)
    return done(request, shown, events={"gx:close": {}, "gx:refresh": {}})


@page_view()
def trash(request: HttpRequest) -> HttpResponseBase:
    """Deleted records the actor may restore, per entity, with the days they are still kept."""
    actor = actor_of(request)
    may = [entity for entity in entities() if access.allowed(actor, "delete", entity)]
    wanted = request.GET.get("entity", "")
    tabs: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    chosen = None
    for entity in may:
        rows = access.visible(entity.model.everything.filter(deleted_at__isnull=False), actor, "delete")  # type: ignore[attr-defined]
        number, exact = records.counted(rows)
        if not number and entity.key != wanted:
            continue
        if chosen is None and (not wanted or entity.key == wanted):
            chosen = entity
            lines = [
                _trashed(actor, entity, one)
                for one in rows.select_related("deleted_by").order_by("-deleted_at", "-pk")[:200]
            ]
        tabs.append(
            {
                "text": entity.plural,
                "href": f"/trash/?entity={entity.key}",
                "count": f"{formats.number(number)}{'' if exact else '+'}",
                "key": entity.key,
            }
        )
    for tab in tabs:
        tab["current"] = chosen is not None and tab["key"] == chosen.key
    return draw(request, "record/trash.jinja", {"title": _("Trash"), "tabs": tabs, "lines": lines, "entity": chosen})


def _trashed(actor: Actor, entity: Any, record: Any) -> dict[str, Any]:
    left = (record.deleted_at + UNDO_FOR - clock.now()) / dt.timedelta(days=1)
    return {
        "name": choosing.title_of(entity, record, actor),
        "at": record.deleted_at,
        "by": record.deleted_by,
        "left": max(0, int(left) + 1),
        "restore": f"{addresses.record_url(entity, record.pk)}restore/",
        "soon": left < 4,
    }
