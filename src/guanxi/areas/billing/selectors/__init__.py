"""What the area reads."""

from guanxi.areas.billing.selectors.chain import amended, chain
from guanxi.areas.billing.selectors.money import (
    AGES,
    IS_OWED,
    OWED,
    ZERO,
    Aged,
    account,
    ageing,
    contract_ends,
    credit_of,
    currencies_of,
    owed,
    tells_account,
    to_invoice,
)
from guanxi.areas.billing.selectors.versions import compared, family, versions

__all__ = [
    "AGES",
    "IS_OWED",
    "OWED",
    "ZERO",
    "Aged",
    "account",
    "ageing",
    "amended",
    "chain",
    "compared",
    "contract_ends",
    "credit_of",
    "currencies_of",
    "family",
    "owed",
    "tells_account",
    "to_invoice",
    "versions",
]
