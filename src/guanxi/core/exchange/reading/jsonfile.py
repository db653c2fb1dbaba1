"""Records in JSON: a list of objects or of lists, an object holding such a list, or one object a line.

Nested objects become columns ``outer.inner`` (``properties`` of HubSpot loses its prefix), lists are joined with ``; ``.
Read piece by piece: the file is never in memory as a whole.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from guanxi.core.exchange.reading.encoding import Encoding
from guanxi.core.exchange.reading.source import BROKEN, Source
from guanxi.core.exchange.reading.table import (
    MAX_CELL,
    MAX_COLUMNS,
    Facts,
    Problem,
    Row,
    Table,
    name_columns,
    refuse,
)  # fmt: skip

CHUNK = 1 << 16
#: A single entry longer than this is refused (characters).
MAX_ENTRY = 4 * 1024**2
#: Names under which exports keep their list of records.
_LISTS = re.compile(r'"(?:records|results|data|items|value|rows|contacts|companies|customers|accounts|leads)"\s*:\s*\[')
_FLAT = ("properties", "fields")
_SPACE = re.compile(r"[\s,]*")
_BROKEN = object()


def open_json(source: Source, encoding: Encoding, numbered: Callable[[int], str]) -> Table:
    """A table over a JSON file; a file without a list of records is refused."""
    names: dict[str, None] = {}
    listed: list[str] | None = None
    for count, entry in enumerate(_entries(source, encoding)):
        if isinstance(entry, dict):
            names.update(dict.fromkeys(_flat(entry)))
        elif isinstance(entry, list) and count == 0:
            listed = [_text(cell) for cell in entry]
        if len(names) > MAX_COLUMNS:
            raise refuse("file.too_many_columns", limit=MAX_COLUMNS)
    if listed is not None and not names:
        header = listed
    elif names:
        header = list(names)
    else:
        raise refuse("file.not_records")
    columns, problems = name_columns(header, numbered)
    facts = Facts(format="json", encoding=encoding.name, encoding_sure=encoding.sure, header_row=0)

    def start() -> Iterator[Row]:
        return _rows(source, encoding, header, as_lists=not names)

    return Table(source.name, columns, facts, tuple(problems), start)


def _rows(source: Source, encoding: Encoding, header: list[str], *, as_lists: bool) -> Iterator[Row]:
    places = {name: index for index, name in enumerate(header)}
    width = len(header)
    for number, entry in enumerate(_entries(source, encoding), 1):
        if as_lists and isinstance(entry, list):
            if number == 1:
                continue
            values = [_text(cell) for cell in entry]
            if len(values) != width:
                problem = Problem("row.short" if len(values) < width else "row.long",
                                  {"found": len(values), "expected": width}, fatal=True)  # fmt: skip
                yield Row(number, (values + [""] * width)[:width], (problem,))
                continue
        elif not as_lists and isinstance(entry, dict):
            values = [""] * width
            for name, value in _flat(entry).items():
                values[places[name]] = value
        elif isinstance(entry, _Fault):
            yield Row(number, [""] * width, (Problem("row.json_broken", {"reason": entry.reason}, fatal=True),))
            return
        else:
            yield Row(number, [""] * width, (Problem("row.not_a_record", fatal=True),))
            continue
        yield _checked(number, values)


def _checked(number: int, values: list[str]) -> Row:
    problems: list[Problem] = []
    for index, value in enumerate(values):
        if "\0" in value:
            values[index] = value.replace("\0", "")
            problems.append(Problem("row.control_characters", column=index))
        if len(value) > MAX_CELL:
            params = {"length": len(value), "limit": MAX_CELL}
            problems.append(Problem("row.cell_too_long", params, index, fatal=True))
            values[index] = value[:200]
    return Row(number, values, tuple(problems))


def _flat(entry: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in entry.items():
        if isinstance(value, dict) and depth < 4:
            inner = prefix if name in _FLAT and not prefix else f"{prefix}{name}."
            found.update(_flat(value, inner, depth + 1))
        else:
            found[f"{prefix}{name}"] = _text(value)
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    if value is True or value is False:
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").strip()
    if isinstance(value, list):
        return "; ".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


class _Fault:
    """Where the file stops being JSON."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _entries(source: Source, encoding: Encoding) -> Iterator[Any]:
    """The entries of the list, one by one; a :class:`_Fault` last when the file is broken."""
    text = _Text(source, encoding)
    text.fill()
    begin = _SPACE.match(text.buffer)
    at = begin.end() if begin else 0
    opening = text.buffer[at : at + 1]
    if opening == "[":
        text.drop(at + 1)
    elif opening == "{":
        inner = _LISTS.search(text.buffer)
        if inner and not _one_object_a_line(text.buffer, at):
            text.drop(inner.end())
        elif not _one_object_a_line(text.buffer, at):
            raise refuse("file.not_records")
    else:
        raise refuse("file.not_records")
    yield from _listed(text)


def _one_object_a_line(buffer: str, at: int) -> bool:
    first = buffer[at:].split("\n", 1)[0]
    try:
        return isinstance(json.loads(first), dict) and not _LISTS.match(first.lstrip("{ "))
    except ValueError:
        return False


class _Text:
    """Decoded text with a moving front."""

    def __init__(self, source: Source, encoding: Encoding) -> None:
        self.stream = source.open()
        self.stream.read(encoding.mark)
        self.decoder = codecs.getincrementaldecoder(encoding.name)("replace")
        self.buffer = ""
        self.ended = False

    def fill(self) -> None:
        """Read on; ``ended`` turns true at the end of the file."""
        try:
            chunk = self.stream.read(max(CHUNK, len(self.buffer)))
        except BROKEN:
            chunk = b""
        self.ended = not chunk
        self.buffer += self.decoder.decode(chunk, final=self.ended)

    def drop(self, count: int) -> None:
        """Forget the first characters."""
        self.buffer = self.buffer[count:]


def _listed(text: _Text) -> Iterator[Any]:
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)
    at = 0
    while True:
        space = _SPACE.match(text.buffer, at)
        at = space.end() if space else at
        if at < len(text.buffer) and text.buffer[at] == "]":
            return
        value: Any = _BROKEN
        reason = "unexpected end"
        if at < len(text.buffer):
            try:
                value, end = decoder.raw_decode(text.buffer, at)
            except (ValueError, RecursionError) as error:
                reason = getattr(error, "msg", "nested too deeply")
        if value is not _BROKEN and (end < len(text.buffer) or text.ended):
            yield value
            at = end
            if at > CHUNK:
                text.drop(at)
                at = 0
            continue
        text.drop(at)
        at = 0
        if text.ended or len(text.buffer) > MAX_ENTRY:
            if text.buffer.strip(" \r\n\t,"):
                yield _Fault(reason)
            return
        text.fill()
