"""Deliveries with what is in them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import policies
from guanxi.areas.billing.entities.common import (
    CHAIN,
    DAY,
    LINK,
    PDF,
    in_state,
    state,
)
from guanxi.areas.billing.models import (
    Delivery,
    DeliveryLine,
)
from guanxi.areas.billing.models.documents import CONFIRMED, DRAFT, SHIPPED
from guanxi.areas.billing.services import links, orders
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
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register

register(
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
        panels=(CHAIN, PDF, LINK),
        related=(
            Related(field="order", columns=("status", "shipped_on", "confirmed_on")),
            Related(field="customer", shown=False),
        ),
        actions=(
            Action(
                key="ship",
                label=_("Shipped"),
                run=orders.delivery_ship,
                lead=True,
                icon="truck-delivery",
                fields=(Field(name="shipped_on", kind=DAY, label=_("Shipped on")),),
                applies=state(DRAFT, text=_("This delivery has left already.")),
            ),
            Action(
                key="confirm",
                label=_("Confirmed by the customer"),
                run=orders.delivery_confirm,
                lead=in_state(SHIPPED),
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
                lead=True,
                icon="link",
                applies=state(SHIPPED, text=_("Only what is on its way can be confirmed.")),
            ),
            Action(
                key="return",
                label=_("Came back"),
                run=orders.delivery_return,
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
)
