"""The whole list page: what the template draws, from the state in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core import access, records
from guanxi.core.access.features import may_settings
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import savedviews, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.kinds import KINDS
from guanxi.core.web import formats
from guanxi.core.web.lists import columns as columns_of
from guanxi.core.web.lists import filters, rows
from guanxi.core.web.lists.columns import Column
from guanxi.core.web.lists.state import SIZES, ListState, preferences_of


@dataclass(frozen=True, slots=True)
class Section:
    """A group of rows: name, how many in all, sums by column path as text."""

    key: str
    name: str
    count: int
    sums: Mapping[str, str]
    rows: Sequence[rows.Row]


def sort_urls(state: ListState, column: Column) -> tuple[str, str]:
    """Addresses for a click on the heading (ascending, descending, none) and for shift-click (added to the others)."""
    step = {"": (column.path,), "asc": (f"-{column.path}",), "desc": ()}[column.sort]
    current = state.now.sort or ()
    rest = tuple(name for name in current if name.lstrip("-") != column.path)
    if column.sort:
        also = tuple(one for name in current for one in (step if name.lstrip("-") == column.path else (name,)))
    else:
        also = (*rest, *step)
    return state.url(sort=step), state.url(sort=also)


def count_text(count: int | None, *, exact: bool) -> str:
    """``1,234`` or ``10,000+``."""
    return "" if count is None else f"{formats.number(count)}{'' if exact else '+'}"


def paging_text(state: ListState, page: records.Page) -> str:
    """``51–100 / 1,234``."""
    if not page.items:
        return count_text(page.count, exact=page.count_exact)
    last = state.start + len(page.items) - 1
    return f"{formats.number(state.start)}–{formats.number(last)} / {count_text(page.count, exact=page.count_exact)}"


def page_urls(state: ListState, page: records.Page) -> dict[str, str]:
    """Addresses of the pages before and after, and what is shown between them."""
    before = max(1, state.start - state.size)
    return {
        "text": paging_text(state, page),
        "next": state.url(cursor=page.next, start=state.start + len(page.items)) if page.next else "",
        "previous": state.url(cursor=page.previous, start=before) if page.previous else "",
        "first": state.url(cursor="", start=1),
    }


def groupings(actor: Actor, entity: Entity) -> list[tuple[str, str]]:
    """Fields the list may be grouped by, the likeliest first."""
    open_to = shape.unmasked(actor, entity)
    return [
        (name, str(one.label))
        for name, one in columns_of.likely(actor, entity)
        if KINDS[one.kind].groupable and name in open_to
    ]


def shown_columns(request: HttpRequest, actor: Actor, state: ListState) -> list[Column]:
    """The columns of this state with the widths the person dragged."""
    view_id = state.view.pk if state.view else None
    widths = columns_of.widths_of(preferences_of(request), state.entity, view_id)
    return columns_of.chosen(actor, state.entity, state.now.columns, widths, state.now.sort)


def fetch(actor: Actor, state: ListState) -> records.Page:
    """The page of records. A grouped list is sorted by its grouping first."""
    sort = state.now.sort
    if state.now.group:
        sort = (state.now.group, *(sort or state.entity.sort))
        sort = tuple(dict.fromkeys(name for name in sort if shape.field_at(state.entity, name.lstrip("-")) is not None))
    return records.select(
        actor,
        state.entity,
        filter=state.filter or None,
        text=state.now.text,
        sort=sort,
        limit=state.size,
        cursor=state.cursor,
    )


def sections(actor: Actor, state: ListState, shown: Sequence[Column], lines: Sequence[rows.Row]) -> list[Section]:
    """The rows of this page under their groups, each with the count and sums of the whole group."""
    by = state.now.group
    declared = shape.fields_of(state.entity)[by]
    sums = [column.path for column in columns_of.summable(shown)]
    groups = records.groups(actor, state.entity, by, filter=state.filter or None, text=state.now.text, totals=sums)
    names = rows.names_for(actor, [(declared, [group.value for group in groups])])
    known = {_key(declared.kind, group.value): group for group in groups}
    fields = {column.path: column.field for column in shown}
    found: dict[str, tuple[Section, list[rows.Row]]] = {}
    for row in lines:
        value = _value(row.record, declared)
        key = _key(declared.kind, value)
        if key not in found:
            group = known.get(key)
            given = group.totals if group else {}
            totals = {path: total_text(fields[path].kind, amount) for path, amount in given.items()}
            name = rows.group_name(declared, group.value if group else value, names)
            mine: list[rows.Row] = []
            found[key] = (Section(key, name, group.count if group else 0, totals, mine), mine)
        found[key][1].append(row)
    return [section for section, _rows in found.values()]


def _value(record: Any, declared: Any) -> Any:
    return values.current(record, declared)


def _key(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind in ("date", "datetime"):
        moment = timezone.localtime(value) if kind == "datetime" else value
        return f"{moment.year}-{moment.month:02d}"
    return str(value)


def total_text(kind: str, amount: Any) -> str:
    """A sum as text."""
    if amount is None:
        return ""
    return formats.money(amount) if kind == "money" else formats.number(amount)


def footer(actor: Actor, state: ListState, shown: Sequence[Column], count: int | None) -> dict[str, dict[str, str]]:
    """Sum and average of all results per column that can be added up; amounts by currency, never mixed."""
    wanted = columns_of.summable(shown)
    if not wanted:
        return {}
    given: dict[str, Any] = {"filter": state.filter or None, "text": state.now.text}
    plain = [column for column in wanted if not _currency(state.entity, column)]
    found: dict[str, dict[str, str]] = {}
    if plain:
        sums = records.totals(actor, state.entity, [column.path for column in plain], **given)
        for column in plain:
            amount = sums.get(f"sum_{column.path}")
            average = formats.number(round(amount / count, 2)) if amount is not None and count else ""
            found[column.path] = {"sum": total_text(column.field.kind, amount), "average": average}
    by_currency: dict[str, list[Column]] = {}
    for column in wanted:
        currency = _currency(state.entity, column)
        if currency:
            by_currency.setdefault(currency, []).append(column)
    for currency, some in by_currency.items():
        groups = records.groups(actor, state.entity, currency, totals=[column.path for column in some], **given)
        for column in some:
            parts = [
                formats.money(group.totals[column.path], str(group.value or ""))
                for group in groups
                if group.totals[column.path] is not None
            ]
            found[column.path] = {"sum": " + ".join(parts[:4]), "average": ""}
    return found


def _currency(entity: Entity, column: Column) -> str:
    """The field that holds a money column's currency."""
    name = column.field.currency if column.field.kind == "money" else ""
    return name if name in shape.fields_of(entity) else ""


def kept_fields(state: ListState) -> list[tuple[str, str]]:
    """What the search form carries along besides its own fields."""
    query = parse_qsl(state.query(cursor="", peek=None), keep_blank_values=True)
    return [(name, value) for name, value in query if name != "q" and not name.startswith("by.")]


def peek_base(state: ListState) -> str:
    """The list's address up to ``peek=``."""
    address = state.url(peek=None)
    return f"{address}{'&' if '?' in address else '?'}"


def list_context(request: HttpRequest, actor: Actor, state: ListState) -> dict[str, Any]:
    """Everything the list template draws."""
    entity = state.entity
    page = fetch(actor, state)
    if not page.items and state.cursor:
        state = replace(state, cursor="", start=1)
        page = fetch(actor, state)
    shown = shown_columns(request, actor, state)
    frame = rows.Frame(state.query(peek=None), peek_base(state), state.peek, bool(shown and shown[0].pinned))
    lines = rows.build(actor, entity, shown, page.items, query=state.now.text, frame=frame)
    tools = _tools(actor, state)
    grouped = state.now.group in dict(tools["groupings"])
    number = count_text(page.count, exact=page.count_exact)
    return {
        **tools,
        "columns": [(column, *sort_urls(state, column)) for column in shown],
        "rows": lines,
        "sections": sections(actor, state, shown, lines) if grouped else [],
        "page": page_urls(state, page),
        "count": page.count,
        "count_text": number,
        "count_words": ngettext("%(count)s record", "%(count)s records", page.count or 0) % {"count": number},
        "footer": footer(actor, state, shown, page.count) if lines and page.count_exact else {},
        "footer_later": bool(columns_of.summable(shown)) and not page.count_exact,
    }


def _tools(actor: Actor, state: ListState) -> dict[str, Any]:
    """What stands above the rows: names, filters, views, and what the actor may do here."""
    entity, view = state.entity, state.view
    acts = ("create", "change", "delete", "export", "import", "assign", "merge")
    return {
        "entity": entity,
        "state": state,
        "title": f"{view.name} · {entity.plural}" if view else entity.plural,
        "view_name": view.name if view else _("All %(what)s") % {"what": entity.plural},
        "chips": filters.chips(actor, state),
        "quick": filters.quick_filters(actor, state),
        "groupings": groupings(actor, entity),
        "sizes": SIZES,
        "may": {name: access.allowed(actor, name, entity) for name in acts},
        "bulk_actions": [one for one in entity.actions if one.bulk and access.allowed(actor, one.right, entity)],
        "may_segments": may_settings(actor),
        "may_save": view is not None and savedviews.may_change(actor, view),
        "state_fields": kept_fields(state),
    }
