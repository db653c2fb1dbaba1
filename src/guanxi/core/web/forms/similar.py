"""The duplicate warning while somebody types: records that may be the same, masked where he may not see them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from guanxi.core import access
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import shape
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_at
from guanxi.core.web.forms.build import askable
from guanxi.core.web.inputs import raw_values
from guanxi.core.web.merging.hits import hits
from guanxi.core.web.views.common import actor_of, draw, page_view

#: A hit weaker than this is not worth a warning.
LEAST = 40
MOST = 5


@page_view("POST")
def similar(request: HttpRequest, path: str) -> HttpResponseBase:
    """Read the form as far as it is filled and say which records it may double; empty when there is none."""
    actor, entity = actor_of(request), entity_at(path)
    access.require(actor, "create", entity)
    fields = {name: one for name, one in askable(shape.writable(actor, entity)).items() if _counts(entity, name)}
    values = {}
    for name, raw in raw_values(fields.values(), request.POST, partial=True).items():
        try:
            values[name] = kinds.parse(fields[name], raw)
        except Invalid:
            continue
    own = request.GET.get("except", "")
    found = hits(actor, entity, values, exclude=int(own) if own.isdecimal() else None, least=LEAST, limit=MOST)
    return draw(request, "forms/similar.jinja", {"hits": found, "entity": entity})


def _counts(entity: Entity, name: str) -> bool:
    keys = {key.field for key in entity.match_keys}
    return name in keys or name in entity.alike or name == "kind"
