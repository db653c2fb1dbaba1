"""vCard files, versions 2.1 to 4.0: one card one row, with the columns the cards in the file use."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from vobject.base import readOne

from guanxi.core.exchange.reading.encoding import Encoding, Lines, bad_bytes
from guanxi.core.exchange.reading.source import Source
from guanxi.core.exchange.reading.table import Facts, Problem, Row, Table, name_columns, refuse

#: A card with more lines than this is refused; pictures count (one line is about 75 characters).
MAX_LINES = 100_000
MAX_LINE = 4 * 1024**2

#: All columns, in the order they are shown. Names are those people know from address books.
COLUMNS = (
    "Full name", "Prefix", "First name", "Middle name", "Last name", "Suffix", "Nickname", "Phonetic name", "Kind",
    "Company", "Department", "Job title", "Role", "Mobile", "Work phone", "Home phone", "Phone", "Fax", "Pager",
    "Email", "Website", "Instant messaging",
    "Work street", "Work city", "Work state", "Work postal code", "Work country",
    "Home street", "Home city", "Home state", "Home postal code", "Home country",
    "Address street", "Address city", "Address state", "Address postal code", "Address country",
    "Birthday", "Anniversary", "Gender", "Language", "Time zone", "Geo", "Categories", "Related", "Note", "External ID", "Revised",
)  # fmt: skip
_PLACES = {name: index for index, name in enumerate(COLUMNS)}
#: Properties that hold no text a record could take.
_LEFT_OUT = frozenset(("photo", "logo", "sound", "key", "agent", "thumbnail", "x-addressbookserver-photo"))
_SILENT = frozenset(("version", "prodid", "sort-string", "label", "class", "mailer", "source", "name", "profile", "x-ablabel",
                     "x-abadr", "x-abuid", "x-abshowas", "begin", "end", "clientpidmap", "xml"))  # fmt: skip
_SIMPLE = {
    "nickname": "Nickname", "title": "Job title", "role": "Role", "url": "Website", "bday": "Birthday",
    "anniversary": "Anniversary", "x-anniversary": "Anniversary", "gender": "Gender", "x-gender": "Gender", "lang": "Language",
    "tz": "Time zone", "geo": "Geo", "categories": "Categories", "note": "Note", "uid": "External ID", "rev": "Revised",
    "related": "Related", "kind": "Kind", "x-addressbookserver-kind": "Kind", "impp": "Instant messaging",
    "x-phonetic-first-name": "Phonetic name", "x-phonetic-last-name": "Phonetic name",
}  # fmt: skip
_MESSENGERS = frozenset(("x-aim", "x-icq", "x-jabber", "x-msn", "x-skype", "x-skype-username", "x-yahoo", "x-qq", "x-wechat",
                         "x-gtalk", "x-google-talk", "x-gadugadu", "x-groupwise", "x-twitter"))  # fmt: skip


def open_vcard(source: Source, encoding: Encoding, numbered: Callable[[int], str]) -> Table:
    """A table over a vCard file; a file without any card is refused."""
    used = [False] * len(COLUMNS)
    left_out: dict[str, int] = {}
    count = 0
    for _number, values, dropped, _fault in _cards(source, encoding):
        count += 1
        for index, value in enumerate(values):
            used[index] = used[index] or bool(value)
        for name in dropped:
            left_out[name] = left_out.get(name, 0) + 1
    if not count:
        raise refuse("file.no_rows")
    used[_PLACES["Full name"]] = True
    places = [index for index, use in enumerate(used) if use]
    columns, problems = name_columns([COLUMNS[index] for index in places], numbered)
    if left_out:
        names = ", ".join(f"{name.upper()} ({times})" for name, times in sorted(left_out.items()))
        problems.append(Problem("file.properties_left_out", {"names": names}))
    if not encoding.sure:
        problems.append(Problem("file.encoding_guessed", {"encoding": encoding.name}))
    facts = Facts(format="vcard", encoding=encoding.name, encoding_sure=encoding.sure, header_row=0)

    def start() -> Iterator[Row]:
        for number, values, _dropped, fault in _cards(source, encoding):
            found = (fault,) if fault else ()
            cells = [values[index] for index in places]
            if not fault and any(map(bad_bytes, cells)):
                found = (Problem("row.bad_bytes", {"encoding": encoding.name}, fatal=True),)
                cells = [re.sub("[\udc80-\udcff]", "\ufffd", cell) for cell in cells]
            yield Row(number, cells, found)

    return Table(source.name, columns, facts, tuple(problems), start)


Card = tuple[int, list[str], list[str], Problem | None]


def _cards(source: Source, encoding: Encoding) -> Iterator[Card]:
    for number, (lines, complete) in enumerate(_blocks(Lines(source, encoding)), 1):
        values = [""] * len(COLUMNS)
        if not complete:
            yield number, values, [], _unreadable("END:VCARD is missing")
            continue
        try:
            card = readOne("".join(lines), allowQP=True, ignoreUnreadable=False, validate=False)  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - the library raises whatever its parsing trips over
            try:
                card = readOne("".join(_sound(lines)), allowQP=True, ignoreUnreadable=True, validate=False)  # type: ignore[no-untyped-call]
            except Exception as error:  # noqa: BLE001
                yield number, values, [], _unreadable(str(error)[:200])
                continue
        dropped = _fill(values, card)
        if not any(values):
            yield number, values, dropped, _unreadable("no name, company, mail or number in it")
            continue
        yield number, values, dropped, None


def _unreadable(reason: str) -> Problem:
    return Problem("row.card_unreadable", {"reason": reason}, fatal=True)


def _blocks(lines: Lines) -> Iterator[tuple[list[str], bool]]:
    """The lines of each card, and whether its end was found. Cards within cards stay inside."""
    block: list[str] = []
    depth = 0
    for line in lines:
        mark = line.strip().upper()
        if mark == "BEGIN:VCARD":
            if depth and not (block and block[-1].strip().upper().startswith("AGENT")):
                yield block, False
                block, depth = [], 0
            depth += 1
        if not depth:
            continue
        if line.strip() and len(block) < MAX_LINES and len(line) < MAX_LINE:
            block.append(line.rstrip("\r\n") + "\r\n")
        if mark == "END:VCARD":
            depth -= 1
            if not depth:
                yield block, True
                block = []
    if block:
        yield block, False


def _sound(lines: list[str]) -> list[str]:
    """Only lines that are properties or go on with one."""
    return [line for line in lines if line[0] in " \t" or re.match(r"[\w.-]+(;[^:]*)?:", line)]


def _fill(values: list[str], card: Any) -> list[str]:  # noqa: C901 - one branch a property
    """Put a card's properties into their columns; answers the names of those left out."""
    dropped: list[str] = []
    for line in card.getChildren():
        name = line.name.lower()
        if name in _LEFT_OUT:
            dropped.append(name)
        elif name == "n":
            _name(values, line.value)
        elif name == "fn":
            _put(values, "Full name", _plain(line.value))
        elif name == "adr":
            _address(values, line)
        elif name == "org":
            parts = [_plain(part) for part in (line.value if isinstance(line.value, list) else [line.value])]
            _put(values, "Company", parts[0] if parts else "")
            _put(values, "Department", ", ".join(filter(None, parts[1:])))
        elif name == "tel":
            _put(values, _phone_column(_types(line)), _uri(_plain(line.value)))
        elif name == "email":
            _put(values, "Email", _uri(_plain(line.value)))
        elif name in ("bday", "anniversary", "x-anniversary"):
            _day(values, _SIMPLE[name], _plain(line.value))
        elif name in _SIMPLE:
            _put(values, _SIMPLE[name], _uri(_plain(line.value)))
        elif name in _MESSENGERS:
            _put(values, "Instant messaging", f"{name[2:]}:{_plain(line.value)}")
        elif name not in _SILENT:
            dropped.append(name)
        if name == "x-abshowas" and _plain(line.value).upper() == "COMPANY":
            _put(values, "Kind", "org")
    if not values[0]:
        first, middle, last = (values[_PLACES[part]] for part in ("First name", "Middle name", "Last name"))
        values[0] = " ".join(filter(None, (first, middle, last))) or values[_PLACES["Company"]]
    return dropped


def _day(values: list[str], column: str, text: str) -> None:
    """A day in ISO form, the first one given; one without a year goes to the note."""
    found = re.match(r"(\d{4})-?(\d{2})-?(\d{2})", text)
    if not found:
        _put(values, "Note", f"{column}: {text}" if text else "")
    elif not values[_PLACES[column]]:
        values[_PLACES[column]] = "-".join(found.groups())


def _put(values: list[str], column: str, value: str) -> None:
    """Add a value to a column; several are joined, one card never says the same twice."""
    if not value:
        return
    place = _PLACES[column]
    if column in ("Full name", "Company") and values[place]:
        return
    known = values[place].split("; ") if values[place] else []
    if value not in known:
        values[place] = "; ".join([*known, value])


def _name(values: list[str], name: Any) -> None:
    if values[_PLACES["Last name"]] or values[_PLACES["First name"]]:
        return
    if isinstance(name, str):
        _put(values, "Last name", _plain(name))
        return
    parts = {
        "Prefix": "prefix",
        "First name": "given",
        "Middle name": "additional",
        "Last name": "family",
        "Suffix": "suffix",
    }
    for column, part in parts.items():
        _put(values, column, _plain(getattr(name, part, "")))


def _address(values: list[str], line: Any) -> None:
    types = _types(line)
    kind = "Work" if "work" in types else "Home" if "home" in types else "Address"
    address = line.value
    if isinstance(address, str):
        _put(values, f"{kind} street", _plain(address))
        return
    if any(values[_PLACES[f"{kind} {part}"]] for part in ("street", "city", "country")):
        whole = (
            address.box,
            address.extended,
            address.street,
            address.city,
            address.region,
            address.code,
            address.country,
        )
        text = ", ".join(filter(None, map(_plain, whole)))
        if text:
            _put(values, "Note", text)
        return
    street = " ".join(filter(None, map(_plain, (address.box, address.extended, address.street))))
    parts = {
        "street": street,
        "city": address.city,
        "state": address.region,
        "postal code": address.code,
        "country": address.country,
    }
    for part, value in parts.items():
        _put(values, f"{kind} {part}", _plain(value))


def _types(line: Any) -> set[str]:
    """The TYPE values of a property, and the bare ones of version 2.1."""
    found: set[str] = set()
    for values in line.params.values():
        found.update(part.strip('" ').lower() for value in values for part in str(value).split(","))
    found.update(str(value).lower() for value in getattr(line, "singletonparams", ()))
    return found


def _phone_column(types: set[str]) -> str:
    if "fax" in types:
        return "Fax"
    if types & {"cell", "mobile", "iphone"}:
        return "Mobile"
    if "pager" in types:
        return "Pager"
    if "work" in types:
        return "Work phone"
    return "Home phone" if "home" in types else "Phone"


def _plain(value: Any) -> str:
    """A property's value as one line of text (notes keep their line breaks)."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, list):
        return ", ".join(filter(None, map(_plain, value)))
    text = str(value or "").replace("\0", "")
    text = re.sub(r"\\([,;:\\])", r"\1", text).replace("\\n", "\n").replace("\\N", "\n")
    return text.replace("\r\n", "\n").strip()


def _uri(value: str) -> str:
    """Without the scheme of ``tel:`` and ``mailto:``."""
    scheme, _colon, rest = value.partition(":")
    if scheme.lower() in ("tel", "mailto"):
        return urllib.parse.unquote(rest.split(";", 1)[0])
    return value
