"""The area's declarations: customers, contacts, affiliations and relations between customers; what they agreed to."""

# In the order in which lists and choices name them.
from guanxi.areas.customers.entities import people

# isort: split
from guanxi.areas.customers.entities import consents

__all__ = ["consents", "people"]
