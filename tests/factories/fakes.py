"""Gadgets and parts for tests."""

from __future__ import annotations

from typing import Any

from tests.factories import Make, factory


@factory("fakes.gadget")
def gadget(number: int, _make: Make) -> dict[str, Any]:
    """A named gadget."""
    return {"name": f"小器具{number}", "number": f"G-{number:05d}"}


@factory("fakes.part")
def part(number: int, make: Make) -> dict[str, Any]:
    """A part of a new gadget."""
    return {"name": f"零件{number}", "gadget": make("fakes.gadget")}
