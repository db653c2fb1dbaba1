"""Declarations of commission: plans with their rates, statements with their arithmetic."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.billing import panels, policies
from guanxi.areas.billing.entities.common import PERCENT, state
from guanxi.areas.billing.models import CommissionPlan, CommissionRule, CommissionStatement
from guanxi.areas.billing.models.commission import APPROVED, PROPOSED
from guanxi.areas.billing.services import commission
from guanxi.core.schema.entity import Access, Action, Entity, Form, Lines, Menu, Panel, Related, Section
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import register

register(
    Entity(
        key="billing.commissionplan",
        model=CommissionPlan,
        label=_("Commission plan"),
        plural=_("Commission plans"),
        path="commission-plans",
        icon="percentage",
        color="pink",
        columns=("name", "base", "role", "target", "valid_from", "valid_until", "active"),
        filters=("base", "active"),
        sort=("name",),
        form=Form(
            sections=(
                Section(
                    _("Commission plan"), ("name", "base", "role", "target", "valid_from", "valid_until", "active")
                ),
            )
        ),
        lines=(
            Lines(
                key="rules",
                label=_("Rates"),
                entity="billing.commissionrule",
                field="plan",
                columns=("from_achievement", "category", "product", "rate", "note"),
                most=100,
            ),
        ),
        related=(Related(field="role", shown=False),),
        actions=(
            Action(
                key="propose",
                label=_("Reckon a period"),
                run=commission.commission_propose,
                icon="calculator",
                fields=(
                    Field(name="first_day", kind="date", label=_("First day"), required=True),
                    Field(name="last_day", kind="date", label=_("Last day"), required=True),
                ),
            ),
        ),
        access=Access(owner=""),
        menu=Menu(group="performance", order=40),
        clean=policies.plan_clean,
        description=_("How commission is reckoned: by achievement, product, margin."),
    ),
    Entity(
        key="billing.commissionrule",
        model=CommissionRule,
        label=_("Commission rate"),
        plural=_("Commission rates"),
        path="commission-rates",
        icon="percentage",
        title="note",
        columns=("plan", "from_achievement", "category", "product", "rate", "note"),
        filters=("plan",),
        sort=("plan", "position"),
        fields={"rate": PERCENT, "from_achievement": PERCENT},
        form=Form(
            sections=(
                Section(_("Commission rate"), ("plan", "from_achievement", "category", "product", "rate", "note")),
            )
        ),
        related=(
            Related(field="plan", shown=False),
            Related(field="category", shown=False),
            Related(field="product", shown=False),
        ),
        access=Access(owner=""),
        description=_("A rate of a commission plan."),
    ),
    Entity(
        key="billing.commissionstatement",
        model=CommissionStatement,
        label=_("Commission statement"),
        plural=_("Commission statements"),
        path="commission-statements",
        icon="coins",
        color="pink",
        columns=("name", "owner", "plan", "first_day", "last_day", "base_amount", "achievement", "pay", "status"),
        filters=("status", "owner", "plan", "first_day", "last_day"),
        facts=("status", "owner", "plan", "base_amount", "achievement", "pay"),
        fields={"achievement": PERCENT},
        form=Form(
            sections=(
                Section(_("Commission statement"), ("name", "owner", "plan", "first_day", "last_day", "note")),
                Section(_("Result"), ("base_amount", "achievement", "pay", "status", "approved_at")),
            )
        ),
        panels=(
            Panel(
                key="arithmetic",
                label=_("Arithmetic"),
                template="billing/arithmetic.jinja",
                context=panels.arithmetic,
                where="main",
                order=1,
            ),
        ),
        related=(Related(field="plan", columns=("owner", "pay", "status")),),
        actions=(
            Action(
                key="reckon",
                label=_("Reckon again"),
                run=commission.commission_reckon,
                icon="calculator",
                applies=state(PROPOSED, text=_("This statement is approved; its figures stand.")),
            ),
            Action(
                key="approve",
                label=_("Approve"),
                run=commission.commission_approve,
                right="approve",
                icon="rubber-stamp",
                applies=state(PROPOSED, text=_("This statement is approved already.")),
            ),
            Action(
                key="pay",
                label=_("Paid out"),
                run=commission.commission_pay,
                right="approve",
                icon="cash",
                applies=state(APPROVED, text=_("Approve the statement first.")),
            ),
        ),
        access=Access(owner="owner"),
        menu=Menu(group="performance", order=50),
        clean=policies.statement_clean,
        description=_("What people earn for a period, with every step of the arithmetic."),
    ),
)
