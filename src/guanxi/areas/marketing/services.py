"""What is done with members, and what follows from it: figures of campaigns, influence on opportunities."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from guanxi.areas.campaigns.models import CANCELLED, Campaign
from guanxi.areas.marketing import selectors
from guanxi.areas.marketing.models import Influence, Member
from guanxi.areas.marketing.selectors import CAMPAIGN, INFLUENCE, MEMBER
from guanxi.areas.sales.models import Opportunity
from guanxi.core import records
from guanxi.core.access import actors, reads, require
from guanxi.core.automation import marketing
from guanxi.core.automation.notify import notify
from guanxi.core.automation.queue import defer_once
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.kernel.machines import register_machines
from guanxi.core.models import Preference
from guanxi.core.records.writing import emit
from guanxi.core.schema.registry import entity_of

#: The job that settles one campaign (see ``jobs``).
JOB = "guanxi.campaign_settle"
register_machines({"campaigns": gettext_lazy("Market activities")}, carrying=True)
#: Where it is noted by which rule of marketing members were marked last.
RULE = "campaigns.only_agreed"
OVER_BUDGET = gettext_noop("%(record)s has cost more than its budget")


def member_add(
    actor: Actor, record: Any, *, campaign: int | None = None, state: str = "", move: bool = False
) -> Member:
    """Make whoever a record is, or names, a member of a campaign; once only: who is one already stays as he is.

    With ``move`` a member who is there already goes to ``state``. Raises Denied without the right to make members,
    NotFound for a campaign that is not there for the actor, RuleBroken for a cancelled one, Invalid where nobody is named.
    """
    found: Campaign = records.get(actor, CAMPAIGN, campaign or 0)
    require(actor, "create", MEMBER)
    if found.status == CANCELLED:
        raise RuleBroken(_("“%(name)s” is cancelled.") % {"name": found.name}, code="campaign.cancelled")
    given: dict[str, Any] = selectors.who(record)
    with records.writing(actor):
        held = selectors.member_of(found.pk, given.get("contact"), given.get("customer"), given.get("lead"))
        if held is not None:
            if move and state and state != held.state:
                held = records.update(actor, held, {"state": state}, trusted=True)
            return held
        if state:
            given["state"] = state
        made: Member = records.create(actor, MEMBER, {**given, "campaign": found.pk})
    return made


# -- what follows ------------------------------------------------------------------------------------------------------


def settle_soon(campaigns: Iterable[int | None]) -> None:
    """Have figures brought up to date by a job; however many changes ask for it, a campaign waits once."""
    for number in sorted({one for one in campaigns if one}):
        defer_once(JOB, f"campaign:{number}", {"campaign_id": number})


def campaign_settle(campaign_id: int) -> None:
    """Bring the figures kept beside a campaign up to date, and tell its owner once when it has cost more than its budget."""
    actor, entity = system_actor("campaigns"), entity_of(CAMPAIGN)
    with records.writing(actor):
        row = Campaign.objects.select_for_update(of=("self",)).filter(pk=campaign_id).first()
        if row is None:
            return
        fresh = selectors.figures_of(row)
        changed = {name: [getattr(row, name), value] for name, value in fresh.items() if getattr(row, name) != value}
        if not changed:
            return
        entity.model._base_manager.filter(pk=row.pk).update(**{name: pair[1] for name, pair in changed.items()})
        emit(actor, "updated", row, changed)
        left = fresh["budget_left"]
        if left is not None and left < 0 and "budget_left" in changed:
            _over_budget(row)


def _over_budget(row: Campaign) -> None:
    """Tell the owner, if he may read what it says."""
    if row.owner is not None and reads(actors.load(row.owner, via="job"), CAMPAIGN, "budget_left"):
        notify([row.owner.pk], "change", OVER_BUDGET, record=row, once=f"campaign-over:{row.pk}:{row.budget}")


def influence_settle(customers: Collection[int]) -> set[int]:
    """Bring up to date which opportunities of the customers campaigns had a part in; returns the campaigns concerned."""
    actor = system_actor("campaigns")
    wanted = selectors.influenced(customers)
    touched: set[int] = set()
    with records.writing(actor):
        held = {
            (one.opportunity_id, one.campaign_id): one
            for one in Influence.everything.filter(opportunity__customer_id__in=customers)
        }
        gone = [key for key in held.keys() - wanted.keys() if held[key].deleted_at is None]
        Influence.everything.filter(pk__in=[held[key].pk for key in gone]).delete()
        touched.update(campaign for _deal, campaign in gone)
        for key, deal in wanted.items():
            one = held.get(key)
            values = _copied(deal)
            if one is None:
                records.create(actor, INFLUENCE, {"opportunity": key[0], "campaign": key[1], **values}, trusted=True)
                touched.add(key[1])
            elif one.deleted_at is None and any(getattr(one, name) != value for name, value in values.items()):
                records.update(actor, one, values, trusted=True)
                touched.add(key[1])
    return touched


def _copied(deal: Opportunity) -> dict[str, Any]:
    """What an influence repeats of its opportunity."""
    won = deal.value if deal.category == "won" else None
    return {"name": deal.name, "owner": deal.owner_id, "value": deal.value, "won_value": won}


def members_follow(rows: Any, values: dict[str, Any]) -> None:
    """Change what memberships repeat of whom they are about, where it differs."""
    actor = system_actor("campaigns")
    with records.writing(actor):
        for one in rows:
            fresh = {name: value for name, value in values.items() if getattr(one, name) != value}
            if fresh:
                records.update(
                    actor, one, {name.removesuffix("_id"): value for name, value in fresh.items()}, trusted=True
                )


def members_renew() -> None:
    """What every member's state and consent say now: after a change of the dictionary or of the rule whom marketing may be
    sent to, and for leads who said no by a link."""
    wanted = selectors.responses()
    wrong = Q(responded=True) & ~Q(state__in=wanted) | Q(responded=False, state__in=wanted)
    for member in Member.objects.filter(wrong).iterator():
        members_follow([member], {"responded": member.state in wanted})
    rule = marketing.only_agreed()
    same = Preference.objects.filter(key=RULE, value=rule).exists()
    rows = Member.objects.filter(contact=None, lead__isnull=False) if same else Member.objects.all()
    for member in rows.select_related("contact", "lead", "customer").iterator():
        members_follow([member], {"barred": selectors.barred(selectors.somebody(member))})
    if not same:
        Preference.objects.update_or_create(key=RULE, defaults={"value": rule})


def campaign_join(actor: Actor, record: Any, *, campaign: int, state: str = "") -> Member | bool:
    """``member_add`` as people ask for it on a record or a list; ``False`` for who is a member already."""
    given = selectors.who(record)
    held = selectors.member_of(campaign, given.get("contact"), given.get("customer"), given.get("lead"))
    made = member_add(actor, record, campaign=campaign, state=state)
    return False if held is not None else made


def member_move(actor: Actor, record: Member, *, state: str) -> Member | bool:
    """Put a member into a state; ``False`` when he is there."""
    if record.state == state:
        return False
    moved: Member = records.update(actor, record, {"state": state})
    return moved
