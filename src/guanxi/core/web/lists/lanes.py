"""Which columns a board has: the values of a choice, or the few records a reference may point to (stages)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import dictionaries, display, process, shape
from guanxi.core.records.dictionaries import Choice
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

MOST_LANES = 25


def choices_for(actor: Actor, entity: Entity, by: Field, within: int | None = None) -> list[Choice]:
    """The columns in order; of a reference those of ``within`` (one pipeline) where the board has that."""
    if by.kind != "reference":
        return dictionaries.choices_of(by)
    target = entity_of(by.target)
    rows = access.visible(target.model._default_manager.all(), actor)
    if within is not None and entity.board is not None and entity.board.within:
        rows = rows.filter(**{f"{entity.board.within}_id": within})
    found = rows.order_by(*target.sort, "pk")[: MOST_LANES * 4]
    return [_choice(actor, target, row) for row in found]


def _choice(actor: Actor, target: Entity, row: Any) -> Choice:
    name = display.title_of(target, row, actor)
    color = str(getattr(row, "color", "") or "")
    return Choice(str(row.pk), name, name, color, "", active=bool(getattr(row, "active", True)))


def choice_at(actor: Actor, by: Field, key: str) -> Choice | None:
    """The column of one value, if there is one for the actor."""
    if by.kind != "reference":
        return dictionaries.choice_of(by, key)
    if not key.isdecimal():
        return None
    target = entity_of(by.target)
    row = access.visible(target.model._default_manager.filter(pk=int(key[:18])), actor).first()
    return _choice(actor, target, row) if row is not None else None


def board_fields(actor: Actor, entity: Entity) -> dict[str, Field]:
    """Fields a board may have its columns by: flat choices, and whatever is declared, as far as he may read them."""
    found = {}
    for name, one in shape.unmasked(actor, entity).items():
        declared = entity.board is not None and entity.board.field == name
        if one.kind == "reference" and declared:
            found[name] = one
        elif one.kind == "choice":
            choices = dictionaries.choices_of(one)
            if 1 < len(choices) <= MOST_LANES and (declared or not any(choice.parent for choice in choices)):
                found[name] = one
    return found


def endings(entity: Entity, by: Field) -> dict[str, str]:
    """How the steps of a process end (good, bad), by key; nothing for those that go on or a field that is no process."""
    found = process.process_of(entity, by.name, entity.model())
    return {one.key: one.ending for one in found.steps if one.ending} if found else {}


def within_choices(actor: Actor, entity: Entity, by: Field) -> list[tuple[int, str]]:
    """The records of which one board shows the columns (pipelines), in order; empty where the board has none."""
    if entity.board is None or not entity.board.within or by.kind != "reference":
        return []
    target = entity_of(shape.fields_of(entity)[entity.board.within].target)
    rows = access.visible(target.model._default_manager.all(), actor).order_by(*target.sort, "pk")
    return [(row.pk, display.title_of(target, row, actor)) for row in rows[:50] if getattr(row, "active", True)]


def within_chosen(request: HttpRequest, actor: Actor, entity: Entity, by: Field) -> int | None:
    """The one named in the address (``in``), else that of the record changed last, else the first."""
    offered = [number for number, _name in within_choices(actor, entity, by)]
    asked = request.GET.get("in", "")
    if asked.isdecimal() and int(asked[:18]) in offered:
        return int(asked[:18])
    if len(offered) > 1 and entity.board is not None:
        for row in records.select(actor, entity, sort=("-updated_at",), limit=1, count=False).items:
            last = getattr(row, f"{entity.board.within}_id")
            if last in offered:
                return int(last)
    return offered[0] if offered else None
