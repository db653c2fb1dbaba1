"""How well a record fits a query, and by which field: checks what the tokens only suggest. Pure Python.

Ranks: 100 the name itself, 98 the whole phone, e-mail or number, 95 the name but for its legal form, 90 its whole
pinyin, 85 the name begins so, 80 its pinyin or an e-mail does, 78 its initials (75 begin so), 76 the last digits of a
phone, 72 a word of the name begins so, 70 within the name, 62 within its pinyin, 60 within its initials, 64–66 within
a phone, e-mail or number, 40 all characters occur in the name, 30 within running text; several words: 35 + a fifth of
the weakest one's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from guanxi.core.kernel import legal_forms, pinyin
from guanxi.core.kernel.identifiers import FREE_MAIL
from guanxi.core.kernel.text import has_han
from guanxi.core.records.search import terms, tokens
from guanxi.core.records.search.terms import Fields, Query


class Verdict(NamedTuple):
    """``rank`` 0 (does not fit) to 100, the ``field`` that decided and its ``value`` as stored."""

    rank: int
    field: str = ""
    value: str = ""


NOTHING = Verdict(0)


@lru_cache(maxsize=4096)
def _spellings(key: str) -> tuple[tuple[str, ...], ...]:
    """Readings of a name, syllable by syllable, with those of the first character's other readings."""
    readings = pinyin.syllables(key)
    others = [other for other in pinyin.readings(key[0]) if other != readings[0]]
    return (readings, *((other, *readings[1:]) for other in others))


def _spelled(letters: str, key: str) -> int:
    """Letters as pinyin or initials of a Chinese name."""
    best = 0
    for readings in _spellings(key):
        whole, initials = "".join(readings), "".join(reading[0] for reading in readings)
        if whole == letters:
            return 90
        if whole.startswith(letters):
            best = max(best, 80)
        elif initials == letters:
            best = max(best, 78)
        elif initials.startswith(letters):
            best = max(best, 75)
        elif letters in whole and any("".join(readings[at:]).startswith(letters) for at in range(1, len(readings))):
            best = max(best, 62)
        elif letters in initials:
            best = max(best, 60)
    return best


def name_rank(query: Query, name: str) -> int:
    """How well the whole query fits a name."""
    key = tokens.name_key(name)
    if key == query.key:
        return 100
    core = query.core
    if not core:
        return 0
    if key.startswith(core):
        rest = key[len(core) :]
        return 95 if legal_forms.shortest_form(key) == rest and has_han(rest) else 85
    best = 70 if core in key else 0
    if core.isascii():
        if any(word.startswith(core) for word in tokens.RUNS.findall(tokens.plain(name))):
            best = 72
        if core.isalpha() and has_han(key):
            best = max(best, _spelled(core, key))
    elif not best and has_han(core) and all(char in key for char in core):
        best = 40
    return best


def phone_rank(query: Query, number: str) -> int:
    """How well a fragment of digits fits a phone number."""
    part = query.phone
    if not part:
        return 0
    forms = tokens.phone_forms(number)
    if part in forms or "86" + part in forms:
        return 98
    if any(form.endswith(part) for form in forms):
        return 76
    return 66 if any(part in form for form in forms) else 0


def email_rank(query: Query, address: str) -> int:
    """How well a fragment fits an e-mail address."""
    address = address.lower()
    part = query.email or (query.core if query.core.isascii() and len(query.core) > 2 else "")
    if not part:
        return 0
    if address == part:
        return 98
    if address.startswith(part):
        return 80
    if query.email:
        return 64 if part in address else 0
    local, _at, domain = address.rpartition("@")
    known = domain not in FREE_MAIL and part in domain.split(".")[:-1]
    return 64 if known or any(word.startswith(part) for word in tokens.RUNS.findall(local)) else 0


def number_rank(query: Query, number: str) -> int:
    """How well a fragment fits a serial number or code."""
    plain = tokens.number_plain(number)
    part = query.number or query.core
    if len(part) < 3:
        return 0
    if plain == part:
        return 98
    if plain.startswith(part):
        return 82
    return 64 if query.number and part in plain else 0


def text_rank(query: Query, text: str) -> int:
    """Whether a word occurs in running text."""
    plain = tokens.plain(text[: tokens.TEXT_LENGTH])
    core = query.core
    if has_han(core):
        return 30 if len(core) > 1 and core in plain else 0
    return 30 if core in tokens.RUNS.findall(plain) else 0


_RANKS: tuple[tuple[str, Callable[[Query, str], int], Callable[[Query], object]], ...] = (
    ("names", name_rank, lambda _query: True),
    ("phones", phone_rank, lambda query: query.phone),
    ("emails", email_rank, lambda query: query.email or query.core.isascii()),
    ("numbers", number_rank, lambda query: len(query.number or query.core) > 2),
    ("text", text_rank, lambda _query: True),
)


@lru_cache(maxsize=256)
def _plan(query: Query, fields: Fields) -> tuple[tuple[str, Callable[[Query, str], int]], ...]:
    """The fields that may hold what was typed, each with how it is looked at."""
    return tuple(
        (field, rank_of) for part, rank_of, can_hold in _RANKS if can_hold(query) for field in getattr(fields, part)
    )


def looked_at(query: Query, fields: Fields) -> tuple[str, ...]:
    """The fields a record is judged by: those that may hold the whole or a word of what was typed."""
    each = (query, *(terms.single(run) for run in query.runs if len(query.runs) > 1))
    return tuple(dict.fromkeys(field for one in each for field, _rank_of in _plan(one, fields)))


def _whole(query: Query, fields: Fields, values: Mapping[str, Any]) -> Verdict:
    best = NOTHING
    for field, rank_of in _plan(query, fields):
        value = values.get(field)
        for written in tokens.entries(value) if value else ():
            rank = rank_of(query, written)
            if rank > best.rank:
                best = Verdict(rank, field, written)
    return best


def judge(query: Query, fields: Fields, values: Mapping[str, Any]) -> Verdict:
    """The best reason for which the record fits; ``NOTHING`` if it does not."""
    best = _whole(query, fields, values)
    if best.rank or len(query.runs) < 2:
        return best
    each = [_whole(terms.single(run), fields, values) for run in query.runs]
    weakest = min(verdict.rank for verdict in each)
    if not weakest:
        return NOTHING
    telling = max(each, key=lambda verdict: (verdict.field not in fields.names, verdict.rank))
    return Verdict(35 + weakest // 5, telling.field, telling.value)
