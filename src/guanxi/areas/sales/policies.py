"""Rules of the area that hold on every way in: each is called by the write path before a record is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import MutableMapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import gettext as _

from guanxi.areas.catalog.models import ITEM, settle_lines
from guanxi.areas.catalog.services import lines_check
from guanxi.areas.customers.models import PoolRule
from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import (
    LOST,
    OPEN,
    WON,
    AssignMember,
    AssignRule,
    DealAlert,
    Lead,
    LeadFollowUp,
    Milestone,
    Opportunity,
    OpportunityLine,
    Pipeline,
    Stage,
    StageRoute,
    Target,
)
from guanxi.areas.sales.models.targets import DEPARTMENT, GIVEN, LAST_YEAR, PERSON
from guanxi.areas.sales.selectors import targets as read_targets
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.money import rounded
from guanxi.core.kernel.text import sort_key, unaccent
from guanxi.core.records import segments
from guanxi.core.records.rates import rate_on

Changes = MutableMapping[str, list[Any]]
#: No deal is larger; what is, was typed wrongly.
LARGEST = Decimal(10) ** 12
EARLIEST, YEARS_AHEAD = dt.date(1990, 1, 1), 30
RATE = Decimal("0.00000001")


def _set(record: Any, changes: Changes, name: str, value: Any) -> None:
    """Change a value on the way in, so that the event tells of it too."""
    before = changes[name][0] if name in changes else getattr(record, name)
    if value != getattr(record, name):
        setattr(record, name, value)
        changes[name] = [before, value]


def _today() -> dt.date:
    return clock.today(settings.TIME_ZONE)


# -- leads -------------------------------------------------------------------------------------------------------------


def lead_clean(_actor: Actor, lead: Lead, changes: Changes) -> None:
    """Names sort by pinyin; a score lies within 0 and 100; an invalid lead says why; converting has its own way."""
    if not lead.sort_key or "name" in changes:
        lead.sort_key = sort_key(lead.name, person=True)
    if lead.score > 100:
        raise Invalid(_("A score lies between 0 and 100."), code="lead.score", field="score")
    if "status" in changes and lead.status == "converted" and lead.converted_at is None:
        raise Invalid(_("Use “Convert”: a lead becomes a customer there."), code="lead.convert_instead", field="status")
    if "status" in changes and lead.status != "converted" and lead.converted_at is not None:
        raise Invalid(
            _("This lead has been converted; take the conversion back first."), code="lead.converted", field="status"
        )


def lead_follow_up_clean(_actor: Actor, note: LeadFollowUp, _changes: Changes) -> None:
    """What has been said lies in the past."""
    if note.occurred_at is not None and note.occurred_at > clock.now() + dt.timedelta(days=1):
        raise Invalid(
            _("A follow-up lies in the past; plan the next contact instead."), code="when.future", field="occurred_at"
        )


# -- pipelines ---------------------------------------------------------------------------------------------------------


def pipeline_clean(_actor: Actor, pipeline: Pipeline, changes: Changes) -> None:
    """A pipeline has a key of its own, by which settings and imports call it."""
    _keyed(pipeline, changes, Pipeline.everything.exclude(pk=pipeline.pk))


def _keyed(row: Pipeline | Stage, changes: Changes, others: Any) -> None:
    """Give a key to a row that has none: its English name or pinyin, numbered where somebody has that already."""
    if row.key:
        return
    stem = slugify(unaccent(row.name_en) or sort_key(row.name).partition("\t")[0])[:34] or "key"
    taken = set(others.filter(key__startswith=stem).values_list("key", flat=True))
    numbered = (stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3)))
    _set(row, changes, "key", next(one for one in numbered if one not in taken))


def stage_clean(_actor: Actor, stage: Stage, changes: Changes) -> None:
    """A probability is a percentage; won is certain and lost is none. A stage has a key within its pipeline."""
    _keyed(stage, changes, Stage.everything.filter(pipeline_id=stage.pipeline_id).exclude(pk=stage.pk))
    if stage.category == WON:
        _set(stage, changes, "probability", Decimal(100))
    elif stage.category == LOST:
        _set(stage, changes, "probability", Decimal(0))
    _percentage(stage.probability)


def route_clean(_actor: Actor, route: StageRoute, _changes: Changes) -> None:
    """A move leads to another stage of the same pipeline."""
    ends = dict(Stage.everything.filter(pk__in=[route.stage_id, route.to_id]).values_list("pk", "pipeline_id"))
    if route.stage_id == route.to_id or len(set(ends.values())) != 1:
        raise Invalid(_("Choose another stage of the same pipeline."), code="route.to", field="to")


def _percentage(value: Decimal | None) -> None:
    if value is not None and not 0 <= value <= 100:
        raise Invalid(_("A probability lies between 0 and 100."), code="probability.range", field="probability")


# -- opportunities -----------------------------------------------------------------------------------------------------


def opportunity_clean(actor: Actor, deal: Opportunity, changes: Changes) -> None:
    """A deal stands in a stage of its pipeline; amounts and dates make sense; what follows from them is worked out."""
    stage = _stage_of(actor, deal, changes)
    if "currency" in changes and "rate" not in changes:
        _set(deal, changes, "rate", rate_on(deal.currency, _today()))
    _amount_clean(deal)
    _amount_by_hand(deal, changes)
    _percentage(deal.probability)
    _dates_clean(deal, changes)
    if stage is not None and ("stage" in changes or deal.stage_since is None):
        _enter(deal, stage, changes)
    _worth(deal, changes)


def _worth(deal: Opportunity, changes: Changes) -> None:
    """What follows from the amount: its value in the house's currency, weighted by the probability."""
    _set(deal, changes, "value", _cents(deal.amount * deal.rate) if deal.amount is not None else None)
    weighted = None if deal.value is None else _cents(deal.value * (deal.probability or 0) / 100)
    _set(deal, changes, "weighted", weighted)
    _set(deal, changes, "large", bool(selectors.alerts_for(deal)))


def _amount_by_hand(deal: Opportunity, changes: Changes) -> None:
    """An amount other than the sum of the lines was written by hand; an emptied one follows the lines again."""
    said = "amount" in changes and "amount_manual" not in changes
    deal.amount_given = said and deal.amount is not None
    if said and deal.lines_total is not None:
        _set(deal, changes, "amount_manual", deal.amount not in (None, deal.lines_total))


def deal_settle(_actor: Actor, deal: Opportunity, lines: Sequence[OpportunityLine]) -> None:
    """Amounts of the lines, and of the opportunity unless somebody set that by hand. Pure. Raises Invalid."""
    lines_check(lines)
    total = settle_lines(deal.currency or "CNY", lines)
    for line in lines:
        line.value = None if line.amount is None else _cents(line.amount * deal.rate)
    counted = any(line.sort == ITEM and not line.optional for line in lines)
    deal.lines_total = total if counted else None
    if not counted:
        return
    if deal.amount_given and deal.amount != total:
        deal.amount_manual = True
    if not deal.amount_manual:
        deal.amount = total
        _amount_clean(deal)
    _worth(deal, {})


def _cents(amount: Decimal) -> Decimal:
    return rounded(amount, "CNY")


def _stage_of(actor: Actor, deal: Opportunity, changes: Changes) -> Stage | None:
    """The deal's stage; without one the first of its pipeline, without that the actor's usual one."""
    stages = selectors.stages_by_id()
    stage = stages.get(deal.stage_id or 0)
    if stage is not None and deal.pipeline_id != stage.pipeline_id:
        if deal.pipeline_id is None or "pipeline" not in changes:
            _set(deal, changes, "pipeline_id", stage.pipeline_id)
        elif "stage" in changes and changes["stage"][0] is not None:
            raise Invalid(_("This stage belongs to another pipeline."), code="stage.pipeline", field="stage")
        else:
            stage = None
    if stage is None:
        if deal.pipeline_id is None:
            deal.pipeline_id = selectors.usual_pipeline_id(actor)
        stage = next(iter(selectors.stages_of(deal.pipeline_id)), None)
        before = deal.stage_id
        deal.stage_id = stage.pk if stage else None
        changes["stage"] = [before, deal.stage_id]
    return stage


def _amount_clean(deal: Opportunity) -> None:
    if deal.amount is not None and deal.amount < 0:
        raise Invalid(_("An amount cannot be negative."), code="amount.negative", field="amount")
    if deal.amount is not None and deal.amount > LARGEST:
        raise Invalid(_("This amount is larger than any deal; check the digits."), code="amount.absurd", field="amount")
    if deal.rate <= 0:
        raise Invalid(_("An exchange rate is greater than zero."), code="rate.positive", field="rate")
    deal.rate = Decimal(deal.rate).quantize(RATE)


def _dates_clean(deal: Opportunity, changes: Changes) -> None:
    latest = _today().replace(year=_today().year + YEARS_AHEAD, day=1)
    for name in ("close_on", "next_step_on"):
        day = getattr(deal, name)
        if day is not None and name in changes and not EARLIEST <= day <= latest:
            raise Invalid(
                _("The date must lie between %(from)s and %(to)s.") % {"from": EARLIEST, "to": latest},
                code="date.range",
                field=name,
            )


def _enter(deal: Opportunity, stage: Stage, changes: Changes) -> None:
    """What follows from coming to a stage."""
    now = clock.now()
    closed = stage.category != OPEN
    if "probability" not in changes or closed:
        _set(deal, changes, "probability", stage.probability)
    if "forecast" not in changes or not deal.forecast:
        _set(deal, changes, "forecast", stage.forecast or "pipeline")
    _set(deal, changes, "category", stage.category)
    deal.stage_since = deal.stage_since if deal.stage_since and "stage" not in changes else now
    if deal._state.adding and deal.created_at and deal.created_at < now:
        deal.stage_since = deal.created_at
    changes.setdefault("stage_since", [None, deal.stage_since])
    if closed:
        if deal.closed_at is None:
            _set(deal, changes, "closed_at", now)
        for name, nothing in (("next_step", ""), ("next_step_on", None)):  # what was planned is over
            if name not in changes:
                _set(deal, changes, name, nothing)
    else:
        _set(deal, changes, "closed_at", None)
    days = stage.expected_days
    since = clock.day_of(deal.stage_since, settings.TIME_ZONE)
    stale = since + dt.timedelta(days=days) if days and not closed else None
    _set(deal, changes, "stale_on", stale)


def milestone_clean(_actor: Actor, milestone: Milestone, _changes: Changes) -> None:
    """What has been reached lies in the past."""
    if milestone.done_on and milestone.done_on > _today():
        raise Invalid(_("A milestone is reached today or before."), code="milestone.future", field="done_on")


# -- pools -------------------------------------------------------------------------------------------------------------


def member_clean(_actor: Actor, row: Any, _changes: Changes) -> None:
    """A member, or whom a limit binds, is a person or a department: one of the two."""
    if (row.user_id is None) == (row.department_id is None):
        raise Invalid(_("Name a person or a department: one of the two."), code="member.one", field="user")


def segment_clean(_actor: Actor, row: PoolRule | AssignRule, _changes: Changes) -> None:
    """A rule of a pool or of assignment asks for a segment of the records it is about."""
    subject = row.pool.subject if isinstance(row, PoolRule) else row.subject
    known = segments.every().get(row.segment)
    if row.segment and (known is None or known.entity != subject):
        raise Invalid(_("Choose a segment of such records."), code="segment.subject", field="segment")
    if known is not None and segments.personal(known.condition):
        raise Invalid(
            _("This segment means another one to each person; a rule asks for nobody in particular."),
            code="segment.personal",
            field="segment",
        )


def recipient_clean(_actor: Actor, row: AssignMember, _changes: Changes) -> None:
    """A rule names each person once."""
    others = AssignMember.objects.filter(rule_id=row.rule_id, user_id=row.user_id).exclude(pk=row.pk)
    if others.exists():
        raise Invalid(_("This person is named by the rule already."), code="assign.twice", field="user")


def alert_clean(_actor: Actor, alert: DealAlert, _changes: Changes) -> None:
    """An alert is for a person or a role, from an amount a deal can have."""
    if (alert.user_id is None) == (alert.role_id is None):
        raise Invalid(_("Name a person or a role: one of the two."), code="alert.one", field="user")
    if not 0 < alert.amount <= LARGEST:
        raise Invalid(_("Enter an amount that can be reached."), code="alert.amount", field="amount")


# -- targets -----------------------------------------------------------------------------------------------------------


def target_clean(_actor: Actor, target: Target, changes: Changes) -> None:
    """A target is somebody's, in a year there is; its months add up to it."""
    if not 2000 <= target.year <= 2100:
        raise Invalid(_("Enter a year between 2000 and 2100."), code="target.year", field="year")
    if target.base < 0 or target.base > LARGEST:
        raise Invalid(_("Enter an amount that can be reached."), code="target.base", field="base")
    if target.stretch is not None and target.stretch < target.base:
        raise Invalid(_("A stretch target is not below the base target."), code="target.stretch", field="stretch")
    if target.scope == DEPARTMENT and target.department_id is None:
        raise Invalid(_("Choose the department."), code="value.required", field="department")
    if target.scope == PERSON and target.owner_id is None:
        raise Invalid(_("Choose the person."), code="value.required", field="owner")
    if target.scope != DEPARTMENT:
        _set(target, changes, "department_id", None)
    if target.pk and "months" in changes and "season" not in changes:
        _set(target, changes, "season", GIVEN)  # whoever writes into the months says himself how the year is split
    if target.season == GIVEN:
        _months_check(target)
    elif {"base", "stretch", "season", "year", "owner", "department", "scope", "measure"} & set(changes) or sum(
        (Decimal(str(row.get("base") or 0)) for row in target.months), Decimal(0)
    ) != target.base:
        _set(target, changes, "months", _months(target))


def _months_check(target: Target) -> None:
    given = [int(row["month"]) for row in target.months]
    if len(given) != len(set(given)):
        raise Invalid(_("Each month stands once."), code="target.months", field="months")
    for name, whole in (("base", target.base), ("stretch", target.stretch)):
        total = sum((Decimal(str(row.get(name) or 0)) for row in target.months), Decimal(0))
        if whole is not None and total != whole:
            words = _("The months add up to %(total)s, not to %(whole)s.") % {"total": total, "whole": whole}
            raise Invalid(words, code="target.sum", field="months")


def _months(target: Target) -> list[dict[str, Any]]:
    """The year split over its months; the cents that do not divide go to the last one."""
    shares = _last_year(target) if target.season == LAST_YEAR else []
    whole = sum(shares, Decimal(0))
    parts = shares if whole > 0 else [Decimal(1)] * 12
    whole = sum(parts, Decimal(0))
    found: list[dict[str, Any]] = []
    for month, part in enumerate(parts, start=1):
        row: dict[str, Any] = {"month": month}
        for name, amount in (("base", target.base), ("stretch", target.stretch)):
            if amount is not None:
                before = sum((Decimal(str(one[name])) for one in found), Decimal(0))
                share = amount - before if month == 12 else _cents(amount * part / whole)
                row[name] = str(share)
        found.append(row)
    return found


def _last_year(target: Target) -> list[Decimal]:
    months = read_targets.by_month(target.measure, read_targets.people_of(target), target.year - 1)
    return list(months.values())
