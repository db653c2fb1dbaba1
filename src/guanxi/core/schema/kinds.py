"""The kinds of values. Each face keeps one table from kind to its own part; a test demands that it covers every kind.

A kind knows how to read a value (``parse``: text from a form or file, or JSON from the API, to a Python value), how to
write it as plain text (``text``: for export, templates, audit) and which operators a filter offers. Whether a reference
or a choice exists is checked on the records floor; here nothing asks the database.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Text
from guanxi.core.schema import entries
from guanxi.core.schema import operators as op
from guanxi.core.schema import parsing as read
from guanxi.core.schema.fields import Field

Parse = Callable[[Any, Field], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of value.

    ``parse`` raises Invalid without a field name; the caller adds it. ``cast`` is the SQL type of a custom value,
    ``multiple`` says that a value is a list, ``sortable`` and ``groupable`` what lists may do with it, ``summable``
    whether adding up makes sense.
    """

    name: str
    label: Text
    operators: tuple[str, ...]
    parse: Parse
    text: Callable[[Any, Field], str] = read.as_text
    cast: str = "text"
    multiple: bool = False
    sortable: bool = True
    groupable: bool = False
    summable: bool = False
    written: bool = True


def _kinds(*kinds: Kind) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


KINDS: dict[str, Kind] = _kinds(
    Kind(name="text", label=_("Text"), operators=op.TEXT, parse=read.text),
    Kind(name="long_text", label=_("Long text"), operators=op.LONG_TEXT, parse=read.long_text, sortable=False),
    Kind(name="rich_text", label=_("Formatted text"), operators=op.LONG_TEXT, parse=read.rich_text, sortable=False),
    Kind(
        name="integer", label=_("Whole number"), operators=op.NUMBER, parse=read.integer, cast="numeric", summable=True
    ),
    Kind(name="decimal", label=_("Number"), operators=op.NUMBER, parse=read.decimal, cast="numeric", summable=True),
    Kind(name="percent", label=_("Percent"), operators=op.NUMBER, parse=read.percent, cast="numeric"),
    Kind(name="money", label=_("Money"), operators=op.NUMBER, parse=read.money, cast="numeric", summable=True),
    Kind(name="date", label=_("Date"), operators=op.DATE, parse=read.date, cast="date", groupable=True),
    Kind(
        name="datetime",
        label=_("Date and time"),
        operators=op.DATE,
        parse=read.datetime,
        cast="timestamptz",
        groupable=True,
    ),
    Kind(name="time", label=_("Time of day"), operators=op.NUMBER, parse=read.time, cast="time"),
    Kind(name="choice", label=_("Choice"), operators=op.TREE, parse=read.choice, groupable=True),
    Kind(
        name="choices",
        label=_("Several choices"),
        operators=op.SET,
        parse=read.choices,
        cast="jsonb",
        multiple=True,
        sortable=False,
    ),
    Kind(
        name="boolean", label=_("Yes or no"), operators=op.BOOLEAN, parse=read.boolean, cast="boolean", groupable=True
    ),
    Kind(
        name="reference",
        label=_("Reference"),
        operators=op.REFERENCE,
        parse=read.identifier,
        cast="bigint",
        groupable=True,
    ),
    Kind(
        name="references",
        label=_("Several references"),
        operators=op.SET,
        parse=read.identifiers,
        cast="jsonb",
        multiple=True,
        sortable=False,
    ),
    Kind(name="user", label=_("Person"), operators=op.REFERENCE, parse=read.identifier, cast="bigint", groupable=True),
    Kind(name="region", label=_("Region"), operators=op.TREE, parse=read.text, groupable=True),
    Kind(name="email", label=_("E-mail"), operators=op.TEXT, parse=entries.email),
    Kind(name="phone", label=_("Phone"), operators=op.TEXT, parse=entries.phone),
    Kind(name="url", label=_("Web address"), operators=op.TEXT, parse=entries.url),
    Kind(
        name="emails",
        label=_("Several e-mails"),
        operators=op.ENTRIES,
        parse=entries.emails,
        text=entries.entries_text,
        cast="jsonb",
        multiple=True,
        sortable=False,
    ),
    Kind(
        name="phones",
        label=_("Several phones"),
        operators=op.ENTRIES,
        parse=entries.phones,
        text=entries.entries_text,
        cast="jsonb",
        multiple=True,
        sortable=False,
    ),
    Kind(
        name="urls",
        label=_("Several web addresses"),
        operators=op.ENTRIES,
        parse=entries.urls,
        text=entries.entries_text,
        cast="jsonb",
        multiple=True,
        sortable=False,
    ),
    Kind(
        name="addresses",
        label=_("Addresses"),
        operators=op.ENTRIES,
        parse=entries.addresses,
        text=entries.addresses_text,
        cast="jsonb",
        multiple=True,
        sortable=False,
    ),
    Kind(
        name="table",
        label=_("Table"),
        operators=op.PRESENCE,
        parse=entries.table,
        text=entries.table_text,
        cast="jsonb",
        multiple=True,
        sortable=False,
    ),
    Kind(
        name="tags",
        label=_("Tags"),
        operators=op.SET,
        parse=read.identifiers,
        cast="jsonb",
        multiple=True,
        sortable=False,
    ),
    Kind(name="file", label=_("File"), operators=op.PRESENCE, parse=read.identifier, cast="bigint", sortable=False),
    Kind(name="image", label=_("Picture"), operators=op.PRESENCE, parse=read.identifier, cast="bigint", sortable=False),
    Kind(name="serial", label=_("Serial number"), operators=op.TEXT, parse=read.text),
    Kind(
        name="formula",
        label=_("Formula"),
        operators=op.NUMBER,
        parse=read.decimal,
        cast="numeric",
        summable=True,
        written=False,
    ),
    Kind(
        name="rollup",
        label=_("Roll-up"),
        operators=op.NUMBER,
        parse=read.decimal,
        cast="numeric",
        summable=True,
        written=False,
    ),
)


def kind_of(field: Field) -> Kind:
    """The kind of a field; KeyError would be a declaration error the system checks have reported."""
    return KINDS[field.kind]


def parse(field: Field, raw: Any) -> Any:
    """Read a raw value for a field: ``None`` for nothing given. Raises Invalid carrying the field's name."""
    return read.parse_field(KINDS[field.kind].parse, field, raw)


def text_of(field: Field, value: Any) -> str:
    """The value as plain text, '' for nothing; choices and references are named by the records floor."""
    return "" if value is None else KINDS[field.kind].text(value, field)


_TIMES, _PLAIN = (dt.date, dt.time), (str, int, list, dict, type(None))


def json_of(value: Any) -> Any:
    """The value as JSON data: dates as ISO 8601, decimals as text."""
    if isinstance(value, _TIMES):
        return value.isoformat()
    return value if isinstance(value, _PLAIN) else str(value)
