"""What somebody typed, as a condition on tokens. Pure Python; the counterpart of ``tokens.py``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from guanxi.core.kernel import legal_forms
from guanxi.core.kernel.identifiers import FREE_MAIL
from guanxi.core.kernel.phones import digits
from guanxi.core.kernel.text import has_han
from guanxi.core.records.search import tokens
from guanxi.core.records.search.tokens import INITIALS_LENGTH, PINYIN_LENGTH, RUNS, field_tag

LONGEST = 100
MOST_RUNS = 8
MOST_PIECES = 12
FEW_INITIALS = 4
_TOP = frozenset(
    ("com", "cn", "com.cn", "net", "org", "co", "co.uk", "cc", "io", "me", "de", "fr", "hk", "com.hk", "tw")
)
# No Chinese syllable begins so.
_NEVER_INITIAL = re.compile("[iuv]")
_PHONE = re.compile(r"[\d\s()+\-.转]*\d[\d\s()+\-.转]*")
# The beginning of a legal form at the end: somebody is still typing.
_UNFINISHED = re.compile(r"(?<=..)(?:集团)?(?:股份)?有限(?:责任)?公?$|(?<=..)(?:集团股|股份有|有)$")


#: What fields are found by; each is an attribute of :class:`Fields`.
PARTS = ("names", "phones", "emails", "numbers", "text")


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one entity that one actor may search, by what they are."""

    entity: str
    names: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    text: tuple[str, ...] = ()

    def tags(self, part: str) -> list[str]:
        """Tags of the fields of one part."""
        return [field_tag(self.entity, field) for field in getattr(self, part)]


@dataclass(frozen=True, slots=True)
class Query:
    """A query taken apart. ``key`` is the whole without spaces and signs, ``runs`` its words.

    ``phone`` is the digits if the whole looks like a part of a phone number, else ''; ``email`` likewise for an
    address; ``number`` the whole without signs if it has a digit.
    """

    key: str
    runs: tuple[str, ...]
    phone: str = ""
    email: str = ""
    number: str = ""

    @property
    def core(self) -> str:
        """The key without a legal form at its end."""
        return self.runs[0] if len(self.runs) == 1 else self.key


def _phone_part(text: str) -> str:
    """Digits of a phone fragment as they stand in documents: 0086 138… → 86138…."""
    found = digits(text)
    if text.startswith("00") and len(found) > 6:
        return found[2:]
    return found if len(found) >= 4 else ""


def parse(text: str) -> Query | None:
    """The query in a text, ``None`` if there is nothing to look for."""
    folded = tokens.plain(text)[:LONGEST]
    whole = "".join(RUNS.findall(folded))
    if not whole:
        return None
    runs = []
    for run in RUNS.findall(folded)[:MOST_RUNS]:
        bare = run
        if has_han(run):
            form = legal_forms.shortest_form(run)
            bare = _UNFINISHED.sub("", run.removesuffix(form)) or run
        runs.append(bare)
    return Query(
        key=whole,
        runs=tuple(runs),
        phone=_phone_part(folded) if _PHONE.fullmatch(folded) else "",
        email=folded
        if folded.isascii() and " " not in folded and len(folded) > 2 and ("@" in folded or "." in folded)
        else "",
        number=whole if len(whole) > 2 and any(char.isdigit() for char in whole) else "",
    )


def _lexeme(tag: str, token: str, *, prefix: bool = False) -> str:
    quoted = (tag + token).replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}':*" if prefix else f"'{quoted}'"


def _all(parts: Iterable[str]) -> str:
    found = [part for part in parts if part]
    return found[0] if len(found) == 1 else f"({' & '.join(found)})" if found else ""


def _any(parts: Iterable[str]) -> str:
    found = list(dict.fromkeys(part for part in parts if part))
    return found[0] if len(found) == 1 else f"({' | '.join(found)})" if found else ""


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(len(text) - size + 1)]


def _name_run(tag: str, run: str, *, loose: bool, alone: bool) -> str:
    """A word of the query in a name. A long one among several is no initials: asking would cost most of all."""
    if has_han(run):
        if loose or len(run) == 1:
            return _all(_lexeme(tag, "h" + char) for char in dict.fromkeys(run))
        pairs = _all(_lexeme(tag, "h" + pair) for pair in _pieces(run, 2))
        return _any([pairs, _lexeme(tag, "l" + run)]) if legal_forms.is_han_form(run) else pairs
    word = _lexeme(tag, "w" + run[: tokens.WORD_LENGTH], prefix=len(run) > 1)
    if not (run.isascii() and run.isalpha()):
        return word
    if len(run) == 1:
        return _any([word, _lexeme(tag, "f" + run)])
    never = _NEVER_INITIAL.search(run) or not (alone or len(run) <= FEW_INITIALS)
    initials = "" if never else _all(_lexeme(tag, "i" + two) for two in _pieces(run[:INITIALS_LENGTH], 2))
    # Two letters begin too many syllables: as pinyin they are a last syllable, or the beginning of the name (spell).
    spelled = _lexeme(tag, "p" + run[:PINYIN_LENGTH], prefix=2 < len(run) <= PINYIN_LENGTH)
    return _any([word, initials, spelled])


def _text_run(tag: str, run: str) -> str:
    """A word of the query in running text: whole words only."""
    if has_han(run):
        return _all(_lexeme(tag, "h" + pair) for pair in _pieces(run, 2))
    return _lexeme(tag, "w" + run[: tokens.WORD_LENGTH])


def _phone(fields: Fields, number: str) -> list[str]:
    return [_all(_lexeme(tag, "d" + piece) for piece in _pieces(number, 4)) for tag in fields.tags("phones")]


def _email(fields: Fields, address: str) -> list[str]:
    """Pieces of an address. Of a whole one those before the domain say enough: those of domains are in a million others."""
    local, at, domain = address.partition("@")
    telling = f"{local}@{domain[:1]}" if at and len(local) > 2 else address
    pieces = _pieces(telling, 3)[:MOST_PIECES]
    return [_all(_lexeme(tag, "e" + piece) for piece in pieces) for tag in fields.tags("emails")]


def _too_general(address: str) -> bool:
    """Whether a part of an address is nothing but (the beginning of) a free mail's domain, or a top-level domain."""
    part = address.rpartition("@")[2] if address.startswith("@") or "@" not in address else ""
    return bool(part) and (part.lstrip(".") in _TOP or any(domain.startswith(part) for domain in FREE_MAIL))


def _number(fields: Fields, number: str) -> list[str]:
    return [_all(_lexeme(tag, "#" + piece) for piece in _pieces(number, 3)) for tag in fields.tags("numbers")]


def _run(fields: Fields, run: str, *, loose: bool, alone: bool) -> str:
    """One word of the query in any field."""
    found = [_name_run(tag, run, loose=loose, alone=alone) for tag in fields.tags("names")]
    found += [_text_run(tag, run) for tag in fields.tags("text")]
    if run.isascii():
        if run.isdigit() and len(run) > 3:
            found += _phone(fields, run)
        if len(run) > 2 and any(char.isdigit() for char in run):
            found += _number(fields, run)
        elif len(run) > 2:
            found += [_lexeme(tag, "w" + run, prefix=True) for tag in fields.tags("numbers")]
        if len(run) > 2:
            for tag in fields.tags("emails"):
                found += [_lexeme(tag, "m" + run, prefix=True), _lexeme(tag, "n" + run)]
    return _any(found)


def tsquery(query: Query, fields: Fields, *, loose: bool = False) -> str:
    """The condition as PostgreSQL writes a tsquery; '' if these fields cannot hold what was typed.

    ``loose`` asks only that all Chinese characters of each word occur, in any order. An address is looked for as one.
    """
    if "@" in query.email and fields.emails:
        return "" if _too_general(query.email) else _any(_email(fields, query.email))
    runs = [_run(fields, run, loose=loose, alone=len(query.runs) == 1) for run in query.runs]
    found = [_all(runs)] if all(runs) else []
    if not loose:
        if query.phone:
            found += _phone(fields, query.phone)
        if query.email and not _too_general(query.email):
            found += _email(fields, query.email)
        if query.number and len(query.runs) > 1:
            found += _number(fields, query.number)
    return _any(found)


def can_be_loose(query: Query) -> bool:
    """Whether asking loosely asks for less."""
    return any(has_han(run) and len(run) > 1 for run in query.runs)


def single(run: str) -> Query:
    """The query of one word alone."""
    number = run if run.isascii() and len(run) > 2 and any(char.isdigit() for char in run) else ""
    return Query(
        key=run, runs=(run,), phone=run if run.isascii() and run.isdigit() and len(run) > 3 else "", number=number
    )


def merged(parts: Sequence[str]) -> str:
    """One of several conditions."""
    return _any(parts)
