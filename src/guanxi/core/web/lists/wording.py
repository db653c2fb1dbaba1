"""The query tree in words: how its groups join, and each condition as a sentence people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.kernel import regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import dictionaries, display, shape
from guanxi.core.schema import operators as op
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import text_of
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import days
from guanxi.core.web.inputs import FIGURES, Option

Tree = Mapping[str, Any]
#: Operators that take two values, and those that take a number of days.
PAIRS, DAYS = {"between"}, {"last_days", "next_days", "older_days"}


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
        return f"{_related_name(key)}{which} {operator_words(str(node.get('op', 'gte')))} {node.get('value', 1)}"
    path = str(node.get("field", ""))
    declared = shape.asked_at(entity, path)
    if declared is None:
        return path
    operator = str(node.get("op", "eq"))
    words = [shape.path_label(entity, path), operator_words(operator, declared.kind)]
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


def operator_words(operator: str, kind: str = "") -> str:
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
        return " – ".join(word(actor, declared, one) for one in value)
    if operator in DAYS:
        return _("%(count)s days") % {"count": value}
    if isinstance(value, list | tuple):
        shown = [word(actor, declared, one) for one in value[:4]]
        return ", ".join(shown) + (" …" if len(value) > 4 else "")
    return word(actor, declared, value)


def word(actor: Actor, declared: Field, value: Any) -> str:
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


def options(names: Mapping[str, Any]) -> list[Option]:
    return [Option(key, str(label)) for key, label in names.items()]
