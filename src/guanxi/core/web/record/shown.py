"""How the values of one record are written on its page: all entries of a list, full texts, masked where they must be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from markupsafe import Markup, escape

from guanxi.core import access
from guanxi.core.kernel import lunar
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.cel import FormulaError
from guanxi.core.kernel.errors import GuanxiError, Text
from guanxi.core.records import dictionaries, display, formula, values
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.web import cells, formats
from guanxi.core.web.cells import Names
from guanxi.core.web.forms import choosing
from guanxi.core.web.icons import icon
from guanxi.core.web.lists import rows

_ANY = Field(name="", kind="text", label="")
NOTHING = Markup('<span class="text-secondary" aria-label="{}">—</span>')


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One field on the page: its value as markup, whether it may be edited here, shown in full, or is empty.

    ``locked`` says why it cannot be edited.
    """

    field: Field
    markup: Markup
    editable: bool
    masked: bool
    revealable: bool
    empty: bool
    locked: Text = ""


def names_of(actor: Actor, record: Any, fields: Iterable[Field]) -> Names:
    """Names of everything the fields of a record point to, in one query per sort."""
    return rows.names_for(actor, [(one, [values.current(record, one)]) for one in fields])


def shown(
    actor: Actor, entity: Entity, record: Any, field: Field, *, change: bool, reveal: bool, names: Names | None = None
) -> Shown:
    """One field of a record for this actor; ``change`` and ``reveal`` say whether he may do that to the record.

    ``names`` are those of ``names_of``; without them they are fetched.
    """
    level = access.field_level(actor, entity, field.name)
    value = values.current(record, field)
    empty = value in (None, "", [], {})
    masked = level == "masked" and not empty
    writable = change and level == "write" and not field.readonly and kinds.KINDS[field.kind].written
    if masked:
        markup = escape(display.shown(field, display.masked(actor, entity, field, value)))
    elif why := empty and _why_empty(record, field):
        markup, empty = Markup('{} <span class="gx-warn">{}</span>').format(NOTHING.format(_("empty")), why), False
    elif empty and field.kind != "boolean":
        markup = NOTHING.format(_("empty"))
    else:
        markup = written(record, field, value, names or names_of(actor, record, [field]))
    return Shown(
        field=field,
        markup=markup,
        editable=writable,
        masked=masked,
        revealable=masked and reveal,
        empty=empty,
        locked="" if writable else _why_locked(field, level, change=change),
    )


def _why_empty(record: Any, field: Field) -> str:
    """Why a formula gives nothing, when it says so: a zero it divides by, a number too large."""
    if not field.formula:
        return ""
    try:
        return " ".join(str(one) for one in formula.evaluate(field.formula, record).warnings)
    except FormulaError as error:
        return str(error)


def _why_locked(field: Field, level: str, *, change: bool) -> str:
    if field.readonly or not kinds.KINDS[field.kind].written:
        return _("This is filled in by the system.")
    if change or level != "write":
        return _("You may read this field but not change it.")
    return _("You may not change this record.")


def written(record: Any, field: Field, value: Any, names: Names) -> Markup:
    """A readable value as markup."""
    own = _OWN.get(field.kind)
    if own is not None:
        return own(field, value)
    if field.kind == "money" and field.currency:
        value = (value, str(getattr(record, field.currency, "") or ""))
    if field.kind == "date" and field.name == "birthday":
        return _birthday(record, value)
    return cells.compiled(field, names)(value)


def _lines(parts: list[Markup]) -> Markup:
    return Markup('<ul class="gx-values">{}</ul>').format(
        Markup("").join(Markup("<li>{}</li>").format(one) for one in parts)
    )


def _entries(one: Callable[[Mapping[str, Any]], Markup]) -> Callable[[Field, Any], Markup]:
    def draw(_field: Field, value: Any) -> Markup:
        lines = []
        for number, entry in enumerate(value):
            label = (
                Markup(' <span class="text-secondary">{}</span>').format(entry["label"]) if entry.get("label") else ""
            )
            main = icon("star", "gx-muted", _("Main entry")) if number == 0 and len(value) > 1 else ""
            lines.append(Markup("{}{} {}").format(one(entry), label, main))
        return _lines(lines)

    return draw


def _address(entry: Mapping[str, Any]) -> Markup:
    region = dictionaries.region_label(entry["region"]) if entry.get("region") else ""
    parts = [entry.get("country") or "", region, entry.get("street") or ""]
    chinese = formats.is_chinese()
    line = " ".join(filter(None, parts if chinese else reversed(parts)))
    tail = (
        Markup(' <span class="gx-num text-secondary">{}</span>').format(entry["postcode"])
        if entry.get("postcode")
        else ""
    )
    shown = Markup("{}{}").format(line, tail)
    url = formats.map_url(line) if region or entry.get("street") else ""
    if not url:
        return shown
    title = _("Show on the map")
    return Markup(
        '{} <a class="gx-map-link" href="{}" target="_blank" rel="noopener noreferrer" title="{}">{}</a>'
    ).format(shown, url, title, icon("map-pin", "", title))


_FIGURES = ("decimal", "money", "percent")
_RIGHT = Markup(' class="gx-num text-end"')


def _table(field: Field, value: Any) -> Markup:
    head = Markup("").join(
        Markup("<th{}>{}</th>").format(_RIGHT if column.kind in _FIGURES else "", column.label)
        for column in field.columns
    )
    rows = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup("<td{}>{}</td>").format(
                    _RIGHT if column.kind in _FIGURES else "", _cell(column, row.get(column.name))
                )
                for column in field.columns
            )
        )
        for row in value
    )
    return Markup(
        '<div class="gx-scroll" tabindex="0"><table class="gx-mini"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(head, rows)


def _cell(column: Field, value: Any) -> str:
    if value in (None, ""):
        return ""
    if column.kind == "boolean":
        return _("Yes") if value else _("No")
    if column.kind in _FIGURES:
        return formats.number(value)
    return dictionaries.label_of(column, str(value)) if column.kind == "choice" else str(value)


def _birthday(record: Any, value: dt.date) -> Markup:
    """The date of birth; by the lunar calendar also its lunar day and when it is kept next."""
    text = formats.date_text(value)
    if getattr(record, "birthday_calendar", "") != "lunar":
        return escape(text)
    try:
        day = lunar.to_lunar(value)
    except GuanxiError:
        return escape(text)
    return Markup('{} <span class="text-secondary">{}</span>').format(text, _("lunar %(day)s") % {"day": day.chinese})


def plain(actor: Actor, field: Field, value: Any) -> str:
    """A value as one line of text with names instead of keys (for comparing)."""
    if value in (None, "", [], {}):
        return "—"
    if field.kind in ("reference", "user"):
        return choosing.record_name(actor, field.target or "core.user", str(value))
    if field.kind in ("choice", "region"):
        return dictionaries.label_of(field, str(value))
    if field.kind == "choices":
        return ", ".join(dictionaries.label_of(field, str(one)) for one in value)
    if field.kind == "references":
        return ", ".join(choosing.record_name(actor, field.target, str(one)) for one in value)
    if field.kind in ("tags", "addresses", "boolean"):
        return display.shown(field, value)
    if field.kind == "datetime":
        return display.shown(field, value) if isinstance(value, str) else formats.absolute(value)
    if field.kind in ("money", "decimal") and not isinstance(value, str):
        return formats.number(value)
    return kinds.text_of(field, value) if not isinstance(value, str) else value


_OWN: dict[str, Callable[[Field, Any], Markup]] = {
    "long_text": lambda field, value: Markup('<div class="gx-prose">{}</div>').format(
        _(str(value)) if field.translated else value
    ),
    "rich_text": lambda _field, value: Markup('<div class="gx-rich-text">{}</div>').format(Markup(value)),  # noqa: S704 - cleaned by the one sanitiser when written
    "emails": _entries(lambda entry: cells.CELLS["email"](_ANY, Names())(entry.get("value"))),
    "phones": _entries(lambda entry: cells.phone_link(str(entry.get("value") or ""), str(entry.get("written") or ""))),
    "urls": _entries(lambda entry: cells.CELLS["url"](_ANY, Names())(entry.get("value"))),
    "addresses": _entries(_address),
    "table": _table,
}
