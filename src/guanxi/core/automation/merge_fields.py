"""Merge fields: what a text about a record may name, checking such a text, filling it.

A merge field is the name of a field of the entity, or a path over references (``customer.name``); besides there are
``me`` (who sends), ``today`` and ``workspace``. Values are what the sender may see, in the language of the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from liquid.exceptions import LiquidError

from guanxi.core import access
from guanxi.core.automation.liquid import Amount, environment, refusal
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import User
from guanxi.core.records import display, shape, values
from guanxi.core.records.firm import firm
from guanxi.core.records.rates import base_currency
from guanxi.core.schema.derive import READONLY
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

FURTHER = ("me", "today", "workspace", "message")
LONGEST = 50_000
_DEPTH = 4


class Merge(Mapping[str, Any]):
    """A record as a text sees it: fields by name, as the actor may see them; referred records by path; money as an amount."""

    def __init__(self, actor: Actor, entity: Entity, record: Any, depth: int = 0, *, plain: bool = False) -> None:
        self.actor, self.entity, self.record, self.depth, self.plain = actor, entity, record, depth, plain

    def __getitem__(self, name: str) -> Any:
        if name == "custom":
            return _Custom(self)
        field = shape.readable(self.actor, self.entity).get(name)
        if field is None:
            raise KeyError(name)
        if field.kind in ("reference", "user") and self.depth < _DEPTH:
            target = entity_of("core.user" if field.kind == "user" else field.target)
            other = self._pointed_to(field, target)
            if other is None or isinstance(other, int | str):
                return ""
            if not access.allowed(self.actor, "view", other):
                return ""
            return Merge(self.actor, target, other, self.depth + 1, plain=self.plain)
        if field.kind == "money" and not self.plain and access.reads(self.actor, self.entity, name):
            value = values.current(self.record, field)
            currency = str(getattr(self.record, field.currency, "") or "") if field.currency else ""
            return Amount(Decimal(value), currency or base_currency()) if value is not None else ""
        return display.value_text(self.actor, self.entity, self.record, name)

    def _pointed_to(self, field: Field, target: Entity) -> Any:
        if not field.custom:
            return getattr(self.record, field.name, None)
        number = self.record.custom.get(field.key)
        return target.model._default_manager.filter(pk=number).first() if isinstance(number, int) else None

    def __iter__(self) -> Iterator[str]:
        return iter(shape.readable(self.actor, self.entity))

    def __len__(self) -> int:
        return len(shape.readable(self.actor, self.entity))

    def __str__(self) -> str:
        return display.title_of(self.entity, self.record, self.actor)


class _Custom(Mapping[str, Any]):
    """The custom fields of a record, without their prefix."""

    def __init__(self, of: Merge) -> None:
        self.of = of

    def __getitem__(self, name: str) -> Any:
        return self.of[f"custom.{name}"]

    def __iter__(self) -> Iterator[str]:
        return (name.removeprefix("custom.") for name in self.of if name.startswith("custom."))

    def __len__(self) -> int:
        return sum(1 for _name in self)


def fields_offered(actor: Actor, entity: Entity | str) -> list[tuple[str, str]]:
    """Merge fields an editor offers: path and label. What people write about first, then one step over references, then who saved it and when."""
    readable = {name: one for name, one in shape.readable(actor, entity_of(entity)).items() if name != "id"}
    found = [(name, str(one.label)) for name, one in readable.items() if name not in READONLY]
    found += [("me.name", _("my name")), ("today", _("today")), ("workspace", _("name of the workspace"))]
    for name, field in readable.items():
        if name not in READONLY and field.kind in ("reference", "user") and is_registered(field.target or "core.user"):
            target = entity_of("core.user" if field.kind == "user" else field.target)
            found += [
                (f"{name}.{inner}", f"{field.label} › {one.label}")
                for inner, one in shape.readable(actor, target).items()
                if inner not in READONLY and one.kind not in ("reference", "user", "table", "tags")
            ]
    return found + [(name, str(one.label)) for name, one in readable.items() if name in READONLY]


def check(actor: Actor, entity: Entity | str, text: str, *, field: str = "") -> None:
    """Raise Invalid at ``field`` for a text that is no Liquid, or names what the actor may not see or nobody knows."""
    if len(text) > LONGEST:
        raise Invalid(_("This text is too long."), code="template.long", field=field)
    try:
        found = environment.from_string(text).analyze()
    except LiquidError as error:
        raise refusal(error, field) from None
    for name in found.filters.keys() - environment.filters.keys():
        raise Invalid(_("There is no filter “%(name)s”.") % {"name": name}, code="template.filter", field=field)
    for variables in found.globals.values():
        for variable in variables:
            path = str(variable)
            if path.split(".", maxsplit=1)[0] not in FURTHER and not _known(actor, entity_of(entity), path):
                raise Invalid(_("There is no field “%(path)s”.") % {"path": path}, code="template.field", field=field)


def _known(actor: Actor, entity: Entity, path: str) -> bool:
    found = shape.field_at(entity, path)
    return found is not None and shape.path_level(actor, entity, path) != "hidden"


def fill(
    actor: Actor,
    record: Any,
    text: str,
    *,
    language: str = "",
    more: Mapping[str, Any] | None = None,
    plain: bool = False,
) -> str:
    """The text for a record, as the actor may see it, in a language (the present one). Raises Invalid when it cannot be.

    Money is written with its currency; ``plain`` is for a text that becomes the value of a field.
    """
    if "{{" not in text and "{%" not in text:
        return text
    entity = entity_of(record)
    with translation.override(language or translation.get_language() or "zh-hans"):
        me = User.everything.filter(pk=actor.user_id or 0).first()
        said = Merge(actor, entity, record, plain=plain)
        named = {
            **said,
            "custom": _Custom(said),
            "me": Merge(actor, entity_of("core.user"), me) if me else {"name": actor.name},
            "today": clock.today(actor.timezone).isoformat(),
            "workspace": firm().name,
            **(more or {}),
        }
        try:
            return environment.from_string(text).render(named)
        except LiquidError as error:
            raise refusal(error) from None
