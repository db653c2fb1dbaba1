"""Mining: what a table of transactions says about customers. A pure library: no Django, no database of its own.

Every model takes tables (pandas, Arrow, polars or ibis) with documented columns and units, and gives back a
:class:`~guanxi.mining.result.Result`: ``table``, ``explain(customer)``, ``plot()``, ``parameters``, ``diagnostics``
and ``notes`` that say what was left out and which assumption does not hold.

>>> from guanxi.mining import transactions, rfm
>>> sales = transactions(frame, customer="customer_id", date="date", amount="amount_usd")  # doctest: +SKIP
>>> rfm(sales).explain("00042", "en")  # doctest: +SKIP
"""

import importlib
import sys
from types import ModuleType
from typing import Any, Final

_PLACES: Final[dict[str, str]] = {
    "transactions": "transactions",
    "Transactions": "transactions",
    "BadInput": "result",
    "Note": "result",
    "Result": "result",
    "Text": "result",
    "rfm": "value",
    "rfm_per_category": "value",
    "abc": "concentration",
    "gini": "concentration",
    "profitability": "worth",
    "share_of_wallet": "worth",
    "quadrants": "worth",
    "key_accounts": "worth",
    "clv": "lifetime.value",
    "clv_holdout": "lifetime.holdout",
    "fit_purchases": "lifetime.model",
    "gamma_gamma": "lifetime.spending",
    "churn_table": "churn.model",
    "rhythm": "churn.rhythm",
    "stages": "churn.stages",
    "win_back": "churn.winback",
    "baskets": "offers.baskets",
    "recommend": "offers.recommend",
    "uplift": "offers.uplift",
    "qini": "offers.uplift",
    "lead_scores": "offers.leads",
    "sequences": "offers.leads",
    "clusters": "groups.clusters",
    "cohorts": "groups.cohorts",
    "survival": "groups.cohorts",
    "shifted_beta_geometric": "groups.cohorts",
    "hazards": "groups.hazards",
    "cross_table": "groups.differences",
    "regression": "groups.differences",
    "what_if": "groups.scenario",
    "what_if_sales": "groups.scenario",
    "forecast": "forecasts.series",
    "forecast_series": "forecasts.series",
    "backtest": "forecasts.series",
    "nps": "hearts.surveys",
    "csat": "hearts.surveys",
    "ces": "hearts.surveys",
    "disconfirmation": "hearts.surveys",
    "importance_performance": "hearts.surveys",
    "satisfaction_index": "hearts.surveys",
    "cronbach_alpha": "hearts.surveys",
    "satisfaction": "hearts.surveys",
    "dick_basu": "hearts.loyalty",
    "knox_diamond": "hearts.loyalty",
    "loyalty_phases": "hearts.loyalty",
    "sentiment": "hearts.words",
    "topics": "hearts.words",
    "hot_spots": "hearts.words",
    "resolve": "quality.matching",
    "holes": "quality.report",
    "psi": "drift",
}
"""Name -> module of this package; loaded when asked for, so that importing the package costs nothing."""

__all__ = [  # noqa: PLE0604 - read from the table above
    *_PLACES,
]


class _Package(ModuleType):
    """Some functions bear the name of the module they live in: the package's name means the function, also once the module is loaded."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _PLACES):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{place}"), name)
