"""The figures on the home page: one component, each number leading to the list with the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.records import layouts
from guanxi.core.reporting import stored
from guanxi.core.reporting.asking import counts
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.results import Result
from guanxi.core.reporting.spec import read
from guanxi.core.reporting.tiles import MOST, Tile, everyone, known, tiles_for
from guanxi.core.web.contributions import Card, add_cards
from guanxi.core.web.formats import number
from guanxi.core.web.reports.shown import ShownCell, about, freshness, leads_of, shown_cell


def _chosen(actor: Actor, keys: Sequence[str]) -> list[tuple[Tile, Result]]:
    """The figures a home layout names, in its order: those of the areas by their key, and stored reports without rows."""
    own = {tile.key: (tile, result) for tile, result in tiles_for(actor, tuple(keys))}
    found = []
    for key in keys:
        if key in own:
            found.append(own[key])
        if key in known():
            continue
        try:
            held = stored.setup(actor, "report", key)
            tile = Tile(key=held.key, label=held.name, spec=read(held.definition), good=0, shown=everyone)
            found.append((tile, run(actor, tile.spec)))
        except GuanxiError:
            continue
    return found


def _cell(result: Result) -> ShownCell:
    """The figure as text: where counting stopped, that there are more."""
    cell = result.total.cells[0]
    shown = shown_cell(result, cell, result.first.unit, leads_of(result))
    more = counts(result.spec) and not result.compared and cell.value == MOST + 1
    return replace(shown, text=f"{number(MOST)}+") if more else shown


def figures(actor: Actor) -> Mapping[str, Any] | None:
    """The actor's figures: those his home layout names, else all that are for him; no card without one."""
    named = [str(key) for key in (layouts.layout_of(actor, None, "home") or {}).get("figures", ())]
    tiles = _chosen(actor, named) if named else tiles_for(actor)
    found = [
        {
            "label": tile.label,
            "cell": _cell(result),
            "about": about(actor, result),
            "good": tile.good,
            "before": result.window_before.text() if result.window_before else "",
        }
        for tile, result in tiles
    ]
    return {"figures": found, "fresh": freshness(actor, tiles[0][1])} if found else None


add_cards(
    Card(
        key="figures",
        label=_("Figures"),
        template="reports/figures.jinja",
        context=figures,
        icon="gauge",
        url="/dashboards/",
        order=1,
        wide=True,
    )
)
