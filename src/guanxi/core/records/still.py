"""Whether what somebody did is still his to take back: by the rights he has now, on each row as it is now.

An operation's *subjects* are the records it names (``parameters["ids"]``), else all of its entity; on them the right is
asked that the operation took. What it wrote besides *went along*: it goes back with them unless it went to somebody else.
Where the operation itself changed the owner, and it is still so, the record is looked at as it was before: whoever could
hand it over can take it back, though he does not see it now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import Q

from guanxi.core.access import allowed, visible
from guanxi.core.access.features import has_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import AuditEntry, Operation
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered

#: What it takes to do a thing, and so to take it back. ``parameters["right"]`` names another one.
_RIGHTS = {
    "create": "create", "update": "change", "delete": "delete", "restore": "delete", "merge": "merge", "import": "import",
    "bulk_update": "change", "bulk_tag": "change", "bulk_untag": "change", "bulk_assign": "assign", "bulk_delete": "delete",
    "bulk_restore": "delete",
}  # fmt: skip

#: Why rows of an entity stay for now, by a room above: ``(actor, operation, ids)`` to reasons by id.
Hold = Callable[[Actor, Operation, Collection[int]], Mapping[int, str]]
_holds: dict[str, Hold] = {}


def add_hold(entity: str, hold: Hold) -> None:
    """A room above says of an entity's rows which an operation may not be taken back on, and why."""
    _holds[entity] = hold


@dataclass
class Row:
    """All that an operation did to one row: net before and after per column."""

    table: str
    record_id: int
    created: bool = False
    removed: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def _right(operation: Operation) -> str:
    named = operation.parameters.get("right")
    if named or operation.sort != "bulk_act" or not is_registered(operation.entity):
        return str(named or _RIGHTS.get(operation.sort, ""))
    key = operation.parameters["values"]["action"]
    return next((one.right for one in entity_of(operation.entity).actions if one.key == key), "change")


def may_still(actor: Actor, operation: Operation) -> bool:
    """Whether the actor has the right, on any record at all, that what he did once took."""
    if needed := operation.parameters.get("feature"):
        return has_feature(actor, needed)
    right = _right(operation)
    return not right or not is_registered(operation.entity) or allowed(actor, right, operation.entity)


class Still:
    """What of an operation is still the actor's to take back. ``rows`` are those it did more to than make them."""

    def __init__(self, actor: Actor, operation: Operation, rows: Iterable[Row]) -> None:
        self.actor, self.operation = actor, operation
        self.free = actor.is_system or actor.rights.everything or "feature" in operation.parameters
        self.subject = entity_of(operation.entity) if is_registered(operation.entity) else None
        self.right = _right(operation) or "change"
        ids = operation.parameters.get("ids") or ()
        self.named = frozenset((*ids, *filter(None, [operation.parameters.get("keep")])))
        self._rows = () if self.free else rows

    def lost(self, model: type[models.Model], rows: Sequence[Row]) -> set[int]:
        """Which of these rows of a table are not the actor's any more."""
        if self.free or not rows:
            return set()
        if not is_registered(model):
            return {row.record_id for row in rows} if self._fallen else set()
        entity = entity_of(model)
        left: set[int] = set()
        groups: dict[tuple[bool, tuple[str, ...]], list[Row]] = {}
        for row in rows:
            subject = self._is_subject(entity, row)
            groups.setdefault((subject, self._needs(entity, row, subject)), []).append(row)
        for (subject, rights), group in groups.items():
            left |= self._lost(entity, group, rights, subject=subject)
        return left

    def holds(self, model: type[models.Model], ids: Collection[int]) -> Mapping[int, str]:
        """Reasons of rooms above for which rows stay, by id."""
        hold = _holds.get(model._meta.label_lower)
        return {} if self.free or hold is None or not ids else hold(self.actor, self.operation, ids)

    @cached_property
    def _fallen(self) -> frozenset[int]:
        """Subjects that are not the actor's any more."""
        if self.subject is None:
            return frozenset()
        rows = [row for row in self._rows if row.table == self.subject.table and self._is_subject(self.subject, row)]
        if not rows and self.operation.sort not in ("create", "import"):
            rows = [Row(self.subject.table, number) for number in self.named]
        return frozenset(self.lost(self.subject.model, [row for row in rows if not row.created]))

    def _is_subject(self, entity: Entity, row: Row) -> bool:
        if self.subject is None or entity.key != self.subject.key:
            return False
        if row.created:
            return self.operation.sort in ("create", "import")
        return not self.named or row.record_id in self.named

    def _needs(self, entity: Entity, row: Row, subject: bool) -> tuple[str, ...]:
        """The rights it takes to put a row back: all of them, or one of them where it was made."""
        if row.created:
            return ("create", "delete")
        right = self.right if subject else "delete" if "deleted_at" in row.before else "change"
        right = "change" if right in ("create", "import") else right
        owner = _owner(entity)
        if owner not in row.after:
            return (right,)
        if "right" in self.operation.parameters or right != "change":
            return (self.right,)
        return ("assign",) if set(row.after) == {owner} else ("assign", "change")

    def _lost(self, entity: Entity, rows: Sequence[Row], rights: Sequence[str], *, subject: bool) -> set[int]:
        wanted = {row.record_id: row for row in rows}
        found = [self._may(entity, list(wanted), right) for right in rights]
        made = rows[0].created
        left = wanted.keys() - (set().union(*found) if made else set.intersection(*found))
        held = {one.pk: one for one in entity.model._base_manager.filter(pk__any=sorted(left))} if left else {}
        left = {number for number in left if not self._could(entity, held.get(number), wanted[number], rights)}
        if subject:  # what was made for somebody else is still his who assigns, while it is with whom it was made for
            return left & self._gone(entity, left) if made and left and allowed(self.actor, "assign", entity) else left
        if self._fallen:
            return left | self._under_fallen(entity, wanted)
        return left & self._gone(entity, left) if left else left

    def _under_fallen(self, entity: Entity, ids: Collection[int]) -> set[int]:
        """Rows carried by a subject that is not the actor's any more, such as the lines of a document."""
        carrier = entity.access.carried_by
        if not carrier or self.subject is None or _carrier(entity).key != self.subject.key:
            return set()
        rows = entity.model._base_manager.filter(**{"pk__any": list(ids), f"{carrier}_id__any": list(self._fallen)})
        return set(rows.order_by().values_list("pk", flat=True))

    def _may(self, entity: Entity, ids: list[int], right: str) -> set[int]:
        rows = visible(entity.model._base_manager.filter(pk__any=ids), self.actor, right)
        return set(rows.order_by().values_list("pk", flat=True))

    def _could(self, entity: Entity, record: Any, row: Row, rights: Sequence[str]) -> bool:
        """Whether the actor might do it to the record as it was before its owner changed, where that is still so.

        One that is gone is nobody's, unless it is to be made again.
        """
        if record is None:
            return not row.removed or allowed(self.actor, rights[0], entity)
        owner = _owner(entity)
        if row.created or owner not in row.after or getattr(record, owner) != row.after[owner]:
            return False
        for column in (owner, f"{entity.access.pool}_id"):
            if column in row.before:
                setattr(record, column, row.before[column])
        return all(allowed(self.actor, right, record) for right in rights)

    def _gone(self, entity: Entity, ids: Collection[int]) -> set[int]:
        """Which rows, or what carries them, went to somebody else since."""
        columns = [one for one in (_owner(entity), f"{entity.access.carried_by}_id") if one not in ("", "_id")]
        gone = self._changed(entity, ids, columns)
        if not entity.access.carried_by:
            return gone
        carrier = _carrier(entity)
        rows = entity.model._base_manager.filter(pk__any=list(ids)).values_list("pk", f"{entity.access.carried_by}_id")
        under = {number: above for number, above in rows if above is not None}
        away = self._changed(carrier, set(under.values()), [_owner(carrier)])
        return gone | {number for number, above in under.items() if above in away}

    def _changed(self, entity: Entity, ids: Collection[int], columns: Sequence[str]) -> set[int]:
        entries = AuditEntry.objects.filter(
            entity=entity.table, record_id__in=list(ids), at__gte=self.operation.created_at, action="update",
            changes__has_any_keys=list(columns),
        ).filter(~Q(operation_id=self.operation.pk) | Q(operation_id=None))  # fmt: skip
        return set(entries.order_by().values_list("record_id", flat=True))


def _owner(entity: Entity) -> str:
    return f"{entity.access.owner}_id" if entity.access.owner else ""


def _carrier(entity: Entity) -> Entity:
    return entity_of(entity.model._meta.get_field(entity.access.carried_by).related_model)  # type: ignore[arg-type]
