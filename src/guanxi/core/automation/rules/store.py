"""Saving rules, with every mistake named at its place, and rehearsing one before it is used."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from croniter import CroniterBadDateError, croniter
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.approvals import flows
from guanxi.core.automation.rules import hearing, running
from guanxi.core.automation.rules.steps import KINDS, guarded
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound, Text
from guanxi.core.models import AutomationRule, RuleClock, RuleRun, User
from guanxi.core.models.stamps import bump
from guanxi.core.records import display, formula, segments, shape
from guanxi.core.records.query import compile_tree, is_empty
from guanxi.core.records.settings_registry import checked_names, free_key, require_unchanged
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

TRIGGERS: dict[str, Text] = {
    "created": gettext_lazy("a record is created"),
    "changed": gettext_lazy("a record is changed"),
    "saved": gettext_lazy("a record is created or changed"),
    "enters": gettext_lazy("a record comes into a segment"),
    "leaves": gettext_lazy("a record leaves a segment"),
    "date": gettext_lazy("a date comes near or has passed"),
    "schedule": gettext_lazy("at fixed times"),
    "button": gettext_lazy("somebody presses a button"),
    "approval": gettext_lazy("an approval is decided"),
    "message": gettext_lazy("a message comes in"),
    "event": gettext_lazy("something else happens"),
}
#: Further happenings a rule may wait for: the verb of the event and its name. Areas and integrations add theirs.
EVENTS: dict[str, Text] = {
    "commented": gettext_lazy("somebody comments"),
    "scored": gettext_lazy("its score or value class changes"),
    "merged": gettext_lazy("records are merged"),
    "shared": gettext_lazy("it is shared"),
    "deleted": gettext_lazy("it is deleted"),
    "restored": gettext_lazy("it is restored"),
}
RUN_AS: dict[str, Text] = {
    "system": gettext_lazy("the system, with every right"),
    "owner": gettext_lazy("the owner of the record"),
    "person": gettext_lazy("a person"),
}
UNITS: dict[str, Text] = {
    "days": gettext_lazy("days"),
    "working_days": gettext_lazy("working days"),
    "hours": gettext_lazy("hours"),
}
MOST_STEPS = 40
DEEPEST = 4
#: A rehearsal looks at so many records, for at most so many seconds.
REHEARSED, SECONDS = 100, 20.0
#: Among so many records those are looked for that changed as a rule waits for.
LOOKED = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as its editor holds it."""

    name_zh: str
    entity: str
    trigger: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    name_en: str = ""
    key: str = ""
    condition: Mapping[str, Any] | None = None
    formula: str = ""
    run_as: str = "system"
    person: str = ""
    muted_in_imports: bool = True
    per_hour: int = 1000
    position: int = 0
    active: bool = False


def name_of(rule: AutomationRule) -> str:
    """A rule's name in the active language."""
    return shape.spoken(rule.name_zh, rule.name_en)


def _filled(row: AutomationRule, draft: RuleDraft) -> AutomationRule:
    for name in ("entity", "run_as", "person", "muted_in_imports", "per_hour", "position", "active", "formula"):
        setattr(row, name, getattr(draft, name))
    row.name_zh, row.name_en = checked_names(draft.name_zh, draft.name_en)
    row.trigger, row.condition = dict(draft.trigger), dict(draft.condition or {})
    row.steps = [dict(step) for step in draft.steps]
    return row


def rule_save(
    actor: Actor, rule: AutomationRule | None, draft: RuleDraft, *, version: int | None = None
) -> AutomationRule:
    """Store a rule, new when ``rule`` is ``None``. Raises Denied, or Invalid at the place of the mistake."""
    checked(actor, draft)
    with writing(actor):
        row = AutomationRule.objects.select_for_update().get(pk=rule.pk) if rule else AutomationRule()
        require_unchanged(row, version)
        was = (row.active, row.trigger)
        _filled(row, draft)
        row.key = row.key or free_key(AutomationRule, draft.key or draft.name_en or "rule")
        row.version += 1
        row.save()
        if was != (row.active, row.trigger):
            RuleClock.objects.filter(rule=row).delete()
        bump(hearing.STAMP)
    return row


def rule_switch(actor: Actor, rule: AutomationRule, *, active: bool) -> None:
    """Put a rule into use, or out of it."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        rule.active = active
        rule.version += 1
        rule.save(update_fields=["active", "version"])
        RuleClock.objects.filter(rule=rule).delete()
        bump(hearing.STAMP)


def rule_delete(actor: Actor, rule: AutomationRule) -> None:
    """Remove a rule with its runs."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        rule.delete()
        bump(hearing.STAMP)


# -- checking ----------------------------------------------------------------------------------------------------------


def checked(actor: Actor, draft: RuleDraft) -> Entity:
    """Raise Denied or Invalid at the first mistake; the entity when there is none."""
    require_feature(actor, SETTINGS)
    checked_names(draft.name_zh, draft.name_en)
    try:
        entity = entity_of(draft.entity)
    except NotFound:
        raise Invalid(_("Choose what it is about."), code="rule.entity", field="entity") from None
    _check_rights(actor, draft)
    _check_trigger(entity, draft.trigger)
    _check_condition(entity, draft.condition, draft.formula, "condition", "formula")
    if not 0 <= draft.per_hour <= 100_000:
        raise Invalid(_("Write a number between 0 and 100,000."), code="rule.per_hour", field="per_hour")
    if not draft.steps:
        raise Invalid(_("A rule needs at least one step."), code="rule.steps", field="steps")
    _check_steps(actor, entity, draft.steps, "steps", 0)
    return entity


def _check_rights(actor: Actor, draft: RuleDraft) -> None:
    """Nobody gives a rule more rights than he has: only who has all may let it act as the system or as another."""
    if draft.run_as not in RUN_AS:
        raise Invalid(_("Say with whose rights the rule acts."), code="rule.run_as", field="run_as")
    if draft.run_as == "person" and not User.objects.filter(username=draft.person, is_active=True).exists():
        raise Invalid(_("Choose people who are active."), code="rule.person", field="person")
    if actor.is_system or actor.rights.everything:
        return
    own = User.everything.filter(pk=actor.user_id or 0).values_list("username", flat=True).first()
    if draft.run_as != "person" or draft.person != own:
        raise Denied(_("You can only make rules that act with your own rights."), code="rule.more_than_own")


def _check_trigger(entity: Entity, trigger: Mapping[str, Any]) -> None:
    on, fields = trigger.get("on"), shape.fields_of(entity)
    wrong = ""
    if on not in TRIGGERS:
        wrong = _("Choose when the rule runs.")
    elif on == "changed" and any(name not in fields for name in trigger.get("fields") or ()):
        wrong = _("There is no such field.")
    elif on == "date":
        field = fields.get(str(trigger.get("field")))
        if field is None or field.kind not in ("date", "datetime"):
            wrong = _("Choose a date of the record.")
        elif (
            trigger.get("unit", "days") not in UNITS
            or not isinstance(trigger.get("offset", 0), int)
            or abs(trigger.get("offset") or 0) > 1000
        ):
            wrong = _("Say how many days before or after.")
        else:
            wrong = _bad_time(str(trigger.get("at") or "09:00"))
    elif on == "schedule":
        wrong = _bad_schedule(str(trigger.get("cron", "")))
    elif on in hearing.MOVES and trigger.get("segment") not in {one.key for one in segments.of(entity)}:
        wrong = _("Choose a segment of such records.")
    elif on == "message" and not set(trigger.get("channels") or ()) <= set(hearing.WAYS):
        wrong = _("Choose from the list.")
    elif on in hearing.MOVES and segments.personal(segments.every()[str(trigger["segment"])].condition):
        wrong = _("This segment means another one to each person; a rule asks for nobody in particular.")
    elif on == "event" and trigger.get("event") not in EVENTS:
        wrong = _("Choose what happens.")
    if wrong:
        raise Invalid(wrong, code="rule.trigger", field="trigger")


def _bad_schedule(text: str) -> str:
    if len(text.split()) != 5 or not croniter.is_valid(text):  # type: ignore[no-untyped-call]
        return _("The schedule is written like 0 9 * * 1 (minute, hour, day, month, weekday).")
    try:
        croniter(text, clock.now()).get_next()  # type: ignore[no-untyped-call]
    except CroniterBadDateError:
        return _("No year has such a day: the rule would never run.")
    return ""


def _bad_time(text: str) -> str:
    try:
        dt.time.fromisoformat(text)
    except ValueError:
        return _("The hour is written like 09:00.")
    return ""


def _check_condition(entity: Entity, tree: Any, source: str, place: str, formula_place: str) -> None:
    try:
        if not is_empty(tree):
            compile_tree(flows.seeing_all(system_actor("rules")), entity, tree)
            segments.require_impersonal(tree)
    except GuanxiError as error:
        raise Invalid(error.message, code=error.code, field=place) from None
    if source:
        try:
            formula.check(entity, source, wanted=("bool",), extra={"old": f"record:{entity.key}"})
        except GuanxiError as error:
            raise Invalid(error.message, code=error.code, field=formula_place) from None


def _check_steps(actor: Actor, entity: Entity, steps: Sequence[Mapping[str, Any]], place: str, depth: int) -> None:
    if len(steps) > MOST_STEPS or depth > DEEPEST:
        raise Invalid(_("The rule has too many steps."), code="rule.steps", field=place)
    for number, step in enumerate(steps):
        _check_step(actor, entity, step, f"{place}.{number}", depth)


def _check_step(actor: Actor, entity: Entity, step: Mapping[str, Any], here: str, depth: int) -> None:
    sort = step.get("do")
    if sort == "if":
        _check_condition(entity, step.get("when"), str(step.get("formula") or ""), here, here)
        if is_empty(step.get("when")) and not step.get("formula"):
            raise Invalid(_("Say what decides between the branches."), code="rule.branch", field=here)
        for name in ("then", "else"):
            _check_steps(actor, entity, step.get(name) or (), f"{here}.{name}", depth + 1)
    elif sort == "wait":
        hours = step.get("hours")
        if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= 24 * 366:
            raise Invalid(_("Say how many hours to wait."), code="rule.hours", field=here)
    elif sort == "run":
        if not AutomationRule.objects.filter(key=step.get("rule"), entity=entity.key).exists():
            raise Invalid(_("Choose a rule about the same records."), code="rule.unknown", field=here)
    elif sort != "stop":
        kind = KINDS.get(str(sort))
        if kind is None:
            raise Invalid(_("Choose what to do."), code="rule.step", field=here)
        guarded(kind.check, actor, entity, step, here)


# -- rehearsal ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the rule would have done to one record: how it would end, and each step in words."""

    record_id: int
    title: str
    state: str
    error: str
    trail: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A rehearsal: what would have been done, and how many records fit and were looked at (fewer when time was up).

    ``asked`` says what they are: ``change``, whose last such change would set it off; ``none``, which meet the
    conditions, since none changed so; ``conditions``, which meet the conditions, though what sets it off is not asked;
    ``""``, which would set it off as they are.
    """

    records: tuple[Rehearsed, ...]
    fitting: int
    cut: bool
    asked: str = ""


class _TakenBack(Exception):
    """Ends the rehearsal's transaction."""


def rehearse(actor: Actor, draft: RuleDraft, *, limit: int = REHEARSED) -> Rehearsal:
    """Run a rule, saved or not, on the last records that fit, and take everything back.

    Where it waits for a change of certain fields or values, on those of the last ``LOOKED`` whose last such change fits.
    Nothing stays: neither a change, nor an event, nor a job, nor a message; waiting is passed over.
    """
    entity = checked(actor, draft)
    rule = _filled(AutomationRule(key="rehearsal"), draft)
    rule.active = False
    done: list[Rehearsed] = []
    begun = time.monotonic()
    cut = False
    rows = entity.model._default_manager.all()
    if not is_empty(rule.condition):
        rows = rows.filter(compile_tree(flows.seeing_all(system_actor("rules")), entity, rule.condition))
    asked = _asked(rule)
    ids = list(
        rows.order_by("-updated_at", "-pk").values_list("pk", flat=True)[: LOOKED if asked == "change" else limit]
    )
    if asked == "change":
        changed = hearing.happened_to(rule, ids)
        ids, asked = (changed or ids)[:limit], asked if changed else "none"
    try:
        with transaction.atomic():
            rule.save()
            for number in ids:
                if time.monotonic() - begun > SECONDS:
                    cut = True
                    break
                one = _one(rule, entity, number)
                if one is not None:
                    done.append(one)
            raise _TakenBack
    except _TakenBack:
        pass
    return Rehearsal(tuple(done), len(ids), cut, asked)


def _asked(rule: AutomationRule) -> str:
    on = rule.trigger.get("on")
    if on == "changed":
        return "change" if any(rule.trigger.get(name) for name in ("fields", "from", "to")) else ""
    return "" if on in ("created", "saved", "button", "schedule") else "conditions"


def _one(rule: AutomationRule, entity: Entity, number: int) -> Rehearsed | None:
    record = entity.model._default_manager.filter(pk=number).first()
    if record is None or not running.fits(rule, record, {}):
        return None
    title = display.title_of(entity, record)
    run = RuleRun.objects.create(
        rule=rule, entity=rule.entity, record_id=number, chain=[rule.pk], steps=rule.steps, cause="rehearsal"
    )
    run.rehearsal = True  # type: ignore[attr-defined]
    try:
        with transaction.atomic():
            running.work(run)
            raise _TakenBack
    except _TakenBack:
        pass
    return Rehearsed(number, title, run.state, run.error, tuple(run.trail))
