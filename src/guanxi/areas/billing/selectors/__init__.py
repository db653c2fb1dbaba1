"""What the area reads."""

from guanxi.areas.billing.selectors.chain import amended, chain
from guanxi.areas.billing.selectors.credit import Credit, beyond_limit, credit_of, credit_seen
from guanxi.areas.billing.selectors.money import (
    AGES,
    IS_OWED,
    OWED,
    ZERO,
    Aged,
    account,
    ageing,
    contract_ends,
    currencies_of,
    documents_seen,
    instalment_name,
    owed,
    tells_account,
    tells_owed,
    to_invoice,
)
from guanxi.areas.billing.selectors.versions import compared, family, versions

__all__ = [
    "AGES",
    "IS_OWED",
    "OWED",
    "ZERO",
    "Aged",
    "Credit",
    "account",
    "ageing",
    "amended",
    "beyond_limit",
    "chain",
    "compared",
    "contract_ends",
    "credit_of",
    "credit_seen",
    "currencies_of",
    "documents_seen",
    "family",
    "instalment_name",
    "owed",
    "tells_account",
    "tells_owed",
    "to_invoice",
    "versions",
]
