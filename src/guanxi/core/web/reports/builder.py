"""The builder: everything a report can ask as selects one understands, with the answer drawn beside them.

The form is the state: every change posts it, and the answer draws form and preview anew and puts the definition into
the address, so that reload, back and a copied link give the same screen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.records import shape
from guanxi.core.reporting import datasets, stored
from guanxi.core.reporting.datasets import CHOICES, DATES, NUMBERS, REFERENCES, TEXTS, Place
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.spec import (
    AGGREGATES,
    CHARTS,
    COMPARISONS,
    DERIVED,
    GRAINS,
    SORTS,
    Dimension,
    Spec,
    read,
    written,
)
from guanxi.core.reporting.windows import STEPS
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import days
from guanxi.core.web.errors import text_of
from guanxi.core.web.inputs import Option
from guanxi.core.web.lists import builder as conditions
from guanxi.core.web.lists.viewing import lead
from guanxi.core.web.lists.wording import describe
from guanxi.core.web.reports.scope import end_sent, ends, periods
from guanxi.core.web.reports.shown import shown
from guanxi.core.web.views.common import actor_of, draw, is_fragment, page_view

#: What the builder starts from for a dataset.
ROWS, COLUMNS, MEASURES = 3, 1, 8


@dataclass(frozen=True, slots=True)
class Level:
    """One “by …” line: its name in the form, what is chosen, how it may be taken together."""

    name: str
    field: str
    grain: str
    grains: tuple[Option, ...]
    bands: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure line; ``letter`` is what others call it by."""

    name: str
    letter: str
    how: str
    field: str
    weight: str
    fields: tuple[Option, ...]
    weights: tuple[Option, ...]
    a: int
    b: int
    others: tuple[Option, ...]
    label: str
    percent: bool
    hidden: bool
    where: str
    where_text: str


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Invalid(_("The report in this address cannot be read."), code="report.format")
    return found


def definition_sent(data: QueryDict) -> dict[str, Any]:
    """The definition a sent builder means; unfinished lines are left out."""
    key = data.get("dataset", "")
    found: dict[str, Any] = {
        name: data.get(name, "") for name in ("dataset", "date", "compare", "top", "sort", "target", "chart")
    }
    period = data.get("period", "")
    found["period"] = (
        "..".join(days.untyped(data.get(name, ""), "date") for name in ("from", "to")) if period == "custom" else period
    )
    found["as_of"], found["subtotals"] = end_sent(data), bool(data.get("subtotals"))
    found["rows"] = [one for at in range(ROWS) if (one := _level_sent(data, f"r{at}"))]
    found["columns"] = [one for at in range(COLUMNS) if (one := _level_sent(data, f"c{at}"))]
    found["measures"] = [one for at in range(MEASURES) if (one := _figure_sent(data, f"m{at}"))]
    if data.get("was") == key:
        found["filter"] = conditions.read_builder(entity_of(key), data)
    else:
        found.update(rows=[], columns=[], measures=[], date="")
    return found


def _level_sent(data: QueryDict, name: str) -> dict[str, Any] | None:
    path = data.get(f"{name}.field", "")
    if not path:
        return None
    bands = [
        part
        for part in data.get(f"{name}.bands", "").replace("，", ",").split(",")
        if part.strip().lstrip("-").isdecimal()
    ]
    return {"field": path, "grain": data.get(f"{name}.grain", ""), "bands": [int(one) for one in bands]}


def _figure_sent(data: QueryDict, name: str) -> dict[str, Any] | None:
    how = data.get(f"{name}.how", "")
    if not how:
        return None
    label = " ".join(data.get(f"{name}.label", "").split())
    here, there = ("label_zh", "label_en") if shape.spoken("zh", "en") == "zh" else ("label_en", "label_zh")
    held = data.get(f"{name}.{there}", "")
    return {
        "how": how,
        "field": data.get(f"{name}.field", ""),
        "weight": data.get(f"{name}.weight", ""),
        "a": data.get(f"{name}.a", "0"),
        "b": data.get(f"{name}.b", "0"),
        "unit": "percent" if data.get(f"{name}.percent") else "",
        "hidden": bool(data.get(f"{name}.hidden")),
        "where": _json(data.get(f"{name}.where", "")),
        here: label,
        there: held,
    }


def settled(actor: Actor, entity: Entity, given: Mapping[str, Any]) -> dict[str, Any]:
    """A definition whose lines fit together: a grain the field has, a field the figure can use."""
    data = dict(given)
    for part in ("rows", "columns"):
        data[part] = [_level_settled(actor, entity, one) for one in data.get(part) or ()]
        if part == "columns" and any(one and one["grain"] == "after" for one in data[part]):
            first: Mapping[str, Any] = next(iter(data["rows"]), {})
            data[part] = (
                data[part] if first.get("grain") in STEPS else [{**one, "grain": "month"} for one in data[part] if one]
            )
        data[part] = [one for one in data[part] if one]
    measures = [_figure_settled(actor, entity, dict(one)) for one in data.get("measures") or ()]
    data["measures"] = [one for one in measures if one]
    plain = [at for at, one in enumerate(data["measures"]) if one["how"] not in DERIVED]
    for at, one in enumerate(data["measures"]):
        if one["how"] in DERIVED:
            for name in ("a", "b"):
                if int(one.get(name) or 0) not in plain and plain:
                    one[name] = next((other for other in plain if other != at), 0)
    return data


def _level_settled(actor: Actor, entity: Entity, one: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        place = datasets.place_of(actor, entity, str(one.get("field", "")))
    except Invalid:
        return None
    grain = one.get("grain") or ""
    known = (*place.grains, *(("after",) if place.field.kind in DATES else ()))
    return {**one, "grain": grain if grain in known else place.grains[0]}


def _usable(actor: Actor, entity: Entity, how: str) -> list[Place]:
    if how in ("count", *DERIVED):
        return []
    kinds = {"distinct": REFERENCES | CHOICES | TEXTS, "days": DATES}.get(how, NUMBERS)
    found = datasets.places(actor, entity, kinds)
    if how in ("sum", "weighted"):
        found = [one for one in found if not one.field.plain and one.field.kind != "percent"]
    return found


def _figure_settled(actor: Actor, entity: Entity, one: dict[str, Any]) -> dict[str, Any] | None:
    places = [place.path for place in _usable(actor, entity, one["how"])]
    if one["how"] not in ("count", *DERIVED):
        if not places:
            return None
        if one.get("field") not in places:
            one["field"] = places[0]
    if one["how"] in ("weighted", "days"):
        weights = [place.path for place in datasets.places(actor, entity, DATES if one["how"] == "days" else NUMBERS)]
        if one.get("weight") not in weights:
            one["weight"] = next((path for path in weights if path != one["field"]), weights[0])
    return one


def starting(actor: Actor, entity: Entity, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a new report on a dataset begins with: how many there are, by the first choice that groups them."""
    places = datasets.places(actor, entity)
    shown = [one.rstrip("!") for one in entity.columns]
    choices = [one for one in places if one.field.kind == "choice" and one.direct]
    first = min(choices, key=lambda one: shown.index(one.path) if one.path in shown else len(shown), default=None)
    first = first or next((one for one in places if one.field.kind == "user" and one.direct), None)
    rows = [{"field": first.path}] if first else [{"field": "created_at", "grain": "month"}]
    return {
        "rows": rows,
        "measures": [{"how": "count"}],
        "chart": "bar" if first else "column",
        **given,
        "dataset": entity.key,
    }


def _offers(places: Sequence[Place]) -> list[tuple[str, list[Option]]]:
    """Options by the reference they are reached over, own fields first."""
    groups: dict[str, list[Option]] = {}
    for one in places:
        groups.setdefault(one.group, []).append(Option(one.path, one.label))
    return list(groups.items())


def _level(actor: Actor, entity: Entity, name: str, one: Dimension | None, *, steps: bool = False) -> Level:
    if one is None:
        return Level(name, "", "", (), "")
    place = datasets.place_of(actor, entity, one.field)
    further = ("after",) if steps and place.field.kind in DATES else ()
    grains = tuple(Option(key, str(GRAINS[key]) if key else _("each value")) for key in (*place.grains, *further))
    shown_bands = ", ".join(map(str, one.bands))
    return Level(name, one.field, one.grain, grains if len(grains) > 1 or place.grains[0] else (), shown_bands)


def _counts_on(spec: Spec) -> bool:
    """Whether columns may count on from the rows: these are dates by week, month, quarter or year."""
    return bool(spec.rows) and spec.rows[0].grain in STEPS


def _figures(actor: Actor, entity: Entity, spec: Spec | None) -> list[Figure]:
    measures = spec.measures if spec else ()
    plain = tuple(Option(str(at), chr(65 + at)) for at, one in enumerate(measures) if not one.derived)
    seconds = {
        how: tuple(Option(one.path, one.label) for one in datasets.places(actor, entity, kinds))
        for how, kinds in (("weighted", NUMBERS), ("days", DATES))
    }
    found = []
    for at, one in enumerate(measures):
        fields = tuple(
            Option(place.path, f"{place.group} › {place.label}" if place.group else place.label)
            for place in _usable(actor, entity, one.how)
        )
        found.append(
            Figure(
                name=f"m{at}",
                letter=chr(65 + at),
                how=one.how,
                field=one.field,
                weight=one.weight,
                fields=fields,
                weights=seconds.get(one.how, ()),
                a=one.a,
                b=one.b,
                others=plain if one.derived else (),
                label=shape.spoken(one.label_zh, one.label_en),
                percent=one.unit == "percent",
                hidden=one.hidden,
                where=json.dumps(one.where, ensure_ascii=False) if one.where else "",
                where_text=describe(actor, entity, one.where) if one.where else "",
            )
        )
    return found


def _form(actor: Actor, entity: Entity, spec: Spec) -> dict[str, Any]:
    """What the form draws."""
    levels = [_level(actor, entity, f"r{at}", one) for at, one in enumerate(spec.rows)]
    if len(levels) < ROWS:
        levels.append(_level(actor, entity, f"r{len(levels)}", None))
    custom = ".." in spec.period
    first, _dots, last = spec.period.partition("..") if custom else ("", "", "")
    return {
        **ends(spec.as_of),
        "entity": entity,
        "spec": spec,
        "datasets": [*([] if access.at_home(actor, entity) else [entity]), *datasets.datasets(actor)],
        "levels": levels,
        "across": _level(actor, entity, "c0", spec.columns[0] if spec.columns else None, steps=_counts_on(spec)),
        "places": _offers(datasets.places(actor, entity)),
        "dates": datasets.dates(actor, entity),
        "date": datasets.date_of(actor, entity, spec),
        "figures": _figures(actor, entity, spec),
        "next_figure": f"m{len(spec.measures)}" if len(spec.measures) < MEASURES else "",
        "hows": {**AGGREGATES, **DERIVED},
        "period": "custom" if custom else spec.period,
        "first": first,
        "last": last,
        "periods": periods(),
        "comparisons": COMPARISONS,
        "sorts": SORTS,
        "charts": CHARTS,
        **conditions.asked(actor, entity, spec.filter),
    }


def _dataset(actor: Actor, key: str) -> Entity:
    known = {one.key: one for one in datasets.datasets(actor)}
    paths = {one.path: one for one in known.values()}
    return known.get(key) or paths.get(key) or datasets.dataset(actor, key)


@page_view("GET", "POST")
def build(request: HttpRequest, key: str = "") -> HttpResponseBase:
    """The builder of a new report or of a stored one. GET draws it, a POST with ``save`` keeps it, another redraws it."""
    actor = actor_of(request)
    report = stored.setup(actor, "report", key) if key else None
    if request.method == "POST":
        given = definition_sent(request.POST)
    elif "d" in request.GET:
        given = _json(request.GET["d"])
    else:
        given = dict(report.definition) if report else {"dataset": request.GET.get("dataset", "")}
        if request.GET.get("f"):
            given["filter"] = _json(request.GET["f"])
    if not given.get("dataset"):
        context = {"title": _("New report"), "datasets": datasets.datasets(actor)}
        return draw(request, "reports/choose.jinja", context)
    entity = _dataset(actor, str(given["dataset"]))
    if not given.get("measures"):
        given = starting(actor, entity, {name: value for name, value in given.items() if value})
    return _answer(request, actor, entity, report, settled(actor, entity, given))


def _answer(
    request: HttpRequest, actor: Actor, entity: Entity, report: stored.Setup | None, given: Mapping[str, Any]
) -> HttpResponseBase:
    spec, trouble, result = read({"dataset": entity.key}), "", None
    try:
        spec = read(given)
        result = run(actor, spec)
        if request.method == "POST" and "save" in request.POST and not is_fragment(request):
            return _save(request, actor, report, spec)
    except GuanxiError as error:
        trouble = text_of(error)
    action = f"/reports/{report.key}/edit/" if report else "/reports/new/"
    context = {
        **_form(actor, entity, spec),
        **(shown(actor, result, width=760) if result else {"picture": "", "rows": [], "result": None}),
        "title": report.name if report else _("New report"),
        "report": report,
        "trouble": trouble,
        "action": action,
        "name": request.POST.get("name", report.name if report else ""),
        "visibility": request.POST.get("visibility", report.visibility if report else "private"),
        "may_public": stored.may_share_with_all(actor),
        "may_team": actor.department_id is not None,
        "mine": report is None or report.may_change,
    }
    response = draw(
        request, "reports/build.jinja", context, fragment="reports/builder.jinja", status=422 if trouble else 200
    )
    if request.method == "POST":
        state = json.dumps(written(spec), ensure_ascii=False, separators=(",", ":"))
        response.headers["HX-Replace-Url"] = f"{action}?{urlencode({'d': state})}"
    return response


def _save(request: HttpRequest, actor: Actor, report: stored.Setup | None, spec: Spec) -> HttpResponseBase:
    data = request.POST
    own = report is not None and report.may_change and data.get("save") != "copy"
    made = stored.setup_save(
        actor,
        sort="report",
        key=report.key if report is not None and own else "",
        name=data.get("name", ""),
        visibility=data.get("visibility", "private"),
        definition=written(spec),
    )
    return lead(request, made.url, _("“%(name)s” saved.") % {"name": made.name})
