"""The firm that uses the workspace: what it is called, how it is reached and where it is paid, as printed on documents.

Kept under the key ``workspace``; the month its year begins with, which reports ask for, under a key of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Preference
from guanxi.core.models.stamps import kept
from guanxi.core.records.workspace import STAMP, preference_store

WORKSPACE = "workspace"
#: The preference that names the month the business year begins with.
FISCAL = "fiscal_start"


@dataclass(frozen=True, slots=True)
class Firm:
    """``name`` stands at the top of each page, ``legal_name`` on documents, ``english_name`` on English ones; all may be empty."""

    name: str = ""
    legal_name: str = ""
    english_name: str = ""
    address: str = ""
    english_address: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    tax_number: str = ""
    bank: str = ""
    bank_account: str = ""

    @property
    def printed_name(self) -> str:
        """The name on documents."""
        return self.legal_name or self.name


@kept(STAMP, size=1)
def firm() -> Firm:
    """What is known of the firm."""
    told = Preference.objects.filter(key=WORKSPACE).values_list("value", flat=True).first()
    known = told if isinstance(told, dict) else {}
    return Firm(**{one.name: str(known.get(one.name) or "") for one in fields(Firm)})


@kept(STAMP, size=1)
def fiscal_start() -> int:
    """The month the business year begins with (1 is January)."""
    value = Preference.objects.filter(key=FISCAL).values_list("value", flat=True).first()
    return value if isinstance(value, int) and 1 <= value <= 12 else 1


def firm_set(actor: Actor, given: Mapping[str, Any], *, fiscal_month: int) -> Firm:
    """Store what the firm says of itself. Raises Denied for who may not change settings; values are clean already."""
    require_feature(actor, SETTINGS)
    made = Firm(**{one.name: str(given.get(one.name) or "").strip() for one in fields(Firm)})
    preference_store(actor, WORKSPACE, asdict(made))
    preference_store(actor, FISCAL, fiscal_month)
    return made
