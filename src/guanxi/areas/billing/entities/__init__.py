"""The area's declarations: documents, money, commission, settings, and what they add to other areas' pages."""

from guanxi.areas.billing.entities import (
    bank,
    commission,
    contracts,
    deals,
    deliveries,
    invoices,
    orders,
    quotes,
    receivables,
    settings,
)

__all__ = [
    "bank",
    "commission",
    "contracts",
    "deals",
    "deliveries",
    "invoices",
    "orders",
    "quotes",
    "receivables",
    "settings",
]
