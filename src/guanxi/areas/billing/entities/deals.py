"""What an opportunity gets from here: making a quote of it, and its way through quotes, contracts and orders."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import panels
from guanxi.areas.billing.services import deals
from guanxi.areas.sales.models import LOST
from guanxi.core.schema.entity import Action, Panel
from guanxi.core.schema.registry import extend

extend(
    "sales.opportunity",
    panels=(
        Panel(
            key="chain",
            label=_("The whole deal"),
            template="billing/chain.jinja",
            context=panels.chain,
            where="main",
            order=1,
        ),
    ),
    actions=(
        Action(
            key="quote",
            label=_("Make a quote"),
            run=deals.deal_to_quote,
            icon="file-text",
            right="view",
            applies=lambda deal: deal.category != LOST or _("This opportunity is lost. Open it again first."),
            description=_("A draft with the customer, the contact and the lines of the opportunity."),
        ),
    ),
)
