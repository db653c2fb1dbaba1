"""Settings as plain data: the present ones, a file's, and what tells the two apart.

The same settings always make the same bytes: tables by their words, rows by their stable keys in order.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Invalid
from guanxi.core.records.settings_registry import SettingsModel, settings_models

HEAD = "guanxi"
FORMAT = 1
LONGEST = 30_000_000
Row = dict[str, Any]
Document = dict[str, Any]


def document() -> Document:
    """The present settings as plain data."""
    found: Document = {HEAD: {"format": FORMAT, "complete": True}}
    for one in settings_models():
        found[one.key] = _rows_out(one, one.model._default_manager.filter(**one.where))
    return found


def text_of(content: Mapping[str, Any]) -> str:
    """A document as the file's text: always the same for the same content."""
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _rows_out(one: SettingsModel, rows: models.QuerySet[Any]) -> list[Row]:
    made: dict[str, Row] = {}
    children = {child.key: _children_out(child, rows) for child in one.children}
    for row in rows.order_by("pk"):
        told = row_out(one, row)
        for key, by_parent in children.items():
            told[key] = by_parent.get(row.pk, [])
        made.setdefault(row_name(one, told), told)
    return [made[name] for name in sorted(made)]


def _children_out(child: SettingsModel, parents: models.QuerySet[Any]) -> dict[Any, list[Row]]:
    """Rows of a child table by their parent, deeper ones included."""
    rows = child.model._default_manager.filter(**{f"{child.parent}__in": parents.order_by()}, **child.where)
    deeper = {below.key: _children_out(below, rows) for below in child.children}
    found: dict[Any, dict[str, Row]] = {}
    for row in rows.order_by("pk"):
        told = row_out(child, row)
        for key, by_parent in deeper.items():
            told[key] = by_parent.get(row.pk, [])
        found.setdefault(getattr(row, f"{child.parent}_id"), {}).setdefault(row_name(child, told), told)
    return {parent: [some[name] for name in sorted(some)] for parent, some in found.items()}


def row_out(one: SettingsModel, row: Any) -> Row:
    """A stored row in the words of the file."""
    return {name: value_out(one, row, name) for name in (*one.identity, *one.fields)}


def value_out(one: SettingsModel, row: Any, name: str) -> Any:
    """One value of a stored row as it stands in the file."""
    if name in one.references:
        target = getattr(row, name)
        return (getattr(target, one.references[name].by) or None) if target is not None else None
    value = getattr(row, name)
    if name in one.coded:
        return one.coded[name].out(value)
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return value


def row_name(one: SettingsModel, row: Mapping[str, Any]) -> str:
    """What a row is called within its table."""
    return "/".join(str(row.get(name, "")) for name in one.identity)


# -- reading --------------------------------------------------------------------------------------------------------------


def read(content: str) -> Document:
    """A file's document, its shape checked. Raises Invalid naming the place."""
    if len(content) > LONGEST:
        raise Invalid(_("This file is too large."), code="settings.large")
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Invalid(
            _("This is no settings file: %(reason)s") % {"reason": str(error)[:200]}, code="settings.json"
        ) from None
    head = found.get(HEAD) if isinstance(found, dict) else None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise Invalid(_("This is no settings file, or of another version."), code="settings.format")
    known = {one.key: one for one in settings_models()}
    for key, rows in found.items():
        if key == HEAD:
            continue
        if key not in known:
            raise Invalid(_("Nobody knows the settings “%(key)s”.") % {"key": key}, code="settings.unknown", field=key)
        _check_rows(known[key], rows, key)
    return plain(found)


def plain(content: Mapping[str, Any]) -> Document:
    """The same content in the words an export uses."""
    known = {one.key: one for one in settings_models()}
    return {key: [_plain(known[key], row) for row in rows] if key in known else rows for key, rows in content.items()}


def _plain(one: SettingsModel, row: Row) -> Row:
    below = {child.key: [_plain(child, each) for each in row[child.key]] for child in one.children if child.key in row}
    said = {
        name: coded.plain(row[name]) for name, coded in one.coded.items() if coded.plain is not None and name in row
    }
    unsaid = {name: _usual(one, name) for name in one.identity if name not in row}
    return {**unsaid, **row, **said, **below}


def _usual(one: SettingsModel, name: str) -> Any:
    """What a part of a row's identity is where a file, written before there was one, does not say; ``None`` if it must."""
    column: Any = one.model._meta.get_field(name)
    return column.get_default() if column.has_default() else None


def _check_rows(one: SettingsModel, rows: Any, place: str) -> None:
    if not isinstance(rows, list):
        raise Invalid(_("“%(place)s” must be a list.") % {"place": place}, code="settings.shape", field=place)
    words = {*one.identity, *one.fields, *(child.key for child in one.children)}
    seen = set()
    for number, row in enumerate(rows):
        here = f"{place}[{number}]"
        if not isinstance(row, dict) or any(row.get(name, _usual(one, name)) is None for name in one.identity):
            raise Invalid(_("“%(place)s” lacks its key.") % {"place": here}, code="settings.shape", field=here)
        for name in row:
            if name not in words:
                raise Invalid(
                    _("“%(place)s” has an unknown word “%(name)s”.") % {"place": here, "name": name},
                    code="settings.shape",
                    field=here,
                )
        if row_name(one, row) in seen:
            raise Invalid(
                _("“%(place)s” is there twice.") % {"place": f"{place}/{row_name(one, row)}"},
                code="settings.twice",
                field=here,
            )
        seen.add(row_name(one, row))
        for child in one.children:
            _check_rows(child, row.get(child.key, []), f"{here}.{child.key}")


# -- comparing ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that would be added, changed or removed; ``fields`` are (name, before, after).

    ``leave`` is a row that stays out because it refers to something which is not here (``SettingsModel.lenient``);
    ``fields`` say to what.
    """

    sort: str
    table: str
    name: str
    fields: tuple[tuple[str, Any, Any], ...] = ()


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What applying ``after`` would change. Tables a file does not mention stay; rows it lacks go only if it is complete."""
    complete = bool(after.get(HEAD, {}).get("complete"))
    found: list[Difference] = []
    for one in settings_models():
        if one.key in after:
            found += _differ(one, before.get(one.key, []), after[one.key], one.key, complete=complete)
    return found


def _differ(
    one: SettingsModel, before: Sequence[Row], after: Sequence[Row], table: str, *, complete: bool
) -> Iterable[Difference]:
    old = {row_name(one, row): row for row in before}
    new = {row_name(one, row): row for row in after}
    for name, row in new.items():
        known = old.get(name)
        if known is None and one.lenient and (absent := _absent(one, row)):
            yield Difference("leave", table, name, absent)
            continue
        if known is None:
            yield Difference(
                "add", table, name, tuple((field, None, row[field]) for field in one.fields if field in row)
            )
            known = {}
        else:
            changed = tuple(
                (field, known[field], row[field]) for field in one.fields if field in row and row[field] != known[field]
            )
            if changed:
                yield Difference("change", table, name, changed)
        for child in one.children:
            if child.key in row:
                yield from _differ(
                    child, known.get(child.key, []), row[child.key], f"{table}/{name}/{child.key}", complete=complete
                )
    if complete and not one.stays:
        for name in old.keys() - new.keys():
            yield Difference("remove", table, name)


def _absent(one: SettingsModel, row: Row) -> tuple[tuple[str, Any, Any], ...]:
    """What a row refers to that is not here."""
    return tuple(
        (name, None, row[name])
        for name, reference in one.references.items()
        if row.get(name) is not None
        and not reference.model._default_manager.filter(**{reference.by: row[name]}).exists()
    )
