"""Tables of the catalogue, and what priced documents of higher areas build on."""

from guanxi.areas.catalog.models.priced import (
    ITEM,
    NOTE,
    SECTION,
    PricedDocument,
    PricedLine,
    parts,
    priced_totals,
    settle_lines,
    settle_priced,
    spread,
    tax_rate_of,
)
from guanxi.areas.catalog.models.products import (
    RETIRED,
    SALEABLE,
    STATUSES,
    BundlePart,
    Category,
    PriceBook,
    PriceEntry,
    Product,
    Stock,
)

__all__ = [
    "ITEM",
    "NOTE",
    "RETIRED",
    "SALEABLE",
    "SECTION",
    "STATUSES",
    "BundlePart",
    "Category",
    "PriceBook",
    "PriceEntry",
    "PricedDocument",
    "PricedLine",
    "Product",
    "Stock",
    "parts",
    "priced_totals",
    "settle_lines",
    "settle_priced",
    "spread",
    "tax_rate_of",
]
