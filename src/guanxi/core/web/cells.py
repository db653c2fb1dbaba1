"""How a value is shown in a list, on a card or in a fact line: one function per kind, compiled once per column.

A factory takes the field and the :class:`Names` of everything the page will show (choices, records, people) and
returns ``cell(value) -> Markup``. No cell asks the database and none looks up a template: a page of 50 by 8 costs
about two milliseconds.
"""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.utils.html import strip_tags
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext as _
from markupsafe import Markup

from guanxi.core.kernel import clock
from guanxi.core.kernel.regional import person_name
from guanxi.core.records import dictionaries
from guanxi.core.schema.fields import Field
from guanxi.core.web import formats
from guanxi.core.web.drawing import escaped, marked
from guanxi.core.web.icons import icon

Cell = Callable[[Any], Markup]
NOTHING = Markup("")
LONG = 140


@dataclass(frozen=True, slots=True)
class Named:
    """What stands for a key or an id on the page: its text, its colour (choices) and where it leads (records)."""

    text: str
    color: str = ""
    url: str = ""
    icon: str = ""
    active: bool = True


@dataclass(slots=True)
class Names:
    """Every name a page needs, fetched in a few queries before the rows are written.

    ``records[entity key][id]``, ``users[id]``, ``tags[id]``; what is missing is not visible to the actor and is shown
    as a dash. ``query`` is what was searched for, marked where it occurs.
    """

    records: Mapping[str, Mapping[int, Named]] = field(default_factory=dict)
    users: Mapping[int, Named] = field(default_factory=dict)
    tags: Mapping[int, Named] = field(default_factory=dict)
    query: str = ""


def badge(named: Named) -> Markup:
    """A coloured choice; without a colour it is plain text."""
    if not named.color:
        return escaped(named.text)
    return marked(f'<span class="gx-badge gx-c-{escaped(named.color)}">{escaped(named.text)}</span>')  # noqa: S704 - its parts are escaped


def avatar(name: str, size: str = "") -> Markup:
    """A round mark with the initials of a person; hidden from screen readers because the name stands beside it."""
    css, letters = f"gx-c-{formats.color_of(name)} {escaped(size)}", escaped(formats.initials(name))
    return marked(f'<span class="gx-avatar {css}" aria-hidden="true">{letters}</span>')  # noqa: S704 - its parts are escaped


def person(named: Named) -> Markup:
    """A person: avatar and name; those who left are marked."""
    gone = "" if named.active else Markup(' <span class="text-secondary">({})</span>').format(_("left"))
    return marked(f'<span class="gx-person">{avatar(named.text)}<span>{escaped(named.text)}</span></span>{gone}')  # noqa: S704 - its parts are escaped


def link(named: Named) -> Markup:
    """A record: a link with its name, or a badge where it stands for a choice."""
    if named.color:
        return badge(named)
    if not named.url:
        return escaped(named.text)
    return marked(f'<a href="{escaped(named.url)}">{escaped(named.text)}</a>')  # noqa: S704 - its parts are escaped


def _text(field: Field, names: Names) -> Cell:
    query = names.query
    if field.person:
        return lambda value: formats.highlighted(person_name(str(value)), query) if value not in (None, "") else NOTHING
    if query:
        return lambda value: formats.highlighted(str(value), query) if value not in (None, "") else NOTHING
    return lambda value: escaped(value) if value not in (None, "") else NOTHING


def _clipped(text: str) -> Markup:
    line = " ".join(text.split())
    if len(line) <= LONG:
        return escaped(line)
    return Markup('<span title="{}">{}…</span>').format(line[:1000], line[:LONG])


def _long_text(field: Field, _names: Names) -> Cell:
    if field.translated:
        return lambda value: _clipped(_(str(value))) if value else NOTHING
    return lambda value: _clipped(str(value)) if value else NOTHING


def _rich_text(_field: Field, _names: Names) -> Cell:
    return lambda value: _clipped(html.unescape(strip_tags(str(value)))) if value else NOTHING


def _number(field: Field, _names: Names) -> Cell:
    if field.plain:
        return lambda value: escaped("" if value is None else str(value))
    return lambda value: escaped(formats.number(value))


def _decimal(_field: Field, _names: Names) -> Cell:
    return lambda value: escaped(formats.number(value)) if value is not None else NOTHING


def _percent(_field: Field, _names: Names) -> Cell:
    return lambda value: escaped(formats.percent(value)) if value is not None else NOTHING


def _money(_field: Field, _names: Names) -> Cell:
    def cell(value: Any) -> Markup:
        if isinstance(value, tuple):
            return escaped(formats.money(value[0], value[1]))
        return escaped(formats.money(value))

    return cell


def _date(_field: Field, _names: Names) -> Cell:
    now, zone = clock.now(), get_current_timezone()

    def cell(value: Any) -> Markup:
        return formats.when(dt.date.fromisoformat(value) if isinstance(value, str) else value, now, zone)

    return cell


def _datetime(_field: Field, _names: Names) -> Cell:
    now, zone = clock.now(), get_current_timezone()

    def cell(value: Any) -> Markup:
        return formats.when(dt.datetime.fromisoformat(value) if isinstance(value, str) else value, now, zone)

    return cell


def _time(_field: Field, _names: Names) -> Cell:
    return lambda value: escaped(str(value)[:5]) if value else NOTHING


def _choice(fld: Field, _names: Names) -> Cell:
    known: dict[str, Markup] = {}

    def cell(value: Any) -> Markup:
        if value in (None, ""):
            return NOTHING
        if value not in known:
            one = dictionaries.choice_of(fld, str(value))
            known[value] = badge(Named(one.label, one.color)) if one else escaped(value)
        return known[value]

    return cell


def _region(_field: Field, _names: Names) -> Cell:
    known: dict[str, Markup] = {}

    def cell(value: Any) -> Markup:
        if not value:
            return NOTHING
        if value not in known:
            known[value] = escaped(dictionaries.region_label(value))
        return known[value]

    return cell


def _choices(fld: Field, names: Names) -> Cell:
    one = _choice(fld, names)
    return lambda value: Markup(" ").join(one(key) for key in value) if value else NOTHING


def _boolean(_field: Field, _names: Names) -> Cell:
    yes, no = icon("check", "gx-yes", _("Yes")), Markup('<span class="text-secondary">{}</span>').format(_("No"))
    return lambda value: NOTHING if value is None else yes if value else no


def _id(value: Any) -> int:
    return int(getattr(value, "pk", value))


def _reference(fld: Field, names: Names) -> Cell:
    known = {key: link(named) for key, named in names.records.get(fld.target, {}).items()}
    return lambda value: NOTHING if value is None else known.get(_id(value)) or Markup("—")


def _references(fld: Field, names: Names) -> Cell:
    known = {key: link(named) for key, named in names.records.get(fld.target, {}).items()}
    return lambda value: Markup(", ").join(known[one] for one in value if one in known) if value else NOTHING


def _user(_field: Field, names: Names) -> Cell:
    known = {key: person(named) for key, named in names.users.items()}
    return lambda value: NOTHING if value is None else known.get(_id(value)) or Markup("—")


def _email(_field: Field, _names: Names) -> Cell:
    def cell(value: Any) -> Markup:
        if not value:
            return NOTHING
        return escaped(value) if "*" in value else Markup('<a href="mailto:{0}">{0}</a>').format(value)

    return cell


def phone_link(value: str, written: str = "") -> Markup:
    """A phone number one can tap; a masked one is text."""
    if not value:
        return NOTHING
    if "*" in value:
        return escaped(value)
    number, _mark, extension = value.partition(";ext=")
    shown = formats.phone(number) if number.startswith("+") else written or number
    tail = f"-{extension}" if extension else ""
    text = (
        f'<a class="gx-num" href="tel:{escaped(value)}" title="{escaped(written)}">{escaped(shown)}{escaped(tail)}</a>'
    )
    return marked(text)  # noqa: S704 - its parts are escaped


def _phone(_field: Field, _names: Names) -> Cell:
    return lambda value: phone_link(value) if value else NOTHING


def _url(_field: Field, _names: Names) -> Cell:
    def cell(value: Any) -> Markup:
        if not value:
            return NOTHING
        parts = urlsplit(str(value))
        if parts.scheme not in ("http", "https"):
            return escaped(value)
        shown = (parts.netloc + parts.path).removeprefix("www.").rstrip("/")
        return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(value, shown)

    return cell


def _entries(one: Callable[[Mapping[str, Any]], Markup]) -> Callable[[Field, Names], Cell]:
    """The first entry, and how many more there are (all of them on hover)."""

    def factory(_field: Field, _names: Names) -> Cell:
        def cell(value: Any) -> Markup:
            if not value or not isinstance(value, list):
                return escaped(value) if value else NOTHING
            first = one(value[0])
            if len(value) == 1:
                return first
            others = ", ".join(
                str(entry.get("written") or entry.get("value") or entry.get("street")) for entry in value[1:]
            )
            return first + Markup(' <span class="gx-more" title="{}">+{}</span>').format(others, len(value) - 1)

        return cell

    return factory


def _address(entry: Mapping[str, Any]) -> Markup:
    parts = [str(entry[name]) for name in ("region_label", "street") if entry.get(name)] or [
        str(entry.get("region") or "")
    ]
    return escaped(" ".join(parts))


def _table(_field: Field, _names: Names) -> Cell:
    return lambda value: escaped(_("%(count)d rows") % {"count": len(value)}) if value else NOTHING


def _tags(_field: Field, names: Names) -> Cell:
    known = {key: tag(named) for key, named in names.tags.items()}

    def cell(value: Any) -> Markup:
        return Markup(" ").join(known[key] for key in value if key in known) if value else NOTHING

    return cell


def tag(named: Named) -> Markup:
    """A tag: a badge with a rounded edge."""
    return Markup('<span class="gx-badge gx-tag gx-c-{}">{}</span>').format(named.color or "slate", named.text)


def _file(_field: Field, names: Names) -> Cell:
    known = names.records.get("files", {})

    def cell(value: Any) -> Markup:
        named = known.get(value)
        return Markup("{} {}").format(icon("paperclip"), link(named)) if named else NOTHING

    return cell


def _image(_field: Field, names: Names) -> Cell:
    known = names.records.get("files", {})

    def cell(value: Any) -> Markup:
        named = known.get(value)
        return (
            Markup('<img class="gx-thumb" src="{}" alt="{}" loading="lazy">').format(named.url, named.text)
            if named
            else NOTHING
        )

    return cell


_ANY = Field(name="", kind="text", label="")

#: One factory per kind.
CELLS: dict[str, Callable[[Field, Names], Cell]] = {
    "text": _text,
    "long_text": _long_text,
    "rich_text": _rich_text,
    "integer": _number,
    "decimal": _decimal,
    "percent": _percent,
    "money": _money,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "choice": _choice,
    "choices": _choices,
    "boolean": _boolean,
    "reference": _reference,
    "references": _references,
    "user": _user,
    "region": _region,
    "email": _email,
    "phone": _phone,
    "url": _url,
    "emails": _entries(lambda entry: _email(_ANY, Names())(entry.get("value"))),
    "phones": _entries(lambda entry: phone_link(str(entry.get("value") or ""), str(entry.get("written") or ""))),
    "urls": _entries(lambda entry: _url(_ANY, Names())(entry.get("value"))),
    "addresses": _entries(_address),
    "table": _table,
    "tags": _tags,
    "file": _file,
    "image": _image,
    "serial": _text,
    "formula": _decimal,
    "rollup": _decimal,
}


def compiled(fld: Field, names: Names) -> Cell:
    """The cell function of a field for this page."""
    return CELLS[fld.kind](fld, names)
