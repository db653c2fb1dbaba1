"""What an entity is found by: what its declaration says, and the fields an administrator added."""

from __future__ import annotations

from dataclasses import replace

from guanxi.core.models.stamps import kept
from guanxi.core.records import shape
from guanxi.core.schema.entity import Entity, Search
from guanxi.core.schema.registry import entity_of, is_registered

#: Kinds of added fields that are found, and as what. A formula's text is none: it follows from what is found already.
FOUND_AS = {
    "text": "text",
    "long_text": "text",
    "serial": "numbers",
    "phone": "phones",
    "phones": "phones",
    "email": "emails",
    "emails": "emails",
}


def searched(entity: Entity) -> Search | None:
    """What the search reads of an entity now; ``None`` for one that is not searched."""
    return _searched(entity.key) if entity.search is not None and is_registered(entity.key) else entity.search


@kept("fields")
def _searched(key: str) -> Search | None:
    declared = entity_of(key).search
    if declared is None:
        return None
    added: dict[str, tuple[str, ...]] = {}
    for name, field in shape.fields_of(key).items():
        part = FOUND_AS.get(field.kind)
        if field.custom and part is not None and not field.formula:
            added[part] = (*added.get(part, getattr(declared, part)), name)
    return replace(declared, **added) if added else declared
