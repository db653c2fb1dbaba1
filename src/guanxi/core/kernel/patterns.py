"""Patterns people write, matched in time that grows with the text alone: all ways through a pattern are gone at once, character by character.

The language is what regular expressions have in common: characters, ``.``, sets, ``\\d \\w \\s``, groups, ``|``, ``* + ? {m,n}``, ``^ $ \\b``. What
looks back or ahead is not among it, for that cannot be matched so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

#: Characters of a pattern, and places in it once all repetitions are written out.
LONGEST, MOST = 200, 200
_SET = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_TIMES = re.compile(r"[*+?]|\{(\d{1,3})(?:(,)(\d{0,3}))?\}")
_CODE = {"x": re.compile(r"[0-9a-fA-F]{2}"), "u": re.compile(r"[0-9a-fA-F]{4}")}
_EDGES = {"^": "first", "$": "last", "b": "edge", "B": "within", "A": "first", "Z": "end"}

#: A part of a pattern: ("one", test), ("at", edge), ("all", parts), ("any", parts), ("times", part, least, most or None).
_Part = tuple[Any, ...]
#: A place: ("one", test), ("at", edge), ("go", places), ("done",).
_Place = tuple[Any, ...]


class PatternError(ValueError):
    """This is no pattern of ours."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern ready to be searched for."""

    places: tuple[_Place, ...]

    def within(self, text: str) -> bool:
        """Whether the pattern fits some part of a text."""
        here: list[int] = []
        for at in range(len(text) + 1):
            reached = self._reached([*here, 0], text, at)
            if reached is None:
                return True
            if at == len(text):
                break
            sign = text[at]
            here = [place + 1 for place in reached if self.places[place][1](sign)]
        return False

    def _reached(self, begun: Iterable[int], text: str, at: int) -> list[int] | None:
        """The places at which a character is wanted; ``None`` when the end is among them."""
        found, seen, left = [], set(), list(begun)
        while left:
            place = left.pop()
            if place in seen:
                continue
            seen.add(place)
            sort, *given = self.places[place]
            if sort == "done":
                return None
            if sort == "one":
                found.append(place)
            elif sort == "go":
                left.extend(given[0])
            elif _stands(given[0], text, at):
                left.append(place + 1)
        return found


@lru_cache(maxsize=500)
def pattern(written: str) -> Pattern:
    """The pattern of a text. Raises PatternError."""
    if len(written) > LONGEST:
        raise PatternError(written)
    reader = _Reader(written)
    part = reader.choice()
    if reader.at != len(written):
        raise PatternError(written)
    places: list[_Place] = []
    _lay(part, places)
    return Pattern((*places, ("done",)))


def _stands(edge: str, text: str, at: int) -> bool:
    if edge == "first":
        return at == 0
    if edge == "end":
        return at == len(text)
    if edge == "last":
        return at == len(text) or (at == len(text) - 1 and text[at] == "\n")
    before, after = (0 <= one < len(text) and (text[one].isalnum() or text[one] == "_") for one in (at - 1, at))
    return (before != after) == (edge == "edge")


# -- reading -----------------------------------------------------------------------------------------------------------


class _Reader:
    def __init__(self, written: str) -> None:
        self.written, self.at, self.deep = written, 0, 0

    def choice(self) -> _Part:
        ways = [self._row()]
        while self._next("|"):
            ways.append(self._row())
        return ways[0] if len(ways) == 1 else ("any", ways)

    def _next(self, sign: str) -> bool:
        if not self.written.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def _row(self) -> _Part:
        parts: list[_Part] = []
        while self.at < len(self.written) and self.written[self.at] not in "|)":
            part = self._one()
            found = _TIMES.match(self.written, self.at)
            if found:
                self.at = found.end()
                self._next("?")  # as few as possible fits the same texts
                part = ("times", part, *self._times(found))
                if _TIMES.match(self.written, self.at) or self.written.startswith("+", self.at):
                    raise PatternError(self.written)
            parts.append(part)
        return ("all", parts)

    def _times(self, found: re.Match[str]) -> tuple[int, int | None]:
        if found[0] in "*+?":
            return (1 if found[0] == "+" else 0), (1 if found[0] == "?" else None)
        least = int(found[1])
        most = least if not found[2] else int(found[3]) if found[3] else None
        if most is not None and most < least:
            raise PatternError(self.written)
        return least, most

    def _one(self) -> _Part:
        sign = self.written[self.at]
        if sign == "(":
            return self._group()
        if sign == "[":
            found = _SET.match(self.written, self.at)
            if found is None:
                raise PatternError(self.written)
            self.at = found.end()
            return ("one", _test(found[0]))
        self.at += 1
        if sign in "*+?":
            raise PatternError(self.written)
        if sign in "^$":
            return ("at", _EDGES[sign])
        if sign != "\\":
            return ("one", _test("." if sign == "." else re.escape(sign)))
        escaped = self.written[self.at : self.at + 1]
        self.at += 1
        if escaped in ("x", "u"):
            code = _CODE[escaped].match(self.written, self.at)
            if code is None:
                raise PatternError(self.written)
            self.at = code.end()
            return ("one", _test(re.escape(chr(int(code[0], 16)))))
        if escaped in _EDGES and escaped.isalpha():
            return ("at", _EDGES[escaped])
        if not escaped or escaped.isdigit() or (escaped.isalpha() and escaped not in "dDwWsSnrtfv"):
            raise PatternError(self.written)
        return ("one", _test("\\" + escaped))

    def _group(self) -> _Part:
        self.at += 1
        if self._next("?") and not self._next(":"):
            raise PatternError(self.written)  # looks ahead or back, or has a name
        self.deep += 1
        inner = self.choice()
        self.deep -= 1
        if not self._next(")") or self.deep > 20:
            raise PatternError(self.written)
        return inner


def _test(one: str) -> Callable[[str], bool]:
    """Whether a character fits a set, a class or another character."""
    try:
        fits = re.compile(one).fullmatch
    except re.error:
        raise PatternError(one) from None
    return lambda sign: fits(sign) is not None


# -- laying it out -----------------------------------------------------------------------------------------------------


def _lay(part: _Part, places: list[_Place]) -> None:
    """Write a part out as places, one after the other."""
    if len(places) > MOST:
        raise PatternError
    match part:
        case ("all", parts):
            for one in parts:
                _lay(one, places)
        case ("any", parts):
            _lay_ways(parts, places)
        case ("times", one, least, most):
            for _time in range(least):
                _lay(one, places)
            _lay_more(one, None if most is None else most - least, places)
        case _:
            places.append(part)


def _lay_ways(parts: Sequence[_Part], places: list[_Place]) -> None:
    ends = []
    for one in parts[:-1]:
        fork = len(places)
        places.append(())
        _lay(one, places)
        ends.append(len(places))
        places.append(())
        places[fork] = ("go", (fork + 1, len(places)))
    _lay(parts[-1], places)
    for end in ends:
        places[end] = ("go", (len(places),))


def _lay_more(part: _Part, most: int | None, places: list[_Place]) -> None:
    """As often as it fits, at most so many times."""
    forks = []
    for _time in range(1 if most is None else most):
        forks.append(len(places))
        places.append(())
        _lay(part, places)
    if most is None:
        places.append(("go", (forks[0],)))
    for fork in forks:
        places[fork] = ("go", (fork + 1, len(places)))
