"""Right column of a record page: what points to the record, derived from foreign keys, and contributed panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from markupsafe import Markup

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.records import display, layouts, shape
from guanxi.core.records.children import present
from guanxi.core.records.reading import Page
from guanxi.core.schema.entity import Entity, Related
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import children_of, entity_of
from guanxi.core.web import addresses, formats
from guanxi.core.web.forms import choosing
from guanxi.core.web.hints import hint

SHOWN = 5
MANY = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One related record: its name, address and a second line."""

    title: str
    url: str
    peek: str
    hint: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One card of related records. ``count`` is text (“10,000+” above the limit); ``create`` and ``all`` are addresses."""

    key: str
    label: Text
    icon: str
    color: str
    count: str
    lines: list[Line]
    create: str = ""
    more: str = ""
    order: int = 50


@dataclass(frozen=True, slots=True)
class Drawn:
    """A contributed panel, ready."""

    key: str
    label: Text
    markup: Markup
    where: str
    order: int


def relations(entity: Entity, actor: Actor) -> list[tuple[Entity, str, Related | None]]:
    """References to the entity the actor may follow: (child, field, how it wants to appear)."""
    found = []
    for child, field in children_of(entity.key):
        declared = next((one for one in child.related if one.field == field), None)
        readable = shape.readable(actor, child).get(field)
        if readable is None or readable.readonly or (declared is not None and not declared.shown):
            continue
        if access.field_level(actor, child, field) != "masked" and access.allowed(actor, "view", child):
            found.append((child, field, declared))
    return found


def cards(actor: Actor, record: Any) -> list[Card]:
    """The derived cards of a record; empty ones only where the actor may add something."""
    entity = entity_of(record)
    hidden, place = layouts.panels_hidden(actor, entity, record), layouts.panels_place(actor, entity, record)
    links = [one for one in relations(entity, actor) if f"{one[0].key}.{one[1]}" not in hidden]
    several = {child.key for child, _f, _d in links if sum(1 for other, _g, _e in links if other.key == child.key) > 1}
    found = [
        _card(actor, record, child, field, declared, child.key in several, SHOWN) for child, field, declared in links
    ]
    shown = (one for one in found if one.lines or one.create)
    return sorted(shown, key=lambda one: (place.get(one.key, len(place) + one.order), str(one.label)))


def card(actor: Actor, record: Any, key: str, limit: int = MANY) -> Card | None:
    """One card by its key (``<child entity>.<field>``), with more lines."""
    for child, field, declared in relations(entity_of(record), actor):
        if f"{child.key}.{field}" == key:
            return _card(actor, record, child, field, declared, False, limit)
    return None


def _card(
    actor: Actor, record: Any, child: Entity, field: str, declared: Related | None, several: bool, limit: int
) -> Card:
    if (child.key, field) in present(record):
        sort = declared.sort if declared else ()
        page = records.select(actor, child, of=(field, record.pk), sort=sort, limit=limit)
    else:
        page = Page([], count=0)
    label = declared.label if declared and declared.label else child.plural
    if several and not (declared and declared.label):
        label = f"{child.plural} · {shape.fields_of(child)[field].label}"
    columns = _columns(actor, child, field, declared)
    names = display.names_for(actor, page.items, [shape.fields_of(child)[name] for name in columns])
    key = f"{child.key}.{field}"
    mother = entity_of(record)
    may_create = child.creatable and access.allowed(actor, "create", child) and mother.key not in ("core.user",)
    return Card(
        key=key,
        label=label,
        icon=child.icon,
        color=child.color,
        count=f"{formats.number(page.count)}{'' if page.count_exact else '+'}",
        lines=[_line(actor, child, one, columns, names) for one in page.items],
        create=f"{addresses.create_url(child)}?{field}={record.pk}{_along(record, mother, child, field)}&stay=1"
        if may_create
        else "",
        more=f"{addresses.record_url(mother, record.pk)}related/{key}/" if (page.count or 0) > len(page.items) else "",
        order=declared.order if declared else 60,
    )


def _along(record: Any, mother: Entity, child: Entity, reference: str) -> str:
    """What a new record takes over besides the reference: the customer of the follow-up it belongs to.

    Nothing where it goes with its mother alone: the company a party of a deal stands for is another than the customer.
    """
    name = mother.access.carried_by
    if child.access.carried_by == reference:
        return ""
    field, own = shape.fields_of(child).get(name), shape.fields_of(mother).get(name)
    number = getattr(record, f"{name}_id", None) if field and own and field.target == own.target else None
    return f"&{name}={number}" if number and field and not field.readonly else ""


def _columns(actor: Actor, child: Entity, field: str, declared: Related | None) -> list[str]:
    """Up to three fields for the second line: the declared ones, else the first columns of its list."""
    readable = shape.readable(actor, child)
    names = declared.columns if declared and declared.columns else child.columns
    return [
        name
        for name in names
        if name in readable
        and name not in (field, child.title)
        and KINDS[readable[name].kind].name not in ("table", "rich_text", "addresses")
    ][:3]


def _line(actor: Actor, child: Entity, one: Any, columns: list[str], names: display.Names) -> Line:
    fields = shape.fields_of(child)
    hints = (hint(actor, one, fields[name], names) for name in columns)
    return Line(
        choosing.title_of(child, one, actor),
        addresses.record_url(child, one.pk),
        addresses.peek_url(child, one.pk),
        Markup(" · ").join(text for text in hints if text),
    )


def panels(actor: Actor, record: Any, request: HttpRequest) -> list[Drawn]:
    """The contributed panels the actor may see, drawn, in order."""
    entity = entity_of(record)
    hidden, place = layouts.panels_hidden(actor, entity, record), layouts.panels_place(actor, entity, record)
    found = []
    for panel in sorted(entity.panels, key=lambda one: (place.get(one.key, len(place) + one.order), one.key)):
        if panel.key not in hidden and access.allowed(actor, panel.right, record):
            context = panel.context(actor, record)
            markup = render_to_string(
                panel.template,
                {**context, "record": record, "entity": entity, "panel": panel},
                request=request,
                using="jinja2",
            )
            if markup.strip():
                found.append(Drawn(panel.key, panel.label, Markup(markup), panel.where, panel.order))  # noqa: S704 - our own template
    return found
