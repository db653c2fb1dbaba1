"""Entries of bank statements."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import panels, policies
from guanxi.areas.billing.entities.common import (
    state,
)
from guanxi.areas.billing.models import (
    BankEntry,
)
from guanxi.areas.billing.models.money import BOOKED, IGNORED, NEW
from guanxi.areas.billing.services import bank
from guanxi.core.schema.entity import (
    Access,
    Action,
    Entity,
    Form,
    Menu,
    Panel,
    Related,
    Search,
    Section,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register

register(
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
        fields={"fingerprint": {"label": _("Fingerprint")}},
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
                lead=True,
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
                lead=True,
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
)
