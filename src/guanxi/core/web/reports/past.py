"""The records behind a figure of a past day: as they were, each with the way to what it is today."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from markupsafe import Markup

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import display, reading, shape, values
from guanxi.core.reporting import datasets, past
from guanxi.core.reporting.spec import Spec
from guanxi.core.schema.entity import Entity
from guanxi.core.web.addresses import record_url
from guanxi.core.web.cells import Names
from guanxi.core.web.lists.columns import Column, chosen
from guanxi.core.web.lists.rows import names_for
from guanxi.core.web.lists.wording import describe, nodes_of
from guanxi.core.web.record.shown import written
from guanxi.core.web.views.common import actor_of, draw, entity_for, page_view

#: So many records are shown; the figure counts all.
MOST = 200


def _filter(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Invalid(_("The filter in this address cannot be read."), code="filter.format")
    return found


def _cell(actor: Actor, entity: Entity, row: Any, column: Column, names: Names) -> Markup:
    value = display.masked(actor, entity, column.field, values.current(row, column.field))
    return written(row, column.field, value, names)


@page_view()
def show(request: HttpRequest) -> HttpResponseBase:
    """The records of a dataset as they were at the end of a day."""
    actor = actor_of(request)
    entity = datasets.dataset(actor, entity_for(request, request.GET.get("dataset", "")).key)
    tree = _filter(request.GET.get("f", ""))
    day = past.day_of(request.GET.get("asof", "")[:30], actor.timezone)
    if day is None:
        raise Invalid(_("Choose a day that is over."), code="report.as_of", field="asof")
    past.check(entity, Spec(dataset=entity.key), tree, day, actor.timezone)
    hidden = past.unknown(entity)
    columns = [
        one
        for one in chosen(actor, entity, (), {}, ())
        if "." not in one.path and not one.title and one.field.column not in hidden
    ]
    with past.state(actor, entity, day):
        found = past.queryset(actor, entity, tree)
        count, shown = found.count(), list(found.order_by("-pk").values_list("pk", flat=True)[:MOST])
    with past.state(actor, entity, day, only=shown):
        rows = list(past.queryset(actor, entity, None).order_by("-pk"))
    names = names_for(actor, [(one.field, [values.current(row, one.field) for row in rows]) for one in columns])
    known = set(reading.queryset(actor, entity).filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    lines = [
        (
            record_url(entity, row.pk) if row.pk in known else "",
            display.title_of(entity, row, actor) or f"#{row.pk}",
            [(_cell(actor, entity, row, one, names), one.css) for one in columns],
        )
        for row in rows
    ]
    context = {
        "title": _("%(name)s at the end of %(day)s") % {"name": entity.plural, "day": day.isoformat()},
        "entity": entity,
        "about": [describe(actor, entity, one) for one in nodes_of(tree)[1]],
        "heads": [(shape.path_label(entity, entity.title), ""), *((one.label, one.css) for one in columns)],
        "rows": lines,
        "count": count,
    }
    return draw(request, "reports/past.jinja", context)
