"""Saving segments, with every mistake named at its place, and telling where one is used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, RuleBroken
from guanxi.core.models import Segment, SegmentMember
from guanxi.core.models.stamps import bump
from guanxi.core.records import segments, shape
from guanxi.core.records.query import compile_tree, is_empty
from guanxi.core.records.settings_registry import checked_names, free_key, not_longer, require_unchanged
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.shaping.uses import Use


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDraft:
    """A segment as its editor holds it."""

    name_zh: str
    entity: str
    condition: Mapping[str, Any]
    name_en: str = ""
    key: str = ""
    description: str = ""
    position: int = 0


_finders: list[Callable[[str], list[Use]]] = []


def add_finder(find: Callable[[str], list[Use]]) -> None:
    """A room says where it uses the segment of a key."""
    _finders.append(find)


def uses_of(key: str) -> list[Use]:
    """Where a segment is used: other segments, and whatever the rooms above say."""
    found = [
        Use(_("Segment"), name_of(one), f"/settings/segments/{one.key}/")
        for one in segments.every().values()
        if one.key != key and key in segments.named(one.condition)
    ]
    return [*found, *used_above(key)]


def used_above(key: str) -> list[Use]:
    """Where a segment is used but in other segments."""
    return [use for find in _finders for use in find(key)]


def name_of(segment: Segment) -> str:
    """Its name in the present language."""
    return shape.spoken(segment.name_zh, segment.name_en)


def within(entity: Entity, key: str, ids: Collection[int]) -> frozenset[int]:
    """Those of the records that are in a segment now. A segment that means nothing any more holds nobody."""
    tree = {"field": segments.PATH, "op": "has_any", "value": [key]}
    try:
        where = compile_tree(system_actor("segments"), entity, tree)
    except Invalid:
        return frozenset()
    rows = entity.model._default_manager.filter(where, pk__any=list(ids)).order_by()
    return frozenset(rows.values_list("pk", flat=True))


def segment_check(row: Segment) -> None:
    """Raise Invalid for a segment that means nothing, or contains itself."""
    if not is_registered(row.entity):
        raise Invalid(_("Choose what it is about."), code="segment.entity", field="entity")
    if is_empty(row.condition):
        raise Invalid(_("Say who belongs to it."), code="segment.empty", field="condition")
    if row.key and row.key in segments.reached(row.condition):
        raise Invalid(_("A segment cannot contain itself."), code="segment.circle", field="condition")
    try:
        compile_tree(system_actor("segments"), entity_of(row.entity), row.condition)
    except GuanxiError as error:
        raise Invalid(error.message, code=error.code, field="condition") from None


def _not_personal(row: Segment) -> None:
    """Raise Invalid where a condition that means something else to each who asks is asked by what acts by itself."""
    if not row.key or not segments.personal(row.condition):
        return
    above = [row.key, *(one.key for one in segments.every().values() if row.key in segments.reached(one.condition))]
    found = [use for key in above for use in used_above(key) if use.alone]
    if found:
        raise Invalid(
            _("%(where)s asks for it, and there “me” is nobody: name the people or departments.")
            % {"where": f"{found[0].sort} “{found[0].name}”"},
            code="segment.personal",
            field="condition",
        )


def segment_save(actor: Actor, segment: Segment | None, draft: SegmentDraft, *, version: int | None = None) -> Segment:
    """Store a segment, new when ``segment`` is ``None``. Raises Denied, Invalid, Conflict."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        row = Segment.objects.select_for_update().get(pk=segment.pk) if segment else Segment()
        require_unchanged(row, version)
        if segment and draft.entity != row.entity and uses_of(row.key):
            raise Invalid(_("It is used; what it is about stays."), code="segment.used", field="entity")
        row.name_zh, row.name_en = checked_names(draft.name_zh, draft.name_en)
        row.description = not_longer(draft.description, "description", 500)
        changed = bool(segment) and row.condition != dict(draft.condition)
        row.entity, row.condition, row.position = draft.entity, dict(draft.condition), draft.position
        segment_check(row)
        _not_personal(row)
        row.key = row.key or free_key(Segment, draft.key or draft.name_en or "segment")
        row.version += 1
        row.save()
        bump(segments.STAMP)
        if changed:
            begin_anew(row.key)
    return row


def begin_anew(key: str) -> None:
    """Who belongs to a segment, or falls out of it, because its condition was changed has neither come in nor left."""
    watched = [
        one.pk for one in Segment.objects.exclude(watched_at=None) if key in {one.key, *segments.reached(one.condition)}
    ]
    SegmentMember.objects.filter(segment__in=watched).delete()
    Segment.objects.filter(pk__in=watched).update(watched_at=None)


def segment_delete(actor: Actor, segment: Segment) -> None:
    """Remove a segment. Raises RuleBroken while something stands on it."""
    require_feature(actor, SETTINGS)
    found = uses_of(segment.key)
    if found:
        names = ", ".join(f"{one.sort} {one.name}" for one in found[:5])
        raise RuleBroken(_("It is still used: %(where)s") % {"where": names}, code="segment.used")
    with writing(actor):
        segment.delete()
        bump(segments.STAMP)
