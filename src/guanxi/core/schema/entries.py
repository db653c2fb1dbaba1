"""Reading ways to reach somebody, lists of entries, addresses and tables; see :mod:`guanxi.core.schema.parsing`."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import phones as phone_numbers
from guanxi.core.kernel.errors import Invalid
from guanxi.core.schema.fields import Field
from guanxi.core.schema.parsing import (
    CONTROL,
    boolean,
    choice,
    date,
    decimal,
    integer,
    long_text,
    money,
    parse_field,
    percent,
    text,
)

_EMAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]]+@(?:[^\s@.<>\"(),:;\\\[\]]+\.)+[^\s@.<>\"(),:;\\\[\]]{2,}")


#: What says that an entry is the primary one.
_YES = (True, "true", "1", "on", 1)


def email(raw: Any, _field: Field) -> str:
    """An e-mail address; the domain in lower case."""
    value = str(raw)
    if not value.isascii():
        value = unicodedata.normalize("NFKC", value)
    value = value.strip().strip("<>").removeprefix("mailto:")
    if len(value) > 254 or not _EMAIL.fullmatch(value):
        raise Invalid(_("“%(value)s” is not an e-mail address.") % {"value": value[:60]}, code="email.format")
    name, _at, domain = value.rpartition("@")
    return f"{name}@{domain.casefold()}"


def phone(raw: Any, _field: Field) -> str:
    """A phone number as E.164."""
    return phone_numbers.parse_phone(str(raw)).e164


def url(raw: Any, _field: Field) -> str:
    """A web address; ``https://`` is added when no scheme is given."""
    value = str(raw).strip()
    if "://" not in value:
        value = f"https://{value}"
    if len(value) > 500 or not re.fullmatch(
        r"https?://[^\s/?#.@<>\"']+(\.[^\s/?#.@<>\"']+)+([/?#][^\s<>\"']*)?", value, re.IGNORECASE
    ):
        raise Invalid(_("“%(value)s” is not a web address.") % {"value": str(raw)[:60]}, code="url.format")
    return value


def _parts(raw: Any) -> list[Any]:
    """Entries of a list field: a JSON list, or text split at line ends, semicolons and commas."""
    if isinstance(raw, (list, tuple)):
        return [part for part in raw if part not in ("", None, {})]
    if isinstance(raw, Mapping):
        return [raw]
    return [part for part in (one.strip() for one in re.split(r"[;；\n|]+", str(raw))) if part]


def _entries(raw: Any, one: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries {value, label, primary …}, each value once; the first is the primary one if none is marked."""
    found: dict[str, dict[str, Any]] = {}
    for part in _parts(raw):
        given = part if isinstance(part, (dict, Mapping)) else {"value": part}
        value, written = given.get("value"), given.get("written")
        if not str(value or written or "").strip():
            continue
        entry = one(str(written or value).strip())
        label = str(given.get("label") or "")
        entry["label"] = CONTROL.sub("", label)[:30] if label else ""
        entry["primary"] = given.get("primary") in _YES
        found.setdefault(entry["value"], entry)
    return _with_primary(list(found.values()))


def _with_primary(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The primary one first: the first that is marked, else the first."""
    if len(entries) == 1:
        entries[0]["primary"] = True
        return entries
    if len(entries) > 50:
        raise Invalid(_("At most 50 entries are possible."), code="entries.too_many")
    chosen = next((position for position, entry in enumerate(entries) if entry["primary"]), 0)
    for position, entry in enumerate(entries):
        entry["primary"] = position == chosen
    entries.sort(key=lambda entry: not entry["primary"])
    return entries


def phones(raw: Any, _field: Field) -> list[dict[str, Any]]:
    """Phone numbers: ``[{value: E.164, written, label, primary}]``, the primary one first."""

    def one(written: str) -> dict[str, Any]:
        number = phone_numbers.parse_phone(written)
        return {
            "value": number.e164 + (f";ext={number.extension}" if number.extension else ""),
            "written": number.written,
        }

    return _entries(raw, one)


def emails(raw: Any, field: Field) -> list[dict[str, Any]]:
    """E-mail addresses: ``[{value, label, primary}]``, the primary one first."""
    return _entries(
        re.sub(r"[,\s]+", ";", raw) if isinstance(raw, str) else raw, lambda one: {"value": email(one, field)}
    )


def urls(raw: Any, field: Field) -> list[dict[str, Any]]:
    """Web addresses: ``[{value, label, primary}]``, the primary one first."""
    return _entries(re.sub(r"\s+", ";", raw) if isinstance(raw, str) else raw, lambda one: {"value": url(one, field)})


ADDRESS_PARTS = ("country", "region", "street", "postcode", "label")


def addresses(raw: Any, _field: Field) -> list[dict[str, Any]]:
    """Addresses: ``[{street, region, country, postcode, label, primary}]``; plain text becomes the street."""
    entries: list[dict[str, Any]] = []
    for part in _parts(raw) if not isinstance(raw, str) else [raw]:
        given = part if isinstance(part, (dict, Mapping)) else {"street": part}
        entry: dict[str, Any] = {
            name: _line(said)[: 300 if name == "street" else 60] if (said := given.get(name)) else ""
            for name in ADDRESS_PARTS
        }
        if entry["street"] or entry["region"] or entry["country"] or entry["postcode"]:
            entry["primary"] = given.get("primary") in _YES
            entries.append(entry)
    return _with_primary(entries)


def _line(said: Any) -> str:
    text = str(said)
    return " ".join((text if text.isprintable() else CONTROL.sub(" ", text)).split())


#: Rows a table may have.
MOST_ROWS = 200


def table(raw: Any, field: Field) -> list[dict[str, Any]]:
    """Rows of a table; each cell is read by its column's kind. An error names ``field.row.column``."""
    if not isinstance(raw, list | tuple):
        raise Invalid(_("This must be a list of rows."), code="table.type")
    if len(raw) > MOST_ROWS:
        raise Invalid(_("At most 200 rows are possible."), code="entries.too_many")
    rows: list[dict[str, Any]] = []
    for number, given in enumerate(raw):
        if not isinstance(given, Mapping):
            raise Invalid(_("This must be a list of rows."), code="table.type")
        row = {column.name: _cell(given.get(column.name), column, f"{field.name}.{number}") for column in field.columns}
        if any(value not in (None, "") for value in row.values()):
            rows.append(row)
    return rows


_CELLS: dict[str, Callable[[Any, Field], Any]] = {
    "text": text,
    "long_text": long_text,
    "integer": integer,
    "decimal": decimal,
    "percent": percent,
    "money": money,
    "date": date,
    "boolean": boolean,
    "choice": choice,
    "email": email,
    "phone": phone,
    "url": url,
}


def _cell(raw: Any, column: Field, place: str) -> Any:
    try:
        value = parse_field(_CELLS[column.kind], column, raw)
    except Invalid as error:
        raise Invalid(error.message, code=error.code, field=f"{place}.{column.name}") from None
    if value is None and column.required and raw is not None:
        raise Invalid(_("This must be filled."), code="value.required", field=f"{place}.{column.name}")
    return value.isoformat() if isinstance(value, dt.date) else str(value) if isinstance(value, Decimal) else value


def entries_text(value: Any, _field: Field) -> str:
    """Entries as text, separated by semicolons; phones as they were written."""
    return "; ".join(str(entry.get("written") or entry.get("value")) for entry in value)


def addresses_text(value: Any, _field: Field) -> str:
    """Addresses as text, the parts in order of size."""
    return "; ".join(" ".join(str(entry[name]) for name in ADDRESS_PARTS[:4] if entry.get(name)) for entry in value)


def table_text(value: Any, field: Field) -> str:
    """Rows as text: cells by ``/``, rows by semicolons."""
    return "; ".join("/".join(str(row.get(column.name) or "") for column in field.columns) for row in value)
