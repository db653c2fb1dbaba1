"""Records for tests. A module here names, per entity, the values a record needs when a test does not care.

    @factory("customers.contact")
    def contact(number: int, make: Make) -> dict[str, Any]:
        return {"name": f"联系人{number}", "customer": lambda: make("customers.customer")}

A function as value is called only when the test gives nothing itself; an ``Of`` likewise, with another of the values.
``number`` counts up, so that no two records of a run are alike. The fixture ``make`` (see ``cast``) puts them to work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Make = Callable[..., Any]
Factory = Callable[[int, Make], dict[str, Any]]
FACTORIES: dict[str, Factory] = {}


def factory(key: str) -> Callable[[Factory], Factory]:
    """Name the factory of an entity."""

    def keep(made: Factory) -> Factory:
        FACTORIES[key] = made
        return made

    return keep


@dataclass(frozen=True, slots=True)
class Of:
    """A value that follows from another one: ``made(given[name])``."""

    name: str
    made: Callable[[Any], Any]


def resolved(given: dict[str, Any]) -> dict[str, Any]:
    """The values, functions called; records as their ids."""
    values = {name: value() if callable(value) else value for name, value in given.items()}
    values = {
        name: value.made(values[value.name]) if isinstance(value, Of) else value for name, value in values.items()
    }
    return {name: getattr(value, "pk", value) for name, value in values.items()}
