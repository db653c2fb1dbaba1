"""Columns of a list: which there are, which are shown, how each is written.

A column is spelled ``path`` or ``path!`` (pinned to the left); a path such as ``customer.region`` reaches over references.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.records import layouts, shape
from guanxi.core.schema.derive import READONLY
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.kinds import KINDS
from guanxi.core.schema.registry import beside
from guanxi.core.web.kinds import FACES

TITLE_WIDTH = 240
LEAST, MOST = 56, 900
#: Kinds whose values say nothing in a cell.
SILENT = frozenset({"rich_text"})
#: Fields of the engine nobody wants in a list.
INNER = frozenset({"deleted_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One shown column. ``level`` is ``masked``, ``read`` or ``write``; ``locked`` says why it cannot be edited."""

    path: str
    field: Field
    label: Text
    level: str
    width: int
    pinned: bool = False
    title: bool = False
    locked: Text = ""
    sort: str = ""
    sort_order: int = 0

    @property
    def css(self) -> str:
        """Classes of its cells."""
        parts = [FACES[self.field.kind].css, "gx-title" if self.title else "", "gx-pin" if self.pinned else ""]
        return " ".join(part for part in parts if part)

    @property
    def sortable(self) -> bool:
        """Whether its heading sorts."""
        return KINDS[self.field.kind].sortable and self.level != "masked"


@dataclass(frozen=True, slots=True)
class Offer:
    """A column that may be chosen: its path, its name and the group it is listed under."""

    path: str
    label: Text
    group: Text = ""


def offers(actor: Actor, entity: Entity, *, related: bool = True) -> list[Offer]:
    """Every field the actor may see, and those of the records it refers to (one step), grouped by reference.

    What the entity's list shows and filters by comes first, who made and changed a record last. Lists show what is not in
    the trash, so when a record was deleted is none of them.
    """
    found = [
        Offer(name, shape.path_label(entity, name)) for name, one in likely(actor, entity) if one.kind not in SILENT
    ]
    if not related:
        return found
    for name, label, target in shape.steps(actor, entity):
        back = beside(entity.key).get(name, (target, ""))[1]
        for below, other in likely(actor, target):
            if other.kind in SILENT or other.kind == "table" or below in ("id", target.title, back):
                continue
            found.append(Offer(f"{name}.{below}", shape.path_label(target, below), capfirst(str(label))))
    return found


def likely(actor: Actor, entity: Entity) -> list[tuple[str, Field]]:
    """The fields of a list the actor may see, those he most likely looks for first; when it was deleted is none of them."""
    listed = (entity.title, *entity.filters, *entity.columns)

    def place(name: str) -> int:
        return len(listed) + 1 if name in READONLY else listed.index(name) if name in listed else len(listed)

    found = [one for one in shape.readable(actor, entity).items() if one[0] not in INNER]
    return sorted(found, key=lambda one: place(one[0]))


def chosen(
    actor: Actor, entity: Entity, wanted: Sequence[str], widths: Mapping[str, int], sort: Sequence[str]
) -> list[Column]:
    """The columns to show: those wanted that exist and are readable, else the entity's; the title is always among them."""
    columns = [one for one in (_column(actor, entity, spelled, widths, sort) for spelled in wanted) if one]
    if not columns:
        declared = layouts.names(layouts.layout_of(actor, entity, "list")) or entity.columns or (entity.title,)
        columns = [one for one in (_column(actor, entity, spelled, widths, sort) for spelled in declared) if one]
    if not any(column.title for column in columns):
        title = _column(actor, entity, entity.title, widths, sort)
        columns = [title, *columns] if title else columns
    return sorted(columns, key=lambda column: not column.pinned)


def _column(
    actor: Actor, entity: Entity, spelled: str, widths: Mapping[str, int], sort: Sequence[str]
) -> Column | None:
    pinned, path = spelled.endswith("!"), spelled.removesuffix("!")
    declared = shape.field_at(entity, path)
    level = shape.path_level(actor, entity, path)
    if declared is None or level == "hidden":
        return None
    title = path == entity.title
    keys = [name.lstrip("-") for name in sort]
    place = keys.index(path) if path in keys else -1
    return Column(
        path=path,
        field=declared,
        label=shape.path_label(entity, path),
        level=level,
        width=_width(widths.get(path), TITLE_WIDTH if title else FACES[declared.kind].width),
        pinned=pinned,
        title=title,
        locked=lock_reason(path, declared, level),
        sort=("desc" if sort[place].startswith("-") else "asc") if place >= 0 else "",
        sort_order=place + 1 if len(keys) > 1 and place >= 0 else 0,
    )


def _width(kept: Any, usual: int) -> int:
    return min(MOST, max(LEAST, kept)) if isinstance(kept, int) else usual


def lock_reason(path: str, declared: Field, level: str) -> Text:
    """Why a cell of this column cannot be edited in place; '' when it can."""
    if "." in path and not declared.custom:
        return _("This belongs to another record; open it to change it.")
    if not KINDS[declared.kind].written:
        return _("This is calculated.")
    if declared.formula or declared.rollup:
        return _("This is calculated.")
    if declared.readonly:
        return _("This is filled by the system.")
    if level != "write":
        return _("You may read this but not change it.")
    if not FACES[declared.kind].inline:
        return _("Open the record to change this.")
    return ""


def widths_of(kept: Mapping[str, Any], entity: Entity, view_id: int | None) -> Mapping[str, int]:
    """Column widths the person dragged in this view."""
    found = kept.get("widths", {}).get(f"{entity.key}:{view_id or 0}", {})
    return found if isinstance(found, dict) else {}


def summable(columns: Iterable[Column]) -> list[Column]:
    """Columns that can be added up."""
    return [
        one
        for one in columns
        if KINDS[one.field.kind].summable
        and not one.field.plain
        and one.level != "masked"
        and "." not in one.path
        and one.field.kind != "formula"
    ]
