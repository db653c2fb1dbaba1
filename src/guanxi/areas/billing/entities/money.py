"""Declarations of what is owed and paid: instalments, receipts, allocations, invoices, bank entries, credit limits."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import panels, policies
from guanxi.areas.billing.entities.documents import CHAIN, state
from guanxi.areas.billing.models import Allocation, BankEntry, CreditLimit, Instalment, Invoice, Receipt
from guanxi.areas.billing.models.money import BOOKED, IGNORED, ISSUED, NEW, PAID, REQUESTED
from guanxi.areas.billing.services import bank, invoices, ledger
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
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
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import extend, register

AMOUNT = Field(name="amount", kind="money", label=_("Amount"))
REASON = Field(name="reason", kind="text", label=_("Reason"), max_length=200, required=True)


def has_free(receipt: Receipt) -> bool | Text:
    """Whether there is money to allocate or pay back."""
    return bool(receipt.free) or _("All of this money is allocated.")


def has_allocated(receipt: Receipt) -> bool | Text:
    """Whether there is something to take back."""
    return bool(receipt.allocated) or _("Nothing of this money is allocated.")


def is_open(row: Instalment) -> bool | Text:
    """Whether something is open."""
    return row.status != PAID or _("Nothing is open here.")


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
                key="write_off",
                label=_("Write off"),
                run=ledger.write_off,
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
        columns=("number", "customer", "received_on", "amount", "allocated", "free", "method", "payer", "owner"),
        filters=("customer", "received_on", "method", "free", "amount", "currency", "sort", "owner"),
        sort=("-received_on",),
        facts=("customer", "received_on", "amount", "allocated", "refunded", "free", "method"),
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
                icon="arrows-split",
                applies=has_free,
            ),
            Action(
                key="book",
                label=_("Allocate"),
                run=ledger.receipt_book,
                icon="arrow-right",
                applies=has_free,
                fields=(
                    Field(
                        name="instalment",
                        kind="reference",
                        label=_("Instalment"),
                        target="billing.instalment",
                        required=True,
                    ),
                    AMOUNT,
                    Field(name="invoice", kind="reference", label=_("Invoice"), target="billing.invoice"),
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
        access=Access(owner="owner", carried_by="customer"),
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
    Entity(
        key="billing.invoice",
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
        panels=(CHAIN,),
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
                label=_("Sent"),
                run=invoices.invoice_send,
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
                applies=state(ISSUED, text=_("Only an issued invoice can be reversed, and once.")),
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
        menu=Menu(group="money", order=30),
        writer=Writer(create=invoices.invoice_create),
        clean=policies.invoice_clean,
        description=_("Tax documents: asked for, issued, sent, reversed."),
    ),
    Entity(
        key="billing.bankentry",
        model=BankEntry,
        label=_("Bank entry"),
        plural=_("Bank entries"),
        path="bank-entries",
        icon="building-bank",
        color="blue",
        title="payer",
        columns=("booked_on", "payer", "amount", "currency", "memo", "reference", "status", "receipt"),
        filters=("status", "booked_on", "amount", "payer", "account", "currency"),
        sort=("-booked_on",),
        facts=("status", "booked_on", "payer", "amount", "memo", "receipt"),
        search=Search(names=("payer",), numbers=("reference",), text=("memo",), subtitle=("booked_on", "amount")),
        form=Form(
            sections=(
                Section(
                    _("Bank entry"),
                    (
                        "booked_on",
                        "amount",
                        "currency",
                        "payer",
                        "payer_account",
                        "account",
                        "memo",
                        "reference",
                        "status",
                        "receipt",
                        "owner",
                    ),
                ),
            )
        ),
        panels=(
            Panel(
                key="match",
                label=_("Proposed matches"),
                template="billing/match.jinja",
                context=panels.matches,
                where="main",
                order=1,
            ),
        ),
        related=(Related(field="receipt", shown=False),),
        actions=(
            Action(
                key="book",
                label=_("Book as receipt"),
                run=bank.entry_book,
                icon="circle-check",
                fields=(
                    Field(
                        name="customer",
                        kind="reference",
                        label=_("Customer"),
                        target="customers.customer",
                        required=True,
                    ),
                    Field(name="spread", kind="boolean", label=_("Allocate to what is open"), default=True),
                ),
                applies=state(NEW, text=_("This entry is booked or left out already.")),
            ),
            Action(
                key="ignore",
                label=_("Leave out"),
                run=bank.entry_ignore,
                icon="eye-off",
                applies=state(NEW, text=_("This entry is booked or left out already.")),
            ),
            Action(
                key="reopen",
                label=_("Match again"),
                run=bank.entry_reopen,
                icon="rotate",
                applies=state(BOOKED, IGNORED, text=_("This entry waits to be matched.")),
            ),
        ),
        access=Access(owner="owner"),
        menu=Menu(group="money", order=40),
        clean=policies.entry_clean,
        importable=False,
        description=_("Incoming payments of the bank's statements, to be matched with what is owed."),
    ),
    Entity(
        key="billing.creditlimit",
        model=CreditLimit,
        label=_("Credit limit"),
        plural=_("Credit limits"),
        path="credit-limits",
        icon="gauge",
        title="customer.name",
        columns=("customer", "amount", "currency", "grace_days", "blocks", "note"),
        filters=("customer", "blocks", "amount"),
        form=Form(
            sections=(
                Section(_("Credit limit"), ("customer", "amount", "currency", "grace_days", "blocks", "note", "owner")),
            )
        ),
        related=(Related(field="customer", columns=("amount", "blocks")),),
        access=Access(owner="owner", carried_by="customer"),
        menu=Menu(group="money", order=60),
        clean=policies.limit_clean,
        description=_("How much customers may owe."),
    ),
)

extend(
    "customers.customer",
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
