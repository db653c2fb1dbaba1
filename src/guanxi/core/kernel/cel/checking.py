"""Does a formula fit together? Types are found before anything runs, so that a mistake is shown where it stands.

Types: ``number text bool date datetime time list map any null`` and ``record:<entity>``. ``any`` fits everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.cel.errors import FormulaError
from guanxi.core.kernel.cel.functions import FUNCTIONS, Function, safe_pattern
from guanxi.core.kernel.cel.syntax import Node
from guanxi.core.kernel.errors import Text

TYPES: Mapping[str, Text] = {
    "number": _("a number"),
    "text": _("text"),
    "bool": _("yes or no"),
    "date": _("a date"),
    "datetime": _("a moment"),
    "time": _("a time of day"),
    "list": _("a list"),
    "map": _("a map"),
    "null": _("nothing"),
    "path": _("text"),
    "record": _("a record"),
    "any": _("anything"),
}
_NUMBER_MARKS = ("-", "*", "/", "%")
_ORDER_MARKS = ("<", "<=", ">", ">=")


class Names(Protocol):
    """What names mean: their types, and those of the members of a record."""

    def type_of(self, name: str) -> str | None:
        """The type of a name, ``None`` if there is no such name."""

    def member_type(self, of: str, name: str) -> str | None:
        """The type of a member of a record type, ``None`` if it has none of that name."""

    def relation_type(self, path: str, name: str) -> str | None:
        """The type of a field of records that point here (of the records themselves without ``name``), or ``None``."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the type of the result and the paths of fields that are read (``customer.level``)."""

    type: str
    reads: tuple[str, ...]
    relations: tuple[tuple[str, str], ...]
    volatile: bool


def type_words(name: str) -> Text:
    """A type as people call it."""
    return TYPES.get(name.partition(":")[0], name)


def fits(given: str, wanted: str) -> bool:
    """Whether a value of one type may stand where another is wanted."""
    if "any" in (given, wanted) or given == "null" or given == wanted:
        return True
    return {given, wanted} <= {"date", "datetime"} or {given, wanted} == {"text", "path"}


class _Checker:
    def __init__(self, names: Names) -> None:
        self.names = names
        self.reads: dict[str, None] = {}
        self.relations: dict[tuple[str, str], None] = {}
        self.volatile = False

    def wrong(self, node: Node, message: Text, code: str = "formula.type") -> FormulaError:
        return FormulaError(message, position=node.at, code=code)

    def need(self, node: Node, given: str, wanted: str) -> None:
        if not fits(given, wanted):
            raise self.wrong(
                node,
                _("Here belongs %(wanted)s, not %(given)s.")
                % {"wanted": type_words(wanted), "given": type_words(given)},
            )

    def of(self, node: Node, own: Mapping[str, str]) -> str:
        return str(getattr(self, f"_{node.sort}")(node, own))

    def _value(self, node: Node, _own: Mapping[str, str]) -> str:
        value = node.value
        if value is None:
            return "null"
        return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"

    def _name(self, node: Node, own: Mapping[str, str]) -> str:
        if node.text in own:
            return own[node.text]
        found = self.names.type_of(node.text)
        if found is None:
            raise self.wrong(node, _("There is no field “%(name)s”.") % {"name": node.text}, "formula.name")
        self.reads[node.text] = None
        return found

    def _member(self, node: Node, own: Mapping[str, str]) -> str:
        of = self.of(node.parts[0], own)
        if of in ("any", "map"):
            return "any"
        found = self.names.member_type(of, node.text)
        if found is None:
            raise self.wrong(node, _("There is no field “%(name)s”.") % {"name": node.text}, "formula.name")
        path = path_of(node)
        if path:
            self.reads.pop(path.rpartition(".")[0], None)
            self.reads[path] = None
        return found

    def _index(self, node: Node, own: Mapping[str, str]) -> str:
        of, key = (self.of(one, own) for one in node.parts)
        self.need(node.parts[0], of, "map" if of == "map" else "list")
        self.need(node.parts[1], key, "text" if of == "map" else "number")
        return "any"

    def _unary(self, node: Node, own: Mapping[str, str]) -> str:
        wanted = "bool" if node.text == "!" else "number"
        self.need(node.parts[0], self.of(node.parts[0], own), wanted)
        return wanted

    def _binary(self, node: Node, own: Mapping[str, str]) -> str:
        left, right = node.parts
        a, b = self.of(left, own), self.of(right, own)
        if node.text in ("&&", "||"):
            self.need(left, a, "bool")
            self.need(right, b, "bool")
            return "bool"
        if node.text == "in":
            self.need(right, b, "map" if b == "map" else "list")
            return "bool"
        if node.text in ("==", "!=", *_ORDER_MARKS):
            if not (fits(a, b) or fits(b, a)) or (node.text in _ORDER_MARKS and a in ("bool", "list", "map")):
                raise self.wrong(
                    node,
                    _("%(left)s cannot be compared with %(right)s.") % {"left": type_words(a), "right": type_words(b)},
                )
            return "bool"
        return self._sum(node, a, b)

    def _sum(self, node: Node, a: str, b: str) -> str:
        left, right = node.parts
        if node.text == "-" and {a, b} <= {"date", "datetime"}:
            return "number"
        if node.text in ("+", "-") and a in ("date", "datetime") and fits(b, "number"):
            return a
        if node.text == "+" and a in ("text", "list") and fits(b, a):
            return a
        if node.text == "+" and "any" in (a, b):
            return b if a == "any" and b in ("text", "list") else "any" if a == "any" else a
        self.need(left, a, "number")
        self.need(right, b, "number")
        return "number"

    def _choose(self, node: Node, own: Mapping[str, str]) -> str:
        condition, yes, no = node.parts
        self.need(condition, self.of(condition, own), "bool")
        a, b = self.of(yes, own), self.of(no, own)
        if a == "null":
            return b
        if b not in ("null", a) and not fits(a, b):
            raise self.wrong(
                node,
                _("Both results must be alike: here are %(left)s and %(right)s.")
                % {"left": type_words(a), "right": type_words(b)},
            )
        return a

    def _list(self, node: Node, own: Mapping[str, str]) -> str:
        for one in node.parts:
            self.of(one, own)
        return "list"

    def _map(self, node: Node, own: Mapping[str, str]) -> str:
        for one in node.parts:
            self.of(one, own)
        return "map"

    def _each(self, node: Node, own: Mapping[str, str]) -> str:
        self.need(node.parts[0], self.of(node.parts[0], own), "list")
        if sum(1 for one in own.values() if one == "any") >= 2:
            raise self.wrong(node, _("At most two lists may run within each other."), "formula.cost")
        inner = self.of(node.parts[1], {**own, str(node.value): "any"})
        if node.text != "map":
            self.need(node.parts[1], inner, "bool")
        return "list" if node.text in ("map", "filter") else "bool"

    def _call(self, node: Node, own: Mapping[str, str]) -> str:
        if node.text == "has":
            self.of(node.parts[0], own)
            return "bool"
        function = FUNCTIONS.get(node.text)
        if function is None:
            raise self.wrong(node, _("There is no function “%(name)s”.") % {"name": node.text}, "formula.function")
        if not function.fits(len(node.parts)):
            raise self.wrong(
                node,
                _("“%(name)s” is written %(example)s.") % {"name": node.text, "example": function.example},
                "formula.arguments",
            )
        self.volatile = self.volatile or function.name in ("today", "now", "age")
        given = [self.of(one, own) for one in node.parts]
        for place, (part, kind) in enumerate(zip(node.parts, given, strict=True)):
            self.need(part, kind, function.wanted(place))
        self._pattern(node)
        if function.group == "relation":
            return self._relation(node, function)
        return next((one for one in given if one != "null"), "any") if function.gives == "first" else function.gives

    def _pattern(self, node: Node) -> None:
        if node.text == "matches" and not (node.parts[1].sort == "value" and safe_pattern(str(node.parts[1].value))):
            raise self.wrong(node.parts[1], _("This pattern is not valid, or could take for ever."), "formula.pattern")

    def _relation(self, node: Node, function: Function) -> str:
        if any(one.sort != "value" for one in node.parts):
            raise self.wrong(
                node, _("“%(name)s” is written %(example)s.") % {"name": node.text, "example": function.example}
            )
        path, name = str(node.parts[0].value), str(node.parts[1].value) if len(node.parts) > 1 else ""
        found = self.names.relation_type(path, name)
        if found is None:
            raise self.wrong(node.parts[0], _("There is no relation “%(path)s”.") % {"path": path}, "formula.relation")
        if function.name == "sum":
            self.need(node.parts[1], found, "number")
        self.relations[(path, name)] = None
        return "number" if function.name in ("count", "sum") else found


def path_of(node: Node) -> str:
    """The dotted path a node spells, '' if it is no path."""
    if node.sort == "name":
        return node.text
    if node.sort == "member":
        before = path_of(node.parts[0])
        return f"{before}.{node.text}" if before else ""
    return ""


def check(node: Node, names: Names, wanted: Sequence[str] = ()) -> Checked:
    """The type of a formula and what it reads. Raises FormulaError where it does not fit together."""
    checker = _Checker(names)
    found = checker.of(node, {})
    if wanted and not any(fits(found, one) for one in wanted):
        raise FormulaError(
            _("The formula gives %(given)s; %(wanted)s is needed.")
            % {"given": type_words(found), "wanted": type_words(wanted[0])},
            position=node.at,
            code="formula.result",
        )
    return Checked(found, tuple(checker.reads), tuple(checker.relations), checker.volatile)
