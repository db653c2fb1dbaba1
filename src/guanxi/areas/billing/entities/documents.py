"""Declarations of quotes, contracts, orders and deliveries with their lines."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import panels, policies
from guanxi.areas.billing.models import (
    ClosedPeriod,
    Contract,
    ContractLine,
    Delivery,
    DeliveryLine,
    DiscountLimit,
    Order,
    OrderLine,
    PrintTemplate,
    Quote,
    QuoteLine,
)
from guanxi.areas.billing.models.documents import AMENDMENT_EFFECTS, CONFIRMED, DELIVERING, DRAFT, SENT, SHIPPED, SIGNED
from guanxi.areas.billing.models.money import INVOICE_SORTS
from guanxi.areas.billing.services import documents, invoices, links, printing
from guanxi.areas.catalog.services import line_follow
from guanxi.core.automation import approvals
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
    Board,
    Entity,
    Form,
    Lines,
    MatchKey,
    Menu,
    Panel,
    Related,
    Search,
    Section,
    Timeline,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register

PERCENT = {"kind": "percent"}
MONEY = {"discount": PERCENT, "margin_percent": PERCENT}
LINE_FIELDS = {"discount": PERCENT}
COLUMNS = (
    "product",
    "name",
    "specification",
    "quantity",
    "unit",
    "price",
    "discount",
    "tax_class",
    "optional",
    "cost",
    "amount",
)
FOLLOWS = ("name", "specification", "unit", "price", "tax_class", "cost")
TOTALS = ("margin", "margin_percent", "net", "tax", "total")
AMOUNTS = Section(
    _("Amounts"),
    ("currency", "prices_with_tax", "discount", "discount_amount", "net", "tax", "total", "margin", "margin_percent"),
)
DAY = "date"


def state(*allowed: str, text: Text) -> Any:
    """An action that makes sense in these states only."""
    return lambda record: record.status in allowed or text


def _lines(
    entity: str, field: str, settle: Any, *, more: tuple[str, ...] = (), totals: tuple[str, ...] = TOTALS
) -> Lines:
    return Lines(
        key="lines", label=_("Lines"), entity=entity, field=field, columns=(*COLUMNS, *more), sort="sort", text="name",
        follow=line_follow, settle=settle, totals=totals, sourced="price", source="price_source", follows=FOLLOWS, note=printing.ROUNDING,
    )  # fmt: skip


def _invoice(*states: str, text: Text) -> Action:
    return Action(
        key="invoice", label=_("Ask for an invoice"), run=invoices.invoice_request, icon="file-invoice",
        fields=(
            Field(name="amount", kind="money", label=_("Amount"), help=_("Empty: all that is not invoiced yet.")),
            Field(name="sort", kind="choice", label=_("Sort of invoice"), choices=tuple(INVOICE_SORTS), default="special"),
            Field(name="content", kind="text", label=_("Content"), max_length=200),
        ),
        applies=state(*states, text=text),
    )  # fmt: skip


def _plan(field: str) -> Lines:
    return Lines(
        key="instalments", label=_("Payment plan"), entity="billing.instalment", field=field,
        columns=("name", "percent", "amount", "due_on", "milestone", "received", "open"), settle=policies.instalments_settle, most=100,
    )  # fmt: skip


def _line_entity(
    key: str, model: Any, parent: str, label: Text, plural: Text, path: str, more: tuple[str, ...] = ()
) -> Entity:
    return Entity(
        key=key, model=model, label=label, plural=plural, path=path, icon="list-details", title="name",
        columns=(parent, "product", "name", "quantity", "unit", "price", "discount", "amount", *more),
        filters=(parent, "product", "amount", "sort"),
        sort=(f"-{parent}", "position"),
        fields=LINE_FIELDS,
        form=Form(sections=(Section(_("Line"), (parent, "sort", *COLUMNS[:-1], "owner")),)),
        related=(
            Related(field=parent, shown=False),
            Related(field="product", columns=(parent, "quantity", "price", "amount"), sort=("-updated_at",)),
        ),
        access=Access(owner="owner", carried_by=parent),
        description=_("One line of a document: product, quantity, price."),
    )  # fmt: skip


CHAIN = Panel(
    key="chain", label=_("The whole deal"), template="billing/chain.jinja", context=panels.chain, where="main", order=1
)
CREDIT = Panel(
    key="credit", label=_("Credit"), template="billing/credit.jinja", context=panels.credit, where="main", order=2
)
PDF = Panel(
    key="print", label=_("Print"), template="billing/print.jinja", context=panels.printing, where="right", order=8
)
LINK = Panel(
    key="link",
    label=_("The customer's link"),
    template="billing/link.jinja",
    context=panels.link,
    where="right",
    order=9,
)
NUMBERS = (MatchKey(field="number", how="exact", weight=100), MatchKey(field="external_id", how="exact", weight=100))

approvals.register_action("billing.quote", "discount", _("Discount beyond the limit"), documents.discount_grant)

register(
    Entity(
        key="billing.quote",
        model=Quote,
        label=_("Quote"),
        plural=_("Quotes"),
        path="quotes",
        icon="file-text",
        color="indigo",
        columns=("number", "name", "customer", "status", "total", "off", "quoted_on", "valid_until", "owner"),
        filters=("status", "customer", "opportunity", "owner", "quoted_on", "valid_until", "total", "currency", "tags"),
        facts=("status", "customer", "total", "off", "valid_until", "revision", "owner"),
        fields={**MONEY, "off": PERCENT, "off_granted": PERCENT, "status": {"readonly": True}},
        search=Search(names=("name",), numbers=("number", "external_id"), subtitle=("customer", "total")),
        form=Form(
            sections=(
                Section(
                    _("Quote"),
                    (
                        "name",
                        "number",
                        "customer",
                        "contact",
                        "opportunity",
                        "owner",
                        "quoted_on",
                        "valid_until",
                        "tags",
                    ),
                ),
                AMOUNTS,
                Section(_("Text"), ("terms", "note", "external_id")),
                Section(
                    _("What became of it"),
                    (
                        "status",
                        "revision",
                        "revises",
                        "off",
                        "off_granted",
                        "sent_at",
                        "seen_at",
                        "accepted_at",
                        "accepted_by",
                        "answer",
                    ),
                ),
            ),
            create=(
                "name",
                "customer",
                "contact",
                "opportunity",
                "valid_until",
                "currency",
                "prices_with_tax",
                "discount",
            ),
        ),
        board=Board(field="status", card=("customer", "valid_until", "owner"), total="total"),
        lines=(_lines("billing.quoteline", "quote", policies.quote_settle),),
        panels=(CHAIN, CREDIT, PDF, LINK),
        related=(
            Related(field="customer", columns=("status", "total", "quoted_on"), sort=("-quoted_on",)),
            Related(field="opportunity", columns=("status", "total", "quoted_on"), sort=("-quoted_on",)),
            Related(field="contact", shown=False),
        ),
        actions=(
            Action(
                key="send",
                label=_("Mark as sent"),
                run=documents.quote_send,
                icon="send",
                applies=state(DRAFT, text=_("This quote is sent already.")),
            ),
            Action(
                key="link",
                label=_("Make a link for the customer"),
                run=links.link_make,
                icon="link",
                applies=state(DRAFT, SENT, text=_("This quote is closed already.")),
                description=_("The customer sees the quote and accepts it without signing in."),
            ),
            Action(
                key="ask",
                label=_("Ask for approval of the discount"),
                run=documents.quote_ask,
                icon="rubber-stamp",
                fields=(Field(name="note", kind="long_text", label=_("Reason")),),
                applies=lambda quote: bool(quote.off) and quote.status == DRAFT,
            ),
            Action(
                key="accept",
                label=_("Accepted"),
                run=documents.quote_accept,
                icon="circle-check",
                fields=(
                    Field(name="by", kind="text", label=_("Accepted by"), max_length=100),
                    Field(name="answer", kind="long_text", label=_("The customer's words")),
                ),
                applies=state(DRAFT, SENT, text=_("This quote is closed already.")),
            ),
            Action(
                key="decline",
                label=_("Declined"),
                run=documents.quote_decline,
                icon="circle-x",
                fields=(Field(name="answer", kind="long_text", label=_("Reason")),),
                applies=state(DRAFT, SENT, text=_("This quote is closed already.")),
            ),
            Action(key="revise", label=_("New version"), run=documents.quote_revise, icon="versions"),
            Action(
                key="contract",
                label=_("Make a contract"),
                run=documents.quote_to_contract,
                icon="contract",
                fields=(
                    Field(name="kind", kind="choice", label=_("Type"), dictionary="contract_kind", default="sale"),
                ),
            ),
            Action(key="order", label=_("Make an order"), run=documents.quote_to_order, icon="shopping-cart"),
        ),
        match_keys=NUMBERS,
        access=Access(owner="owner", carried_by="customer"),
        timeline=Timeline(on=("customer", "contact"), at="accepted_at", title="name", body="answer"),
        menu=Menu(group="sales", order=40),
        clean=policies.quote_clean,
        description=_("Priced offers, in versions, with the customer's answer."),
    ),
    _line_entity("billing.quoteline", QuoteLine, "quote", _("Line of a quote"), _("Lines of quotes"), "quote-lines"),
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
        fields={**MONEY, "status": {"readonly": True}},
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
                Section(_("Money"), ("received", "open", "written_off", "invoiced")),
                Section(_("Family"), ("framework", "amends", "effect", "renews")),
                Section(_("Text"), ("terms", "note", "external_id")),
            ),
            create=(
                "name",
                "kind",
                "customer",
                "contact",
                "starts_on",
                "ends_on",
                "currency",
                "prices_with_tax",
                "discount",
            ),
        ),
        board=Board(field="status", card=("customer", "ends_on", "owner"), total="total"),
        lines=(_lines("billing.contractline", "contract", policies.contract_settle), _plan("contract")),
        panels=(CHAIN, CREDIT, PDF),
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
                run=documents.contract_sign,
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
                run=documents.contract_to_order,
                icon="shopping-cart",
                applies=state(SIGNED, "completed", text=_("Sign the contract first.")),
            ),
            _invoice(SIGNED, "completed", text=_("Sign the contract first.")),
            Action(
                key="amend",
                label=_("Amend"),
                run=documents.contract_amend,
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
                run=documents.contract_renew,
                icon="repeat",
                applies=state(SIGNED, "completed", "ended", text=_("Sign the contract first.")),
            ),
            Action(
                key="call",
                label=_("Contract under this framework"),
                run=documents.contract_call,
                icon="hierarchy-2",
                applies=lambda one: one.kind == "framework" and one.status == SIGNED,
            ),
            Action(
                key="end",
                label=_("End"),
                run=documents.contract_end,
                icon="flag",
                fields=(
                    Field(name="ended_on", kind=DAY, label=_("Ended on")),
                    Field(name="note", kind="long_text", label=_("Reason")),
                ),
                applies=state(SIGNED, text=_("Only a signed contract can end.")),
            ),
        ),
        match_keys=NUMBERS,
        access=Access(owner="owner", carried_by="customer"),
        menu=Menu(group="sales", order=50),
        clean=policies.contract_clean,
        description=_("Signed agreements with lines, payment plan, amendments and renewals."),
    ),
    _line_entity(
        "billing.contractline",
        ContractLine,
        "contract",
        _("Line of a contract"),
        _("Lines of contracts"),
        "contract-lines",
    ),
    Entity(
        key="billing.order",
        model=Order,
        label=_("Sales order"),
        plural=_("Sales orders"),
        path="sales-orders",
        icon="shopping-cart",
        color="cyan",
        columns=("number", "name", "customer", "contract", "status", "total", "open", "ordered_on", "due_on", "owner"),
        filters=(
            "status",
            "customer",
            "contract",
            "owner",
            "ordered_on",
            "due_on",
            "total",
            "open",
            "currency",
            "tags",
        ),
        facts=("status", "customer", "contract", "total", "open", "due_on", "owner"),
        fields={**MONEY, "status": {"readonly": True}},
        search=Search(names=("name",), numbers=("number", "external_id"), subtitle=("customer", "total")),
        form=Form(
            sections=(
                Section(
                    _("Sales order"),
                    ("name", "number", "customer", "contact", "contract", "quote", "opportunity", "owner", "tags"),
                ),
                Section(_("Delivery"), ("ordered_on", "due_on", "address", "status", "delivered_on")),
                AMOUNTS,
                Section(_("Money"), ("received", "open", "written_off", "invoiced")),
                Section(_("Text"), ("terms", "note", "external_id")),
            ),
            create=(
                "name",
                "customer",
                "contact",
                "contract",
                "ordered_on",
                "due_on",
                "address",
                "currency",
                "prices_with_tax",
            ),
        ),
        board=Board(field="status", card=("customer", "due_on", "owner"), total="total"),
        lines=(
            _lines("billing.orderline", "order", policies.order_settle, more=("delivered",)),
            _plan("order"),
        ),
        panels=(CHAIN, CREDIT, PDF),
        related=(
            Related(field="customer", columns=("status", "total", "ordered_on"), sort=("-ordered_on",)),
            Related(field="contract", columns=("status", "total")),
            Related(field="opportunity", columns=("status", "total")),
            Related(field="quote", shown=False),
            Related(field="contact", shown=False),
        ),
        actions=(
            Action(
                key="confirm",
                label=_("Confirm"),
                run=documents.order_confirm,
                icon="circle-check",
                applies=state(DRAFT, text=_("This order is confirmed already.")),
            ),
            Action(
                key="deliver",
                label=_("Deliver"),
                run=documents.order_deliver,
                icon="truck-delivery",
                fields=(
                    Field(
                        name="shipped_on", kind=DAY, label=_("Shipped on"), help=_("Empty: it is only being prepared.")
                    ),
                    Field(name="carrier", kind="text", label=_("Carrier"), max_length=100),
                    Field(name="tracking", kind="text", label=_("Tracking number"), max_length=100),
                ),
                applies=state(CONFIRMED, DELIVERING, text=_("Only a confirmed order can be delivered.")),
            ),
            _invoice(CONFIRMED, DELIVERING, "delivered", text=_("Confirm the order first.")),
            Action(
                key="cancel",
                label=_("Cancel the order"),
                run=documents.order_cancel,
                icon="ban",
                danger=True,
                fields=(Field(name="note", kind="long_text", label=_("Reason")),),
                applies=state(DRAFT, CONFIRMED, text=_("Something was delivered already.")),
            ),
        ),
        match_keys=NUMBERS,
        access=Access(owner="owner", carried_by="customer"),
        menu=Menu(group="sales", order=60),
        clean=policies.order_clean,
        description=_("What customers ordered, how far it is delivered and paid."),
    ),
    _line_entity(
        "billing.orderline",
        OrderLine,
        "order",
        _("Line of a sales order"),
        _("Lines of sales orders"),
        "sales-order-lines",
        ("delivered",),
    ),
    Entity(
        key="billing.delivery",
        model=Delivery,
        label=_("Delivery"),
        plural=_("Deliveries"),
        path="deliveries",
        icon="truck-delivery",
        color="teal",
        title="number",
        columns=(
            "number",
            "order",
            "customer",
            "status",
            "shipped_on",
            "carrier",
            "tracking_number",
            "confirmed_on",
            "confirmed_by",
        ),
        filters=("status", "customer", "order", "shipped_on", "confirmed_on", "owner"),
        facts=(
            "status",
            "order",
            "customer",
            "shipped_on",
            "carrier",
            "tracking_number",
            "confirmed_on",
            "confirmed_by",
        ),
        search=Search(numbers=("number", "tracking_number"), subtitle=("customer", "order")),
        form=Form(
            sections=(
                Section(
                    _("Delivery"),
                    (
                        "order",
                        "number",
                        "customer",
                        "status",
                        "shipped_on",
                        "carrier",
                        "tracking_number",
                        "address",
                        "note",
                        "owner",
                    ),
                ),
                Section(_("Confirmed"), ("confirmed_on", "confirmed_by")),
            ),
            create=("order", "shipped_on", "carrier", "tracking_number", "address"),
        ),
        lines=(
            Lines(
                key="lines",
                label=_("Goods in it"),
                entity="billing.deliveryline",
                field="delivery",
                columns=("order_line", "quantity", "note"),
                settle=policies.delivery_settle,
            ),
        ),
        panels=(CHAIN, LINK),
        related=(
            Related(field="order", columns=("status", "shipped_on", "confirmed_on")),
            Related(field="customer", shown=False),
        ),
        actions=(
            Action(
                key="ship",
                label=_("Shipped"),
                run=documents.delivery_ship,
                icon="truck-delivery",
                fields=(Field(name="shipped_on", kind=DAY, label=_("Shipped on")),),
                applies=state(DRAFT, text=_("This delivery has left already.")),
            ),
            Action(
                key="confirm",
                label=_("Confirmed by the customer"),
                run=documents.delivery_confirm,
                icon="circle-check",
                fields=(
                    Field(name="confirmed_on", kind=DAY, label=_("Confirmed on")),
                    Field(name="by", kind="text", label=_("Confirmed by"), max_length=100),
                ),
                applies=state(DRAFT, SHIPPED, text=_("This delivery is closed already.")),
            ),
            Action(
                key="link",
                label=_("Make a link for the customer"),
                run=links.link_make,
                icon="link",
                applies=state(SHIPPED, text=_("Only what is on its way can be confirmed.")),
            ),
            Action(
                key="return",
                label=_("Came back"),
                run=documents.delivery_return,
                icon="arrow-back-up",
                fields=(Field(name="note", kind="text", label=_("Reason"), max_length=300),),
                applies=state(SHIPPED, CONFIRMED, text=_("Only what has left can come back.")),
            ),
        ),
        match_keys=(MatchKey(field="number", how="exact", weight=100),),
        access=Access(owner="owner", carried_by="order"),
        menu=Menu(group="sales", order=62),
        clean=policies.delivery_clean,
        description=_("What left for customers, and that they have it."),
    ),
    Entity(
        key="billing.deliveryline",
        model=DeliveryLine,
        label=_("Line of a delivery"),
        plural=_("Lines of deliveries"),
        path="delivery-lines",
        icon="list-details",
        title="order_line.name",
        columns=("delivery", "order_line", "quantity", "note"),
        filters=("delivery",),
        sort=("-delivery", "position"),
        form=Form(sections=(Section(_("Line"), ("delivery", "order_line", "quantity", "note", "owner")),)),
        related=(Related(field="delivery", shown=False), Related(field="order_line", shown=False)),
        access=Access(owner="owner", carried_by="delivery"),
        description=_("How much of an order's line is in a delivery."),
    ),
    Entity(
        key="billing.discountlimit",
        model=DiscountLimit,
        label=_("Discount limit"),
        plural=_("Discount limits"),
        path="discount-limits",
        icon="percentage",
        title="role.name",
        columns=("role", "percent", "note"),
        sort=("percent",),
        fields={"percent": PERCENT},
        form=Form(sections=(Section(_("Discount limit"), ("role", "percent", "note")),)),
        related=(Related(field="role", shown=False),),
        access=Access(owner=""),
        menu=Menu(group="settings", order=70),
        description=_("How much each role may grant off the price books without asking."),
    ),
    Entity(
        key="billing.closedperiod",
        model=ClosedPeriod,
        label=_("Closed period"),
        plural=_("Closed periods"),
        path="closed-periods",
        icon="lock",
        title="note",
        columns=("until", "note"),
        sort=("-until",),
        form=Form(sections=(Section(_("Closed period"), ("until", "note")),)),
        access=Access(owner=""),
        menu=Menu(group="settings", order=71),
        description=_("Up to which day the books are closed."),
    ),
    Entity(
        key="billing.printtemplate",
        model=PrintTemplate,
        label=_("Print template"),
        plural=_("Print templates"),
        path="print-templates",
        icon="printer",
        columns=("name", "document", "language", "active"),
        filters=("document", "language", "active"),
        form=Form(sections=(Section(_("Print template"), ("name", "document", "language", "active", "source")),)),
        access=Access(owner=""),
        menu=Menu(group="settings", order=72),
        clean=printing.template_check,
        importable=False,
        description=_("How quotes, contracts, orders and statements are printed."),
    ),
)
