"""Declaration of large-deal alerts, and the small forms about an opportunity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.areas.activities.entities.quick import follow_up_guess
from guanxi.areas.sales import policies
from guanxi.areas.sales.models import DealAlert, Opportunity
from guanxi.areas.sales.selectors.alerts import STAMP
from guanxi.areas.sales.services.alerts import alert_judge, deal_follow_up
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.records.timeline import add_linked
from guanxi.core.schema.entity import Access, Action, Entity, Form, Menu, Related, Section
from guanxi.core.schema.registry import extend_quick, register


def is_active(alert: DealAlert) -> bool | Text:
    """An alert that is not in use judges nothing."""
    return alert.active or _("This alert is not in use.")


register(
    Entity(
        key="sales.dealalert",
        model=DealAlert,
        label=_("Large-deal alert"),
        plural=_("Large-deal alerts"),
        path="deal-alerts",
        icon="diamond",
        color="purple",
        stamp=STAMP,
        columns=("name", "pipeline", "amount", "user", "role", "active"),
        filters=("pipeline", "active"),
        sort=("-amount",),
        form=Form(sections=(Section(_("Large-deal alert"), ("name", "amount", "currency", "pipeline", "user", "role", "active")),)),
        related=(Related(field="pipeline", shown=False), Related(field="user", shown=False), Related(field="role", shown=False)),
        access=Access(owner=""),
        menu=Menu(group="settings", order=63),
        actions=(
            Action(
                key="judge", label=_("Judge the opportunities there are"), run=alert_judge, right="change", icon="refresh", applies=is_active,
                description=_("Marks the open opportunities that reach the amount, and tells of each once."),
            ),
        ),
        clean=policies.alert_clean,
        description=_("Tells chosen people once when an opportunity reaches an amount. Deals there already count at their next change, or when you ask to judge them."),
    )
)  # fmt: skip


def deal_guess(actor: Actor, about: Opportunity) -> Mapping[str, Any]:
    """What the follow-up form proposes for an opportunity: as for its customer, with its own contact first."""
    found = dict(follow_up_guess(actor, about.customer))
    return {**found, "contact": about.contact_id or found.get("contact")}


extend_quick("follow-up", "sales.opportunity", run=deal_follow_up, guess=deal_guess)
add_linked("sales.opportunity", "activities.activity", "deal__opportunity")
