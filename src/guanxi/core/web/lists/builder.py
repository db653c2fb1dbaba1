"""The builder: the query tree as rows of a form, and back from the sent form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.records import segments, shape
from guanxi.core.schema import operators as op
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.web.forms import choosing
from guanxi.core.web.inputs import Input, Option, untyped
from guanxi.core.web.kinds import FACES
from guanxi.core.web.lists.columns import Offer, offers
from guanxi.core.web.lists.state import parse_tree
from guanxi.core.web.lists.wording import DAYS, PAIRS, Tree, describe, joined, nodes_of, operator_words, options, word

#: Operators that take a list.
LISTS = {"in", "not_in", "has_any", "has_all", "has_none"}
MOST = 40


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the builder: its number in the form, its group, what is chosen and what can be."""

    number: str
    group: str
    path: str
    operator: str
    operators: tuple[tuple[str, str], ...]
    inputs: tuple[Input, ...]
    unit: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One group of the builder: ``key`` 0 is the top one; ``kept`` are nodes the builder cannot show, as JSON."""

    key: str
    match: str
    conditions: tuple[Condition, ...]
    kept: tuple[tuple[str, str], ...] = ()


def builder(actor: Actor, entity: Entity, tree: Tree) -> list[Block]:
    """The tree as groups of the builder: the top group, then nested ones."""
    match, nodes = nodes_of(tree)
    top: list[Condition] = []
    nested: list[Block] = []
    kept: list[tuple[str, str]] = []
    number = 0
    beside = nodes if match == "all" else ()
    for node in nodes[:MOST]:
        inner_match, inner = nodes_of(node)
        if "field" in node:
            top.append(condition(actor, entity, str(number), "0", node, beside))
            number += 1
        elif ("all" in node or "any" in node) and all("field" in one for one in inner):
            key = str(len(nested) + 1)
            rows = []
            for one in inner[:MOST]:
                rows.append(
                    condition(actor, entity, str(number), key, one, (*beside, *(inner if inner_match == "all" else ())))
                )
                number += 1
            nested.append(Block(key, inner_match, tuple(rows)))
        else:
            kept.append((describe(actor, entity, node), json.dumps(node, ensure_ascii=False)))
    if not top and not nested:
        top.append(condition(actor, entity, "0", "0", {}))
    return [Block("0", match, tuple(top), tuple(kept)), *nested]


def condition(
    actor: Actor, entity: Entity, number: str, group: str, node: Tree, beside: Sequence[Tree] = ()
) -> Condition:
    """One row of the builder for a node, or an empty one with the first filter the entity offers.

    ``beside`` are the conditions that must hold as well: they may narrow what is offered here.
    """
    path = str(node.get("field") or "")
    declared = (
        shape.asked_at(entity, path) if path and shape.path_level(actor, entity, path) in ("read", "write") else None
    )
    if declared is None:
        return Condition(number, group, "", "", (), ())
    kind = KINDS[declared.kind]
    operator = str(node.get("op") or "")
    if operator not in kind.operators:
        operator = "in" if declared.kind in ("choice", "user", "reference") else kind.operators[0]
    operators = tuple((name, operator_words(name, declared.kind)) for name in kind.operators)
    unit = _("days") if operator in DAYS else ""
    return Condition(
        number,
        group,
        path,
        operator,
        operators,
        _inputs(actor, entity, declared, number, operator, node.get("value"), _among(entity, path, declared, beside)),
        unit,
        str(shape.path_label(entity, path)),
    )


def _among(entity: Entity, path: str, declared: Field, beside: Sequence[Tree]) -> choosing.Among | None:
    """What the other conditions ask of the field that narrows a choice."""
    if not declared.within or not declared.dictionary:
        return None
    around = path.removesuffix(declared.name) + declared.within
    for node in beside:
        if node.get("field") == around and node.get("op") in ("eq", "in", "under", "has_any", "has_all"):
            field = shape.field_at(entity, around)
            return choosing.Among(field, node.get("value")) if field and node.get("value") else None
    return None


def _inputs(
    actor: Actor, entity: Entity, declared: Field, number: str, operator: str, value: Any, among: choosing.Among | None
) -> tuple[Input, ...]:
    if operator in op.VALUELESS:
        return ()
    count = 2 if operator in PAIRS else 1
    given = list(value) if operator in PAIRS and isinstance(value, list | tuple) else [value]
    return tuple(
        _input(
            actor,
            entity,
            declared,
            f"c.{number}.",
            place,
            operator,
            given[place] if place < len(given) else None,
            among,
        )
        for place in range(count)
    )


def _input(
    actor: Actor,
    entity: Entity,
    declared: Field,
    prefix: str,
    place: int,
    operator: str,
    value: Any,
    among: choosing.Among | None,
) -> Input:
    """The widget that asks for a value: lists for “is one of”, periods, days, else the kind's simple one."""
    name = "value2" if place else "value"
    if operator in DAYS or operator == "within":
        plain = Field(name=name, kind="text", label=declared.label)
        periods = options(op.PERIODS) if operator == "within" else ()
        widget = "choice" if operator == "within" else "number"
        return Input(bare=True, field=plain, prefix=prefix, value=value, widget=widget, options=periods)
    if declared.kind in ("choice", "choices", "reference", "references", "user", "region", "tags"):
        return _picked(actor, entity, replace(declared, name=name, required=False), prefix, operator, value, among)
    asked = Field(name=name, kind=_asked(declared), label=declared.label)
    return Input(bare=True, field=asked, prefix=prefix, value=value, widget=FACES[declared.kind].ask)


def _picked(
    actor: Actor,
    entity: Entity,
    declared: Field,
    prefix: str,
    operator: str,
    value: Any,
    among: choosing.Among | None,
) -> Input:
    """A widget that chooses: one entry, or several for operators that take a list."""
    many = operator in LISTS
    given = value if isinstance(value, list | tuple) else [value]
    listed = [str(one) for one in given if one not in (None, "")]
    shown: Any = listed if many else (listed or [""])[0]
    if declared.kind in ("choice", "choices"):
        return Input(
            bare=True,
            field=declared,
            prefix=prefix,
            value=shown,
            widget="choices" if many else "choice",
            options=choosing.options(declared, value, among),
        )
    mine = [Option(key, str(label)) for key, label in op.TOKENS.items() if key.startswith("@m")]
    held = [Option(key, word(actor, declared, key)) for key in listed if key not in op.TOKENS]
    return Input(
        bare=True,
        field=declared,
        prefix=prefix,
        value=shown,
        widget="picks" if many else "pick",
        chosen=[*(mine if declared.kind == "user" else ()), *held],
        search_url=choosing.search_url(entity, declared),
    )


def _asked(declared: Field) -> str:
    return "date" if declared.kind == "datetime" else declared.kind


def read_builder(entity: Entity, data: QueryDict) -> dict[str, Any]:
    """The tree a sent builder means; unfinished rows are left out. Checked when it is used. Raises Invalid for kept nodes that are none."""
    blocks: dict[str, list[Tree]] = {}
    for key in data:
        if key.startswith("c.") and key.endswith(".field"):
            number = key[2:-6]
            node = _node(entity, f"c.{number}.", data)
            if node:
                blocks.setdefault(data.get(f"c.{number}.group", "0"), []).append(node)
    top: list[Tree] = blocks.pop("0", [])
    top += [node for text in data.getlist("kept") if (node := parse_tree(text))]
    for key in sorted(blocks):
        match = "any" if data.get(f"match.{key}") == "any" else "all"
        top.append(joined(match, blocks[key]) if len(blocks[key]) > 1 else blocks[key][0])
    return joined("any" if data.get("match.0") == "any" else "all", top)


def _node(entity: Entity, prefix: str, data: QueryDict) -> dict[str, Any] | None:
    path, operator = data.get(f"{prefix}field", ""), data.get(f"{prefix}op", "")
    declared = shape.asked_at(entity, path) if path else None
    if declared is None or operator not in KINDS[declared.kind].operators:
        return None
    if operator in op.VALUELESS:
        return {"field": path, "op": operator}
    # A number of days and a named period are no value of the field's own kind.
    kind = "" if operator in DAYS or operator == "within" else _asked(declared)
    sent = [untyped(kind, one) for one in data.getlist(f"{prefix}value") if one != ""]
    if operator in LISTS:
        return {"field": path, "op": operator, "value": [_typed(declared, one) for one in sent]} if sent else None
    if operator in PAIRS:
        second = untyped(kind, data.get(f"{prefix}value2", ""))
        return {"field": path, "op": operator, "value": [sent[0], second]} if sent and second else None
    if not sent:
        return None
    value: Any = sent[0]
    if operator in DAYS:
        value = int(value) if value.isdecimal() else value
    return {"field": path, "op": operator, "value": _typed(declared, value)}


def _typed(declared: Field, value: Any) -> Any:
    if declared.kind in ("reference", "references", "user", "tags") and isinstance(value, str) and value.isdecimal():
        return int(value)
    if declared.kind == "boolean":
        return value in (True, "1", "true")
    return value


def filterable(actor: Actor, entity: Entity) -> list[Offer]:
    """Fields a filter may ask about, those of referred records included; not the number in the database, by which nobody looks."""
    found = []
    for offer in offers(actor, entity):
        declared = shape.field_at(entity, offer.path)
        if (
            declared is not None
            and offer.path != "id"
            and KINDS[declared.kind].operators
            and shape.path_level(actor, entity, offer.path) in ("read", "write")
        ):
            found.append(offer)
    if segments.of(entity):
        found.insert(0, Offer(segments.PATH, segments.field(entity).label))
    for name, label, target in shape.steps(actor, entity):
        if segments.of(target):
            found.append(Offer(f"{name}.{segments.PATH}", segments.field(target).label, capfirst(str(label))))
    return found


def asked(actor: Actor, entity: Entity | None, tree: Tree) -> dict[str, Any]:
    """What a page that holds a builder draws: the tree as ``blocks``, and what may be asked about as ``offers``."""
    if entity is None:
        return {"blocks": [], "offers": []}
    return {"blocks": builder(actor, entity, tree), "offers": filterable(actor, entity)}
