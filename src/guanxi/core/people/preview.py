"""What a change of a role would do, in numbers of records, before it is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db.models import Q

from guanxi.core.access import actors
from guanxi.core.access.rules import condition
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Role, User
from guanxi.core.people.guards import require_roles_right
from guanxi.core.people.roles import RoleDraft, draft_check, draft_rows
from guanxi.core.records.shape import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities

#: Actions that need a record; for the others there is nothing to count.
_NO_RECORD = frozenset({"create", "import"})


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One action on one entity: records gained and lost, summed over the ``holders`` for whom anything changes."""

    entity: Entity
    action: str
    label: str
    holders: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field whose level changes for ``holders`` people; the levels are those of the first of them."""

    entity: Entity
    field: str
    label: str
    before: str
    after: str
    holders: int


@dataclass(frozen=True, slots=True)
class Preview:
    """All that would change, for ``holders`` active holders of the role."""

    holders: int
    records: tuple[PreviewLine, ...]
    fields: tuple[FieldChange, ...]

    @property
    def empty(self) -> bool:
        """Whether nobody would notice anything."""
        return not self.records and not self.fields


def _as_role(role: Role, draft: RoleDraft) -> Role:
    """The role as it would be, not saved."""
    copy = Role(pk=role.pk, key=role.key, name=draft.name, all_rights=draft.all_rights, features=list(draft.features))
    rights, fields = draft_rows(draft, copy)
    copy._prefetched_objects_cache = {"rights": rights, "fields": fields}  # type: ignore[attr-defined]
    return copy


def _pairs(role: Role, draft: RoleDraft) -> Iterator[tuple[Actor, Actor]]:
    """Every active holder as he is and as he would be."""
    proposed = _as_role(role, draft)
    holders = User.objects.filter(roles=role, is_active=True).select_related("department").order_by("pk")
    for user in holders:
        held = list(user.roles.filter(deleted_at__isnull=True).prefetch_related("rights", "fields"))
        now = replace(actors.load(user), rights=actors.rights_for(user, held))
        then = replace(now, rights=actors.rights_for(user, [proposed if one.pk == role.pk else one for one in held]))
        yield now, then


def _count(entity: Entity, *limits: Q | None) -> int:
    rows = entity.model._default_manager.all()
    for limit in limits:
        if limit is not None:
            rows = rows.filter(limit)
    return rows.count()


def _difference(entity: Entity, action: str, now: Actor, then: Actor) -> tuple[int, int]:
    before, after = condition(entity, now, action), condition(entity, then, action)
    both = _count(entity, before, after)
    return _count(entity, after) - both, _count(entity, before) - both


def role_preview(actor: Actor, role: Role, proposed: RoleDraft) -> Preview:
    """Records gained and lost per entity and action, over all active holders of ``role``. Raises ``Denied``, ``Invalid``."""
    require_roles_right(actor, "change")
    draft = draft_check(proposed, existing=role)
    pairs = list(_pairs(role, draft))
    lines = [line for entity in entities() for line in _lines(entity, pairs)]
    changes = [change for entity in entities() for change in _field_changes(entity, pairs)]
    return Preview(len(pairs), tuple(lines), tuple(changes))


def _lines(entity: Entity, pairs: list[tuple[Actor, Actor]]) -> Iterator[PreviewLine]:
    for action, label in entity.all_actions.items():
        if action in _NO_RECORD:
            continue
        touched = [pair for pair in pairs if condition(entity, pair[0], action) != condition(entity, pair[1], action)]
        sums = [_difference(entity, action, now, then) for now, then in touched]
        gained, lost = sum(one[0] for one in sums), sum(one[1] for one in sums)
        if gained or lost:
            affected = sum(1 for one in sums if one != (0, 0))
            yield PreviewLine(entity, action, str(label), affected, gained, lost)


def _field_changes(entity: Entity, pairs: list[tuple[Actor, Actor]]) -> Iterator[FieldChange]:
    for name, field in fields_of(entity).items():
        levels = [
            (_level(now, entity.key, name), _level(then, entity.key, name))
            for now, then in pairs
            if _level(now, entity.key, name) != _level(then, entity.key, name)
        ]
        if levels:
            yield FieldChange(entity, name, str(field.label), levels[0][0], levels[0][1], len(levels))


def _level(actor: Actor, entity: str, field: str) -> str:
    if actor.rights.everything:
        return "write"
    return actor.rights.levels.get(entity, {}).get(field) or actors.default_level(entity, field)
