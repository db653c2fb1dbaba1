"""What those who keep the books set: discount limits, closed periods, print templates, credit limits."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import policies
from guanxi.areas.billing.entities.common import (
    PDF,
    PERCENT,
)
from guanxi.areas.billing.models import (
    ClosedPeriod,
    CreditLimit,
    DiscountLimit,
    PrintTemplate,
)
from guanxi.areas.billing.services import printing
from guanxi.core.schema.entity import (
    Access,
    Entity,
    Form,
    Menu,
    Related,
    Section,
)
from guanxi.core.schema.registry import register

register(
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
        fields={
            "document": {"kind": "choice", "choices": tuple(printing.DOCUMENTS.items())},
            "language": {"kind": "choice", "choices": (("zh-hans", "中文"), ("en", "English")), "required": True},
            "source": {"required": False, "help": _("Left empty, it begins with the one that comes along.")},
        },
        form=Form(sections=(Section(_("Print template"), ("name", "document", "language", "active", "source")),)),
        panels=(PDF,),
        access=Access(owner=""),
        menu=Menu(group="settings", order=72),
        clean=printing.template_check,
        importable=False,
        description=_("How quotes, contracts, orders and statements are printed."),
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
