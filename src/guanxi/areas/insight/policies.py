"""What always holds for a customer's values."""

from __future__ import annotations

from typing import Any

from guanxi.areas.insight.models import CustomerValue
from guanxi.core.kernel.actor import Actor


def value_clean(_actor: Actor, value: CustomerValue, _changes: Any) -> None:
    """The row bears the customer's name unless it has one."""
    value.name = value.name or value.customer.name
