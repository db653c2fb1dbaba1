"""Mining: what a table of transactions says about customers. A pure library: no Django, no database of its own.

Every model takes tables (pandas, Arrow, polars or ibis) with documented columns and units, and gives back a
:class:`~guanxi.mining.result.Result`: ``table``, ``explain(customer)``, ``plot()``, ``parameters``, ``diagnostics``
and ``notes`` that say what was left out and which assumption does not hold.

>>> from guanxi.mining import transactions, rfm
>>> sales = transactions(frame, customer="customer_id", date="date", amount="amount_usd")  # doctest: +SKIP
>>> rfm(sales).explain("00042", "en")  # doctest: +SKIP
"""

import importlib
from typing import Any, Final

_PLACES: Final[dict[str, str]] = {
    "transactions": "transactions",
    "Transactions": "transactions",
    "BadInput": "result",
    "Note": "result",
    "Result": "result",
    "Text": "result",
    "rfm": "value",
    "abc": "concentration",
}
"""Name -> module of this package; loaded when asked for, so that importing the package costs nothing."""

__all__ = ["BadInput", "Note", "Result", "Text", "Transactions", "abc", "rfm", "transactions"]


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{place}"), name)
