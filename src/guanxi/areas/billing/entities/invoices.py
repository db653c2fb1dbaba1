"""Invoices: asked for, issued, sent, reversed."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import policies
from guanxi.areas.billing.entities.common import (
    CHAIN,
    PDF,
    REASON,
    of_customer,
    state,
)
from guanxi.areas.billing.models import (
    Invoice,
    InvoiceLine,
)
from guanxi.areas.billing.models.money import ISSUED, RED, REQUESTED
from guanxi.areas.billing.services import invoices
from guanxi.core.schema.entity import (
    Access,
    Action,
    Entity,
    Form,
    Lines,
    MatchKey,
    Menu,
    Related,
    Search,
    Section,
    Writer,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register
from guanxi.core.schema.standing import Standing

register(
    Entity(
        key="billing.invoice",
        fields={
            **of_customer("contract", "order"),
            "amount": {
                "help": _("Empty: what the lines come to, or all of its contract or order that is not invoiced yet.")
            },
        },
        model=Invoice,
        label=_("Invoice"),
        plural=_("Invoices"),
        path="invoices",
        icon="file-invoice",
        color="orange",
        title="number",
        columns=(
            "number",
            "customer",
            "title",
            "sort",
            "status",
            "amount",
            "invoice_number",
            "issued_on",
            "received",
            "owner",
        ),
        filters=("status", "sort", "customer", "contract", "order", "issued_on", "requested_on", "amount", "owner"),
        facts=("status", "customer", "contract", "order", "amount", "invoice_number", "issued_on", "received"),
        search=Search(
            names=("title",), numbers=("number", "invoice_number", "tax_number"), subtitle=("customer", "amount")
        ),
        form=Form(
            sections=(
                Section(
                    _("Invoice"),
                    (
                        "number",
                        "customer",
                        "contract",
                        "order",
                        "sort",
                        "amount",
                        "currency",
                        "tax_class",
                        "content",
                        "requested_on",
                        "owner",
                    ),
                ),
                Section(_("Invoice title"), ("title", "tax_number", "address", "bank")),
                Section(_("Issued"), ("status", "invoice_number", "issued_on", "net", "tax", "reverses", "received")),
                Section(_("On its way"), ("courier", "tracking_number", "sent_on", "note")),
            ),
            create=(
                "customer",
                "contract",
                "order",
                "sort",
                "amount",
                "currency",
                "tax_class",
                "content",
                "title",
                "tax_number",
            ),
        ),
        lines=(
            Lines(
                key="lines",
                label=_("Billed items"),
                entity="billing.invoiceline",
                field="invoice",
                columns=("name", "specification", "quantity", "unit", "tax_class", "amount"),
                settle=policies.invoice_settle,
                totals=("net", "tax", "amount"),
                note=_(
                    "Amounts are with tax; tax is worked out on each line at its rate. Without lines the whole is taxed at one rate."
                ),
            ),
        ),
        panels=(CHAIN, PDF),
        related=(
            Related(field="customer", columns=("status", "amount", "invoice_number")),
            Related(field="contract", columns=("status", "amount", "invoice_number")),
            Related(field="order", columns=("status", "amount", "invoice_number")),
            Related(field="reverses", label=_("Red invoice"), columns=("amount", "invoice_number")),
        ),
        actions=(
            Action(
                key="issue",
                label=_("Issued"),
                run=invoices.invoice_issue,
                lead=True,
                icon="rubber-stamp",
                right="issue",
                fields=(
                    Field(name="invoice_number", kind="text", label=_("Invoice number"), required=True, max_length=40),
                    Field(name="issued_on", kind="date", label=_("Issued on")),
                ),
                applies=state(REQUESTED, text=_("This invoice is issued already.")),
            ),
            Action(
                key="send",
                label=_("Send to the customer"),
                run=invoices.invoice_send,
                lead=lambda invoice: invoice.sent_on is None,
                icon="send",
                fields=(
                    Field(name="courier", kind="text", label=_("Courier"), max_length=60),
                    Field(name="tracking_number", kind="text", label=_("Tracking number"), max_length=100),
                    Field(name="sent_on", kind="date", label=_("Sent on")),
                ),
                applies=state(ISSUED, text=_("Only an issued invoice can be sent.")),
            ),
            Action(
                key="reverse",
                label=_("Reverse (red invoice)"),
                run=invoices.invoice_reverse,
                icon="arrow-back-up",
                right="issue",
                danger=True,
                fields=(
                    Field(
                        name="invoice_number",
                        kind="text",
                        label=_("Number of the red invoice"),
                        required=True,
                        max_length=40,
                    ),
                    Field(name="issued_on", kind="date", label=_("Issued on")),
                    REASON,
                ),
                applies=lambda one: (
                    (one.status == ISSUED and one.reverses_id is None)
                    or _("Only an issued invoice can be reversed, and once.")
                ),
            ),
            Action(
                key="withdraw",
                label=_("Withdraw"),
                run=invoices.invoice_withdraw,
                icon="ban",
                fields=(Field(name="reason", kind="text", label=_("Reason"), max_length=200),),
                applies=state(REQUESTED, text=_("An issued invoice is reversed by a red one, not withdrawn.")),
            ),
        ),
        match_keys=(MatchKey(field="number", how="exact", weight=100),),
        access=Access(owner="owner", carried_by="customer"),
        standing=Standing(
            where={"field": "status", "op": "in", "value": [ISSUED, RED]},
            holds=("customer", "contract", "order"),
            instead=_("Reverse the invoice instead."),
        ),
        menu=Menu(group="money", order=30),
        writer=Writer(create=invoices.invoice_create, update=invoices.invoice_update),
        clean=policies.invoice_clean,
        description=_("Tax documents: asked for, issued, sent, reversed."),
    ),
    Entity(
        key="billing.invoiceline",
        model=InvoiceLine,
        label=_("Line of an invoice"),
        plural=_("Lines of invoices"),
        path="invoice-lines",
        icon="list-details",
        title="name",
        columns=("invoice", "name", "quantity", "unit", "tax_class", "net", "tax", "amount"),
        filters=("invoice", "tax_class", "amount"),
        sort=("-invoice", "position"),
        form=Form(
            sections=(
                Section(
                    _("Line"),
                    (
                        "invoice",
                        "name",
                        "specification",
                        "quantity",
                        "unit",
                        "tax_class",
                        "amount",
                        "net",
                        "tax",
                        "owner",
                    ),
                ),
            )
        ),
        related=(Related(field="invoice", shown=False),),
        brought=("position",),
        access=Access(owner="owner", carried_by="invoice"),
        clean=policies.invoice_line_clean,
        description=_("What an invoice is for, at one rate of tax."),
    ),
)
