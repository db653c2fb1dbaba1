"""The area's declarations: documents, money, commission, and what they add to other areas' pages."""

from guanxi.areas.billing.entities import commission, documents, money

__all__ = ["commission", "documents", "money"]
