"""The consents kept here answer when the house asks whether it may write to somebody."""

from __future__ import annotations

from guanxi.areas.customers import selectors, services
from guanxi.core.automation import marketing

marketing.add_ledger(
    marketing.Ledger(latest=selectors.marketing_word, note=services.marketing_note, refused=selectors.marketing_refused)
)
