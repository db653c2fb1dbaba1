"""How the cells of a text table are told apart: delimiter, quotation mark, escape."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guanxi.core.exchange.reading.shapes import shape

#: Candidates with the trust they start with: a comma is likelier a delimiter than a colon or a blank.
_DELIMITERS = {
    ",": 1.0, "\t": 1.05, ";": 1.0, "|": 0.95, "^": 0.9, "~": 0.85, "\x1f": 1.0, "\x01": 1.0, "，": 0.8, "；": 0.7,
    "¦": 0.7, "§": 0.7, ":": 0.35, "#": 0.3, " ": 0.3,
}  # fmt: skip
SAMPLE_LINES = 400
#: Colons of times and addresses, which separate nothing.
_NO_DELIMITER = re.compile(r"\d:\d|://")


@dataclass(frozen=True, slots=True)
class TextDialect:
    """``delimiter`` is empty for a file of one column."""

    delimiter: str
    quote: str = '"'
    escape: str = ""
    initial_space: bool = False

    def options(self) -> dict[str, Any]:
        """Keyword arguments for :func:`csv.reader`; strict, so that unbalanced quotes are noticed."""
        return {
            "delimiter": self.delimiter or "\x1e",
            "quotechar": self.quote or None,
            "quoting": csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            "escapechar": self.escape or None,
            "doublequote": not self.escape,
            "skipinitialspace": self.initial_space,
            "strict": True,
        }


def find_dialect(lines: Sequence[str], delimiter: str | None = None) -> TextDialect:
    """The dialect of the first lines of a file; ``delimiter`` fixes that part."""
    lines = [line for line in lines[:SAMPLE_LINES] if line.strip()]
    text = "".join(lines)
    if delimiter is None:
        hint = re.match(r"sep=(.)\r?\n", text)
        delimiter = hint.group(1) if hint else _delimiter(lines, text)
    quote = _quote(text, delimiter)
    dialect = TextDialect(delimiter, quote, initial_space=_spaced(text, delimiter, quote))
    if quote and "\\" + quote in text:
        escaped = TextDialect(delimiter, quote, "\\", dialect.initial_space)
        if _faults(lines, escaped) < _faults(lines, dialect):
            return escaped
    return dialect


def _delimiter(lines: Sequence[str], text: str) -> str:
    best, best_score = "", 0.0
    for candidate, trust in _DELIMITERS.items():
        if candidate not in text:
            continue
        quote = _quote(text, candidate)
        looked = [_NO_DELIMITER.sub("", line) for line in lines] if candidate == ":" else lines
        score = trust * _score(looked, TextDialect(candidate, quote, "", _spaced(text, candidate, quote)))
        if score > best_score * 1.0001:
            best, best_score = candidate, score
    return best


def _score(lines: Sequence[str], dialect: TextDialect) -> float:
    """How table-like the lines are under a dialect: even widths, several columns, cells of known shape."""
    rows = _parse(lines, dialect)
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return 0.0
    widths = Counter(len(row) for row in rows)
    width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    if width < 2:
        return 0.0
    even = count / len(rows)
    cells = [cell.strip() for row in [row for row in rows if len(row) == width][:60] for cell in row]
    if not cells or (even < 0.7 and _DELIMITERS[dialect.delimiter] < 0.5):
        return 0.0
    known = sum(shape(cell) not in ("text", "code") for cell in cells) / len(cells)
    edges = sum(cell != cell.strip(" ") for row in rows[:60] if len(row) == width for cell in row[1:]) / len(cells)
    return even**2 * (0.6 + 0.4 * known) * (1 + math.log(min(width, 64)) / 8) * (1 - 0.2 * min(edges, 1))


def _quote(text: str, delimiter: str) -> str:
    """The mark that opens and closes cells; the usual one when none does."""
    edge = f"(?:{re.escape(delimiter)}|[\r\n])" if delimiter else "[\r\n]"
    best, best_count = '"', 0
    for mark in ('"', "'"):
        opens = len(re.findall(f"(?:^|{edge}) ?{mark}", text))
        closes = len(re.findall(f"{mark} ?(?:{edge}|$)", text))
        count = min(opens, closes)
        if count > best_count and (mark == '"' or count >= 2):
            best, best_count = mark, count
    return best


def _spaced(text: str, delimiter: str, quote: str) -> bool:
    """Whether blanks follow the delimiters and must not hide a quotation mark."""
    if not delimiter or delimiter.isspace():
        return False
    if quote and re.search(re.escape(delimiter) + r" +" + re.escape(quote), text):
        return True
    return text.count(delimiter + " ") * 2 > text.count(delimiter)


def _parse(lines: Sequence[str], dialect: TextDialect) -> list[list[str]]:
    options = {**dialect.options(), "strict": False}
    try:
        return list(csv.reader(lines, **options))
    except csv.Error:
        return []


def _faults(lines: Sequence[str], dialect: TextDialect) -> int:
    """How many records are not well formed, plus how many differ from the usual width."""
    rows: list[list[str]] = []
    faults = 0
    reader = csv.reader(lines, **dialect.options())
    while True:
        try:
            rows.append(next(reader))
        except csv.Error:
            faults += 1
        except StopIteration:
            break
    widths = Counter(map(len, rows))
    return faults + len(rows) - max(widths.values(), default=0)
