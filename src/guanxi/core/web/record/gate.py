"""The small form between a record and a step of its process: what must be filled or ticked before it moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.records import doubts, process, shape, values
from guanxi.core.records.process import Gate, Process, Step
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import addresses, toasts
from guanxi.core.web.forms import build, choosing
from guanxi.core.web.inputs import raw_values
from guanxi.core.web.record.common import done, find
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, page_view


def gate_url(entity: Entity, record: Any, field: str, key: str) -> str:
    """Where the form for a move stands."""
    return f"{addresses.record_url(entity, record.pk)}gate/{field}/{key}/"


def asked(actor: Actor, record: Any, field: Field, key: str) -> HttpResponse | None:
    """The answer that opens the form when a move needs or offers something; ``None`` when it may go ahead.

    Raises RuleBroken when the step may not follow at all.
    """
    entity = entity_of(record)
    if str(values.current(record, field) or "") == key:
        return None
    found = process.process_of(entity, field.name, record)
    if found is None or found.step(key) is None:
        return None
    gate, asks = _ahead(actor, record, found, key)
    if gate.open and not asks:
        return None
    url = gate_url(entity, record, field.name, key)
    answer = HttpResponse(status=204, headers={"X-Gate": url})
    toasts.trigger(answer, **{"gx:ask": {"url": url}})
    return answer


def _ahead(actor: Actor, record: Any, found: Process, key: str) -> tuple[Gate, list[str]]:
    """What the move meets, and what the page offers besides; RuleBroken when it is refused."""
    gate = process.gate(actor, record, found, key)
    if gate.refused:
        raise RuleBroken(gate.refused, code=gate.code, field=found.field)
    step = found.step(key)
    return gate, [name for name in (step.asks if step else ()) if name not in gate.missing]


@page_view("GET", "POST")
def gate(request: HttpRequest, path: str, pk: int, name: str, key: str) -> HttpResponseBase:
    """What the move asks; sent, the record moves with it in one operation that can be undone."""
    actor, entity, record = find(request, path, pk)
    access.require(actor, "change", record)
    found = process.process_of(entity, name, record)
    step = found.step(key) if found is not None else None
    writable = shape.writable(actor, entity)
    if found is None or step is None or name not in writable:
        raise NotFound
    ahead, asks = _ahead(actor, record, found, key)
    fields = [replace(writable[one], required=True) for one in ahead.missing if one in writable]
    fields += [writable[one] for one in asks if one in writable]
    raw = {one.name: _proposed(actor, step, one, values.current(record, one)) for one in fields}
    error: Invalid | None = None
    if request.method == "POST":
        raw = raw_values(fields, request.POST)
        try:
            moved = _move(actor, record, found, key, raw, request)
        except Invalid as problem:
            error = problem
        else:
            return _moved(request, entity, step, moved)
    return _draw(request, actor, record, step, ahead, fields, raw, error)


def _proposed(actor: Actor, step: Step, field: Field, held: Any) -> Any:
    """What a field begins with: a day the good ending needs and nobody named is today's."""
    today = step.ending == "good" and field.required and field.kind == "date" and held is None
    return clock.today(actor.timezone) if today else held


def _move(actor: Actor, record: Any, found: Process, key: str, raw: Mapping[str, Any], request: HttpRequest) -> Any:
    """Tick and move in one transaction; what is refused leaves nothing ticked."""
    entity = entity_of(record)
    version = request.POST.get("_version", "")
    with records.writing(actor):
        here = str(values.current(record, records.fields_of(entity)[found.field]) or "")
        leaving = found.step(here)
        if leaving is not None and leaving.checklist:
            chosen = set(request.POST.getlist("_ticked"))
            process.tick(actor, record, found, here, [one.key for one in leaving.checklist if one.key in chosen])
        started = int(version) if version.isdecimal() else record.version
        return records.update(actor, record, {found.field: key, **raw}, version=started)


def _moved(request: HttpRequest, entity: Entity, step: Step, moved: Any) -> HttpResponseBase:
    text = _("%(name)s is now in “%(step)s”.") % {
        "name": choosing.title_of(entity, moved, actor_of(request)),
        "step": step.label,
    }
    operation = getattr(moved, "operation_id", None)
    shown = toast(text, undo=f"/operations/{operation}/undo/" if operation else "")
    return done(request, shown, go=addresses.record_url(entity, moved.pk), events={"gx:close": {}, "gx:refresh": {}})


def _draw(
    request: HttpRequest,
    actor: Actor,
    record: Any,
    step: Step,
    ahead: Gate,
    fields: Sequence[Field],
    raw: Mapping[str, Any],
    error: Invalid | None,
) -> HttpResponseBase:
    entity = entity_of(record)
    errors, general = build.errors_by_field(error, [one.name for one in fields])
    first = next(iter(errors), fields[0].name if fields else "")
    inputs = choosing.inputs(actor, entity, fields, raw, errors=errors, focus=first, record=record)
    context = {
        "title": _("Move to “%(step)s”") % {"step": step.label},
        "record_title": choosing.title_of(entity, record, actor),
        "step": step,
        "gate": ahead,
        "inputs": list(inputs.values()),
        "ticked": ahead.ticked | set(request.POST.getlist("_ticked")),
        "version": request.POST.get("_version", record.version),
        "problems": [build.Problem(one.id, one.field.label, text) for one in inputs.values() for text in one.errors],
        "general": general,
        "doubtful": isinstance(error, doubts.Doubtful),
        "action": request.path,
        "back": addresses.record_url(entity, record.pk),
    }
    return draw(request, "record/gate_page.jinja", context, status=422 if error else 200, fragment="record/gate.jinja")
