"""A list as a funnel: how many records stand in each step of their process, how many have come at least so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.schema.fields import Field
from guanxi.core.web.addresses import face_url, list_url
from guanxi.core.web.jinja import with_query
from guanxi.core.web.lists import faces, lanes
from guanxi.core.web.lists.state import ListState, read_state
from guanxi.core.web.views.common import actor_of, draw, entity_for, page_view

WHOLE = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One step: records in it, their sums, those in it or beyond, and how many of the step before came so far (percent)."""

    label: str
    color: str
    url: str
    count: int
    sum: str
    weighted: str
    reached: int
    percent: int | None
    width: int
    ending: str


def steps(actor: Actor, state: ListState, by: Field, within: int | None) -> list[Step]:
    """The steps in their order; those that end badly come last and count for nothing before them."""
    entity, board = state.entity, state.entity.board
    endings = lanes.endings(entity, by)
    fields = [
        faces.summed(actor, entity, name) if name else None
        for name in ((board.total, board.weighted) if board else ("", ""))
    ]
    names = [one.name for one in fields if one]
    groups = records.groups(actor, entity, by.name, filter=state.filter or None, text=state.now.text, totals=names)
    known = {str(group.value or ""): group for group in groups}
    choices = [one for one in lanes.choices_for(actor, entity, by, within) if one.active or one.key in known]
    ordered = [one for one in choices if endings.get(one.key) != "bad"] + [
        one for one in choices if endings.get(one.key) == "bad"
    ]
    going = [one.key for one in ordered if endings.get(one.key) != "bad"]
    counts = {one.key: known[one.key].count if one.key in known else 0 for one in ordered}
    reached = {key: sum(counts[later] for later in going[place:]) for place, key in enumerate(going)}
    most = max(reached.values(), default=0) or 1

    def one(place: int, choice: Any) -> Step:
        sums = known[choice.key].totals if choice.key in known else {}
        came = reached.get(choice.key, 0)
        before = reached[going[place - 1]] if 0 < place < len(going) else 0
        node = {"field": by.name, "op": "eq", "value": choice.key}
        texts = [faces.short(field, sums.get(field.name) or Decimal(0)) if field else "" for field in fields]
        return Step(
            label=str(choice.label), color=choice.color or "slate", count=counts[choice.key], sum=texts[0], weighted=texts[1], reached=came,
            url=state.url(filter=faces.narrowed(state, node), quick={}, path=list_url(entity)),
            percent=round(came * WHOLE / before) if before else None, width=round(came * WHOLE / most), ending=endings.get(choice.key, ""),
        )  # fmt: skip

    return [one(place, choice) for place, choice in enumerate(ordered)]


def _lost(found: Sequence[Step]) -> int:
    return sum(one.count for one in found if one.ending == "bad")


@page_view(may_be_old=True)
def show_funnel(request: HttpRequest, path: str) -> HttpResponseBase:
    """The funnel page; filters and views are those of the list."""
    entity, actor = entity_for(request, path), actor_of(request)
    by = faces.step_field(actor, entity)
    if by is None:
        raise NotFound(_("There is no funnel of this kind."), code="funnel.unknown")
    state = replace(read_state(request, actor, entity, path=face_url(entity, "funnel")), cursor="", peek=None)
    within = lanes.within_chosen(request, actor, entity, by)
    fixed = {"in": str(within)} if within else {}
    found = steps(actor, state, by, within)
    context = {
        **faces.frame(actor, state),
        "title": f"{entity.plural} · {_('Funnel')}",
        "by": by,
        "fixed": fixed,
        "within": within,
        "withins": [
            (number, name, with_query(state.url(), **{"in": number}))
            for number, name in lanes.within_choices(actor, entity, by)
        ],
        "steps": found,
        "money": any(one.sum for one in found),
        "weigh": any(one.weighted for one in found),
        "count": sum(one.count for one in found),
        "lost": _lost(found),
    }
    return draw(request, "list/funnel.jinja", context)
