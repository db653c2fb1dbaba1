"""Customers, contacts, affiliations and relations for tests."""

from __future__ import annotations

from typing import Any

from tests.factories import Make, factory


@factory("customers.customer")
def customer(number: int, _make: Make) -> dict[str, Any]:
    """An organisation with a name nobody else has."""
    return {"name": f"深圳市测试{number}科技有限公司"}


@factory("customers.contact")
def contact(number: int, _make: Make) -> dict[str, Any]:
    """A person without a company."""
    return {"name": f"张测试{number}"}


@factory("customers.affiliation")
def affiliation(number: int, make: Make) -> dict[str, Any]:
    """A further place of a new contact at a new customer."""
    return {
        "contact": lambda: make("customers.contact"),
        "customer": lambda: make("customers.customer"),
        "position": f"顾问{number}",
    }


@factory("customers.consent")
def consent(_number: int, make: Make) -> dict[str, Any]:
    """A new customer agrees to marketing."""
    return {"customer": lambda: make("customers.customer"), "purpose": "marketing"}


@factory("customers.customerlink")
def customer_link(_number: int, make: Make) -> dict[str, Any]:
    """One new customer is the partner of another."""
    return {
        "customer": lambda: make("customers.customer"),
        "other": lambda: make("customers.customer"),
        "relation": "partner",
    }
