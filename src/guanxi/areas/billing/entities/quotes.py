"""Quotes with their lines."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import policies
from guanxi.areas.billing.entities import common
from guanxi.areas.billing.entities.common import (
    AMOUNTS,
    CHAIN,
    CREDIT,
    LINK,
    MONEY,
    NUMBERS,
    PDF,
    PERCENT,
    VERSIONS,
    in_state,
    of_customer,
    state,
)
from guanxi.areas.billing.models import (
    Quote,
    QuoteLine,
)
from guanxi.areas.billing.models.documents import ACCEPTED, DECLINED, DRAFT, REPLACED, SENT
from guanxi.areas.billing.services import links, quotes
from guanxi.core.automation import approvals
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
    Timeline,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register

approvals.register_action("billing.quote", "discount", _("Discount beyond the limit"), quotes.discount_grant)

CLOSED = _("Nothing can be made of a quote that was declined or replaced.")

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
        facts=("status", "customer", "total", "off", "margin_percent", "valid_until", "revision", "owner"),
        fields={
            **MONEY,
            **of_customer("contact", "opportunity"),
            "off": PERCENT,
            "off_granted": PERCENT,
            "status": {"readonly": True},
        },
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
        board=Board(
            field="status", card=("customer", "valid_until", "owner"), total="total", exits=(DECLINED, REPLACED)
        ),
        lines=(common.lines("billing.quoteline", "quote", policies.quote_settle),),
        panels=(CHAIN, CREDIT, VERSIONS, PDF, LINK),
        related=(
            Related(field="customer", columns=("status", "total", "quoted_on"), sort=("-quoted_on",)),
            Related(field="opportunity", columns=("status", "total", "quoted_on"), sort=("-quoted_on",)),
            Related(field="contact", shown=False),
        ),
        actions=(
            Action(
                key="send",
                label=_("Mark as sent"),
                run=quotes.quote_send,
                lead=in_state(DRAFT),
                icon="send",
                applies=state(DRAFT, text=_("This quote is sent already.")),
            ),
            Action(
                key="link",
                label=_("Make a link for the customer"),
                run=links.link_make,
                lead=in_state(DRAFT, SENT),
                icon="link",
                applies=state(DRAFT, SENT, text=_("This quote is closed already.")),
                description=_("The customer sees the quote and accepts it without signing in."),
            ),
            Action(
                key="ask",
                label=_("Ask for approval of the discount"),
                run=quotes.quote_ask,
                icon="rubber-stamp",
                fields=(Field(name="note", kind="long_text", label=_("Reason")),),
                applies=lambda quote: bool(quote.off) and quote.status == DRAFT,
            ),
            Action(
                key="accept",
                label=_("Accepted"),
                run=quotes.quote_accept,
                lead=in_state(SENT),
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
                run=quotes.quote_decline,
                icon="circle-x",
                fields=(Field(name="answer", kind="long_text", label=_("Reason")),),
                applies=state(DRAFT, SENT, text=_("This quote is closed already.")),
            ),
            Action(
                key="revise",
                label=_("New version"),
                run=quotes.quote_revise,
                icon="versions",
                description=_("With the same prices. “Price anew” takes today's from the price books."),
            ),
            Action(
                key="reprice",
                label=_("Price anew"),
                run=quotes.quote_reprice,
                icon="refresh",
                applies=state(DRAFT, text=_("Only a draft can be priced anew.")),
                description=_("Prices of the price books become today's; prices written by hand stay."),
            ),
            Action(
                key="contract",
                label=_("Make a contract"),
                run=quotes.quote_to_contract,
                lead=in_state(ACCEPTED),
                icon="contract",
                applies=state(DRAFT, SENT, ACCEPTED, text=CLOSED),
                fields=(
                    Field(name="kind", kind="choice", label=_("Type"), dictionary="contract_kind", default="sale"),
                ),
            ),
            Action(
                key="order",
                label=_("Make an order"),
                run=quotes.quote_to_order,
                icon="shopping-cart",
                lead=in_state(ACCEPTED),
                applies=state(DRAFT, SENT, ACCEPTED, text=CLOSED),
            ),
        ),
        match_keys=NUMBERS,
        access=Access(owner="owner", carried_by="customer"),
        timeline=Timeline(on=("customer", "contact"), at="accepted_at", title="name", body="answer"),
        menu=Menu(group="sales", order=40),
        clean=policies.quote_clean,
        description=_("Priced offers, in versions, with the customer's answer."),
    ),
    common.line_entity(
        "billing.quoteline", QuoteLine, "quote", _("Line of a quote"), _("Lines of quotes"), "quote-lines"
    ),
)
