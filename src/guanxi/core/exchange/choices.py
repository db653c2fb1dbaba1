"""Values a dictionary does not know yet: added when an administrator asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Max

from guanxi.core.access import require
from guanxi.core.exchange.reasons import Reason, reason
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.text import has_han
from guanxi.core.models import Dictionary, DictionaryValue
from guanxi.core.models.stamps import bump
from guanxi.core.records import dictionaries
from guanxi.core.schema.fields import Field

#: New values per dictionary and run; a column of free text would add thousands.
MOST = 200


class ChoiceMaker:
    """Adds unknown values to dictionaries, if it may; within the transaction of the batch."""

    def __init__(self, actor: Actor, *, create: bool) -> None:
        self.create = create and (actor.rights.everything or actor.is_system)
        if create and not self.create:
            require(actor, "change", "core.role")
        self.made: dict[str, int] = {}

    def prepare(self, fields: Mapping[str, Field], given: Mapping[str, Any], reasons: list[Reason]) -> None:
        """Add what the row's choice fields name and nobody knows."""
        if not self.create:
            return
        for name, raw in given.items():
            declared = fields[name]
            if declared.kind == "choice" and declared.dictionary and isinstance(raw, str) and raw.strip():
                known = dictionaries.value_of(declared.dictionary, raw) or dictionaries.find(declared.dictionary, raw)
                if not known and self._add(declared.dictionary, raw.strip()):
                    made = reason("choice.created", field=name, value=raw.strip()[:100])
                    made["values"]["field"] = str(declared.label)
                    reasons.append(made)

    def _add(self, key: str, text: str) -> bool:
        count = self.made.get(key, 0)
        dictionary = Dictionary.objects.filter(key=key).first()
        if count >= MOST or dictionary is None or len(text) > 100:
            return False
        self.made[key] = count + 1
        last = dictionary.values.aggregate(last=Max("position"))["last"] or 0
        chinese = has_han(text)
        number = dictionary.values.filter(key__startswith="import_").count() + 1
        while dictionary.values.filter(key=f"import_{number}").exists():
            number += 1
        DictionaryValue.objects.create(
            dictionary=dictionary,
            key=f"import_{number}",
            name_zh=text,
            name_en="" if chinese else text,
            position=last + 1,
        )
        bump("dictionaries")
        return True
