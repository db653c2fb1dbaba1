"""From the cells of a row to raw values by field, as the mapping says."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.exchange import words
from guanxi.core.exchange.mapping import FieldMap, Target
from guanxi.core.exchange.regions import region_code
from guanxi.core.exchange.writers import unguarded
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.phones import parse_phone, split_phones
from guanxi.core.kernel.text import has_han
from guanxi.core.records import dictionaries
from guanxi.core.schema import parsing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field

_SHORT_DATE = re.compile(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(.*)", re.DOTALL)
_LABELS = {"work": _("Work"), "home": _("Home"), "mobile": _("Mobile"), "fax": _("Fax")}


@dataclass(slots=True)
class Filled:
    """Raw values of one row; references still by what the file calls them (``names``: field → text)."""

    given: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    parts: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    phones: list[tuple[str, str, str]] = field(default_factory=list)
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    cleared: list[str] = field(default_factory=list)


#: What to do with a filled cell; or the name of the field that takes it as it is.
Handler = Callable[[str, Filled], None] | str
#: Longer cells are no blank word.
_LONGEST = max(map(len, words.BLANK_WORDS))


class Filler:
    """Applies one mapping to row after row; everything that is the same for all rows is worked out once."""

    def __init__(
        self, entity: Entity, fields: Mapping[str, Field], mapping: FieldMap, *, clear_blank: bool = False
    ) -> None:
        self.entity = entity
        self.fields = fields
        self.defaults = dict(mapping.defaults)
        self.named = {name for name, value in self.defaults.items() if _names_a_record(fields.get(name), value)}
        self.clear_blank = clear_blank
        owner = entity.access.owner
        self.owner = owner if any(one.field == owner for one in mapping.targets.values()) else ""
        self.handlers = [(index, self._handler(target), target) for index, target in mapping.targets.items()]

    def fill(self, cells: Sequence[str]) -> Filled:
        """The raw values of one row."""
        filled = Filled()
        given = filled.given
        count, blank = len(cells), words.BLANK_WORDS
        for index, handler, target in self.handlers:
            cell = cells[index] if index < count else ""
            if cell[:1] == "'":
                cell = unguarded(cell)
            if cell and (len(cell) > _LONGEST or cell.casefold() not in blank):
                if isinstance(handler, str):
                    given[handler] = cell
                else:
                    handler(cell, filled)
            elif self.clear_blank and not target.part:
                filled.cleared.append(target.field)
        self._compose(filled)
        for name, value in self.defaults.items():
            if name not in given and name not in filled.names:
                if name in self.named:
                    filled.names[name] = value
                else:
                    given[name] = value
        for name in filled.cleared:
            if name not in given and name not in filled.names:
                given[name] = None
        if self.owner and self.owner not in given and self.owner not in filled.names:
            given[self.owner] = None
        return filled

    def _handler(self, target: Target) -> Handler:
        """What to do with filled cells of one column."""
        name, kind = target.field, self.fields[target.field].kind
        if kind in ("reference", "references", "user"):
            return lambda cell, filled: filled.names.__setitem__(name, cell)
        if kind in ("phones", "phone"):
            return lambda cell, filled: filled.phones.append((name, target.label, cell))
        if kind in ("emails", "urls"):
            return _list_handler(name, target.label, r"[;；,，、\s]+" if kind == "emails" else r"[;；\s]+")
        if kind == "table" and target.part:
            return lambda cell, filled: filled.rows.setdefault(name, {}).__setitem__(target.part, cell)
        if kind == "addresses" or target.part:
            part = target.part or "street"

            def add_part(cell: str, filled: Filled) -> None:
                held = filled.parts.setdefault((name, target.label if kind == "addresses" else ""), {})
                held[part] = f"{held[part]} {cell}" if part in held and part == "street" else cell

            return add_part
        if kind in ("choice", "choices", "boolean") and (target.values or self.fields[name].choices):
            return self._choice_handler(target)
        if kind == "region":
            return lambda cell, filled: filled.given.__setitem__(name, region_code(cell) or cell)
        if kind in ("date", "datetime"):
            return lambda cell, filled: filled.given.__setitem__(name, ordered_date(cell, target.order))
        if kind == "tags":
            return lambda cell, filled: filled.names.__setitem__(name, cell)
        if kind == "integer" and self.fields[name].year:
            return lambda cell, filled: filled.given.__setitem__(name, year_of(cell, self.fields[name]))
        return name

    def _choice_handler(self, target: Target) -> Handler:
        known = {words.plain(said): key for said, key in target.values.items()}
        keys = {key for key, _label in self.fields[target.field].choices}
        for key in keys:
            for word in words.VALUE_WORDS.get(key, ()):
                known.setdefault(words.plain(word), key)

        def put(cell: str, filled: Filled) -> None:
            filled.given[target.field] = known.get(words.plain(cell), cell)

        return put

    def _compose(self, filled: Filled) -> None:
        """Put parts together: a person's name, addresses; read phones by the country of the row."""
        filled.given.update({name: [row] for name, row in filled.rows.items()})
        country = ""
        for (name, label), parts in filled.parts.items():
            if self.fields[name].kind == "addresses":
                entry = compose_address(parts)
                if label:
                    entry["label"] = str(_LABELS.get(label, label))
                filled.given.setdefault(name, []).append(entry)
                country = country or entry.pop("country_code", "")
                entry.pop("country_code", None)
            elif not filled.given.get(name):
                composed = compose_name(parts)
                if composed:
                    filled.given[name] = composed
        if not country and isinstance(filled.given.get("region"), str):
            country = filled.given["region"][:2]
        for name, label, cell in filled.phones:
            entries = [_phone_entry(part, label, country) for part in split_phones(cell) or [cell]]
            if self.fields[name].kind == "phone":
                filled.given[name] = entries[0]["value"]
            else:
                filled.given.setdefault(name, []).extend(entries)


def _names_a_record(field: Field | None, value: Any) -> bool:
    """Whether a default says what the record meant is called, rather than its id."""
    return field is not None and field.kind in ("reference", "user") and isinstance(value, str) and not value.isdigit()


def _list_handler(name: str, label: str, separator: str) -> Handler:
    split = re.compile(separator)
    said = _LABELS.get(label, "")

    def put(cell: str, filled: Filled) -> None:
        entries = filled.given.setdefault(name, [])
        entries.extend({"value": part, "label": said} for part in split.split(cell) if part)

    return put


def _phone_entry(written: str, label: str, country: str) -> dict[str, str]:
    """An entry for the parser; a number of another country gets its code, so that it can be read."""
    value = written
    if country and country != "CN" and not written.lstrip().startswith(("+", "00")):
        try:
            phone = parse_phone(written, country)
            value = phone.e164 + (f" ext {phone.extension}" if phone.extension else "")
        except Invalid:
            value = written
    return {"value": value, "label": str(_LABELS.get(label, ""))}


def ordered_date(text: str, order: str) -> str:
    """A date such as 4/8/1966 with the year first, if the order is known; other texts as they are."""
    found = _SHORT_DATE.fullmatch(text) if order in ("mdy", "dmy") else None
    if found is None:
        return text
    first, second, year, rest = found.groups()
    month, day = (first, second) if order == "mdy" else (second, first)
    try:
        return dt.date(int(year), int(month), int(day)).isoformat() + rest
    except ValueError:
        return text


def year_of(text: str, field: Field) -> str:
    """The year of a day where a year is asked for; other texts as they are."""
    try:
        return str(parsing.date(text, field).year) if len(text) > len("2024") else text
    except Invalid:
        return text


def compose_name(parts: Mapping[str, str]) -> str:
    """A person's name from its parts: family name first and unspaced in Chinese, last elsewhere."""
    first, middle, last = (parts.get(part, "") for part in ("first", "middle", "last"))
    if has_han(last + first):
        return f"{last}{middle}{first}"
    suffix = parts.get("suffix", "") if first or last else ""
    name = " ".join(part for part in (first, middle, last) if part)
    return f"{name}, {suffix}" if suffix and name else name


def compose_address(parts: Mapping[str, str]) -> dict[str, str]:
    """An address entry from its parts; a known region of China becomes its code, other places stay in the text."""
    country = parts.get("country", "")
    places = [parts[part] for part in ("state", "city", "district") if parts.get(part)]
    code = region_code(country) if country else ""
    entry: dict[str, str] = {"country": country, "postcode": parts.get("postcode", ""), "country_code": code[:2]}
    street = " ".join([parts[part] for part in ("street", "street2") if parts.get(part)])
    region = _region_of(places) if code in ("", "CN") else ""
    if region:
        entry["region"] = region
        entry["street"] = street
    elif not places:
        entry["street"] = street.strip()
    else:
        chinese = has_han("".join(places) + street)
        named = places if chinese else list(reversed(places))
        entry["street"] = ("".join([*places, street]) if chinese else ", ".join(filter(None, [street, *named]))).strip()
    return entry


def _region_of(places: Sequence[str]) -> str:
    """The code of the last of some places, each lying within the one before; '' when one is not a Chinese region."""
    code = ""
    for place in places:
        found = region_code(place)
        if not found.startswith("CN") or (code and not found.startswith(code)):
            inner = (
                [one.key for one in dictionaries.regions(code) if words.plain(place) and one.zh.startswith(place)]
                if code
                else []
            )
            if len(inner) != 1:
                return "" if not code or not found.startswith("CN") else code
            found = inner[0]
        code = found
    return code
