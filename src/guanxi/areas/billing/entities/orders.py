"""Sales orders with their lines and payment plan."""

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
    of_customer,
    state,
)
from guanxi.areas.billing.models import (
    Order,
    OrderLine,
)
from guanxi.areas.billing.models.documents import CANCELLED, CONFIRMED, DELIVERING, DRAFT, OWING_ORDERS
from guanxi.areas.billing.services import orders
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

register(
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
        fields={**MONEY, **of_customer("contact", "opportunity", "quote", "contract"), "status": {"readonly": True}},
        search=Search(names=("name",), numbers=("number", "external_id"), subtitle=("customer", "total")),
        form=Form(
            sections=(
                Section(
                    _("Sales order"),
                    ("name", "number", "customer", "contact", "contract", "quote", "opportunity", "owner", "tags"),
                ),
                Section(_("Delivery"), ("ordered_on", "due_on", "address", "status", "delivered_on")),
                AMOUNTS,
                Section(_("Receipts and invoices"), ("received", "open", "written_off", "invoiced")),
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
        board=Board(field="status", card=("customer", "due_on", "owner"), total="total", exits=(CANCELLED,)),
        lines=(
            common.lines("billing.orderline", "order", policies.order_settle, more=("delivered",)),
            common.plan("order"),
        ),
        badges=(UNPAID,),
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
                run=orders.order_confirm,
                lead=True,
                icon="circle-check",
                applies=state(DRAFT, text=_("This order is confirmed already.")),
            ),
            Action(
                key="deliver",
                label=_("Deliver"),
                run=orders.order_deliver,
                lead=True,
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
            common.asks_invoice(CONFIRMED, DELIVERING, "delivered", text=_("Confirm the order first.")),
            Action(
                key="cancel",
                label=_("Cancel the order"),
                run=orders.order_cancel,
                icon="ban",
                danger=True,
                fields=(Field(name="note", kind="long_text", label=_("Reason")),),
                applies=state(DRAFT, CONFIRMED, text=_("Something was delivered already.")),
            ),
        ),
        match_keys=NUMBERS,
        access=Access(owner="owner", carried_by="customer", shared=("invoice",)),
        standing=Standing(
            where={"field": "status", "op": "in", "value": list(OWING_ORDERS)},
            holds=("customer", "contact", "opportunity", "quote", "contract"),
            instead=_("Cancel the order instead."),
        ),
        menu=Menu(group="sales", order=60),
        clean=policies.order_clean,
        description=_("What customers ordered, how far it is delivered and paid."),
    ),
    common.line_entity(
        "billing.orderline",
        OrderLine,
        "order",
        _("Line of a sales order"),
        _("Lines of sales orders"),
        "sales-order-lines",
        ("delivered",),
    ),
)
