"""What is owed and paid: instalments, receipts, allocations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import panels, policies
from guanxi.areas.billing.entities.common import (
    AMOUNT,
    CHAIN,
    PDF,
    REASON,
)
from guanxi.areas.billing.models import (
    Allocation,
    Contract,
    Instalment,
    Order,
    Receipt,
)
from guanxi.areas.billing.models.documents import DRAFT
from guanxi.areas.billing.models.money import PAID
from guanxi.areas.billing.services import allocatable, ledger, receiving
from guanxi.core.access import reads
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
    Badge,
    Entity,
    Form,
    MatchKey,
    Menu,
    Panel,
    Related,
    Search,
    Section,
    Timeline,
    Writer,
)
from guanxi.core.schema.fields import Field, Offer
from guanxi.core.schema.registry import extend, register
from guanxi.core.schema.standing import Standing

OPEN_ONES = Offer(
    where=allocatable.instalments_for, tells=("contract.number", "order.number", "name"), beside=("due_on", "open")
)
OWN_ONES = Offer(
    where=allocatable.allocations_of,
    tells=("instalment.contract.number", "instalment.order.number", "instalment.name"),
    beside=("amount", "booked_on"),
)


def free(actor: Actor, receipt: Receipt) -> Mapping[str, Any]:
    """Forms about a receipt's money begin with what is free of it."""
    return {"amount": receipt.free} if reads(actor, "billing.receipt", "free") else {}


def longest_due(actor: Actor, receipt: Receipt) -> Mapping[str, Any]:
    """Allocating begins with what is due the longest, of what he sees."""
    return {"instalment": allocatable.owed_by(actor, receipt).values_list("pk", flat=True).first()}


def rest(actor: Actor, row: Instalment) -> Mapping[str, Any]:
    """Forms about what is due begin with what is open of it."""
    return {"amount": row.open} if reads(actor, "billing.instalment", "open") else {}


def has_free(receipt: Receipt) -> bool | Text:
    """Whether there is money to allocate or pay back."""
    return bool(receipt.free) or _("All of this money is allocated.")


def has_allocated(receipt: Receipt) -> bool | Text:
    """Whether there is something to take back."""
    return bool(receipt.allocated) or _("Nothing of this money is allocated.")


def is_open(row: Instalment) -> bool | Text:
    """Whether something is open, on a document that stands."""
    if row.status == PAID:
        return _("Nothing is open here.")
    document: Contract | Order | None = row.contract or row.order
    return (document is not None and document.status != DRAFT) or _("Nothing is owed on a draft.")


register(
    Entity(
        key="billing.instalment",
        model=Instalment,
        label=_("Instalment"),
        plural=_("Instalments"),
        path="instalments",
        icon="calendar-due",
        color="amber",
        columns=("due_on", "customer", "contract", "order", "name", "amount", "received", "open", "status", "owner"),
        filters=("status", "customer", "contract", "order", "due_on", "open", "currency", "owner"),
        sort=("due_on",),
        facts=("status", "customer", "contract", "order", "amount", "received", "open", "due_on"),
        fields={"percent": {"kind": "percent"}},
        hidden=("reminded_on",),
        form=Form(
            sections=(
                Section(
                    _("Instalment"), ("name", "contract", "order", "percent", "amount", "due_on", "milestone", "owner")
                ),
                Section(_("Money"), ("received", "written_off", "open", "status")),
            )
        ),
        panels=(CHAIN,),
        related=(
            Related(field="contract", shown=False),
            Related(field="order", shown=False),
            Related(field="customer", columns=("due_on", "amount", "open"), sort=("due_on",)),
        ),
        actions=(
            Action(
                key="receive",
                label=_("Enter a receipt"),
                run=receiving.instalment_receive,
                right="receive",
                icon="cash",
                lead=True,
                fields=(
                    Field(name="amount", kind="money", label=_("Amount"), help=_("Empty: all that is open.")),
                    Field(name="received_on", kind="date", label=_("Received on"), help=_("Empty: today.")),
                    Field(name="method", kind="choice", label=_("Means of payment"), dictionary="payment_method"),
                    Field(name="reference", kind="text", label=_("Bank reference"), max_length=100),
                ),
                applies=is_open,
            ),
            Action(
                key="write_off",
                label=_("Write off"),
                run=ledger.write_off,
                begin=rest,
                right="write_off",
                icon="circle-minus",
                danger=True,
                fields=(AMOUNT, REASON),
                applies=is_open,
            ),
        ),
        access=Access(owner="owner", carried_by="customer"),
        menu=Menu(group="money", order=10),
        clean=policies.instalment_clean,
        description=_("What is due when, on contracts and orders."),
    ),
    Entity(
        key="billing.receipt",
        model=Receipt,
        label=_("Receipt"),
        plural=_("Receipts"),
        path="receipts",
        icon="cash",
        color="green",
        title="number",
        columns=(
            "number",
            "customer",
            "received_on",
            "sort",
            "amount",
            "allocated",
            "free",
            "method",
            "payer",
            "owner",
        ),
        filters=("customer", "received_on", "method", "free", "amount", "currency", "sort", "owner"),
        sort=("-received_on",),
        facts=("customer", "received_on", "amount", "allocated", "refunded", "free", "method"),
        fields={"received_on": {"default": "@today"}},
        search=Search(
            numbers=("number", "reference", "external_id"), text=("payer", "memo"), subtitle=("customer", "amount")
        ),
        form=Form(
            sections=(
                Section(_("Receipt"), ("number", "customer", "received_on", "amount", "currency", "method", "owner")),
                Section(_("From the bank"), ("payer", "account", "reference", "memo", "external_id")),
                Section(_("What it settles"), ("sort", "refunds", "allocated", "refunded", "free")),
            ),
            create=("customer", "received_on", "amount", "currency", "method", "payer", "reference", "memo"),
        ),
        badges=(Badge(key="paid_back", find=panels.paid_back, fields=("sort",)),),
        panels=(
            CHAIN,
            Panel(
                key="spread",
                label=_("Allocated to"),
                template="billing/allocations.jinja",
                context=panels.allocations,
                where="main",
                order=3,
            ),
            PDF,
        ),
        related=(
            Related(field="customer", columns=("received_on", "amount", "free"), sort=("-received_on",)),
            Related(field="refunds", shown=False),
        ),
        actions=(
            Action(
                key="spread",
                label=_("Allocate to the longest due"),
                run=ledger.receipt_spread,
                lead=True,
                icon="arrows-split",
                applies=has_free,
            ),
            Action(
                key="book",
                label=_("Allocate"),
                run=ledger.receipt_book,
                begin=longest_due,
                icon="arrow-right",
                applies=has_free,
                fields=(
                    Field(
                        name="instalment",
                        kind="reference",
                        label=_("Instalment"),
                        target="billing.instalment",
                        required=True,
                        offers=OPEN_ONES,
                    ),
                    Field(name="amount", kind="money", label=_("Amount"), help=_("Empty: as much as fits.")),
                    Field(
                        name="invoice",
                        kind="reference",
                        label=_("Invoice"),
                        target="billing.invoice",
                        offers=Offer(
                            where=allocatable.invoices_of, tells=("number", "title"), beside=("issued_on", "amount")
                        ),
                    ),
                ),
            ),
            Action(
                key="unbook",
                label=_("Take one allocation back"),
                run=ledger.receipt_unbook,
                icon="arrow-back-up",
                applies=has_allocated,
                fields=(
                    Field(
                        name="allocation",
                        kind="reference",
                        label=_("Allocation"),
                        target="billing.allocation",
                        required=True,
                        offers=OWN_ONES,
                    ),
                ),
            ),
            Action(
                key="release",
                label=_("Take allocations back"),
                run=ledger.receipt_release,
                icon="arrow-back-up",
                applies=has_allocated,
            ),
            Action(
                key="refund",
                label=_("Pay back"),
                run=ledger.receipt_refund,
                begin=free,
                icon="arrow-forward-up",
                applies=has_free,
                fields=(
                    Field(name="amount", kind="money", label=_("Amount"), required=True),
                    Field(name="paid_on", kind="date", label=_("Paid back on")),
                    Field(name="memo", kind="text", label=_("Memo"), max_length=300),
                ),
            ),
        ),
        match_keys=(
            MatchKey(field="number", how="exact", weight=100),
            MatchKey(field="reference", how="exact", weight=100),
            MatchKey(field="external_id", how="exact", weight=100),
        ),
        alike=("customer", "received_on", "amount", "currency", "sort"),
        access=Access(owner="owner", carried_by="customer"),
        standing=Standing(where={"field": "amount", "op": "not_empty"}, holds=("customer",), itself=False),
        timeline=Timeline(on=("customer",), at="created_at", title="number", body="memo"),
        menu=Menu(group="money", order=20),
        writer=Writer(delete=ledger.receipt_delete),
        clean=policies.receipt_clean,
        description=_("Money received, what it settles, and what was paid back."),
    ),
    Entity(
        key="billing.allocation",
        model=Allocation,
        label=_("Allocation"),
        plural=_("Allocations"),
        path="allocations",
        icon="arrows-split",
        title="reason",
        columns=("booked_on", "sort", "customer", "receipt", "instalment", "invoice", "amount", "reason"),
        filters=("sort", "customer", "receipt", "instalment", "invoice", "booked_on", "owner"),
        sort=("-booked_on",),
        form=Form(sections=(Section(_("Allocation"), ("receipt", "instalment", "invoice", "amount", "reason")),)),
        related=(
            Related(field="receipt", shown=False),
            Related(field="customer", shown=False),
            Related(
                field="instalment", label=_("Bookings"), columns=("booked_on", "sort", "amount"), sort=("-booked_on",)
            ),
            Related(field="invoice", label=_("Paid by"), columns=("booked_on", "receipt", "amount")),
        ),
        access=Access(owner="owner", carried_by="customer"),
        writer=Writer(
            create=ledger.allocation_create, update=ledger.allocation_update, delete=ledger.allocation_delete
        ),
        clean=policies.allocation_clean,
        creatable=False,
        importable=False,
        description=_("Which money settles which instalment, and what was written off."),
    ),
)

extend(
    "customers.customer",
    badges=(Badge(key="overdue", find=panels.money_late, order=10),),
    panels=(
        Panel(
            key="account",
            label=_("Money"),
            template="billing/account_panel.jinja",
            context=panels.account,
            right="view",
            where="right",
            order=15,
        ),
    ),
)
