"""Rules a person may start from a record's menu."""

from __future__ import annotations

from guanxi.core.automation.rules import hearing
from guanxi.core.automation.rules.store import name_of
from guanxi.core.schema.entity import Entity


def buttons_of(entity: Entity) -> list[tuple[str, str]]:
    """Key and name of each, in order."""
    return [(rule.key, name_of(rule)) for rule in hearing.buttons(entity.key)]
