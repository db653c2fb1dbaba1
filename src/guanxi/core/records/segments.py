"""Segments read: which there are, and the condition of being in one.

A segment is asked for by the path ``@segment`` of its entity (``customer.@segment`` from afar), as several choices whose
values are keys of segments. Its own condition means to each reader what he may ask: a segment that stands on a field hidden
from him is refused, so being in it tells nothing of that field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Segment
from guanxi.core.models.stamps import kept
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field

STAMP = "dictionaries"
#: The path that asks for segments, and the dictionary of all of them; ``segment:<entity>`` is that of one sort.
PATH, DICTIONARY = "@segment", "segment"
#: Values that stand for who asks.
WHO_ASKS = ("@me", "@my_department", "@my_departments")


@kept(STAMP, size=1)
def every() -> Mapping[str, Segment]:
    """All segments by key, in order."""
    return {one.key: one for one in Segment.objects.all()}


def of(entity: Entity | str) -> list[Segment]:
    """The segments of one sort of record."""
    key = entity if isinstance(entity, str) else entity.key
    return [one for one in every().values() if one.entity == key]


def named(definition: Any) -> Iterator[str]:
    """The keys of segments a query tree, or a definition that holds some, names."""
    if isinstance(definition, Mapping):
        path = str(definition.get("field", ""))
        if path == PATH or path.endswith(f".{PATH}"):
            value = definition.get("value")
            yield from (str(one) for one in (value if isinstance(value, list | tuple) else [value]))
        for one in definition.values():
            yield from named(one)
    elif isinstance(definition, list | tuple):
        for one in definition:
            yield from named(one)


def reached(condition: Any) -> set[str]:
    """The keys of the segments a condition stands on, at every depth."""
    known, found = every(), set[str]()
    queue = list(named(condition))
    while queue:
        key = queue.pop()
        if key not in found:
            found.add(key)
            queue += list(named(known[key].condition)) if key in known else []
    return found


def personal(condition: Any) -> bool:
    """Whether a condition, or a segment it stands on, means something else to each who asks (“me”, “my department”): nothing that acts by itself can ask it."""
    known = every()
    whole = [condition, *(known[key].condition for key in reached(condition) if key in known)]
    return any(_says_me(one) for one in whole)


def require_impersonal(condition: Any) -> None:
    """Raise Invalid for a condition of something that acts by itself when it means something else to each who asks."""
    if personal(condition):
        raise Invalid(
            _("Nobody in particular asks here, so “me” is nobody: name the people or departments."),
            code="condition.personal",
        )


def _says_me(given: Any) -> bool:
    if isinstance(given, Mapping):
        return any(_says_me(one) for one in given.values())
    if isinstance(given, list | tuple):
        return any(_says_me(one) for one in given)
    return given in WHO_ASKS


def field(entity: Entity) -> Field:
    """The field a filter asks about."""
    return Field(
        name=PATH, kind="choices", label=gettext_lazy("In segment"), dictionary=f"{DICTIONARY}:{entity.key}", readonly=True
    )  # fmt: skip


def condition(
    entity: Entity, operator: str, value: Any, compiled: Callable[[Segment], Q], inside: tuple[str, ...]
) -> Q:
    """Being in the segments named. ``compiled`` turns one into its condition, ``inside`` are those being turned. Raises Invalid."""
    known = {one.key: one for one in of(entity)}
    if operator in ("empty", "not_empty"):
        wanted = list(known)
    else:
        wanted = [str(one) for one in (value if isinstance(value, list | tuple) else [value]) if one not in (None, "")]
        if not wanted:
            raise Invalid(_("A value is missing."), code="filter.value")
    parts = []
    for key in wanted:
        if key not in known:
            raise Invalid(_("There is no segment “%(key)s”.") % {"key": key}, code="segment.unknown")
        if key in inside:
            raise Invalid(_("A segment cannot contain itself."), code="segment.circle")
        parts.append(compiled(known[key]))
    found = Q(pk__in=[]) if not parts else parts[0]
    for part in parts[1:]:
        found = found & part if operator == "has_all" else found | part
    return ~found if operator in ("has_none", "empty") else found
