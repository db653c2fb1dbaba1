"""How the index of the tokens is asked: a condition is taken apart where its words are in so many documents that it pays."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from guanxi.core.records.search.probe import frequent

#: That the tokens of a document ``d`` fit a condition.
ONE = "d.tsv @@ %s::tsquery"
#: The same, of documents found by something else.
COMPARED = "ts_match_vq(d.tsv, %s::tsquery)"
#: A condition that fits more documents than this is asked for word by word.
MANY = 10_000
#: So many documents of somebody's own are looked through quicker than all that begin so are gathered.
OWN = 20_000
_SIGN = re.compile(r"'(?:[^']|'')*'(?::\*)?|[&|()]")


@dataclass(frozen=True, slots=True)
class Part:
    """A condition on tokens: a token as it is written, or several parts of which all (``&``) or one (``|``) must hold."""

    text: str
    sign: str = ""
    parts: tuple[Part, ...] = ()

    def split(self, sign: str) -> tuple[Part, ...]:
        """The parts it consists of if they are joined by ``sign``; else itself alone."""
        return self.parts if self.sign == sign else (self,)


def _joined(sign: str, parts: Iterable[Part]) -> Part:
    several = tuple(one for part in parts for one in part.split(sign))
    if len(several) == 1:
        return several[0]
    return Part(f"({f' {sign} '.join(part.text for part in several)})", sign, several)


def part_of(condition: str) -> Part:
    """The condition in a tsquery that ``terms`` made."""
    return _upto_end(iter(_SIGN.findall(condition)))


def _upto_end(signs: Iterator[str]) -> Part:
    either, together = list[Part](), list[Part]()
    for sign in signs:
        if sign == ")":
            break
        if sign == "|":
            either.append(_joined("&", together))
            together = []
        elif sign != "&":
            together.append(_upto_end(signs) if sign == "(" else Part(sign))
    return _joined("|", [*either, _joined("&", together)])


def holding(condition: str | Part) -> float:
    """About how many documents a condition fits at most, whoever may see them; 0 where it asks for a rare token."""
    return _about(part_of(condition) if isinstance(condition, str) else condition) if condition else 0.0


def _about(part: Part, *, begun: bool = False) -> float:
    """The same; with ``begun`` of what begins so at least as many as hold the very word."""
    if part.parts:
        each = (_about(one, begun=begun) for one in part.parts)
        return sum(each) if part.sign == "|" else min(each)
    text = part.text.removesuffix(":*") if begun else part.text
    return frequent().get(text[1:-1].replace("''", "'").replace("\\\\", "\\"), 0.0)


def fits(condition: str, mine: str = "", about: float = math.inf) -> tuple[str, list[str]]:
    """That the tokens of a document ``d`` fit, and that it is one of ``mine`` (``about`` so many): in SQL, with its values.

    One tsquery is reckoned through whole for each document of its rarest word. Taken apart, the index goes from list to list, the
    rarest first, and leaves out at once what no field holds. What begins with a word is gathered to its end whatever the other
    words are: of a frequent one beside others it is cheaper to compare the documents. So it is with several owners of many
    documents beside rarer words: each of their lists would be read from end to end.
    """
    whole = part_of(condition)
    many = min(holding(whole), about) > MANY
    ways = [(way, _compared(way, alone=bool(mine) and about < OWN)) for way in whole.split("|")]
    if not many and not any(compared for _way, compared in ways):
        if "|" in mine and about >= OWN:
            return f"{ONE} AND {COMPARED}", [condition, mine]
        return ONE, [f"({condition}) & ({mine})" if mine else condition]
    found, values = list[str](), list[str]()
    for way, compared in ways:
        words = sorted((word for word in way.split("&") if word not in compared), key=holding)
        asked = [*([mine] if mine else []), *(word.text for word in words)]
        found.append(" AND ".join([*[ONE] * len(asked), *[COMPARED] * len(compared)]))
        values += [*asked, *(word.text for word in compared)]
    return f"({' OR '.join(f'({one})' for one in found)})", values


def _compared(way: Part, *, alone: bool) -> list[Part]:
    """The words of several of which all must hold that are better compared than asked for, if others are asked for, or little
    is somebody's.
    """
    words = way.split("&")
    frequent_ones = [word for word in words if ":*" in word.text and _about(word, begun=True) > MANY]
    return frequent_ones if len(frequent_ones) < len(words) or (alone and len(words) > 1) else []
