"""The area's declarations: customers' values, and the card on the customer's page."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.insight import jobs, panels, policies  # noqa: F401 - entered by being imported
from guanxi.areas.insight.models import CustomerValue
from guanxi.core.schema.entity import Access, Badge, Entity, Form, Menu, Panel, Related, Section
from guanxi.core.schema.registry import extend, register

register(
    Entity(
        key="insight.customervalue",
        model=CustomerValue,
        label=_("Customer value"),
        plural=_("Customer values"),
        path="customer-values",
        icon="chart-dots",
        color="purple",
        columns=(
            "name",
            "customer.owner",
            "value_class",
            "segment",
            "stage",
            "spent",
            "last_bought_on",
            "lifetime_value",
            "leaving",
            "out_of_rhythm",
        ),
        filters=(
            "value_class",
            "segment",
            "stage",
            "risk",
            "out_of_rhythm",
            "lifetime_value",
            "leaving",
            "last_bought_on",
            "customer.owner",
            "customer.region",
            "customer.industry",
        ),
        sort=("-lifetime_value",),
        facts=("customer", "value_class", "segment", "lifetime_value", "leaving", "as_of"),
        fields={"active": {"kind": "percent"}, "leaving": {"kind": "percent"}},
        hidden=("cumulative", "spread", "details"),
        form=Form(
            sections=(
                Section(_("Customer"), ("customer", "as_of")),
                Section(
                    _("Worth"),
                    (
                        "value_class",
                        "spent",
                        "purchases",
                        "first_bought_on",
                        "last_bought_on",
                        "lifetime_value",
                        "expected",
                        "active",
                    ),
                ),
                Section(
                    _("Scores and segment"),
                    ("segment", "stage", "stage_from", "recency", "frequency", "monetary", "recent", "before"),
                ),
                Section(_("Risk"), ("leaving", "risk", "gap", "silent", "out_of_rhythm", "gain")),
            ),
            create=("customer",),
        ),
        related=(Related(field="customer", shown=False),),
        access=Access(carried_by="customer"),
        menu=Menu(group="analysis", order=20),
        clean=policies.value_clean,
        creatable=False,
        importable=False,
        description=_(
            "What purchases say about a customer: class, segment, stage, lifetime value and risk, computed every night."
        ),
    )
)

extend(
    "customers.customer",
    badges=(Badge(key="rhythm", find=panels.leaving, order=40),),
    panels=(
        Panel(
            key="insight",
            label=_("Value and risk"),
            template="insight/card.jinja",
            context=panels.card,
            where="right",
            order=15,
        ),
    ),
)
