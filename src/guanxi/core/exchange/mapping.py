"""What a mapping is: which column of a file goes into which field; and which fields an import may fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as fresh
from typing import Any

from guanxi.core.access import allowed
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import shape
from guanxi.core.schema.entity import Companion, Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of

#: Fields of the record itself an administrator may set when he brings in old records.
AUTHORSHIP = ("created_at", "created_by", "updated_at")
#: Between an entity and its field in the target of a column that goes into a companion: ``customers.contact/name``.
BESIDE = "/"
#: Kinds that take values from several columns.
SEVERAL = frozenset(("phones", "emails", "urls", "addresses", "tags", "choices"))
#: Kinds no cell of a file can fill: uploaded or counted.
NOT_READ = frozenset(("file", "image", "formula", "rollup"))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a column goes. ``part`` is a part of an address or of a person's name, or a column of a table, ``label`` that of an entry.

    ``keep``: a filled field is not overwritten. ``order`` reads dates: ymd, mdy or dmy. ``values`` maps what the file
    says to a key.
    """

    field: str
    part: str = ""
    label: str = ""
    keep: bool = False
    order: str = ""
    values: Mapping[str, str] = fresh(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data without what is not said."""
        data = {"field": self.field, "part": self.part, "label": self.label, "keep": self.keep, "order": self.order}
        return {name: value for name, value in data.items() if value} | (
            {"values": dict(self.values)} if self.values else {}
        )


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Targets by column index; columns not among them are not imported. ``defaults`` are raw values by field."""

    targets: Mapping[int, Target]
    defaults: Mapping[str, Any] = fresh(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data, for storing and for the API."""
        targets = {str(index): target.as_json() for index, target in sorted(self.targets.items())}
        return {"columns": targets, "defaults": dict(self.defaults)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FieldMap:
        """The counterpart of ``as_json``; a column may also be given as a bare field name."""
        targets = {}
        for index, given in (data.get("columns") or {}).items():
            if not given:
                continue
            known: dict[str, Any] = (
                {"field": given} if isinstance(given, str) else {k: v for k, v in given.items() if k in _TARGET_KEYS}
            )
            targets[int(index)] = Target(**known)
        return cls(targets, dict(data.get("defaults") or {}))

    def fields(self) -> tuple[str, ...]:
        """Names of the fields that get values from the file, each once; those of companions are not among them."""
        return tuple(dict.fromkeys(target.field for target in self.targets.values() if BESIDE not in target.field))

    def own(self) -> FieldMap:
        """Without the columns that go into companions."""
        return replace(self, targets={i: one for i, one in self.targets.items() if BESIDE not in one.field})

    def beside(self, entity: str) -> FieldMap:
        """The columns that go into companions of an entity, by its own field names."""
        start = f"{entity}{BESIDE}"
        found = {index: one for index, one in self.targets.items() if one.field.startswith(start)}
        return FieldMap({index: replace(one, field=one.field.removeprefix(start)) for index, one in found.items()})


_TARGET_KEYS = ("field", "part", "label", "keep", "order", "values")


def importable_fields(actor: Actor, entity: Entity | str) -> dict[str, Field]:
    """Fields an import by this actor may fill; authorship only for those with all rights, the owner for who may assign."""
    declared = entity_of(entity)
    found = {name: one for name, one in shape.writable(actor, declared).items() if one.kind not in NOT_READ}
    if not allowed(actor, "assign", declared):
        found.pop(declared.access.owner, None)
    if actor.rights.everything or actor.is_system:
        past = (*AUTHORSHIP, *declared.brought)
        found |= {name: one for name, one in shape.fields_of(declared).items() if name in past}
    return found


def companion_fields(actor: Actor, companion: Companion) -> dict[str, Field]:
    """Fields of a companion an import may fill; none when the actor may not make any."""
    if not allowed(actor, "create", companion.entity):
        return {}
    fields = importable_fields(actor, companion.entity)
    left_out = {companion.field, entity_of(companion.entity).access.owner, *AUTHORSHIP}
    return {name: one for name, one in fields.items() if name not in left_out}
