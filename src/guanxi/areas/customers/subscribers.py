"""What the house asks of customers: whether it may write to somebody, and who it is that writes."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers import selectors, services
from guanxi.areas.customers.models import PERSON
from guanxi.core.automation import marketing
from guanxi.core.automation.incoming import receiving

marketing.add_ledger(
    marketing.Ledger(latest=selectors.marketing_word, note=services.marketing_note, refused=selectors.marketing_refused)
)

receiving.add_ranks("customers.contact", "customers.customer")
receiving.add_maker(
    receiving.Maker(
        "customers.customer", _("Make a customer"), lambda one: {"kind": PERSON, **receiving.reached(one)}, order=20
    )
)
