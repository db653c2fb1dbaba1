"""What rules can do with campaigns: make whoever a record is about a member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.areas.campaigns.models import CANCELLED, FINISHED, Campaign
from guanxi.areas.marketing import selectors, services
from guanxi.core.automation.rules import Ask, StepKind, register_step
from guanxi.core.automation.rules.steps import Doing
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import dictionaries
from guanxi.core.schema.entity import Entity

#: So many campaigns are offered, the newest first.
OFFERED = 300


def campaigns_offered() -> list[tuple[str, str]]:
    """Campaigns that can still get members, by number: rules name them so, and settings carry that elsewhere."""
    rows = Campaign.objects.exclude(status__in=(FINISHED, CANCELLED)).exclude(number="").order_by("-pk")[:OFFERED]
    return [(one.number, one.name) for one in rows]


def states_offered() -> list[tuple[str, str]]:
    """The states a member can stand in."""
    return [(one.key, one.label) for one in dictionaries.values(selectors.STATES) if one.active]


def _campaign(step: Mapping[str, Any]) -> Campaign:
    """The campaign a step names. Raises Invalid when it is gone."""
    number = str(step.get("campaign") or "")
    found = Campaign.objects.filter(number=number).order_by("pk").first() if number else None
    if found is None:
        raise Invalid(_("Choose the campaign."), code="rule.campaign")
    return found


def _add(doing: Doing, step: Mapping[str, Any]) -> str:
    campaign = _campaign(step)
    state = str(step.get("state") or "")
    member = services.member_add(doing.actor, doing.fresh(), campaign=campaign.pk, state=state, move=True)
    label = dictionaries.value_of(selectors.STATES, member.state)
    return _("“%(name)s” is in the campaign “%(campaign)s”: %(state)s") % {
        "name": member.name, "campaign": campaign.name, "state": label.label if label else member.state,
    }  # fmt: skip


def _check(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    _campaign(step)
    state = str(step.get("state") or "")
    if state and dictionaries.value_of(selectors.STATES, state) is None:
        raise Invalid(_("There is no such state."), code="rule.state")
    names = {one.name for one in entity.model._meta.get_fields()}
    if entity.key not in (selectors.CONTACT, selectors.CUSTOMER, selectors.LEAD) and not names & {
        "contact",
        "customer",
        "lead",
    }:
        raise Invalid(_("These records name no contact, customer or lead."), code="rule.nobody")


register_step(
    StepKind(
        "campaign",
        gettext_lazy("Add to campaign"),
        "speakerphone",
        (),
        _add,
        _check,
        asks=(
            Ask("campaign", gettext_lazy("Campaign"), campaigns_offered, records=True),
            Ask("state", gettext_lazy("State"), states_offered),
        ),
    )
)
