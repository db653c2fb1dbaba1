"""The area's declarations: customers, contacts, affiliations and relations between customers; what they agreed to."""

from guanxi.areas.customers.entities import consents, people

__all__ = ["consents", "people"]
