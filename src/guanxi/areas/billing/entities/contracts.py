"""Contracts with their lines, payment plan, amendments and renewals."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import policies
from guanxi.areas.billing.entities import common
from guanxi.areas.billing.entities.common import (
    AMOUNTS,
    CHAIN,
    CREDIT,
    DAY,
    MONEY,
    NUMBERS,
    PDF,
    UNPAID,
    in_state,
    of_customer,
    state,
)
from guanxi.areas.billing.models import (
    Contract,
    ContractLine,
)
from guanxi.areas.billing.models.documents import AMENDMENT_EFFECTS, DRAFT, ENDED, FRAMEWORK, OWING_CONTRACTS, SIGNED
from guanxi.areas.billing.services import contracts
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
    Board,
    Entity,
    Form,
    Menu,
    Related,
    Search,
    Section,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register
from guanxi.core.schema.standing import Standing


def renewable(contract: Contract) -> bool | Text:
    """Whether a contract can go on for as long again, else why not."""
    if contract.status == DRAFT:
        return _("Sign the contract first.")
    return contract.ends_on is not None or _("This contract has no end.")


register(
    Entity(
        key="billing.contract",
        model=Contract,
        label=_("Contract"),
        plural=_("Contracts"),
        path="contracts",
        icon="contract",
        color="purple",
        columns=(
            "number",
            "name",
            "customer",
            "kind",
            "status",
            "total",
            "received",
            "open",
            "signed_on",
            "ends_on",
            "owner",
        ),
        filters=(
            "status",
            "kind",
            "customer",
            "owner",
            "signed_on",
            "ends_on",
            "total",
            "open",
            "currency",
            "framework",
            "amends",
            "tags",
        ),
        facts=("status", "customer", "total", "received", "open", "signed_on", "ends_on", "owner"),
        fields={
            **MONEY,
            **of_customer("contact", "opportunity", "quote", "framework", "amends", "renews"),
            "status": {"readonly": True},
            "volume": {
                "help": _(
                    "Of a framework contract: how much may be called off under it. Empty: what its lines come to."
                )
            },
        },
        hidden=("reminded_on",),
        search=Search(names=("name",), numbers=("number", "external_id"), subtitle=("customer", "total")),
        form=Form(
            sections=(
                Section(
                    _("Contract"),
                    ("name", "number", "kind", "customer", "contact", "opportunity", "quote", "owner", "tags"),
                ),
                Section(
                    _("Term"),
                    ("signed_on", "signed_by", "signed_for_customer", "starts_on", "ends_on", "remind_days", "status"),
                ),
                AMOUNTS,
                Section(_("Receipts and invoices"), ("received", "open", "written_off", "invoiced")),
                Section(_("Family"), ("framework", "volume", "amends", "effect", "renews")),
                Section(_("Text"), ("terms", "note", "external_id")),
            ),
            create=(
                "name",
                "kind",
                "customer",
                "contact",
                "starts_on",
                "ends_on",
                "volume",
                "currency",
                "prices_with_tax",
                "discount",
            ),
        ),
        board=Board(field="status", card=("customer", "ends_on", "owner"), total="total", exits=(ENDED,)),
        lines=(common.lines("billing.contractline", "contract", policies.contract_settle), common.plan("contract")),
        badges=(UNPAID,),
        panels=(CHAIN, common.FRAME, CREDIT, PDF),
        related=(
            Related(field="customer", columns=("status", "total", "open"), sort=("-signed_on",)),
            Related(field="opportunity", columns=("status", "total", "open")),
            Related(field="quote", shown=False),
            Related(field="contact", shown=False),
            Related(field="framework", label=_("Contracts under this framework"), columns=("status", "total")),
            Related(field="amends", label=_("Amendments"), columns=("status", "effect", "total")),
            Related(field="renews", label=_("Renewals"), columns=("status", "starts_on", "ends_on")),
        ),
        actions=(
            Action(
                key="sign",
                label=_("Signed"),
                run=contracts.contract_sign,
                lead=True,
                icon="signature",
                fields=(
                    Field(name="signed_on", kind=DAY, label=_("Signed on")),
                    Field(name="by", kind="text", label=_("Signed for us by"), max_length=100),
                    Field(name="customer", kind="text", label=_("Signed for the customer by"), max_length=100),
                ),
                applies=state(DRAFT, text=_("This contract is signed already.")),
            ),
            Action(
                key="order",
                label=_("Make an order"),
                run=contracts.contract_to_order,
                lead=in_state(SIGNED),
                icon="shopping-cart",
                applies=state(SIGNED, "completed", text=_("Sign the contract first.")),
            ),
            common.asks_invoice(SIGNED, "completed", text=_("Sign the contract first.")),
            Action(
                key="amend",
                label=_("Amend"),
                run=contracts.contract_amend,
                icon="file-plus",
                fields=(
                    Field(
                        name="effect", kind="choice", label=_("Effect"), choices=tuple(AMENDMENT_EFFECTS), default="add"
                    ),
                ),
                applies=state(SIGNED, text=_("Only a signed contract is amended.")),
            ),
            Action(
                key="renew",
                label=_("Renew"),
                run=contracts.contract_renew,
                icon="repeat",
                applies=renewable,
            ),
            Action(
                key="call",
                label=_("Contract under this framework"),
                run=contracts.contract_call,
                icon="hierarchy-2",
                lead=lambda one: one.kind == FRAMEWORK and one.status == SIGNED,
                applies=lambda one: one.kind == FRAMEWORK and one.status == SIGNED,
            ),
            Action(
                key="end",
                label=_("End"),
                run=contracts.contract_end,
                icon="flag",
                fields=(
                    Field(name="ended_on", kind=DAY, label=_("Ended on")),
                    Field(name="note", kind="long_text", label=_("Reason")),
                ),
                applies=state(SIGNED, text=_("Only a signed contract can end.")),
            ),
        ),
        match_keys=NUMBERS,
        access=Access(owner="owner", carried_by="customer", shared=("invoice",)),
        standing=Standing(
            where={"field": "status", "op": "in", "value": list(OWING_CONTRACTS)},
            holds=("customer", "contact", "opportunity", "quote"),
            instead=_("End the contract instead."),
        ),
        menu=Menu(group="sales", order=50),
        clean=policies.contract_clean,
        description=_("Signed agreements with lines, payment plan, amendments and renewals."),
    ),
    common.line_entity(
        "billing.contractline",
        ContractLine,
        "contract",
        _("Line of a contract"),
        _("Lines of contracts"),
        "contract-lines",
    ),
)
