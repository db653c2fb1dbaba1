"""The state of a list, held in its address: reload, back button and a copied link give the same screen.

``view`` names a saved view (``0`` the built-in one), ``q`` what was typed, ``f`` the filter tree as JSON, ``by.<field>``
a quick filter, ``sort``, ``cols``, ``group``, ``size``; ``at`` and ``from`` are the place in the pages, ``peek`` the
record in the side panel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlencode

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import SavedView
from guanxi.core.records import savedviews, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.web.addresses import list_url, view_url

#: Kinds of view, and what each keeps in its address besides the list's own state.
KINDS = ("list", "board", "calendar", "funnel", "outlook")
GIVEN = ("board", "in", "on")
SIZES = (20, 50, 100, 200)
DEFAULT_SIZE = 50
#: A page names the same few words in a hundred addresses.
_quoted = lru_cache(maxsize=4096)(quote_plus)
#: What else of a state may be changed in an address.
_MOVED = frozenset({"view", "explicit", "quick", "cursor", "start", "peek"})
Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a saved view keeps: filter tree, text, sort, columns, grouping, and as what it is shown."""

    filter: Tree = field(default_factory=dict)
    text: str = ""
    sort: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    group: str = ""
    kind: str = "list"

    def definition(self) -> dict[str, Any]:
        """As stored in a saved view."""
        return {
            "filter": dict(self.filter),
            "text": self.text,
            "sort": list(self.sort),
            "columns": list(self.columns),
            "group": self.group,
            "kind": self.kind if self.kind != "list" else "",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ListState:
    """The state of one list as asked for. ``base`` is what the view (or the entity) says, ``now`` what holds."""

    entity: Entity
    views: tuple[SavedView, ...] = ()
    view: SavedView | None = None
    explicit: bool = False
    base: Setup = field(default_factory=Setup)
    now: Setup = field(default_factory=Setup)
    quick: Mapping[str, str] = field(default_factory=dict)
    size: int = DEFAULT_SIZE
    cursor: str = ""
    start: int = 1
    peek: int | None = None
    path: str = ""
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> str:
        """The query with the kind of view, for the dialogs that save it."""
        own = {"kind": self.now.kind, **self.given} if self.now.kind != "list" else {}
        return "&".join(filter(None, (self.query(cursor="", peek=None), urlencode(own))))

    def definition(self) -> dict[str, Any]:
        """What a saved view of this state keeps."""
        return {**self.now.definition(), "filter": self.filter, "given": dict(self.given)}

    def view_url(self, view: SavedView) -> str:
        """A saved view, shown as it was saved."""
        return view_url(self.entity, view)

    @property
    def changed(self) -> bool:
        """Whether the list differs from its saved view."""
        return self.view is not None and (self.now != self.base or bool(self.quick))

    @property
    def filter(self) -> dict[str, Any]:
        """The whole filter: the tree and the quick filters."""
        quick = [_quick_node(self.entity, name, value) for name, value in self.quick.items()]
        parts = ([dict(self.now.filter)] if self.now.filter else []) + quick
        return parts[0] if len(parts) == 1 else {"all": parts} if parts else {}

    @property
    def narrowed(self) -> bool:
        """Whether anything limits the rows."""
        return bool(self.now.filter or self.quick or self.now.text)

    def url(self, **changes: Any) -> str:
        """The address with parts changed: ``filter``, ``text``, ``sort``, ``columns``, ``group``, ``quick``, ``view``,
        ``cursor``, ``start``, ``peek``, ``path``. Changing what is listed begins at the first page again."""
        path = changes.pop("path", self.path or list_url(self.entity))
        query = self.query(**changes)
        return f"{path}?{query}" if query else path

    def query(self, **changes: Any) -> str:
        """The query part of :meth:`url`."""
        setup = {name: changes.pop(name) for name in ("filter", "text", "sort", "columns", "group") if name in changes}
        moved = bool(setup.keys() - {"columns"} or "quick" in changes or "view" in changes)
        if moved:
            changes = {"cursor": "", "start": 1, **changes}
        if not changes.keys() <= _MOVED:
            raise TypeError(f"an address has no {sorted(changes.keys() - _MOVED)}")
        pairs = self._parameters(replace(self.now, **setup) if setup else self.now, changes)
        return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in pairs])

    def _parameters(self, now: Setup, changes: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What the address says of this setup and, where ``changes`` say nothing, of this state."""
        base, view, cursor = self.base, changes.get("view", self.view), changes.get("cursor", self.cursor)
        found: list[tuple[str, str]] = []
        if view is not None:
            found.append(("view", str(view.pk)))
        elif changes.get("explicit", self.explicit):
            found.append(("view", "0"))
        if now.text != base.text:
            found.append(("q", now.text))
        if now.filter != base.filter:
            found.append(("f", json.dumps(now.filter, ensure_ascii=False, separators=(",", ":")) if now.filter else ""))
        found += [(f"by.{name}", value) for name, value in changes.get("quick", self.quick).items() if value]
        for name, mine, theirs in (("sort", now.sort, base.sort), ("cols", now.columns, base.columns)):
            if mine != theirs:
                found.append((name, ",".join(mine)))
        if now.group != base.group:
            found.append(("group", now.group))
        if cursor:
            found += [("at", cursor), ("from", str(changes.get("start", self.start)))]
        if peek := changes.get("peek", self.peek):
            found.append(("peek", str(peek)))
        return found


def _quick_node(entity: Entity, name: str, value: str) -> dict[str, Any]:
    """A quick filter as a condition: trees include what lies below, dates take a period."""
    declared = shape.field_at(entity, name)
    kind = declared.kind if declared else ""
    operator = {"choice": "under", "region": "under", "date": "within", "datetime": "within"}.get(kind, "eq")
    return {"field": name, "op": operator, "value": value == "1" if kind == "boolean" else value}


def parse_tree(text: str) -> dict[str, Any]:
    """A filter tree sent as JSON. Raises Invalid."""
    if not text:
        return {}
    try:
        tree = json.loads(text)
    except ValueError:
        raise Invalid(_("The filter in this address cannot be read."), code="filter.format") from None
    if not isinstance(tree, dict):
        raise Invalid(_("The filter in this address cannot be read."), code="filter.format")
    return tree


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))[:60]


def _number(text: str, least: int = 1) -> int | None:
    return max(int(text), least) if text.isdecimal() and len(text) < 19 else None


def _kind(sent: Mapping[str, str], path: str) -> str:
    """The kind of view: what a dialog carries along, else the page's own."""
    asked, here = sent.get("kind", ""), path.rstrip("/").rpartition("/")[2]
    return next((one for one in (asked, here) if one in KINDS), "list")


def setup_of(entity: Entity, view: SavedView | None, kept: Mapping[str, Any]) -> Setup:
    """What a view says; without one, the entity's own with the columns the person chose."""
    if view is None:
        columns = kept.get("columns", {}).get(entity.key) or []
        return Setup(columns=tuple(columns))
    given = view.definition
    return Setup(
        filter=given.get("filter") or {},
        text=str(given.get("text") or ""),
        sort=tuple(given.get("sort") or ()),
        columns=tuple(given.get("columns") or ()),
        group=str(given.get("group") or ""),
        kind=str(given.get("kind") or "list"),
    )


def preferences_of(request: HttpRequest) -> Mapping[str, Any]:
    """What the person chose about lists before."""
    found = getattr(request.user, "preferences", None)
    return found if isinstance(found, dict) else {}


def read_state(
    request: HttpRequest, actor: Actor, entity: Entity, data: QueryDict | None = None, path: str = ""
) -> ListState:
    """The state an address asks for. Raises Invalid for a broken filter, NotFound for a view not shared with him."""
    sent: dict[str, str] = {name: str(value) for name, value in (request.GET if data is None else data).items()}
    kept = preferences_of(request)
    views = savedviews.views_for(actor, entity)
    asked = sent.get("view", "")
    if asked != "0" and _number(asked):
        view: SavedView | None = next((one for one in views if one.pk == int(asked)), None)
        view = view or savedviews.view_get(actor, entity, int(asked))
    else:
        view = None if asked == "0" else savedviews.default_view(actor, views)
    base = setup_of(entity, view, kept)
    now = Setup(
        filter=parse_tree(sent["f"]) if "f" in sent else base.filter,
        text=sent["q"].strip()[:200] if "q" in sent else base.text,
        sort=_names(sent["sort"]) if "sort" in sent else base.sort,
        columns=_names(sent["cols"]) if "cols" in sent else base.columns,
        group=sent.get("group", base.group),
        kind=_kind(sent, path),
    )
    quick = {
        key[3:]: value for key, value in sent.items() if key.startswith("by.") and value and key[3:] in entity.filters
    }
    size = _number(str(kept.get("page_size", ""))) or DEFAULT_SIZE
    return ListState(
        entity=entity,
        views=tuple(views),
        view=view,
        explicit=asked == "0",
        base=base,
        now=now,
        quick=quick,
        size=size if size in SIZES else DEFAULT_SIZE,
        cursor=sent.get("at", "")[:2000],
        start=_number(sent.get("from", "")) or 1,
        peek=_number(sent.get("peek", "")),
        path=path or list_url(entity),
        given={name: sent[name][:60] for name in GIVEN if sent.get(name)},
    )
