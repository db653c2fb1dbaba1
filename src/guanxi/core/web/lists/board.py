"""The board of an entity: one column per value of a choice field, cards that are moved by drag or keyboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Conflict, Invalid, NotFound
from guanxi.core.models import AuditEntry
from guanxi.core.people.preferences import preferences_remember
from guanxi.core.records import display, process, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import formats
from guanxi.core.web.addresses import board_url
from guanxi.core.web.lists import boardlook, faces, rows
from guanxi.core.web.lists import columns as columns_of
from guanxi.core.web.lists import lanes as lanes_of
from guanxi.core.web.lists.boardlook import Look
from guanxi.core.web.lists.lanes import board_fields
from guanxi.core.web.lists.state import ListState, read_state
from guanxi.core.web.lists.views import carried, lead_to
from guanxi.core.web.record import gate
from guanxi.core.web.toasts import attach, toast
from guanxi.core.web.views.common import actor_of, draw, entity_for, page_view

CARDS = 20


@dataclass(frozen=True, slots=True)
class Card:
    """One record on the board; ``movable`` when the actor may change the board's field of it."""

    row: rows.Row
    facts: Sequence[tuple[str, Any]]
    movable: bool
    color: str = ""
    age: boardlook.Age | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """One column: its value, name, colour, how many records, their sum and weighted sum, the first cards, where the next are."""

    key: str
    label: str
    color: str
    count: int
    sum: str
    weighted: str
    cards: Sequence[Card]
    more: str = ""
    full: bool = False


def chosen_field(request: HttpRequest, actor: Actor, entity: Entity) -> Field:
    """The field named in the address, else the declared one. Raises NotFound where there is no board."""
    offered = board_fields(actor, entity)
    name = request.GET.get("board", "") or (entity.board.field if entity.board else "")
    if entity.board is None or name not in offered:
        raise NotFound(_("There is no board of this kind."), code="board.unknown")
    return offered[name]


def _filter(state: ListState, name: str, key: str) -> Mapping[str, Any]:
    node = {"field": name, "op": "eq", "value": key} if key else {"field": name, "op": "empty"}
    return {"all": [state.filter, node]} if state.filter else node


def _summed(actor: Actor, entity: Entity, name: str) -> str:
    """``name`` if the actor may read it and it can be added up, else ''."""
    declared = shape.fields_of(entity).get(name)
    readable = declared is not None and shape.path_level(actor, entity, name) in ("read", "write")
    return name if declared and readable and KINDS[declared.kind].summable else ""


def lane_numbers(actor: Actor, state: ListState, by: Field) -> dict[str, tuple[int, str, str]]:
    """Count, sum and weighted sum per column under the present filter."""
    board = state.entity.board
    names = [_summed(actor, state.entity, name) for name in ((board.total, board.weighted) if board else ("", ""))]
    groups = records.groups(
        actor,
        state.entity,
        by.name,
        filter=state.filter or None,
        text=state.now.text,
        totals=[name for name in names if name],
    )
    fields = shape.fields_of(state.entity)

    def words(totals: Mapping[str, Any], name: str) -> str:
        return _short(fields[name].kind, totals.get(name)) if name else ""

    return {
        str(group.value or ""): (group.count, words(group.totals, names[0]), words(group.totals, names[1]))
        for group in groups
    }


def _short(kind: str, amount: Any) -> str:
    if amount is None:
        return ""
    return formats.short_money(amount) if kind == "money" else formats.number(amount)


def _lane_page(actor: Actor, state: ListState, by: Field, key: str, cursor: str = "") -> records.Page:
    return records.select(
        actor,
        state.entity,
        filter=_filter(state, by.name, key),
        text=state.now.text,
        sort=state.now.sort,
        limit=CARDS,
        cursor=cursor,
        count=False,
    )


def lane_cards(
    actor: Actor, state: ListState, by: Field, look: Look, key: str, cursor: str = ""
) -> tuple[list[Card], str]:
    """Cards of one column from a place on, and the cursor of the rest."""
    found = _lane_page(actor, state, by, key, cursor)
    return _cards(actor, state, by, look, {key: found.items})[key], found.next


def _cards(
    actor: Actor, state: ListState, by: Field, look: Look, lanes: Mapping[str, Sequence[Any]]
) -> dict[str, list[Card]]:
    """Cards by column; what they name is fetched for all columns together."""
    entity = state.entity
    items = [one for some in lanes.values() for one in some]
    names = [entity.title, *look.names()]
    shown = columns_of.chosen(actor, entity, [name for name in dict.fromkeys(names) if name != by.name], {}, ())
    facts = [column for column in shown if not column.title]
    prepared = rows.prepare(actor, entity, facts, items)
    lines = iter(rows.build(actor, entity, [one for one in shown if one.title], items, editable=False))
    written = {
        column.path: (str(column.label), getter, cell)
        for column, getter, cell in zip(facts, prepared.getters, prepared.cells, strict=True)
    }
    writable = by.name in shape.writable(actor, entity) and not by.readonly
    endings, ages = lanes_of.endings(entity, by), boardlook.age_field(actor, entity)

    def card(line: rows.Row, aged: Any) -> Card:
        record = line.record
        age = boardlook.age_of(actor, entity, record, aged)
        values = [
            (label, text)
            for label, getter, cell in (written[name] for name in look.of(entity, record) if name in written)
            if (text := cell(getter(record)))
        ]
        movable = writable and access.allowed(actor, "change", record)
        return Card(line, values, movable, boardlook.color_of(look, entity, record, age), age)

    return {
        key: [card(line, None if key in endings else ages) for line in islice(lines, len(some))]
        for key, some in lanes.items()
    }


def lanes(actor: Actor, state: ListState, by: Field, look: Look, within: int | None = None) -> list[Lane]:
    """Every column of the board; one for records without a value only if there are any."""
    numbers = lane_numbers(actor, state, by)
    choices = [("", _("Nothing given"), "slate", True)]
    choices += [
        (one.key, one.label, one.color or "slate", one.active)
        for one in lanes_of.choices_for(actor, state.entity, by, within)
    ]
    none = (0, "", "")
    drawn = [one for one in choices if numbers.get(one[0], none)[0] or (one[0] and one[3])]
    pages = {key: _lane_page(actor, state, by, key) for key, *_rest in drawn if numbers.get(key, none)[0]}
    cards = _cards(actor, state, by, look, {key: page.items for key, page in pages.items()})
    found = []
    for key, label, color, _active in drawn:
        count, amount, weighted = numbers.get(key, none)
        following = pages[key].next if key in pages else ""
        more = _lane_url(state, by, look, key, following) if following else ""
        full = 0 < look.most < count
        found.append(Lane(key, label, color, count, amount, weighted, cards.get(key, []), more, full))
    return found


def _lane_url(state: ListState, by: Field, look: Look, key: str, cursor: str) -> str:
    address = state.url(path=f"{board_url(state.entity)}lane/", cursor="", peek=None)
    query = urlencode({"board": by.name, **look.given, "key": key, "after": cursor})
    return f"{address}{'&' if '?' in address else '?'}{query}"


def _ends(entity: Entity, by: Field, within: int | None) -> list[process.Step]:
    """Steps that close the process the columns stand for: won, lost. While a card is in the hand they are at the foot."""
    sample = entity.model(**({f"{entity.board.within}_id": within} if within and entity.board else {}))
    found = process.process_of(entity, by.name, sample)
    return [one for one in found.steps if one.ending] if found else []


def _totals_url(state: ListState, fixed: Mapping[str, str]) -> str:
    query = state.query()
    return f"{board_url(state.entity)}totals/?{urlencode(fixed)}{'&' + query if query else ''}"


@page_view(may_be_old=True)
def show_board(request: HttpRequest, path: str) -> HttpResponseBase:
    """The board page; filters and views are those of the list."""
    entity, actor = entity_for(request, path), actor_of(request)
    by = chosen_field(request, actor, entity)
    state = replace(read_state(request, actor, entity, path=board_url(entity)), cursor="", peek=None)
    within = lanes_of.within_chosen(request, actor, entity, by)
    look = boardlook.read_look(request, actor, entity, by)
    fixed = {"board": by.name, **({"in": str(within)} if within else {}), **look.given}
    across, left_out = boardlook.rows_of(actor, state, look.rows) if look.rows else ([], 0)
    row = next((one for one in across if one.key == request.GET.get("row")), None)
    shown = row.state if row else state
    context = {
        **faces.frame(actor, state),
        "title": f"{entity.plural} · {capfirst(str(by.label))}",
        "by": by,
        "fields": board_fields(actor, entity),
        "lanes": lanes(actor, shown, by, look, within) if row or not look.rows else [],
        "rows": [] if row else across,
        "row": row,
        "look_url": f"{board_url(entity)}look/?{urlencode(fixed)}&{state.query()}",
        "left_out": left_out,
        "look": look,
        "gated": by.name in process.process_fields(entity),
        "ends": _ends(entity, by, within),
        "within": within,
        "withins": lanes_of.within_choices(actor, entity, by),
        "fixed": fixed,
        "totals_url": _totals_url(shown, fixed),
    }
    return draw(request, "board/page.jinja", context, fragment="board/lanes.jinja" if row else "")


@page_view(may_be_old=True)
def show_lane(request: HttpRequest, path: str) -> HttpResponseBase:
    """More cards of one column, asked for when its end comes into sight."""
    entity, actor = entity_for(request, path), actor_of(request)
    by = chosen_field(request, actor, entity)
    state = read_state(request, actor, entity, path=board_url(entity))
    key, look = request.GET.get("key", ""), boardlook.read_look(request, actor, entity, by)
    cards, following = lane_cards(actor, state, by, look, key, request.GET.get("after", ""))
    more = _lane_url(state, by, look, key, following) if following else ""
    context = {"entity": entity, "by": by, "look": look, "cards": cards, "more": more}
    return render(request, "board/cards.jinja", context, using="jinja2")


@page_view("GET", "POST")
def edit_look(request: HttpRequest, path: str) -> HttpResponseBase:
    """What the cards of a board show and how they are coloured; kept for the person."""
    entity, actor = entity_for(request, path), actor_of(request)
    by = chosen_field(request, actor, entity)
    if request.method == "POST":
        kept: dict[str, str] = {}
        if "reset" not in request.POST:
            kept = {name: request.POST.get(name, "") for name in ("color", "rows", "most")}
            kept["card"] = ",".join(dict.fromkeys(request.POST.getlist("column")))
        preferences_remember(actor, boardlook.KEPT, f"{entity.key}:{by.name}", kept or None)
        state = read_state(request, actor, entity, carried(request), path=board_url(entity))
        address = state.url(cursor="", peek=None)
        return lead_to(
            request, entity, f"{address}{'&' if '?' in address else '?'}{urlencode({'board': by.name, **kept})}"
        )
    look, offered = boardlook.read_look(request, actor, entity, by), boardlook.card_fields(actor, entity)
    names = [*look.card, *(name for name in offered if name not in look.card)]
    context = {
        "title": _("Look of the board"),
        "entity": entity,
        "by": by,
        "look": look,
        "offered": [(name, offered[name], name in look.card) for name in names if name in offered],
        "colors": boardlook.color_fields(actor, entity),
        "rows": boardlook.row_fields(actor, entity, by),
        "query": read_state(request, actor, entity, path=board_url(entity)).query(),
    }
    return draw(request, "board/look.jinja", context)


@page_view(may_be_old=True)
def lane_totals(request: HttpRequest, path: str) -> HttpResponseBase:
    """Counts and sums of all columns, asked for after a move."""
    entity, actor = entity_for(request, path), actor_of(request)
    by = chosen_field(request, actor, entity)
    numbers = lane_numbers(actor, read_state(request, actor, entity, path=board_url(entity)), by)
    within = lanes_of.within_chosen(request, actor, entity, by)
    found = {}
    for key in ("", *(one.key for one in lanes_of.choices_for(actor, entity, by, within))):
        count, amount, weighted = numbers.get(key, (0, "", ""))
        found[key] = {"count": formats.number(count), "sum": amount, "weighted": weighted}
    return JsonResponse(found)


def _barred(actor: Actor, record: Any, by: Field, keys: Sequence[str]) -> dict[str, str]:
    """Why the record cannot go to some columns, by column."""
    found = process.process_of(entity_of(record), by.name, record)
    if found is None:
        return {}
    now = str(values.current(record, by) or "")
    gates = (process.gate(actor, record, found, key) for key in keys if key != now and found.step(key) is not None)
    return {gate.target: str(gate.refused) for gate in gates if gate.refused}


@page_view("GET", "POST")
def move_card(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """Move one record to another column. A refusal answers with its reason and the card goes back.

    Where a colleague was faster, the answer is the card as it stands now, and in which column.

    Before it is moved, GET answers which columns are closed to it, and why.
    """
    entity, actor = entity_for(request, path), actor_of(request)
    record = records.get(actor, entity, pk)
    by = chosen_field(request, actor, entity)
    if request.method == "GET":
        keys = [one.key for one in lanes_of.choices_for(actor, entity, by)]
        return JsonResponse(_barred(actor, record, by, keys), json_dumps_params={"ensure_ascii": False})
    version = request.POST.get("version", "")
    wanted = request.POST.get("to", "")
    choice = lanes_of.choice_at(actor, by, wanted) if wanted else None
    if wanted and choice is None:
        raise Invalid(field=by.name)
    asked = gate.asked(actor, record, by, wanted)
    if asked is not None:
        return asked
    started = int(version) if version.isdecimal() else None
    changes = {by.name: wanted or None}
    across = boardlook.read_look(request, actor, entity, by).rows
    if across and "row" in request.POST:
        changes[across] = request.POST["row"] or None
    try:
        fresh = records.update(actor, record, changes, version=started)
    except Conflict as error:
        return _overtaken(request, actor, record, by, error)
    response = HttpResponse(status=204)
    response["X-Record-Version"] = str(fresh.version)
    label = choice.label if choice else _("Nothing given")
    text = _("%(name)s: %(field)s is now %(value)s.") % {
        "name": display.title_of(entity, fresh, actor),
        "field": capfirst(str(by.label)),
        "value": label,
    }
    operation = getattr(fresh, "operation_id", None)
    return attach(response, toast(text, undo=f"/operations/{operation}/undo/" if operation else ""))


def _overtaken(request: HttpRequest, actor: Actor, record: Any, by: Field, error: Conflict) -> HttpResponseBase:
    """The card as a colleague left it, who that was and where it stands."""
    entity = entity_of(record)
    fresh = records.get(actor, entity, record.pk)
    look = boardlook.read_look(request, actor, entity, by)
    key = str(values.current(fresh, by) or "")
    choice = lanes_of.choice_at(actor, by, key) if key else None
    names = {"name": display.title_of(entity, fresh, actor), "lane": choice.label if choice else _("Nothing given")}
    entries = AuditEntry.objects.filter(entity=entity.table, record_id=fresh.pk, action="update")
    who = entries.order_by("-at", "-id").values_list("actor_name", flat=True).first()
    if [one.field for one in error.clashes] != [by.name]:
        text = _("%(name)s was changed by somebody else meanwhile; it stands in “%(lane)s”.") % names
    elif who:
        text = _("%(who)s has moved %(name)s meanwhile: it stands in “%(lane)s” now.") % {**names, "who": who}
    else:
        text = _("%(name)s was moved meanwhile: it stands in “%(lane)s” now.") % names
    state = read_state(request, actor, entity, path=board_url(entity))
    cards = _cards(actor, state, by, look, {key: [fresh]})[key]
    context = {"entity": entity, "by": by, "look": look, "cards": cards, "more": ""}
    response = render(request, "board/cards.jinja", context, using="jinja2", status=409)
    response["X-Record-Lane"] = quote(key)
    if look.rows:
        response["X-Record-Row"] = quote(str(values.current(fresh, shape.fields_of(entity)[look.rows]) or ""))
    return attach(response, toast(text, level="error"))
