"""Conditions of fields while a form is filled in: which are shown, must be filled, may be changed."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from guanxi.core import access, records
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.records import rules, shape, values
from guanxi.core.schema import kinds
from guanxi.core.schema.registry import entity_at
from guanxi.core.web.inputs import raw_values
from guanxi.core.web.views.common import actor_of, page_view


@page_view("POST")
def conditions(request: HttpRequest, path: str) -> HttpResponseBase:
    """The state of every field with conditions, for what was typed so far; writes nothing."""
    actor, entity = actor_of(request), entity_at(path)
    number = request.GET.get("record", "")
    if number.isdecimal():
        record = records.get(actor, entity, int(number[:18]))
    else:
        access.require(actor, "create", entity)
        record = entity.model()
    fields = shape.writable(actor, entity)
    typed: dict[str, Any] = {}
    for name, raw in raw_values(list(fields.values()), request.POST, partial=True).items():
        try:
            typed[name] = kinds.parse(fields[name], raw)
        except GuanxiError:
            continue
    cleaned = {name: values.empty_value(fields[name]) if value is None else value for name, value in typed.items()}
    values.assign(
        record, fields, {name: value for name, value in cleaned.items() if value is not None or fields[name].custom}
    )
    readable = shape.readable(actor, entity)
    found = {
        name: {"visible": one.visible, "required": one.required, "readonly": one.readonly}
        for name, one in rules.states(entity, record).items()
        if name in readable
    }
    return JsonResponse(found)
