"""From a quote to the last receipt: documents with lines, what is owed and paid, commission."""

from guanxi.areas.billing.models.commission import CommissionItem, CommissionPlan, CommissionRule, CommissionStatement
from guanxi.areas.billing.models.documents import (
    ClosedPeriod,
    Contract,
    ContractLine,
    Delivery,
    DeliveryLine,
    DiscountLimit,
    Order,
    OrderLine,
    PrintTemplate,
    PublicLink,
    Quote,
    QuoteLine,
)
from guanxi.areas.billing.models.money import (
    Allocation,
    BankEntry,
    CreditLimit,
    Instalment,
    Invoice,
    InvoiceLine,
    Receipt,
)

__all__ = [
    "Allocation",
    "BankEntry",
    "ClosedPeriod",
    "CommissionItem",
    "CommissionPlan",
    "CommissionRule",
    "CommissionStatement",
    "Contract",
    "ContractLine",
    "CreditLimit",
    "Delivery",
    "DeliveryLine",
    "DiscountLimit",
    "Instalment",
    "Invoice",
    "InvoiceLine",
    "Order",
    "OrderLine",
    "PrintTemplate",
    "PublicLink",
    "Quote",
    "QuoteLine",
    "Receipt",
]
