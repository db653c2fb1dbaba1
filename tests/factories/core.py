"""The core's own records for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.factories import Make, factory


@factory("core.department")
def department(number: int, _make: Make) -> dict[str, Any]:
    """A department."""
    return {"name": f"测试部{number}"}


@factory("core.position")
def position(number: int, _make: Make) -> dict[str, Any]:
    """A job title."""
    return {"name": f"职位{number}"}


@factory("core.role")
def role(number: int, _make: Make) -> dict[str, Any]:
    """A role without rights."""
    return {"name": f"角色{number}", "key": f"role-{number}"}


@factory("core.user")
def user(number: int, _make: Make) -> dict[str, Any]:
    """Somebody without roles."""
    return {"name": f"新人{number}", "username": f"newcomer{number}"}


@factory("core.tag")
def tag(number: int, _make: Make) -> dict[str, Any]:
    """A tag."""
    return {"name": f"标签{number}"}


@factory("core.exchangerate")
def rate(number: int, _make: Make) -> dict[str, Any]:
    """A rate of the dollar on a day of its own."""
    return {"currency": "USD", "rate": "7.1", "day": dt.date(2020, 1, 1) + dt.timedelta(days=number)}
