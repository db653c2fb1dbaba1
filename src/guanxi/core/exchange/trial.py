"""What a dry run says of a row that means an earlier row of the same batch: the record it would change is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guanxi.core.exchange.reasons import reason
from guanxi.core.exchange.rows import Outcome, Ready, Staged
from guanxi.core.models.exchange import SKIPPED, UPDATED
from guanxi.core.records import shape, values
from guanxi.core.schema.entity import Entity

#: What to write on a record of the given values.
Merge = Callable[[Mapping[str, Any], Any], dict[str, Any]]


class Trial:
    """Keeps, by the position of rows, the records they would make; a row that means one of them changes it here."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.drafts: dict[int, Any] = {}

    def behind(
        self,
        waiting: Mapping[int, Ready],
        heads: Mapping[int, Staged],
        outcomes: dict[int, Outcome],
        merge: Merge | None,
    ) -> dict[int, Ready]:
        """Decide the rows whose earlier row makes a record; returns the others. Without ``merge`` all of them change it."""
        still: dict[int, Ready] = {}
        fields = shape.fields_of(self.entity)
        for position, one in sorted(waiting.items()):
            draft = self.drafts.get(heads[position].position)
            if draft is None:
                still[position] = one
                continue
            self.drafts[position] = draft
            if merge is None:
                outcomes[position] = Outcome(position, UPDATED, None, one.reasons)
                continue
            told = [*one.reasons, reason("row.exists_in_file", number=heads[position].number)]
            if values.assign(draft, fields, merge(one.given, draft)):
                outcomes[position] = Outcome(position, UPDATED, None, told)
            else:
                outcomes[position] = Outcome(position, SKIPPED, None, [*told, reason("row.unchanged")])
        return still
