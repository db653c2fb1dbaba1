"""A record's state looked up by its number: by staff under their rights, by anybody with a second thing only the client knows.

The definition of such a page::

    {"number": "name", "factor": "parent.phones", "shown": ["custom.state", …], "steps": "custom.state", "people": true,
     "related": [{"entity": "custom.claim", "field": "parent", "shown": […], "steps": "custom.state"}]}

``factor`` is a path to a phone, e-mail or text; of phones the last four digits are asked, of others the whole.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core import records
from guanxi.core.access import field_level
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid, Text
from guanxi.core.kernel.text import fold
from guanxi.core.models import PublicPage
from guanxi.core.outside import pages
from guanxi.core.people import throttle
from guanxi.core.records import display, passing, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

TAIL = 4
MOST = 20
READER = system_actor("public page", via="web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What is shown of one record: title, facts in words, the path it went, and what hangs on it."""

    entity: Entity
    id: int
    label: Text
    title: str
    facts: tuple[tuple[Text, str], ...]
    steps: tuple[passing.Passed, ...]
    people: bool
    related: tuple[Sheet, ...] = ()


def factor_field(page: PublicPage) -> Field | None:
    """The field the second question asks for."""
    return shape.field_at(pages.entity_for(page), str(page.definition.get("factor") or ""))


def asks_for_tail(page: PublicPage) -> bool:
    """Whether the second question asks for the end of a phone number."""
    field = factor_field(page)
    return field is not None and field.kind in ("phone", "phones")


def number_field(page: PublicPage) -> Field:
    """The field that holds the number."""
    return shape.fields_of(page.entity)[str(page.definition["number"])]


def check(page: PublicPage) -> None:
    """Raise Invalid for a definition that names fields there are not, or asks for no second thing."""
    entity = entity_of(page.entity)
    given = page.definition
    number = shape.fields_of(entity).get(str(given.get("number")))
    if number is None or number.kind not in ("text", "serial"):
        raise Invalid(_("Choose the field with the number."), code="public.number", field="number")
    factor = shape.field_at(entity, str(given.get("factor") or ""))
    if factor is None or factor.kind not in ("phone", "phones", "email", "emails", "text"):
        raise Invalid(_("Choose what is asked besides the number."), code="public.factor", field="factor")
    _check_part(entity, given)
    for one in given.get("related") or ():
        if not is_registered(one.get("entity", "")):
            raise Invalid(_("There is no such record."), code="public.related", field="related")
        child = entity_of(one["entity"])
        reference = shape.fields_of(child).get(str(one.get("field")))
        if reference is None or reference.target != entity.key:
            raise Invalid(_("Choose the field that points to the record."), code="public.related", field="related")
        _check_part(child, one)


def _check_part(entity: Entity, given: Mapping[str, Any]) -> None:
    fields = shape.fields_of(entity)
    for name in (*(given.get("shown") or ()), *([given["steps"]] if given.get("steps") else ())):
        if name not in fields:
            raise Invalid(_("There is no field “%(path)s”.") % {"path": name}, code="public.field", field="shown")


def find(page: PublicPage, actor: Actor, number: str, factor: str) -> Sheet:
    """The sheet of a number. Staff need the number only and see what their rights give; others the second thing too.

    Raises Invalid (the same for a wrong number and a wrong second thing), TooMany after five wrong answers.
    """
    wanted, told = number.strip(), factor.strip()
    entity = pages.entity_for(page)
    name = str(page.definition["number"])
    if not wanted:
        raise Invalid(_("Type the number."), code="public.number", field="number")
    if actor.kind == "user":
        tree = {"field": name, "op": "eq", "value": wanted}
        found = records.queryset(actor, entity, filter=tree).first()
        if found is None:
            raise Invalid(_("There is no record with this number."), code="public.nothing", field="number")
        return _sheet(actor, entity, found, page.definition)
    if not told:
        raise Invalid(_("Type this too."), code="public.factor", field="factor")
    if asks_for_tail(page) and len(_digits(told)) != TAIL:  # no guess, so none is counted
        raise Invalid(_("Type the last %(count)d digits.") % {"count": TAIL}, code="public.factor", field="factor")
    key = pages.attempt(page, wanted, actor)
    rows = records.queryset(READER, entity, filter={"field": name, "op": "eq", "value": wanted})[:2]
    fitting = [one for one in rows if _knows(entity, one, str(page.definition["factor"]), told)]
    if len(fitting) != 1:
        raise Invalid(
            _("No record fits both. Check the number and what you typed beside it."),
            code="public.nothing",
            field="number",
        )
    throttle.attempt_forget(key)
    throttle.address_return(actor.address)
    return _sheet(READER, entity, fitting[0], page.definition)


def _knows(entity: Entity, record: Any, path: str, told: str) -> bool:
    """Whether somebody knows the second thing of a record."""
    field, value = shape.field_at(entity, path), record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
    kept = [str(one.get("value") or "") for one in value or ()] if isinstance(value, list) else [str(value or "")]
    if field is not None and field.kind in ("phone", "phones"):
        digits, asked = [_digits(one)[-TAIL:] for one in kept], _digits(told)
        return len(asked) == TAIL and any(_same(one, asked) for one in digits if len(one) == TAIL)
    return any(_same(fold(one), fold(told)) for one in kept if one)


def _digits(text: str) -> str:
    return "".join(sign for sign in fold(text) if sign.isdigit())


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _sheet(actor: Actor, entity: Entity, record: Any, given: Mapping[str, Any]) -> Sheet:
    steps = str(given.get("steps") or "")
    readable = shape.readable(actor, entity)
    return Sheet(
        entity=entity,
        id=record.pk,
        label=entity.label,
        title=display.title_of(entity, record, actor),
        facts=tuple(facts(actor, entity, record, given.get("shown") or ())),
        steps=tuple(passing.path_of(entity, record, steps)) if steps in readable else (),
        people=bool(given.get("people")),
        related=tuple(sheet for one in given.get("related") or () for sheet in _related(actor, record, one)),
    )


def _related(actor: Actor, record: Any, given: Mapping[str, Any]) -> Iterable[Sheet]:
    child = entity_of(given["entity"])
    tree = {"field": str(given["field"]), "op": "eq", "value": record.pk}
    rows = records.queryset(actor, child, filter=tree).order_by("-created_at", "-pk")[:MOST]
    return [_sheet(actor, child, one, given) for one in rows]


def facts(actor: Actor, entity: Entity, record: Any, names: Iterable[str]) -> list[tuple[Text, str]]:
    """Labels and values of the filled fields among ``names`` that the actor may read."""
    readable = shape.readable(actor, entity)
    chosen = [readable[name] for name in names if name in readable]
    known = display.names_for(actor, [record], chosen)
    return [
        (one.label, text)
        for one in chosen
        if values.current(record, one) not in (None, "", []) and (text := _text(actor, entity, record, one, known))
    ]


def _text(actor: Actor, entity: Entity, record: Any, field: Field, known: display.Names) -> str:
    value = values.current(record, field)
    if field.kind == "money" and isinstance(value, Decimal) and field_level(actor, entity, field.name) != "masked":
        return f"{value:,.2f}"
    return display.value_text(actor, entity, record, field.name, known)
