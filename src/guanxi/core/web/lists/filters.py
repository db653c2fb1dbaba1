"""Filters: the query tree as chips people read, as rows of the builder, and back from the sent builder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.kernel import regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.records import dictionaries, display, segments, shape
from guanxi.core.schema import operators as op
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS, text_of
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import days
from guanxi.core.web.forms import choosing
from guanxi.core.web.inputs import FIGURES, Input, Option, untyped
from guanxi.core.web.kinds import FACES
from guanxi.core.web.lists.columns import Offer, offers
from guanxi.core.web.lists.state import ListState

Tree = Mapping[str, Any]
#: Operators that take two values, a number of days, a list.
PAIRS, DAYS, LISTS = (
    {"between"},
    {"last_days", "next_days", "older_days"},
    {"in", "not_in", "has_any", "has_all", "has_none"},
)
MOST = 40
#: So many declared filters stand above the list; the others are in the builder.
QUICK = 5


@dataclass(frozen=True, slots=True)
class Chip:
    """One condition people can take away or change."""

    text: str
    remove: str
    edit: str = ""


def nodes_of(tree: Tree) -> tuple[str, list[Tree]]:
    """How the top group joins and what it holds; a single node is a group of one."""
    if not tree:
        return "all", []
    for word in ("all", "any"):
        if word in tree and isinstance(tree[word], list):
            return word, list(tree[word])
    return "all", [tree]


def joined(match: str, nodes: Sequence[Tree]) -> dict[str, Any]:
    """A tree of nodes; none and one are written plainly."""
    if not nodes:
        return {}
    return dict(nodes[0]) if len(nodes) == 1 and ("field" in nodes[0] or match == "all") else {match: list(nodes)}


def chips(actor: Actor, state: ListState) -> list[Chip]:
    """The filter as chips. An “any” group at the top is one chip; taking one away keeps the rest."""
    match, nodes = nodes_of(state.now.filter)
    edit = state.url(path=f"/{state.entity.path}/filter/")
    if match == "any" and len(nodes) > 1:
        return [Chip(describe(actor, state.entity, state.now.filter), state.url(filter={}), edit)]
    found = []
    for number, node in enumerate(nodes):
        rest = joined("all", [other for place, other in enumerate(nodes) if place != number])
        found.append(Chip(describe(actor, state.entity, node), state.url(filter=rest), edit))
    return found


def describe(actor: Actor, entity: Entity, node: Tree) -> str:
    """A node as a sentence: “Stage is one of A, B”."""
    for word, joint in (("all", _(" and ")), ("any", _(" or "))):
        if word in node and isinstance(node[word], list):
            parts = [_part(actor, entity, one, word) for one in node[word][:4] if isinstance(one, Mapping)]
            more = "…" if len(node[word]) > 4 else ""
            return joint.join(parts) + more
    if isinstance(node.get("not"), Mapping):
        return _("not (%(what)s)") % {"what": describe(actor, entity, node["not"])}
    if "count" in node:
        key, _dot, _name = str(node["count"]).rpartition(".")
        inner = node.get("where")
        which = (
            f" ({describe(actor, entity_of(key), inner)})" if isinstance(inner, Mapping) and is_registered(key) else ""
        )
        return f"{_related_name(key)}{which} {_operator(str(node.get('op', 'gte')))} {node.get('value', 1)}"
    path = str(node.get("field", ""))
    declared = shape.asked_at(entity, path)
    if declared is None:
        return path
    operator = str(node.get("op", "eq"))
    words = [shape.path_label(entity, path), _operator(operator, declared.kind)]
    if operator not in op.VALUELESS:
        words.append(value_words(actor, declared, operator, node.get("value")))
    return " ".join(words)


def _part(actor: Actor, entity: Entity, node: Tree, around: str) -> str:
    """One of several conditions; a group joined by the other word stands in brackets."""
    other = node.get("any" if around == "all" else "all")
    said = describe(actor, entity, node)
    return f"({said})" if isinstance(other, list) and len(other) > 1 else said


def _related_name(key: str) -> str:
    try:
        return str(entity_of(key).plural)
    except LookupError:
        return key


def _operator(operator: str, kind: str = "") -> str:
    if kind in ("date", "datetime") and operator in ("lt", "gt", "lte", "gte"):
        return {"lt": _("before"), "gt": _("after"), "lte": _("until"), "gte": _("from")}[operator]
    return {
        "last_days": _("within the last"),
        "next_days": _("within the next"),
        "older_days": _("longer ago than"),
    }.get(operator, str(op.LABELS.get(operator, operator)))


def value_words(actor: Actor, declared: Field, operator: str, value: Any) -> str:
    """A condition's value as people read it."""
    if operator in PAIRS and isinstance(value, list | tuple) and len(value) == 2:
        return " – ".join(_word(actor, declared, one) for one in value)
    if operator in DAYS:
        return _("%(count)s days") % {"count": value}
    if isinstance(value, list | tuple):
        shown = [_word(actor, declared, one) for one in value[:4]]
        return ", ".join(shown) + (" …" if len(value) > 4 else "")
    return _word(actor, declared, value)


def _word(actor: Actor, declared: Field, value: Any) -> str:
    if isinstance(value, str) and value in op.TOKENS:
        return str(op.TOKENS[value])
    if isinstance(value, str) and value in op.PERIODS:
        return str(op.PERIODS[value])
    if declared.kind == "boolean":
        return _("Yes") if value in (True, "1", "true", 1) else _("No")
    if declared.kind in ("choice", "choices", "region"):
        return dictionaries.label_of(declared, str(value))
    if declared.kind in ("reference", "references", "user"):
        key = "core.user" if declared.kind == "user" else declared.target
        number = int(value) if str(value).isdecimal() else 0
        return display.names_of(actor, {key: [number]}).get(key, {}).get(number, "—")
    if declared.kind == "tags":
        return display.tag_names().get(int(value), "—") if str(value).isdecimal() else str(value)
    text = str(value) if isinstance(value, str) else text_of(declared, value)
    if declared.kind in ("date", "datetime"):
        return days.typed(text, "date")
    return regional.figure(text) if declared.kind in FIGURES else text


# The builder


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
    for node in nodes[:MOST]:
        inner_match, inner = nodes_of(node)
        if "field" in node:
            top.append(condition(actor, entity, str(number), "0", node))
            number += 1
        elif ("all" in node or "any" in node) and all("field" in one for one in inner):
            key = str(len(nested) + 1)
            rows = []
            for one in inner[:MOST]:
                rows.append(condition(actor, entity, str(number), key, one))
                number += 1
            nested.append(Block(key, inner_match, tuple(rows)))
        else:
            kept.append((describe(actor, entity, node), json.dumps(node, ensure_ascii=False)))
    if not top and not nested:
        top.append(condition(actor, entity, "0", "0", {}))
    return [Block("0", match, tuple(top), tuple(kept)), *nested]


def condition(actor: Actor, entity: Entity, number: str, group: str, node: Tree) -> Condition:
    """One row of the builder for a node, or an empty one with the first filter the entity offers."""
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
    operators = tuple((name, _operator(name, declared.kind)) for name in kind.operators)
    unit = _("days") if operator in DAYS else ""
    return Condition(
        number,
        group,
        path,
        operator,
        operators,
        _inputs(actor, entity, declared, number, operator, node.get("value")),
        unit,
        str(shape.path_label(entity, path)),
    )


def _inputs(actor: Actor, entity: Entity, declared: Field, number: str, operator: str, value: Any) -> tuple[Input, ...]:
    if operator in op.VALUELESS:
        return ()
    count = 2 if operator in PAIRS else 1
    given = list(value) if operator in PAIRS and isinstance(value, list | tuple) else [value]
    return tuple(
        _input(actor, entity, declared, f"c.{number}.", place, operator, given[place] if place < len(given) else None)
        for place in range(count)
    )


def _input(actor: Actor, entity: Entity, declared: Field, prefix: str, place: int, operator: str, value: Any) -> Input:
    """The widget that asks for a value: lists for “is one of”, periods, days, else the kind's simple one."""
    name = "value2" if place else "value"
    if operator in DAYS or operator == "within":
        plain = Field(name=name, kind="text", label=declared.label)
        periods = _options(op.PERIODS) if operator == "within" else ()
        widget = "choice" if operator == "within" else "number"
        return Input(bare=True, field=plain, prefix=prefix, value=value, widget=widget, options=periods)
    if declared.kind in ("choice", "choices", "reference", "references", "user", "region", "tags"):
        return _picked(actor, entity, replace(declared, name=name, required=False), prefix, operator, value)
    asked = Field(name=name, kind=_asked(declared), label=declared.label)
    return Input(bare=True, field=asked, prefix=prefix, value=value, widget=FACES[declared.kind].ask)


def _picked(actor: Actor, entity: Entity, declared: Field, prefix: str, operator: str, value: Any) -> Input:
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
            options=choosing.options(declared),
        )
    mine = [Option(key, str(label)) for key, label in op.TOKENS.items() if key.startswith("@m")]
    held = [Option(key, _word(actor, declared, key)) for key in listed if key not in op.TOKENS]
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


def _options(names: Mapping[str, Any]) -> list[Option]:
    return [Option(key, str(label)) for key, label in names.items()]


def read_builder(entity: Entity, data: QueryDict) -> dict[str, Any]:
    """The tree a sent builder means; unfinished rows are left out. Checked when it is used."""
    blocks: dict[str, list[Tree]] = {}
    for key in data:
        if key.startswith("c.") and key.endswith(".field"):
            number = key[2:-6]
            node = _node(entity, f"c.{number}.", data)
            if node:
                blocks.setdefault(data.get(f"c.{number}.group", "0"), []).append(node)
    top: list[Tree] = blocks.pop("0", [])
    for text in data.getlist("kept"):
        node = json.loads(text)
        if isinstance(node, dict):
            top.append(node)
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


@dataclass(frozen=True, slots=True)
class Quick:
    """One quick filter above the list: a select."""

    name: str
    label: Text
    value: str
    options: tuple[Option, ...] = ()
    search_url: str = ""
    chosen: tuple[Option, ...] = ()


def quick_filters(actor: Actor, state: ListState) -> list[Quick]:
    """The first declared filters, and those in use, as selects; those with very many values look them up."""
    found: list[Quick] = []
    for path in state.entity.filters:
        if len(found) >= QUICK and path not in state.quick:
            continue
        declared = shape.field_at(state.entity, path)
        if declared is None or shape.path_level(actor, state.entity, path) not in ("read", "write"):
            continue
        value = state.quick.get(path, "")
        label = shape.path_label(state.entity, path)
        if declared.kind == "choice":
            found.append(Quick(path, label, value, choosing.options(declared)))
        elif declared.kind == "boolean":
            found.append(Quick(path, label, value, (Option("1", _("Yes")), Option("0", _("No")))))
        elif declared.kind in ("reference", "user", "region"):
            own = (Option("@me", str(op.TOKENS["@me"])),) if declared.kind == "user" else ()
            held = (Option(value, _word(actor, declared, value)),) if value and value != "@me" else ()
            found.append(Quick(path, label, value, (), choosing.search_url(state.entity, declared), own + held))
        elif declared.kind in ("date", "datetime"):
            found.append(Quick(path, label, value, tuple(_options(op.PERIODS))))
    return found
