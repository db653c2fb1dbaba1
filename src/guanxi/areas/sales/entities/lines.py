"""Declaration of the lines of an opportunity."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.catalog.services import line_follow
from guanxi.areas.sales import policies
from guanxi.areas.sales.models import Opportunity, OpportunityLine
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import Access, Entity, Form, Lines, Related, Section
from guanxi.core.schema.registry import register

COLUMNS = ("product", "name", "specification", "quantity", "unit", "price", "discount", "optional", "amount")


def rule(deal: Opportunity | None) -> Text:
    """Where the amount of an opportunity comes from."""
    if deal is not None and deal.amount_manual:
        return _("The amount was set by hand; it does not follow the lines. Empty it, and it will.")
    return _(
        "The amount is the sum of the lines, tax included and without optional ones, until somebody writes another."
    )


LINES = Lines(
    key="lines",
    label=_("Products"),
    entity="sales.opportunityline",
    field="opportunity",
    columns=COLUMNS,
    sort="sort",
    text="name",
    follow=line_follow,
    settle=policies.deal_settle,
    totals=("lines_total", "amount"),
    sourced="price",
    source="price_source",
    follows=("name", "specification", "unit", "price"),
    note=rule,
)

register(
    Entity(
        key="sales.opportunityline",
        model=OpportunityLine,
        label=_("Line of an opportunity"),
        plural=_("Lines of opportunities"),
        path="opportunity-lines",
        icon="list-details",
        title="name",
        columns=("opportunity", "product", "name", "quantity", "unit", "price", "discount", "amount", "value"),
        filters=("opportunity", "product", "opportunity.category", "opportunity.stage", "amount", "optional", "sort"),
        sort=("-opportunity", "position"),
        fields={"discount": {"kind": "percent"}},
        form=Form(
            sections=(Section(_("Line"), ("opportunity", "sort", *COLUMNS[:-1], "tax_class", "cost", "owner")),),
        ),
        related=(
            Related(field="opportunity", shown=False),
            Related(
                field="product",
                label=_("In opportunities"),
                columns=("opportunity", "quantity", "price", "amount"),
                sort=("-updated_at",),
            ),
        ),
        access=Access(owner="owner", carried_by="opportunity"),
        description=_("One line of an opportunity: product, quantity, price."),
    )
)
