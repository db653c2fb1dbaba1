"""Records of another sort that a row names beside its own: the contact in a file of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guanxi.core.access import visible
from guanxi.core.exchange.entries import united
from guanxi.core.exchange.mapping import FieldMap, companion_fields
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.preparing import LISTS, Preparer
from guanxi.core.exchange.reasons import Reason, of_invalid
from guanxi.core.exchange.rows import Outcome, Staged
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.text import normalize_person
from guanxi.core.models import Operation
from guanxi.core.models.exchange import FAILED
from guanxi.core.records import many, values
from guanxi.core.schema.entity import Companion, Entity
from guanxi.core.schema.registry import entity_of

Key = tuple[int, str]


class CompanionWriter:
    """Makes, or completes, the companions of a batch; part of the same operation, so that undo takes them along."""

    def __init__(self, actor: Actor, companion: Companion, mapping: FieldMap, options: Options) -> None:
        self.actor = actor
        self.entity = entity_of(companion.entity)
        self.field = companion.field
        self.options = options
        self.fields = companion_fields(actor, companion)
        self.preparer = Preparer(actor, self.entity, self.fields, mapping, options, lambda _given: {})

    def bring(
        self, rows: Sequence[Staged], outcomes: Mapping[int, Outcome], operation: Operation | None, *, write: bool
    ) -> None:
        """Bring in what the rows name beside their own record; what is wrong with it is added to their reasons.

        A companion of the same record with the same name is completed: entries are added, filled fields stay.
        """
        refused: dict[int, Outcome] = {}
        wanted = [row for row in rows if outcomes[row.position].outcome != FAILED]
        ready, _rests = self.preparer.prepare(wanted, refused, write=write)
        for position, outcome in refused.items():
            self._say(outcomes[position], outcome.reasons)
        named: dict[Key, dict[str, Any]] = {}
        place: dict[Key, int] = {}
        for position, one in ready.items():
            carrier, name = outcomes[position].record_id, one.given.get(self.entity.title)
            self._say(outcomes[position], one.reasons)
            if carrier and name:
                key = (carrier, normalize_person(str(name)))
                named[key] = self._merged(one.given, named[key]) if key in named else dict(one.given)
                place.setdefault(key, position)
        if named and write:
            self._write(named, place, outcomes, operation)

    def _write(
        self,
        named: Mapping[Key, dict[str, Any]],
        place: Mapping[Key, int],
        outcomes: Mapping[int, Outcome],
        operation: Operation | None,
    ) -> None:
        known = self._known({carrier for carrier, _name in named})
        create = [key for key in named if key not in known]
        for key in create:
            named[key][self.field] = key[0]
            named[key].setdefault(self.entity.access.owner, self.options.owner_for(self.actor.user_id))
        rows = [named[key] for key in create]
        made = many.insert_many(self.actor, self.entity, rows, operation=operation, quiet=self.options.quiet)
        change = [(known[key], self._added(named[key], known[key])) for key in named if key in known]
        done = many.update_many(self.actor, self.entity, change, operation=operation, quiet=self.options.quiet)
        results = [*zip(create, made, strict=True), *zip([key for key in named if key in known], done, strict=True)]
        for key, result in results:
            if isinstance(result, Invalid):
                self._say(outcomes[place[key]], of_invalid(result, self.preparer.labels))

    def _known(self, carriers: set[int]) -> dict[Key, Any]:
        """Companions that are there and may be changed, locked."""
        rows = self.entity.model._default_manager.filter(**{f"{self.field}_id__in": carriers})
        found = visible(rows, self.actor, "change").select_for_update(of=("self",)).order_by("-pk")
        return {
            (getattr(one, f"{self.field}_id"), normalize_person(str(getattr(one, self.entity.title)))): one
            for one in found
        }

    def _added(self, given: Mapping[str, Any], record: Any) -> dict[str, Any]:
        now = {name: values.current(record, self.fields[name]) for name in given if name in self.fields}
        merged = self._merged(given, now)
        return {name: value for name, value in merged.items() if name in now and value != now[name]}

    def _merged(self, given: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
        merged = dict(now)
        for name, value in given.items():
            held = now.get(name)
            if held in (None, "", []):
                merged[name] = value
            elif isinstance(value, list) and self.fields[name].kind in LISTS:
                merged[name] = united(self.fields[name], held, value)
        return merged

    def _say(self, outcome: Outcome, reasons: Sequence[Reason]) -> None:
        outcome.reasons = [*outcome.reasons, *(one for one in reasons if one not in outcome.reasons)]


def writers(actor: Actor, entity: Entity, mapping: FieldMap, options: Options) -> list[CompanionWriter]:
    """One writer per sort of companion the mapping fills."""
    return [
        CompanionWriter(actor, one, beside, options)
        for one in entity.companions
        if (beside := mapping.beside(one.entity)).targets
    ]
