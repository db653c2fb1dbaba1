"""Checking for duplicates before typing, the result of a scan, and merging with a choice per field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from markupsafe import Markup

from guanxi.core import access, records
from guanxi.core.automation import scanning
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound, Text
from guanxi.core.models import Comment, File, Operation
from guanxi.core.records import doubles, matching, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import children_of, entities, entity_at
from guanxi.core.web import addresses
from guanxi.core.web.forms import choosing
from guanxi.core.web.merging.hits import hits, masked_title, owner_names, reason_label, values_from
from guanxi.core.web.record.common import done
from guanxi.core.web.record.shown import shown
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view

GROUPS = 30
MOST = 20
UNITED = ("phones", "emails", "urls", "addresses", "table", "choices", "tags")


def checkable(actor: Actor) -> list[Entity]:
    """Entities with match keys the actor may see or make."""
    return [one for one in entities() if one.match_keys and one.menu.group and access.allowed(actor, "view", one)]


@page_view()
def check(request: HttpRequest) -> HttpResponseBase:
    """Is it here already? One line (name, phone, e-mail, number) against all records, hidden ones masked."""
    actor = actor_of(request)
    known = checkable(actor)
    if not known:
        raise NotFound
    wanted = request.GET.get("in", "")
    entity = next((one for one in known if one.path == wanted), known[0])
    words = request.GET.get("q", "").strip()[:200]
    context = {
        "title": _("Duplicate check"),
        "entities": known,
        "entity": entity,
        "words": words,
        "hits": hits(actor, entity, values_from(entity, words)) if words else [],
        "may_create": entity.creatable and access.allowed(actor, "create", entity),
        "create": f"{addresses.create_url(entity)}?{entity.title}=",
        "may_scan": access.allowed(actor, "merge", entity),
    }
    return draw(request, "merging/check.jinja", context)


@dataclass(frozen=True, slots=True)
class Double:
    """One group of the scan as the actor may see it; ``merge`` is empty when he sees one record of it alone."""

    lines: list[dict[str, Any]]
    reasons: list[Text]
    merge: str


@page_view("GET", "POST")
def scan(request: HttpRequest, path: str) -> HttpResponseBase:
    """What the scan of the whole base found; POST orders a new one."""
    actor, entity = actor_of(request), entity_at(path)
    access.require(actor, "merge", entity)
    if not entity.match_keys:
        raise NotFound
    if request.method == "POST":
        scanning.scan_begin(actor, entity)
        return done(
            request,
            toast(_("The scan runs in the background; its result appears here.")),
            go=f"/duplicates/{entity.path}/",
        )
    last = scanning.last_scan(entity)
    start = int(request.GET["from"]) if request.GET.get("from", "").isdecimal() and len(request.GET["from"]) < 7 else 0
    groups, following = _groups(actor, entity, last, start)
    context = {
        "title": _("Duplicates in %(entities)s") % {"entities": str(entity.plural)},
        "entity": entity,
        "last": last,
        "running": last is not None and last.state in ("waiting", "running"),
        "groups": groups,
        "next": f"?from={following}" if following else "",
        "start": start,
    }
    return draw(request, "merging/scan.jinja", context)


def _groups(actor: Actor, entity: Entity, last: Operation | None, start: int) -> tuple[list[Double], int]:
    """Groups that hold a record the actor sees, agree in what he may know and still stand; where the next page begins."""
    stored = (last.result.get("groups") or []) if last is not None else []
    living = entity.model._default_manager.filter(pk__in=[pk for group in stored[start:] for pk in group["ids"]])
    there = set(living.values_list("pk", flat=True))
    seen = set(access.visible(living, actor).values_list("pk", flat=True))
    hidden = matching.unseen(actor, entity)
    unsure = matching.kinds_of(entity, hidden)
    found: list[Double] = []
    own: dict[int, set[tuple[str, str]]] = {}
    for number in range(start, len(stored)):
        group = _still(stored[number], there)
        if len(group.record_ids) < 2 or seen.isdisjoint(group.record_ids):
            continue
        groups = [group]
        if not unsure.isdisjoint(group.reasons):
            if not own.keys() >= set(group.record_ids):
                ahead = (pk for one in stored[number : number + GROUPS] for pk in there.intersection(one["ids"]))
                own = matching.own_keys(entity, ahead, hidden)
            groups = [one for one in doubles.parted(group, own) if not seen.isdisjoint(one.record_ids)]
        if groups and len(found) >= GROUPS:
            return found, number
        found += [_double(actor, entity, list(one.record_ids), seen, one.reasons) for one in groups]
    return found, 0


def _still(stored: Mapping[str, Any], there: set[int]) -> doubles.Group:
    return doubles.Group(tuple(sorted(there.intersection(stored["ids"]))), tuple(stored["reasons"]))


def _double(actor: Actor, entity: Entity, ids: list[int], seen: set[int], reasons: Iterable[str]) -> Double:
    """One group: what the actor sees by name, the rest masked, with the owner to ask."""
    rows = {row.pk: row for row in entity.model._default_manager.filter(pk__in=ids)}
    mine, hidden = [pk for pk in ids if pk in seen], [rows[pk] for pk in ids if pk not in seen]
    readable = shape.readable(actor, entity)
    names = [name for name in entity.columns if name in readable and name != entity.title][:4]
    lines = [
        {
            "title": choosing.title_of(entity, rows[pk], actor),
            "url": addresses.record_url(entity, pk),
            "hint": " · ".join(
                filter(None, (records.display.value_text(actor, entity, rows[pk], name) for name in names))
            ),
        }
        for pk in mine
    ]
    owners = owner_names(entity, hidden)
    lines += [{"title": masked_title(actor, entity, row), "url": "", "hint": owners.get(row.pk, "")} for row in hidden]
    merge = f"/{entity.path}/merge/?ids={','.join(map(str, mine[:MOST]))}" if len(mine) > 1 else ""
    return Double(lines, [reason_label(entity, kind) for kind in reasons], merge)


@dataclass(frozen=True, slots=True)
class Choice:
    """One field of a merge: the value of each record, which is kept unless told otherwise, whether lists are united,
    and whether all records hold the same (then there is nothing to choose, and the row is folded away).
    """

    name: str
    label: Text
    cells: list[tuple[int, Markup, bool]]
    kept: int
    together: bool
    united: bool
    same: bool


@page_view("GET", "POST")
def merge(request: HttpRequest, path: str) -> HttpResponseBase:
    """Make one record of several: choose the kept one and, field by field, whose value stays."""
    actor, entity = actor_of(request), entity_at(path)
    data = request.POST if request.method == "POST" else request.GET
    ids = _ids(data.getlist("ids"))
    found = [records.get(actor, entity, number) for number in ids]
    if not access.allowed(actor, "merge", entity):
        raise NotFound(code="page.unknown")
    if len(found) < 2:
        raise TooFew
    for record in found:
        access.require(actor, "merge", record)
    sent = str(data.get("keep", ""))
    keep = int(sent) if sent.isdecimal() else 0
    if keep not in ids:
        keep = _fullest(entity, found)
    error: GuanxiError | None = None
    choices = {
        name[7:]: int(str(value))
        for name, value in request.POST.items()
        if name.startswith("choose.") and str(value).isdecimal()
    }
    if request.method == "POST":
        try:
            operation = records.merge(actor, entity, keep, [one for one in ids if one != keep], choices)
        except Denied:
            raise
        except GuanxiError as wrong:
            error = wrong
        else:
            return _merged(request, actor, entity, keep, operation)
    context = {
        "title": _("Merge %(entities)s") % {"entities": str(entity.plural)},
        "entity": entity,
        "records": [_column(actor, entity, record) for record in found],
        "ids": ids,
        "keep": keep,
        "fields": _choices(actor, entity, found, keep, choices),
        "error": error.message if error else "",
        "back": addresses.list_url(entity),
        "action": request.path,
    }
    return draw(request, "merging/merge.jinja", context, status=error.status if error else 200)


class TooFew(Invalid):
    """Fewer than two records were chosen."""

    default_message = gettext_lazy("Choose at least two records to merge.")


def _ids(sent: list[str]) -> list[int]:
    parts = [part.strip() for one in sent for part in one.split(",")]
    return list(dict.fromkeys(int(part) for part in parts if part.isdecimal() and len(part) < 19))[:MOST]


def _fullest(entity: Entity, found: list[Any]) -> int:
    """The record with the most filled fields; the oldest of equal ones."""
    fields = [one for one in shape.fields_of(entity).values() if not one.readonly]

    def filled(record: Any) -> tuple[int, int]:
        return sum(1 for one in fields if values.current(record, one) not in (None, "", [])), -record.pk

    return int(max(found, key=filled).pk)


def _column(actor: Actor, entity: Entity, record: Any) -> dict[str, Any]:
    """One record at the head of the table: name, address, what hangs on it."""
    counts = []
    for child, field in children_of(entity.key):
        declared = shape.readable(actor, child).get(field)
        if declared is not None and not declared.readonly and access.allowed(actor, "view", child):
            number = records.queryset(actor, child).filter(**{f"{field}_id": record.pk}).count()
            if number:
                counts.append((str(child.plural), number))
    for model, label in ((Comment, _("Comments")), (File, _("Files"))):
        number = model.objects.filter(entity=entity.key, record_id=record.pk, deleted_at__isnull=True).count()
        if number:
            counts.append((label, number))
    return {
        "id": record.pk,
        "title": choosing.title_of(entity, record, actor),
        "url": addresses.record_url(entity, record.pk),
        "counts": counts,
        "updated": record.updated_at,
    }


def _choices(actor: Actor, entity: Entity, found: list[Any], keep: int, chosen: Mapping[str, int]) -> list[Choice]:
    """The fields any of the records fills, those in which they differ first; what was ``chosen`` before stays chosen."""
    result = []
    for name, field in shape.readable(actor, entity).items():
        if field.readonly or not KINDS[field.kind].written:
            continue
        plain = {record.pk: values.current(record, field) for record in found}
        filled = [pk for pk, value in plain.items() if value not in (None, "", [])]
        if not filled:
            continue
        drawn = {record.pk: shown(actor, entity, record, field, change=False, reveal=False) for record in found}
        kept = next(pk for pk in (chosen.get(name), keep, *filled) if pk in filled)
        together = field.kind in UNITED
        cells = [(pk, one.markup, not one.empty) for pk, one in drawn.items()]
        different = len({str(value) for value in plain.values()})
        result.append(Choice(name, field.label, cells, kept, together, together and name not in chosen, different == 1))
    return sorted(result, key=lambda one: one.same)


def _merged(request: HttpRequest, actor: Actor, entity: Entity, keep: int, operation: Operation) -> HttpResponseBase:
    record = records.get(actor, entity, keep)
    count = operation.total + 1
    text = ngettext(
        "%(count)d record was merged into “%(name)s”.", "%(count)d records were merged into “%(name)s”.", count
    ) % {
        "count": count,
        "name": choosing.title_of(entity, record, actor),
    }
    return done(request, toast(text, undo=f"/operations/{operation.pk}/undo/"), go=addresses.record_url(entity, keep))
