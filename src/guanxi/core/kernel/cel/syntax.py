"""Reading CEL: text to a tree whose nodes know where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.cel.errors import FormulaError
from guanxi.core.kernel.errors import Text

MAX_LENGTH = 4000
MAX_NODES = 500
MAX_DEPTH = 40

Sort = Literal["value", "name", "member", "index", "call", "unary", "binary", "choose", "list", "map", "each"]


@dataclass(frozen=True, slots=True)
class Node:
    """One part of a formula. ``sort`` says what it is, ``text`` its name or operator, ``value`` a literal's value."""

    sort: Sort
    at: int
    text: str = ""
    value: Any = None
    parts: tuple[Node, ...] = ()


_TOKEN = re.compile(
    r"""(?P<space>[\s\u3000]+|//[^\n]*)
    |(?P<number>\d+\.\d*(?:[eE][+-]?\d{1,2})?|\.\d+|\d+(?:[eE][+-]?\d{1,2})?)
    |(?P<name>[^\W\d]\w*)
    |(?P<text>r?\"\"\"(?:[^\\]|\\.)*?\"\"\"|r?"(?:[^"\\\n]|\\.)*"|r?'(?:[^'\\\n]|\\.)*')
    |(?P<mark>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?"}
_BINARY = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "+": 4, "-": 4, "*": 5, "/": 5, "%": 5,
}  # fmt: skip
#: Methods that run over a list with a variable of their own: ``people.all(p, p.age > 3)``.
MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})


@dataclass(frozen=True, slots=True)
class _Token:
    sort: str
    text: str
    at: int


def _tokens(source: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    while place < len(source):
        match = _TOKEN.match(source, place)
        if match is None:
            raise FormulaError(
                _("“%(mark)s” cannot stand here.") % {"mark": source[place]}, position=place, code="formula.syntax"
            )
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match.group(), place))
        place = match.end()
    found.append(_Token("end", "", len(source)))
    return found


def _unquoted(token: _Token) -> str:
    text, raw = token.text, token.text.startswith("r")
    text = text[1:] if raw else text
    body = text[3:-3] if text.startswith('"""') else text[1:-1]
    return body if raw else re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[0]), body, flags=re.DOTALL)


class _Parser:
    """Operator precedence by climbing."""

    def __init__(self, source: str) -> None:
        self.tokens = _tokens(source)
        self.place = 0
        self.nodes = 0
        self.depth = 0

    @property
    def now(self) -> _Token:
        return self.tokens[self.place]

    def take(self, text: str = "") -> _Token:
        token = self.now
        if text and (token.text != text or token.sort == "text"):
            raise self.unexpected(text)
        self.place += 1
        return token

    def sees(self, text: str) -> bool:
        return self.now.sort != "text" and self.now.text == text

    def unexpected(self, wanted: str = "") -> FormulaError:
        token = self.now
        if token.sort == "end":
            message: Text = _("The formula ends too early.")
        elif wanted:
            message = _("Here stands “%(mark)s” where “%(wanted)s” belongs.") % {"mark": token.text, "wanted": wanted}
        else:
            message = _("“%(mark)s” cannot stand here.") % {"mark": token.text}
        return FormulaError(message, position=token.at, code="formula.syntax")

    def node(self, *given: Any, **more: Any) -> Node:
        self.nodes += 1
        made = Node(*given, **more)
        if self.nodes > MAX_NODES:
            raise FormulaError(_("The formula is too long."), position=made.at, code="formula.size")
        return made

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FormulaError(_("The formula is nested too deeply."), position=self.now.at, code="formula.size")
        found = self.binary(1)
        if self.sees("?"):
            at = self.take().at
            yes = self.expression()
            self.take(":")
            found = self.node("choose", at, parts=(found, yes, self.expression()))
        self.depth -= 1
        return found

    def binary(self, least: int) -> Node:
        left = self.unary()
        while self.now.sort != "text" and _BINARY.get(self.now.text, 0) >= least:
            token = self.take()
            right = self.binary(_BINARY[token.text] + 1)
            left = self.node("binary", token.at, token.text, parts=(left, right))
        return left

    def unary(self) -> Node:
        marks = []
        while self.sees("!") or self.sees("-"):
            marks.append(self.take())
        if len(marks) > MAX_DEPTH:
            raise FormulaError(_("The formula is nested too deeply."), position=self.now.at, code="formula.size")
        found = self.member()
        for mark in reversed(marks):
            found = self.node("unary", mark.at, mark.text, parts=(found,))
        return found

    def member(self) -> Node:
        found = self.primary()
        while True:
            if self.sees("."):
                self.take()
                name = self.take()
                if name.sort != "name":
                    self.place -= 1
                    raise self.unexpected()
                found = (
                    self.method(found, name)
                    if self.sees("(")
                    else self.node("member", name.at, name.text, None, (found,))
                )
            elif self.sees("["):
                at = self.take().at
                key = self.expression()
                self.take("]")
                found = self.node("index", at, parts=(found, key))
            else:
                return found

    def method(self, target: Node, name: _Token) -> Node:
        given = self.arguments("(", ")")
        if name.text not in MACROS:
            return self.node("call", name.at, name.text, None, (target, *given))
        if len(given) != 2 or given[0].sort != "name":
            raise FormulaError(
                _("“%(name)s” is written list.%(name)s(x, …).") % {"name": name.text},
                position=name.at,
                code="formula.syntax",
            )
        return self.node("each", name.at, name.text, given[0].text, (target, given[1]))

    def arguments(self, opening: str, closing: str) -> tuple[Node, ...]:
        self.take(opening)
        found: list[Node] = []
        while not self.sees(closing):
            found.append(self.expression())
            if not self.sees(","):
                break
            self.take()
        self.take(closing)
        return tuple(found)

    def primary(self) -> Node:
        token = self.now
        if token.sort == "text":
            return self.node("value", self.take().at, value=_unquoted(token))
        if token.sort == "number":
            return self.node("value", self.take().at, value=Decimal(token.text))
        if token.sort == "name":
            return self.named(self.take())
        if self.sees("("):
            self.take()
            found = self.expression()
            self.take(")")
            return found
        if self.sees("["):
            return self.node("list", token.at, parts=self.arguments("[", "]"))
        if self.sees("{"):
            return self.mapping()
        raise self.unexpected()

    def named(self, token: _Token) -> Node:
        words = {"true": True, "false": False, "null": None}
        if token.text in words:
            return self.node("value", token.at, value=words[token.text])
        if token.text == "in":
            self.place -= 1
            raise self.unexpected()
        if self.sees("("):
            return self.node("call", token.at, token.text, None, self.arguments("(", ")"))
        return self.node("name", token.at, token.text)

    def mapping(self) -> Node:
        at = self.take("{").at
        parts: list[Node] = []
        while not self.sees("}"):
            parts.append(self.expression())
            self.take(":")
            parts.append(self.expression())
            if not self.sees(","):
                break
            self.take()
        self.take("}")
        return self.node("map", at, parts=tuple(parts))


def parse(source: str) -> Node:
    """The tree of a formula. Raises FormulaError with the position of what is wrong."""
    if not source.strip():
        raise FormulaError(_("The formula is empty."), code="formula.empty")
    if len(source) > MAX_LENGTH:
        raise FormulaError(_("The formula is too long."), position=MAX_LENGTH, code="formula.size")
    parser = _Parser(source)
    found = parser.expression()
    if parser.now.sort != "end":
        raise parser.unexpected()
    return found
