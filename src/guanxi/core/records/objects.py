"""Custom objects as entities: rows read into the same declaration built-in entities have, in every process at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Any

from django.db import DatabaseError
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

from guanxi.core.models import CustomField, CustomObject, stamps
from guanxi.core.models.objects import APP, object_model
from guanxi.core.records.shape import spoken
from guanxi.core.schema import derive
from guanxi.core.schema.entity import Access, Board, Entity, Form, MatchKey, Menu, Search, Section, Timeline
from guanxi.core.schema.registry import enter_made, entity_of, is_registered, replace_made

#: Columns a list shows before anybody chose: the first so many fields.
_COLUMNS = 5
_INTERNAL = ("sort_key", "carrier_owner")
_spoken = lazy(spoken, str)
_changing = RLock()


def key_of(row: CustomObject) -> str:
    """The entity key of an object."""
    return f"{APP}.{row.key}"


def entity_from(row: CustomObject, fields: list[tuple[str, str]]) -> Entity:
    """The declaration of an object; ``fields`` are its own as (key, kind), in order."""
    options: dict[str, Any] = row.options
    parent = entity_of(row.parent) if row.parent and is_registered(row.parent) else None
    model = object_model(row.key, parent.model if parent else None)
    own = [f"custom.{key}" for key, kind in fields if kind not in ("table", "long_text", "rich_text", "addresses")]
    owned = ("owner",) if row.owned else ()
    above = ("parent",) if parent else ()
    label = _spoken(row.name_zh, row.name_en)
    named = (
        {"label": _spoken(options.get("title_zh", ""), options.get("title_en", ""))} if options.get("title_zh") else {}
    )
    kinds = dict(fields)
    return Entity(
        key=key_of(row),
        model=model,
        label=label,
        plural=_spoken(row.name_zh, row.plural_en or row.name_en),
        path=row.path,
        icon=row.icon,
        color=row.color,
        columns=("name", *above, *own[:_COLUMNS], *owned, "updated_at"),
        filters=(
            *[f"custom.{key}" for key, kind in fields if kind in ("choice", "user", "boolean")][:3],
            *above,
            *owned,
        ),
        facts=tuple(own[:3]),
        fields={
            "name": {"required": not options.get("numbered"), **named},
            **({"parent": {"label": parent.label}} if parent else {}),
        },
        hidden=_INTERNAL if row.owned else (*_INTERNAL, "owner"),
        search=Search(names=("name",), subtitle=above),
        form=Form(
            sections=(Section(label, ("name", *above, *owned)),),
            create=("name", *above, *own[:6]),
        ),
        board=_board(options, kinds),
        match_keys=(MatchKey(field="name", how="name", weight=80),) if options.get("duplicates") else (),
        access=Access(owner="owner" if row.owned else "", carried_by="parent" if parent else ""),
        timeline=_timeline(options, parent is not None),
        menu=Menu(group=row.group, order=row.position),
        description=_spoken(row.description_zh, row.description_en)
        if row.description_zh
        else _("A sort of record of this workspace."),
    )


def _board(options: dict[str, Any], kinds: dict[str, str]) -> Board | None:
    by, total = str(options.get("board") or ""), str(options.get("board_total") or "")
    if kinds.get(by) != "choice":
        return None
    return Board(
        field=f"custom.{by}", total=f"custom.{total}" if total in kinds else "", path=not options.get("no_steps")
    )


def _timeline(options: dict[str, Any], has_parent: bool) -> Timeline | None:
    return Timeline(on=("parent",), at="created_at", title="name") if has_parent and options.get("timeline") else None


def sync() -> None:
    """Bring the register of this process in line with the rows; not while another thread changes them."""
    if not _changing.acquire(blocking=False):
        return
    try:
        _sync()
    finally:
        _changing.release()


@contextmanager
def changing() -> Iterator[None]:
    """While one thread makes or removes an object in a transaction, the others keep the register as it sees it: they would
    read rows that know nothing of it yet, and take it away again. What fails is taken back.
    """
    with _changing:
        try:
            yield
        except BaseException:
            with suppress(DatabaseError):
                _sync()
            raise


def _sync() -> None:
    rows = list(CustomObject.objects.filter(active=True).order_by("position", "pk"))
    fields: dict[str, list[tuple[str, str]]] = {}
    if rows:
        named = CustomField.objects.filter(active=True, entity__in=[key_of(row) for row in rows])
        for entity, key, kind in named.order_by("position", "pk").values_list("entity", "key", "kind"):
            fields.setdefault(entity, []).append((key, kind))
    replace_made(_in_order(rows, fields))
    derive.forget()


def _in_order(rows: list[CustomObject], fields: dict[str, list[tuple[str, str]]]) -> list[Entity]:
    """Entities, those others belong to first: an object may belong to another one."""
    found: list[Entity] = []
    waiting = list(rows)
    known = {key_of(row): row for row in rows}
    while waiting:
        ready = [row for row in waiting if row.parent not in known or any(one.key == row.parent for one in found)]
        if not ready:
            break
        for row in ready:
            made = entity_from(row, fields.get(key_of(row), []))
            found.append(made)
            enter_made(made)
            waiting.remove(row)
    return found


def following() -> None:
    """Follow the stamps of objects and fields, in every process; called once at start."""
    stamps.follow("objects", sync)
    stamps.follow("fields", _fields_changed)


def _fields_changed() -> None:
    if stamps.current("objects"):
        sync()
