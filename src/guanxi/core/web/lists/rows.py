"""Rows of a list: names fetched in a few queries, then every cell written by its column's compiled function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from markupsafe import Markup

from guanxi.core import access
from guanxi.core.kernel import masking
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import File, Tag
from guanxi.core.models.stamps import Kept
from guanxi.core.records import display, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import beside, entity_of, is_registered
from guanxi.core.web import formats
from guanxi.core.web.addresses import peek_url, record_url
from guanxi.core.web.cells import Cell, Named, Names, compiled
from guanxi.core.web.drawing import escaped, marked
from guanxi.core.web.forms import choosing
from guanxi.core.web.icons import icon
from guanxi.core.web.lists.columns import Column

Getter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the record, its address, and the whole row as markup."""

    record: Any
    id: int
    version: int
    title: str
    url: str
    peek: str
    html: Markup

    def grouped(self, key: str) -> Markup:
        """The row as one of a group that folds."""
        return marked(str(self.html).replace("<tr ", f'<tr data-group="{escaped(key)}" ', 1))  # noqa: S704 - its parts are escaped


def names_for(actor: Actor, uses: Iterable[tuple[Field, Sequence[Any]]], query: str = "") -> Names:
    """Names of everything the values of these fields point to; one query per sort of record."""
    wanted: dict[str, set[int]] = {}
    tags: set[int] = set()
    files: set[int] = set()
    for declared, found in uses:
        if declared.kind == "references":
            wanted.setdefault(declared.target, set()).update(one for many in found for one in many or ())
        elif declared.kind in ("reference", "user"):
            key = "core.user" if declared.kind == "user" else declared.target
            wanted.setdefault(key, set()).update(one for one in found if one)
        elif declared.kind == "tags":
            tags.update(one for many in found for one in many or ())
        elif declared.kind in ("file", "image"):
            files.update(one for one in found if one)
    texts = display.names_of(actor, wanted)
    named = {key: _named(key, some) for key, some in texts.items()}
    if files:
        rows = File.objects.filter(pk__in=files, deleted_at__isnull=True).values_list("pk", "name")
        named["files"] = {number: Named(name, url=f"/files/{number}/") for number, name in rows}
    known = Tag.objects.filter(pk__in=tags).values_list("pk", "name", "color") if tags else ()
    return Names(
        records=named,
        users=named.get("core.user", {}),
        tags={number: Named(name, color) for number, name, color in known},
        query=query,
    )


def _named(key: str, some: Mapping[int, str]) -> dict[int, Named]:
    """Records by id as they are shown: those with a colour of their own stand for a choice, the others lead to their page."""
    colors = _colors(key) if is_registered(key) else {}
    return {
        number: Named(text, colors[number]) if colors.get(number) else Named(text, url=_url(key, number))
        for number, text in some.items()
    }


def _colors(key: str) -> Mapping[int, str]:
    """Colours by id of an entity whose records are few and have one, such as stages; nothing of any other."""
    entity = entity_of(key)
    if not entity.stamp or "color" not in shape.fields_of(entity):
        return {}
    if key not in _coloured:
        rows = entity.model._default_manager
        _coloured[key] = Kept(entity.stamp, lambda: dict(rows.values_list("pk", "color")), 1)
    return _coloured[key]()


#: One cache for each such entity.
_coloured: dict[str, Kept[dict[int, str]]] = {}


def _url(key: str, number: int) -> str:
    return record_url(entity_of(key), number) if is_registered(key) else ""


class _Reach:
    """Values along paths: related records the actor may see, fetched once per reference."""

    def __init__(self, actor: Actor, records: Sequence[Any]) -> None:
        self.actor, self.records = actor, records
        self.known: dict[tuple[int, str], dict[int, Any]] = {}

    def getter(self, entity: Entity, path: str, records: Sequence[Any]) -> tuple[Getter, Entity, Field]:
        """A function from a record to the value at the path, the entity the field belongs to, the field."""
        fields = shape.fields_of(entity)
        if path in fields:
            declared = fields[path]
            return (_money(declared) if declared.kind == "money" else _plain(declared)), entity, declared
        name, _dot, rest = path.partition(".")
        number_of: Callable[[Any], Any]
        if name in fields:
            reference = fields[name]
            target, by = entity_of(reference.target), "pk"
            number_of = partial(_value_of, reference)
        else:
            target, by = beside(entity.key)[name]
            by, number_of = f"{by}_id", attrgetter("pk")
        ids = {number for record in records if (number := number_of(record))}
        key = (id(records), name)
        if key not in self.known:
            found = target.model._default_manager.filter(**{f"{by}__in": ids})
            self.known[key] = {getattr(row, by): row for row in access.visible(found, self.actor)} if ids else {}
        related = self.known[key]
        inner, owner, declared = self.getter(target, rest, list(related.values()))

        def value(record: Any) -> Any:
            other = related.get(number_of(record))
            return None if other is None else inner(other)

        return value, owner, declared


def _value_of(declared: Field, record: Any) -> Any:
    return values.current(record, declared)


def _plain(declared: Field) -> Getter:
    if declared.custom:
        if declared.kind in values.AS_STORED:
            key = declared.key
            return lambda record: record.custom.get(key)
        return lambda record: values.current(record, declared)
    column = declared.column if declared.kind in ("reference", "user", "file", "image") else declared.name
    return lambda record: getattr(record, column)


def _money(declared: Field) -> Getter:
    amount = _plain(declared)
    currency = declared.currency
    if not currency or declared.custom:
        return amount

    def value(record: Any) -> Any:
        found = amount(record)
        return None if found is None else (found, getattr(record, currency, "") or "")

    return value


@dataclass(slots=True)
class Prepared:
    """Columns ready to write: the value of each and its cell function."""

    columns: Sequence[Column]
    getters: list[Getter]
    cells: list[Cell]


def prepare(
    actor: Actor, entity: Entity, columns: Sequence[Column], records: Sequence[Any], query: str = ""
) -> Prepared:
    """Fetch what the cells will name and compile one function per column."""
    reach = _Reach(actor, records)
    getters: list[Getter] = []
    uses: list[tuple[Field, Sequence[Any]]] = []
    for column in columns:
        getter, _owner, declared = reach.getter(entity, column.path, records)
        if column.level == "masked":
            getter = _masked(getter, declared)
        elif column.title and column.path == entity.title:
            getter = _titled(actor, getter, entity, records)
        getters.append(getter)
        uses.append((declared, [getter(record) for record in records] if declared.kind in _NAMED else ()))
    names = names_for(actor, uses, query)
    plain = Names(names.records, names.users, names.tags)
    cells = [compiled(_as_text(column), names if column.title else plain) for column in columns]
    return Prepared(columns, getters, cells)


_NAMED = frozenset({"reference", "references", "user", "tags", "file", "image"})


def _as_text(column: Column) -> Field:
    """A masked value is text whatever its kind was."""
    if column.level != "masked" or column.field.kind in ("phones", "emails", "urls", "addresses", "phone", "email"):
        return column.field
    return Field(name=column.field.name, kind="text", label=column.field.label)


def _masked(getter: Getter, declared: Field) -> Getter:
    def value(record: Any) -> Any:
        found = getter(record)
        return found if found in (None, "", []) else masking.mask(declared.mask, found)

    return value


def _titled(actor: Actor, getter: Getter, entity: Entity, records: Sequence[Any]) -> Getter:
    """The title of each; what has none is called as everywhere, its references fetched in one query each."""
    bilingual = entity.title == "name" and hasattr(entity.model, "name_en")
    unnamed = [record for record in records if not getter(record)] if entity.named_by else []
    if unnamed:
        fields = shape.fields_of(entity)
        pointing = [name for name in entity.named_by if name in fields and fields[name].kind == "reference"]
        prefetch_related_objects(unnamed, *pointing)

    def value(record: Any) -> Any:
        named = display.english_name(record) if bilingual else ""
        return named or getter(record) or choosing.title_of(entity, record, actor)

    return value


@dataclass(slots=True)
class Frame:
    """What surrounds the cells of every row, written once per page: tick box, eye, group, side panel's address."""

    back: str = ""
    push: str = ""
    peek: int | None = None
    pinned: bool = False

    def pieces(self) -> tuple[str, str]:
        """The beginning and end of a row as ``%``-templates."""
        pin = " gx-pin" if self.pinned else ""
        begin = (
            '<tr data-id="%(id)s" data-version="%(version)s"%(state)s>'
            f'<td class="gx-check{pin}"><label><input type="checkbox" class="form-check-input" name="ids" value="%(id)s" '
            'form="selection" aria-label="%(select)s"></label></td>'
        )
        words = escaped(_("Look beside the list"))
        end = (
            '<td class="gx-peek"><a class="btn btn-quiet btn-icon btn-sm" href="%(url)s" data-peek hx-get="%(peek)s" '
            f'hx-target="#side" hx-swap="innerHTML" hx-push-url="%(push)s" title="{words}" aria-label="%(look)s">'
            f"{icon('eye')}</a></td></tr>\n"
        )
        return begin, end


def build(
    actor: Actor,
    entity: Entity,
    columns: Sequence[Column],
    records: Sequence[Any],
    *,
    query: str = "",
    editable: bool = True,
    frame: Frame | None = None,
) -> list[Row]:
    """The rows of a list, written."""
    prepared = prepare(actor, entity, columns, records, query)
    opens = [_opening(column) for column in columns]
    locked = [_opening(column, reason=_("You do not have the right to change this record.")) for column in columns]
    frame = frame or Frame()
    begin, end = frame.pieces()
    select, look = _("Select %(name)s"), _("Look at %(name)s")
    back, push = f"?{escaped(frame.back)}" if frame.back else "", escaped(frame.push)
    found = []
    for record in records:
        number = record.pk
        may = editable and access.allowed(actor, "change", record)
        url, title = record_url(entity, number), display.title_of(entity, record, actor)
        cells = _cells(prepared, opens if may or not editable else locked, record, url)
        peek = f"{peek_url(entity, number)}{back}"
        values = {
            "id": number,
            "version": getattr(record, "version", 0),
            "state": ' class="gx-here"' if frame.peek == number else "",
            "select": escaped(select % {"name": title}),
            "look": escaped(look % {"name": title}),
            "url": url,
            "peek": peek,
            "push": f"{push}peek={number}",
        }
        html = marked(begin % values + cells + end % values)  # noqa: S704 - its parts are escaped
        found.append(Row(record, number, values["version"], title, url, peek, html))
    return found


def _opening(column: Column, reason: str = "") -> tuple[str, str]:
    """The opening tag of a column's cells: of those that hold something, and of blank ones."""
    why = column.locked or reason
    state = Markup(' data-locked="{}"').format(why) if why else Markup(' data-edit tabindex="-1"')
    css = escaped(column.css) if column.css else ""
    rest = f'" data-field="{escaped(column.path)}" data-label="{escaped(column.label)}"{state}>'
    return f'<td class="{css}{rest}', f'<td class="{css} gx-blank{rest}'


def _cells(prepared: Prepared, opens: Sequence[tuple[str, str]], record: Any, url: str) -> str:
    parts: list[str] = []
    for column, getter, cell, (filled, blank) in zip(
        prepared.columns, prepared.getters, prepared.cells, opens, strict=True
    ):
        text = cell(getter(record))
        parts += (filled if text else blank, f'<a href="{url}">{text}</a>' if column.title else text, "</td>")
    return "".join(parts)


def one_cell(actor: Actor, entity: Entity, column: Column, record: Any) -> Markup:
    """One cell's inner markup, as after an inline edit."""
    prepared = prepare(actor, entity, [column], [record])
    text = prepared.cells[0](prepared.getters[0](record))
    return Markup('<a href="{}">{}</a>').format(record_url(entity, record.pk), text) if column.title else text


def group_name(declared: Field, value: Any, names: Names) -> str:
    """What a group of rows is called: the choice, the person, the month."""
    if value in (None, ""):
        return _("Nothing given")
    if declared.kind in ("date", "datetime"):
        return f"{value.year}-{value.month:02d}"
    if declared.kind in ("reference", "user"):
        key = "core.user" if declared.kind == "user" else declared.target
        named = names.records.get(key, {}).get(value)
        return named.text if named else "—"
    text = display.shown(declared, value)
    return text or formats.number(value) if isinstance(value, int | float) else text
