"""Tokens of a document. Pure Python; about 40 µs for a firm with a phone and an address.

A token is ``tag + kind + text``. The tag (three letters) stands for entity and field, so that tokens of fields an actor
may not see are left out of his query, and one entity's frequent words do not slow down another's. Kinds:

====  =====================================================================================================
h     a Chinese character, or two that stand side by side
l     a legal form at the end of a firm's name (有限公司), as one token
w     a word or number
p     pinyin from some character to the end, first 12 letters (huaweijishu → huaweijishu, weijishu, jishu, shu)
i     first letters of the pinyin of two characters side by side (huaweijishu → hw, wj, js)
f     first letter of the whole
d     four digits that stand side by side in a phone number
m, n  the local part, and the words of the domain, of an e-mail address
e     three signs that stand side by side in an e-mail address
#     three signs that stand side by side in a number
====  =====================================================================================================
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache, partial
from itertools import pairwise
from typing import Any

from guanxi.core.kernel import legal_forms, pinyin
from guanxi.core.kernel.identifiers import FREE_MAIL
from guanxi.core.kernel.phones import digits
from guanxi.core.kernel.text import fold, has_han, unaccent
from guanxi.core.records.search.declared import searched
from guanxi.core.schema.entity import Entity, Search

#: Raised with every change of what a document holds: all are then made anew. A preference notes which version made them.
VERSION = 4
MADE_BY = "search.tokens"
PINYIN_LENGTH = 12
INITIALS_LENGTH = 8
KEY_LENGTH = 120
WORD_LENGTH = 40
TEXT_LENGTH = 4000
NAME_LENGTH = 200
_HAN = "〇㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff"
RUNS = re.compile(rf"[{_HAN}]+|[a-z0-9]+|[^\W_a-z0-9{_HAN}]+")
_ALNUM = re.compile(r"[^\W_]+")
_TAG_SIGNS = "abcdefghijklmnopqrstuvwxyz"


@cache
def field_tag(entity: str, field: str) -> str:
    """Three letters for a field of an entity. Two fields may share one: the entity is compared as well."""
    number = zlib.crc32(f"{entity}.{field}".encode())
    return "".join(_TAG_SIGNS[number // 26**place % 26] for place in range(3))


def plain(text: str) -> str:
    """A text as it is compared in searching: folded, Latin letters without accents."""
    return _plain_kept(text) if len(text) <= KEY_LENGTH else _plain(text)


def _plain(text: str) -> str:
    return unaccent(fold(text))


#: A name is made plain several times in one write, and whenever it is looked at by a search.
_plain_kept = lru_cache(maxsize=4096)(_plain)


def name_key(text: str) -> str:
    """A name without spaces and signs, for exact and prefix matches."""
    return "".join(_ALNUM.findall(plain(text)))[:KEY_LENGTH]


def spelling(text: str) -> str:
    """The pinyin of a name key; '' if it has no Chinese."""
    return pinyin.joined(text)[:KEY_LENGTH] if has_han(text) else ""


def _han_tokens(run: str, form: str) -> list[str]:
    """Tokens of a run of Chinese characters of a name, without its legal form."""
    size = len(run) - len(form)
    found = ["h" + char for char in run[:size]]
    found += ["h" + run[at : at + 2] for at in range(size - 1)]
    readings = pinyin.syllables(run, person=False)[:size]
    initials = "".join([reading[0] for reading in readings])
    found += ["i" + initials[at : at + 2] for at in range(size - 1)]
    letters = ""
    for reading in reversed(readings):
        letters = (reading + letters)[:PINYIN_LENGTH]
        found.append("p" + letters)
    others = pinyin.readings(run[0])
    if len(others) > 1:
        rest = "".join(readings[1:])
        for other in others:
            found.append("p" + (other + rest)[:PINYIN_LENGTH])
            found.append("i" + other[0] + initials[1:2])
    return found


@lru_cache(maxsize=4096)
def name_tokens(name: str) -> frozenset[str]:
    """Tokens of a name without tags."""
    text = plain(name)[:NAME_LENGTH]
    found: set[str] = set()
    runs = RUNS.findall(text)
    for number, run in enumerate(runs):
        if not has_han(run):
            found.add("w" + run[:WORD_LENGTH])
            continue
        form = legal_forms.shortest_form(run)
        if form:
            found.add("l" + form)
            found.update("l" + short for short in ("公司", "集团", "有限公司") if short in form)
        found.update(_han_tokens(run, form))
        if number == 0:
            found.update("f" + reading[0] for reading in pinyin.readings(run[0]))
    if len(runs) > 1:
        _joined_words(runs, found)
    return frozenset(found)


def _joined_words(runs: list[str], found: set[str]) -> None:
    """Latin words that stand side by side are found written together too (Micro Soft, A.O.)."""
    for left, right in pairwise(runs):
        if left.isascii() and right.isascii():
            found.add("w" + (left + right)[:WORD_LENGTH])


def text_tokens(text: str) -> set[str]:
    """Tokens of running text: words, and pairs of Chinese characters."""
    found: set[str] = set()
    for run in RUNS.findall(plain(text[:TEXT_LENGTH])):
        if has_han(run):
            found.update("h" + run[at : at + 2] for at in range(len(run) - 1))
        else:
            found.add("w" + run[:WORD_LENGTH])
    return found


def _entry(one: Any) -> str:
    return str(one.get("value") or one.get("written") or "") if isinstance(one, dict) else str(one)


def entries(value: Any) -> list[str]:
    """The written values of a field of one text or of a list of entries ({"value", "written", …})."""
    if not value:
        return []
    if isinstance(value, list):
        return [_entry(one) for one in value]
    return [str(value)]


def phone_forms(number: str) -> tuple[str, ...]:
    """Digit strings somebody may type for a number: with country code, and the Chinese national form."""
    whole = digits(number)
    if number.startswith("+86") and len(whole) > 11 and (whole[2] != "1" or whole[2:4] == "10"):
        return whole, "0" + whole[2:]
    return (whole,)


def phone_tokens(number: str) -> set[str]:
    """All runs of four digits."""
    return {"d" + form[at : at + 4] for form in phone_forms(number) for at in range(len(form) - 3)}


def email_tokens(address: str) -> set[str]:
    """The local part, the words of the domain (but free mail's), and all runs of three signs."""
    plain_address = "".join(address.lower().split())[:254]
    local, _at, domain = plain_address.rpartition("@")
    found = {"e" + plain_address[at : at + 3] for at in range(len(plain_address) - 2)}
    found.add("m" + local[:WORD_LENGTH])
    found.update("m" + word for word in _ALNUM.findall(local))
    if domain not in FREE_MAIL:
        found.update("n" + word[:WORD_LENGTH] for word in domain.split(".")[:-1])
    return found


def number_plain(number: str) -> str:
    """A serial number or code without signs, in lower case."""
    if number.isascii() and number.isalnum():
        return number.lower()[:KEY_LENGTH]
    return "".join(_ALNUM.findall(plain(number)))[:KEY_LENGTH]


def number_tokens(number: str) -> set[str]:
    """All runs of three signs, and the whole."""
    whole = number_plain(number)
    return {"#" + whole[at : at + 3] for at in range(len(whole) - 2)} | {"w" + whole}


def value_of(values: Any, path: str) -> Any:
    """A field's value from a mapping or a record; a dotted path leads over references."""
    if isinstance(values, (dict, Mapping)):  # dict first: asking the abstract class costs ten times more
        return values.get(path)
    if "." not in path:
        return getattr(values, path, None)
    for name in path.split("."):
        values = values.get(name) if isinstance(values, dict) else getattr(values, name, None)
        if values is None:
            return None
    return values


_PARTS = (
    ("names", name_tokens),
    ("phones", phone_tokens),
    ("emails", email_tokens),
    ("numbers", number_tokens),
    ("text", text_tokens),
)


def owner_token(entity: str, owner_id: int) -> str:
    """The token of everything of an entity that an owner owns or carries: it narrows a search to somebody's reach."""
    return f"{field_tag(entity, '@owner')}{owner_id}"


def _owner_columns(entity: Entity) -> list[str]:
    names = [f"{entity.access.owner}_id"] if entity.access.owner else []
    return [*names, "carrier_owner_id"] if entity.access.carried_by else names


def paths_of(entity: Entity) -> list[str]:
    """Paths of all a document is made of, for whoever reads values rather than records."""
    search = searched(entity)
    fields = [field for part, _tokens in _PARTS for field in getattr(search, part)] if search else []
    return list(dict.fromkeys([*fields, *_owner_columns(entity)]))


def owners_of(entity: Entity, values: Any) -> tuple[int | None, int | None]:
    """Who owns a record, and who owns what carries it. ``values`` is the record or a mapping from column to value."""
    access = entity.access
    owner = value_of(values, f"{access.owner}_id") if access.owner else None
    return owner, value_of(values, "carrier_owner_id") if access.carried_by else None


def doc_tokens(entity: Entity, values: Any) -> set[str]:
    """All tokens of one record, tagged. ``values`` is the record or a mapping from field name to value."""
    found: set[str] = set()
    search = searched(entity)
    if search is None:
        return found
    read = values.get if isinstance(values, dict) else partial(value_of, values)
    for field, tag, tokens_of in _plan(entity.key, search):
        value = read(field)
        if value:
            for written in entries(value):
                found.update([tag + token for token in tokens_of(written)])
    found.update([owner_token(entity.key, owner) for owner in owners_of(entity, values) if owner])
    return found


@lru_cache(maxsize=500)
def _plan(entity: str, search: Search) -> tuple[tuple[str, str, Callable[[str], Iterable[str]]], ...]:
    """(field, tag, its tokens) for every field an entity is found by."""
    return tuple(
        (field, field_tag(entity, field), tokens_of) for part, tokens_of in _PARTS for field in getattr(search, part)
    )


def tsvector(tokens: Iterable[str]) -> str:
    """The tokens as PostgreSQL writes a tsvector."""
    whole = "\n".join(tokens)
    if "\\" in whole or "'" in whole:
        whole = whole.replace("\\", "\\\\").replace("'", "''")
    return "'" + whole.replace("\n", "' '") + "'" if whole else ""
