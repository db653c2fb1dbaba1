"""From the values a query groups by to the groups people read: taken together, named, in order, each with its records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from guanxi.core.access import sight, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Department, Tag
from guanxi.core.models.fixed import Shaped
from guanxi.core.models.stamps import kept
from guanxi.core.records import dictionaries, display, segments
from guanxi.core.records.figures import number
from guanxi.core.reporting import windows
from guanxi.core.reporting.datasets import CHOICES, DATES, MANIFOLD, NUMBERS, REFERENCES, Place
from guanxi.core.reporting.expressions import bands_of
from guanxi.core.reporting.spec import Dimension
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, generation, is_registered

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Head:
    """One group of a dimension: a hashable key, its name, a colour of the palette, the condition its records fulfil.

    ``start`` is the first day of a bucket of dates; ``rank`` is the usual place in order.
    """

    key: Any
    label: str
    color: str = ""
    node: Node | None = None
    start: dt.date | None = None
    rank: Any = field(default=0, compare=False)


def empty_node(place: Place, known: Collection[str] = ()) -> Node:
    """Records without a value at the end of a path, or whose value the reader may not see; of segments, those in none of the ``known``."""
    path = place.path
    if place.field.name == segments.PATH:
        return {"not": {"field": path, "op": "has_any", "value": list(known)}}
    if place.field.kind == "boolean":
        return {"not": {"any": [{"field": path, "op": "eq", "value": one} for one in (True, False)]}}
    if not place.direct:
        return {"not": {"field": path, "op": "not_empty"}}
    return {"field": path, "op": "empty"}


@kept("rights")
def _departments() -> Mapping[int, tuple[int, ...]]:
    """Ids from the root down to each department."""
    rows = Department.everything.values_list("pk", "path")
    return {pk: tuple(int(one) for one in path.split("/") if one) or (pk,) for pk, path in rows}


class Folder:
    """What one dimension makes of raw values. ``key`` folds one; ``heads`` names all the keys at once. ``known`` are the segments that were asked about."""

    def __init__(
        self, actor: Actor, dimension: Dimension, place: Place, fiscal: int, known: Collection[str] = ()
    ) -> None:
        self.known = known
        self.actor, self.dimension, self.place, self.fiscal = actor, dimension, place, fiscal
        self.grain, self.path, self.kind = dimension.grain, place.path, place.field.kind

    def key(self, value: Any) -> Any:
        """The group of a raw value."""
        if value is None or value == "":
            return False if self.kind == "boolean" and self.place.direct else None
        if self.kind in DATES and self.grain != "age":
            return windows.bucket_start(value, self.grain or "month", self.fiscal)
        if self.place.field.custom and self.kind == "boolean":
            return value in (True, "true")
        if self.grain in ("top", "second"):
            return self._above(value)
        return value

    def _depth(self, path: Sequence[Any]) -> int:
        depth = 0 if self.grain == "top" else 1
        return depth + 1 if self.place.field.target == "core.department" and len(path) > 1 and _single_root() else depth

    def _path(self, value: Any) -> Sequence[Any]:
        """The values above one, from the top down to itself."""
        if self.kind == "region":
            path = [one.key for one in dictionaries.region_path(value)]
            return (path[1:] if path[:1] == ["CN"] and len(path) > 1 else path) or [value]
        if self.place.field.target == "core.department":
            found: Sequence[Any] = _departments().get(value, (value,))
            return found
        return _choice_path(self.place.field.dictionary, value)

    def _above(self, value: Any) -> Any:
        """The one above the value on the wanted level; itself if it stands on or above it."""
        path = self._path(value)
        return path[min(self._depth(path), len(path) - 1)]

    def _alone(self, key: Any, name: str) -> str:
        """The name of a department; of one above the wanted level, whose lower ones have groups of their own, that only its own count."""
        if self.grain not in ("top", "second") or self.place.field.target != "core.department":
            return name
        path = self._path(key)
        above = len(path) <= self._depth(path) and any(key in one[:-1] for one in _departments().values())
        return _("%(name)s (own)") % {"name": name} if above else name

    def heads(self, keys: Iterable[Any]) -> dict[Any, Head]:
        """Each key with its name, colour, condition and place in order."""
        wanted = list(keys)
        name = self._names(wanted)
        return {key: self._head(key, name) for key in wanted}

    def _head(self, key: Any, name: Callable[[Any], tuple[str, str, Any]]) -> Head:
        if key is None:
            return Head(None, _("(none)"), "gray", empty_node(self.place, self.known), rank=(1, 0))
        label, color, rank = name(key)
        start = key if self.kind in DATES and self.grain != "age" else None
        return Head(key, label, color, self.node(key), start, (0, rank))

    def _names(self, keys: Sequence[Any]) -> Callable[[Any], tuple[str, str, Any]]:
        if self.kind in DATES and self.grain == "age":
            return self._band_name
        if self.kind in DATES:
            grain = self.grain or "month"
            return lambda key: (windows.bucket_label(key, grain, self.fiscal), "", key.toordinal())
        if self.kind in NUMBERS and self.grain == "bands":
            return self._band_name
        if self.kind == "boolean":
            return lambda key: (_("Yes") if key else _("No"), "green" if key else "gray", 0 if key else 1)
        if self.kind in CHOICES or self.kind == "choices":
            return self._choice_name()
        if self.kind == "tags":
            tags = {tag.pk: tag for tag in Tag.objects.filter(pk__in=[key for key in keys if key is not None])}
            return lambda key: (tags[key].name, tags[key].color, 0) if key in tags else (_("(gone)"), "gray", 999)
        if self.kind in REFERENCES:
            target = "core.user" if self.kind == "user" else self.place.field.target
            if ordered(self.place):
                return self._ordered_name(target)
            names = display.names_of(self.actor, {target: [key for key in keys if key is not None]}).get(target, {})
            return lambda key: (self._alone(key, names.get(key, _("(not visible to you)"))), "", 0)
        return lambda key: (
            number(key) if isinstance(key, Decimal) else str(key),
            "",
            key if self.kind in NUMBERS else 0,
        )

    def _ordered_name(self, target: str) -> Callable[[Any], tuple[str, str, Any]]:
        """Records with an order of their own, such as stages: named, coloured and placed by it."""
        entity = entity_of(target)
        sees = sight(self.actor)
        found = _ORDERED.rows(sees and (target, generation(), sees), (entity, self.actor))
        rows: dict[int, Any] = {row.pk: row for row in found}

        def name(key: Any) -> tuple[str, str, Any]:
            row = rows.get(key)
            if row is None:
                return _("(not visible to you)"), "", 999
            return display.title_of(entity, row, self.actor), str(getattr(row, "color", "")), row.position

        return name

    def _choice_name(self) -> Callable[[Any], tuple[str, str, Any]]:
        declared = self.place.field
        if declared.kind == "region":
            return lambda key: (dictionaries.region_label(key), "", 0)
        order = {one.key: place for place, one in enumerate(dictionaries.choices_of(declared))}

        def name(key: Any) -> tuple[str, str, Any]:
            choice = dictionaries.choice_of(declared, key)
            return (choice.label, choice.color, order.get(key, 999)) if choice else (str(key), "", 999)

        return name

    def _band_name(self, key: Any) -> tuple[str, str, Any]:
        bounds = bands_of(self.dimension)
        low = bounds[key - 1] if key else None
        high = bounds[key] - 1 if key < len(bounds) else None
        if low is None and self.grain == "age" and bounds[0] == 1:
            return _("today or later"), "", key
        if low is None:
            text = _("under %(high)s") % {"high": number(bounds[0])}
        elif high is None:
            text = _("%(low)s and more") % {"low": number(low)}
        else:
            text = f"{number(low)}–{number(high)}"
        return (_("%(count)s days") % {"count": text} if self.grain == "age" else text), "", key

    def node(self, key: Any) -> Node:
        """The condition that holds for exactly the records of a group."""
        if self.kind in DATES:
            window = self._age_window(key) if self.grain == "age" else windows.bucket_window(key, self.grain or "month")
            return window.node(self.path)
        if self.kind in NUMBERS and self.grain == "bands":
            return self._number_node(key)
        if self.grain in ("top", "second"):
            return self._tree_node(key)
        if self.kind in MANIFOLD:
            return {"field": self.path, "op": "has_any", "value": [key]}
        return {"field": self.path, "op": "eq", "value": key if not isinstance(key, Decimal) else str(key)}

    def _tree_node(self, key: Any) -> Node:
        if self.place.field.target == "core.department":
            below = [pk for pk in _departments() if self._above(pk) == key]
            return {"field": self.path, "op": "in", "value": sorted(below)}
        path = self._path(key)
        operator = "under" if len(path) - 1 == self._depth(path) else "eq"
        return {"field": self.path, "op": operator, "value": key}

    def _age_window(self, key: int) -> windows.Window:
        bounds, today = bands_of(self.dimension), clock.today(self.actor.timezone)
        last = today - dt.timedelta(days=bounds[key - 1]) if key else None
        first = today - dt.timedelta(days=bounds[key] - 1) if key < len(bounds) else None
        return windows.Window(first, last)

    def _number_node(self, key: int) -> Node:
        bounds = bands_of(self.dimension)
        parts: list[Node] = []
        if key:
            parts.append({"field": self.path, "op": "gte", "value": bounds[key - 1]})
        if key < len(bounds):
            parts.append({"field": self.path, "op": "lt", "value": bounds[key]})
        return parts[0] if len(parts) == 1 else {"all": parts}


def _in_reach(entity: Entity, actor: Actor) -> QuerySet[Any]:
    return visible(entity.model._base_manager.all(), actor)


_ORDERED = Shaped(_in_reach, [])


def ordered(place: Place) -> bool:
    """Whether a reference leads to records with an order of their own (``position`` and ``color``)."""
    if place.field.kind != "reference" or not is_registered(place.field.target):
        return False
    names = {one.name for one in entity_of(place.field.target).model._meta.concrete_fields}
    return {"position", "color"} <= names


def _single_root() -> bool:
    """Whether one department stands above all others, so that the level below it is the interesting one."""
    return len({path[0] for path in _departments().values()}) == 1


def _choice_path(key: str, value: str) -> list[str]:
    path: list[str] = []
    while value and value not in path:
        path.insert(0, value)
        found = dictionaries.value_of(key, value)
        value = found.parent if found else ""
    return path


def others_node(folders: Sequence[Folder], heads: Sequence[tuple[Head, ...]]) -> Node | None:
    """The condition of everything but the named groups; ``None`` where it would be too long."""
    if len(folders) == 1 and folders[0].kind in REFERENCES | CHOICES | {"text", "serial", "email", "phone", "url"}:
        path = folders[0].path
        keys = [head.key for (head,) in heads if head.key is not None]
        if len(keys) <= 1000 and not folders[0].grain:
            parts: list[Node] = [{"not": {"field": path, "op": "in", "value": keys}}] if keys else []
            if any(head.key is None for (head,) in heads):
                parts.append({"not": empty_node(folders[0].place)})
            return {"all": parts}
    nodes = [[head.node for head in group if head.node] for group in heads]
    if sum(map(len, nodes)) > 60:
        return None
    return {"not": {"any": [dict(one[0]) if len(one) == 1 else {"all": one} for one in nodes]}}
