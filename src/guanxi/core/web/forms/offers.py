"""What references that actions ask for are chosen from, where the action says so: the open instalments of a receipt's customer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db import models

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.records import display, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field, Offer
from guanxi.core.schema.registry import entity_at, entity_of
from guanxi.core.web import formats
from guanxi.core.web.inputs import Option

#: So many of what is offered are looked through for the words.
MOST = 500


def asking(entity: Entity, record: Any, action: str, field: Field) -> str:
    """What the address of a picker says about the action that asks; '' for a field without an offer."""
    return f"?{urlencode({'asked': f'{entity.path}/{record.pk}/{action}/{field.name}'})}" if field.offers else ""


def items(actor: Actor, target: Entity, asked: str, words: str) -> list[dict[str, str]]:
    """What is offered and holds all the words, in the order of lists: ``[{"value", "text", "hint"}]``."""
    path, _, rest = asked.partition("/")
    number, _, place = rest.partition("/")
    entity = entity_at(path)
    field = _field(entity, place)
    if field is None or field.offers is None or field.target != target.key or not number.isdecimal():
        raise NotFound
    about = records.get(actor, entity, int(number))
    rows = _rows(actor, target, field.offers).filter(field.offers.where(actor, about))
    order = [name for name in target.sort if access.reads(actor, target, name.lstrip("-"))]
    found = list(rows.order_by(*order, "pk")[:MOST])
    names = [name for name in field.offers.beside if name in shape.readable(actor, target)]
    fields = [shape.fields_of(target)[name] for name in names]
    known = display.names_for(actor, found, fields)
    drawn = [
        {
            "value": str(one.pk),
            "text": _text(actor, target, field.offers, one),
            "hint": " · ".join(
                f"{each.label} {text}" for each in fields if (text := _value(actor, target, each, one, known))
            ),
        }
        for one in found
    ]
    return [one for one in drawn if _holds(one, words.casefold().split())]


def chosen(actor: Actor, field: Field, value: Any) -> tuple[Option, ...]:
    """The present value of such a picker, told as it is offered; nothing where there is none the actor may see."""
    key = str(getattr(value, "pk", value) or "")
    if field.offers is None or not key.isdecimal():
        return ()
    target = entity_of(field.target)
    one = _rows(actor, target, field.offers).filter(pk=int(key)).first()
    return (Option(key, _text(actor, target, field.offers, one)),) if one is not None else ()


def _field(entity: Entity, place: str) -> Field | None:
    """The field of an action named by ``action/field``."""
    key, _, name = place.partition("/")
    found = [each for one in entity.actions if one.key == key for each in one.fields]
    return next((one for one in found if isinstance(one, Field) and one.name == name), None)


def _value(actor: Actor, target: Entity, field: Field, record: Any, known: display.Names) -> str:
    """One value as the actor reads it; amounts with their currency."""
    value = display.masked(actor, target, field, getattr(record, field.name, None))
    if field.kind == "money" and isinstance(value, Decimal):
        return formats.money(value, str(getattr(record, field.currency or "currency", "")))
    return display.value_text(actor, target, record, field.name, known)


def _rows(actor: Actor, target: Entity, offer: Offer) -> Any:
    """What the actor sees of the entity, with what is told of it."""
    joins = [path.rpartition(".")[0].replace(".", "__") for path in offer.tells if "." in path]
    rows = records.queryset(actor, target)
    return rows.select_related(*joins) if joins else rows


def _holds(item: dict[str, str], words: list[str]) -> bool:
    """Whether what is told holds all the words; amounts are found with and without their separators."""
    told = f"{item['text']} {item['hint']}".casefold()
    told += told.replace(",", "")
    return all(word in told for word in words)


def _text(actor: Actor, target: Entity, offer: Offer, record: Any) -> str:
    texts = [
        _at(actor, record, path) for path in offer.tells if shape.path_level(actor, target, path) in ("read", "write")
    ]
    return " · ".join(filter(None, texts)) or display.title_of(target, record, actor)


def _at(actor: Actor, record: Any, path: str) -> str:
    """What stands at the end of a path over records the actor sees."""
    value = record
    for step in path.split("."):
        value = getattr(value, step, None) if value is not None else None
        if isinstance(value, models.Model) and not access.allowed(actor, "view", value):
            return ""
    return str(value or "")
