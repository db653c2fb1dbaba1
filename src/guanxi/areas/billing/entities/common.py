"""What declarations of the area share: columns of lines, payment plans, panels, states of actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import panels, policies
from guanxi.areas.billing.models.documents import DRAFT
from guanxi.areas.billing.models.money import INVOICE_SORTS
from guanxi.areas.billing.services import invoices, papers
from guanxi.areas.catalog.services import line_follow
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
    Badge,
    Entity,
    Form,
    Lines,
    MatchKey,
    Panel,
    Related,
    Section,
)
from guanxi.core.schema.fields import Field

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
AMOUNT = Field(name="amount", kind="money", label=_("Amount"))
REASON = Field(name="reason", kind="text", label=_("Reason"), max_length=200, required=True)


def of_customer(*names: str) -> dict[str, dict[str, Any]]:
    """References chosen among what belongs to the document's customer."""
    return {name: {"within": "customer"} for name in names}


def in_state(*states: str) -> Callable[[Any], bool]:
    """Whether a record is in one of these states: then an action is the next step."""
    return lambda record: record.status in states


def state(*allowed: str, text: Text) -> Any:
    """An action that makes sense in these states only."""
    return lambda record: record.status in allowed or text


def lines_note(record: Any) -> Text:
    """How amounts are reckoned, and whether they still can change."""
    agreed = record is not None and record.pk and record.status != DRAFT
    return format_lazy("{} {}", policies.AGREED, papers.ROUNDING) if agreed else papers.ROUNDING


def lines(
    entity: str, field: str, settle: Any, *, more: tuple[str, ...] = (), totals: tuple[str, ...] = TOTALS
) -> Lines:
    return Lines(
        key="lines", label=_("Items"), entity=entity, field=field, columns=(*COLUMNS, *more), sort="sort", text="name",
        follow=line_follow, settle=settle, totals=totals, sourced="price", source="price_source", follows=FOLLOWS, note=lines_note,
    )  # fmt: skip


def asks_invoice(*states: str, text: Text) -> Action:
    return Action(
        key="invoice", label=_("Ask for an invoice"), run=invoices.invoice_request, right="invoice", icon="file-invoice", lead=True,
        fields=(
            Field(name="amount", kind="money", label=_("Amount"), help=_("Empty: all that is not invoiced yet.")),
            Field(name="sort", kind="choice", label=_("Sort of invoice"), choices=tuple(INVOICE_SORTS), default="special"),
            Field(name="content", kind="text", label=_("Content"), max_length=200),
        ),
        applies=state(*states, text=text),
    )  # fmt: skip


def plan(field: str) -> Lines:
    return Lines(
        key="instalments", label=_("Payment plan"), entity="billing.instalment", field=field,
        columns=("name", "percent", "amount", "due_on", "milestone", "received", "open"), settle=policies.instalments_settle, most=100,
    )  # fmt: skip


def line_entity(
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
        brought=("position",),
        access=Access(owner="owner", carried_by=parent),
        description=_("One line of a document: product, quantity, price."),
    )  # fmt: skip


UNPAID = Badge(key="unpaid", find=panels.unpaid, order=10)
CHAIN = Panel(
    key="chain", label=_("The whole deal"), template="billing/chain.jinja", context=panels.chain, where="main", order=1
)
VERSIONS = Panel(
    key="versions",
    label=_("Versions"),
    template="billing/versions_panel.jinja",
    context=panels.versions,
    where="right",
    order=7,
)
CREDIT = Panel(
    key="credit",
    label=_("Credit and arrears"),
    template="billing/credit.jinja",
    context=panels.credit,
    where="main",
    order=2,
)
FRAME = Panel(
    key="frame", label=_("Framework"), template="billing/frame.jinja", context=panels.frame, where="main", order=2
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
