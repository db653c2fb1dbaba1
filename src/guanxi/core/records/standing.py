"""What keeps a record out of the trash: it, or a record that rests on it, is signed, issued or received (``Entity.standing``).

Asked by the one way into the trash, so that pages, bulk changes, API, assistants and undo agree. Merging is no way around
it and needs no asking: what rests on a record moves to the one that is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from guanxi.core.access import allowed, visible
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import RuleBroken, Text
from guanxi.core.models import AuditEntry
from guanxi.core.records.query import compile_tree
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities, entity_of, going_along


@dataclass(frozen=True, slots=True)
class Resting:
    """Records of one entity that stand: those deleting would take along or leave without what they rest on."""

    entity: Entity
    ids: frozenset[int]


def standing_rows(entity: Entity) -> QuerySet[Any]:
    """The records of an entity that stand now."""
    rows = entity.model._default_manager.order_by()
    if entity.standing is None:
        return rows.none()
    return rows.filter(compile_tree(system_actor("standing"), entity, entity.standing.where))


def _holders(key: str) -> list[tuple[Entity, str]]:
    """Entities whose standing records hold records of this one, with the reference by which they do."""
    model = entity_of(key).model
    return [
        (one, name)
        for one in entities()
        if one.standing
        for name in one.standing.holds
        if one.model._meta.get_field(name).related_model is model
    ]


def _matters(entity: Entity, seen: frozenset[str] = frozenset()) -> bool:
    """Whether anything that stands can go to the trash with records of an entity."""
    if entity.standing or _holders(entity.key):
        return True
    below = seen | {entity.key}
    return any(_matters(child, below) for child, _name in going_along(entity.key) if child.key not in below)


def resting(entity: Entity, ids: Iterable[int]) -> list[Resting]:
    """What stands and forbids that these records go to the trash, whoever may see it; empty when they may go."""
    found: dict[str, set[int]] = {}
    for one, number, _kept in _standing(entity, list(ids)):
        found.setdefault(one.key, set()).add(number)
    return [Resting(entity_of(key), frozenset(numbers)) for key, numbers in found.items()]


def kept(entity: Entity, ids: Sequence[int]) -> set[int]:
    """Which of these records cannot go to the trash."""
    return {number for _one, _standing_number, number in _standing(entity, ids)}


def _standing(entity: Entity, ids: Sequence[int]) -> Iterator[tuple[Entity, int, int]]:
    """Entity and number of what stands, and which of these records it keeps: itself, what it holds, and what they are part of."""
    if entity.standing and entity.standing.itself:
        for number in standing_rows(entity).filter(pk__any=list(ids)).values_list("pk", flat=True):
            yield entity, number, number
    for holder, name in _holders(entity.key):
        rows = standing_rows(holder).filter(**{f"{name}_id__any": list(ids)})
        for number, kept_number in rows.values_list("pk", f"{name}_id"):
            yield holder, number, kept_number
    for child, name in going_along(entity.key):
        if _matters(child, frozenset({entity.key})):
            below = child.model._default_manager.order_by().filter(**{f"{name}_id__any": list(ids)})
            parents = dict(below.values_list("pk", f"{name}_id"))
            for one, number, kept_number in _standing(child, list(parents)) if parents else ():
                yield one, number, parents[kept_number]


def hold(entity: Entity, number: int) -> None:
    """Wait for whoever is signing or issuing what rests on a record, and let nobody begin to until the transaction ends.

    To be asked before the record itself is locked: a document is written first, and what it points to is checked at its end.
    """
    for holder, name in _holders(entity.key):
        rows = holder.model._default_manager.filter(**{f"{name}_id": number}).order_by("pk")
        list(rows.select_for_update(of=("self",)).values_list("pk", flat=True))


def require_free(actor: Actor, entity: Entity, record: Any) -> None:
    """Raises RuleBroken when a record stands, or anything that does rests on it; names only what the actor may see."""
    if not _matters(entity):
        return
    found = resting(entity, [record.pk])
    if found:
        raise RuleBroken(why(actor, entity, record.pk, found), code="record.standing", details=_told(actor, found))


def why(actor: Actor, entity: Entity, number: int, found: Sequence[Resting]) -> Text:
    """The sentence that says why a record stays, as far as the actor may know."""
    if entity.standing and any(one.entity == entity and number in one.ids for one in found):
        return _("What is signed or issued cannot go to the trash. %(instead)s") % {"instead": entity.standing.instead}
    named = _told(actor, found)
    if not named:
        return _("It cannot go to the trash: documents in force rest on it.")
    listed = _("; ").join(f"{entity_of(key).plural} {count}" for key, count in named.items())
    return _("It cannot go to the trash, because documents in force rest on it: %(what)s.") % {"what": listed}


def _told(actor: Actor, found: Sequence[Resting]) -> Mapping[str, int]:
    """How many of each entity the actor may see, by key."""
    counts = {one.entity.key: seen(actor, one).count() for one in found if allowed(actor, "view", one.entity)}
    return {key: number for key, number in counts.items() if number}


def seen(actor: Actor, one: Resting) -> QuerySet[Any]:
    """Those the actor may see."""
    return visible(one.entity.model._default_manager.filter(pk__in=one.ids), actor)


def held(entity: Entity, ids: Sequence[int], *, besides: int) -> set[int]:
    """Which records standing ones hold that were not made by the operation ``besides`` itself."""
    found: set[int] = set()
    for holder, name in _holders(entity.key):
        own = AuditEntry.objects.filter(operation_id=besides, entity=holder.table, action="create")
        rows = standing_rows(holder).filter(**{f"{name}_id__any": list(ids)}).exclude(pk__in=own.values("record_id"))
        found.update(rows.values_list(f"{name}_id", flat=True))
    return found
