"""Running a rule: as whom, step after step with a trail, branches and waiting, going on after a failure where it stopped."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from guanxi.core.access import actors
from guanxi.core.automation.approvals import flows
from guanxi.core.automation.queue import app
from guanxi.core.automation.rules.steps import KINDS, Doing
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.apart import told
from guanxi.core.kernel.errors import GuanxiError, NotFound, RuleBroken
from guanxi.core.kernel.working_time import add_working_time
from guanxi.core.models import AutomationRule, RuleRun, User
from guanxi.core.records import doubts, formula, shape, values, worktime
from guanxi.core.records.query import compile_tree, is_empty
from guanxi.core.records.writing import coming_from, writing
from guanxi.core.schema.registry import entity_of
from guanxi.runtime.failpoints import reach

logger = logging.getLogger("guanxi.rules")

JOB = "guanxi.rule_run"
#: Runs of other rules a run may lead to, one after the other.
DEEPEST = 8
#: Steps of one run, branches counted as they are taken.
MOST_STEPS = 200


class _Waits(Exception):
    """The run goes on later."""

    def __init__(self, until: dt.datetime) -> None:
        self.until = until


def actor_for(rule: AutomationRule, record: Any) -> Actor:
    """With whose rights the rule acts. Raises RuleBroken when there is nobody."""
    if rule.run_as == "system":
        return replace(system_actor(_named(rule)), via="job")
    user: User | None = None
    if rule.run_as == "person":
        user = User.objects.filter(username=rule.person, is_active=True).first()
    elif record is not None and entity_of(rule.entity).access.owner:
        owner = getattr(record, f"{entity_of(rule.entity).access.owner}_id")
        user = User.objects.filter(pk=owner or 0, is_active=True).first()
    if user is None:
        raise RuleBroken(_("There is nobody in whose name the rule could act."), code="rule.actor")
    return actors.load(user, via="job")


def _named(rule: AutomationRule) -> str:
    return f"{rule.name_zh}"[:150]


def before(record: Any, changed: Mapping[str, Any]) -> dict[str, Any]:
    """The record's values before the change: those that changed over those that are now."""
    fields = shape.fields_of(entity_of(record))
    now = {name: getattr(record, name, None) for name in fields if not name.startswith("custom.")}
    before = {name: values.lively(fields[name], value) for name, value in changed.items() if name in fields}
    return {**now, **before}


def fits(rule: AutomationRule, record: Any, old: Mapping[str, Any]) -> bool:
    """Whether a record meets the rule's conditions as it stands. A condition that means nothing any more is not met."""
    entity = entity_of(rule.entity)
    try:
        if not is_empty(rule.condition):
            where = compile_tree(flows.seeing_all(system_actor(_named(rule))), entity, rule.condition)
            if not entity.model._default_manager.filter(pk=record.pk).filter(where).exists():
                return False
        return not rule.formula or formula.truth(rule.formula, record, extra={"old": old or record})
    except GuanxiError as error:
        logger.warning("a rule's condition fails", extra={"rule": rule.key, "reason": str(error)})
        return False


@transaction.atomic
def start(
    rule: AutomationRule, record_id: int | None, *, cause: str, by: int | None = None, old: Mapping[str, Any] | None = None,
    chain: Sequence[int] = (), once: str | None = None, delay: bool = True, heard: int | None = None, queued: bool = False,
) -> RuleRun | None:  # fmt: skip
    """Note a run and let a job do it; ``None`` when the same cause was run before. Loops and floods are stopped.

    ``chain`` are the ids of the rules whose runs led here, ``heard`` the message that set it off. With ``queued`` what is more than the rule's hour holds waits for the next one.
    """
    if once is not None and RuleRun.objects.filter(once=once).exists():
        return None
    reason = _stopped(rule, chain)
    later = _next_place(rule) if queued and reason == "flood" else None
    if later is not None:
        reason = ""
    if reason in ("flood", "deep"):
        hour = clock.now().strftime("%Y%m%d%H")
        once = f"{reason}:{rule.pk}:{hour}"
        if RuleRun.objects.filter(once=once).exists():
            return None
    run = RuleRun.objects.create(
        rule=rule, entity=rule.entity, record_id=record_id, cause=cause[:140], by_id=by, old=dict(old or {}), once=once,
        chain=[*chain, rule.pk], steps=rule.steps, state="stopped" if reason else "waiting" if later else "running", error=_reason(reason),
        finished_at=clock.now() if reason else None, resume_at=later, heard_id=heard,
    )  # fmt: skip
    if not reason and not later and delay:
        app.configure_task(JOB, queue="default").defer(run_id=run.pk)
    return run


def _stopped(rule: AutomationRule, chain: Sequence[int]) -> str:
    if rule.pk in chain:
        return "loop"
    if len(chain) >= DEEPEST:
        return "deep"
    return "flood" if _full(rule) else ""


def _queue(rule: AutomationRule) -> QuerySet[RuleRun]:
    """Runs that wait for an hour with room; those in the midst of their steps wait for something else."""
    return RuleRun.objects.filter(rule=rule, state="waiting", trail=[])


def _full(rule: AutomationRule) -> bool:
    """Whether as many runs began within the last hour as the rule may have."""
    since = clock.now() - dt.timedelta(hours=1)
    recent = RuleRun.objects.filter(rule=rule, created_at__gte=since).exclude(state="stopped").exclude(pk__in=_queue(rule))  # fmt: skip
    return bool(rule.per_hour) and recent[: rule.per_hour].count() >= rule.per_hour


def _next_place(rule: AutomationRule) -> dt.datetime:
    """When a run that finds the hour full may begin, after those that wait already."""
    return clock.now() + dt.timedelta(hours=1 + _queue(rule).count() // max(1, rule.per_hour))


def _reason(sort: str) -> str:
    return {
        "loop": gettext_noop("The rule would trigger itself; it was stopped."),
        "deep": gettext_noop("Too many rules led to one another; it was stopped."),
        "flood": gettext_noop("The rule ran too often within an hour; it was stopped."),
    }.get(sort, "")


def go(run_id: int) -> str:
    """Do a run, or go on with one that waited or failed; its state afterwards. Safe to call twice."""
    with transaction.atomic():
        run = (
            RuleRun.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("rule")
            .filter(pk=run_id)
            .first()
        )
        if run is None or run.state != "running":
            return run.state if run is not None else ""
        work(run)
        reach("rules.before_commit")
    reach("rules.after_commit")
    return run.state


def work(run: RuleRun) -> None:
    """Carry out what is left of a run, each step in a savepoint of its own. Within a transaction."""
    try:
        doing = _doing(run)
        with coming_from(f"rule:{run.pk}"):
            for path, step in _left(run, run.steps, ""):
                _step(doing, path, step)
        run.state, run.error, run.finished_at = "done", "", clock.now()
    except _Waits as wait:
        run.state, run.resume_at = "waiting", wait.until
    except OperationalError:  # a busy or lost database: the job is tried again
        raise
    except Exception as error:  # a run left as running could never be tried again
        if not isinstance(error, GuanxiError):
            logger.exception("a rule fails", extra={"rule": run.rule.key, "run": run.pk})
        run.state, run.error, run.finished_at = "failed", told(error)[:2000], clock.now()
    run.save()


@transaction.atomic
def _doing(run: RuleRun) -> Doing:
    entity = entity_of(run.entity)
    record = entity.model._default_manager.filter(pk=run.record_id).first() if run.record_id else None
    if record is None and run.record_id:
        raise NotFound(_("The record is gone."), code="rule.gone")
    return Doing(actor_for(run.rule, record), entity, record, run, before(record, run.old) if record else {})


def _done(run: RuleRun) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in run.trail if one["state"] == "done"}


def _left(run: RuleRun, steps: Sequence[Mapping[str, Any]], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Steps not done yet, in order; a branch is entered by what its condition came to."""
    for number, step in enumerate(steps):
        path = f"{prefix}{number}"
        before = _done(run).get(path)
        if before is None:
            if len(run.trail) >= MOST_STEPS:
                raise RuleBroken(_("The run has too many steps."), code="rule.steps")
            yield path, step
            before = _done(run).get(path)
        if step.get("do") == "if" and before is not None:
            taken = "then" if before.get("taken") == "then" else "else"
            yield from _left(run, step.get(taken) or (), f"{path}.{taken}.")
        if step.get("do") == "stop" and before is not None:
            return


def _step(doing: Doing, path: str, step: Mapping[str, Any]) -> None:
    """Carry out one step and note it on the trail."""
    sort = str(step.get("do", ""))
    noted: dict[str, Any] = {"path": path, "do": sort, "state": "done", "at": clock.now().isoformat(), "text": ""}
    run = doing.run
    run.trail = [one for one in run.trail if one["path"] != path]
    try:
        if sort == "if":
            noted["taken"] = "then" if branch(doing, step) else "else"
        elif sort == "wait":
            until = wait_until(doing, step)
            run.trail.append({**noted, "text": until.isoformat()})
            if until > clock.now() and not getattr(run, "rehearsal", False):
                raise _Waits(until)
            return
        elif sort == "run":
            noted["text"] = other(doing, step)
        elif sort == "stop":
            noted["text"] = _("end")
        else:
            kind = KINDS.get(sort)
            if kind is None:
                raise NotFound(_("There is no step “%(name)s”.") % {"name": sort}, code="rule.step")
            with doubts.asking(sure=True), transaction.atomic(), writing(doing.actor):  # taken at its word
                noted["text"] = kind.run(doing, step)
    except _Waits:
        raise
    except Exception as error:
        run.trail.append({**noted, "state": "failed", "text": told(error)[:1000]})
        raise
    run.trail.append(noted)


@transaction.atomic
def branch(doing: Doing, step: Mapping[str, Any]) -> bool:
    """Whether the record meets a branch's condition now."""
    record = doing.fresh()
    if not is_empty(step.get("when")):
        where = compile_tree(flows.seeing_all(system_actor("rule")), doing.entity, step["when"])
        if not doing.entity.model._default_manager.filter(pk=record.pk).filter(where).exists():
            return False
    return not step.get("formula") or formula.truth(str(step["formula"]), record, extra={"old": doing.old})


@transaction.atomic
def wait_until(doing: Doing, step: Mapping[str, Any]) -> dt.datetime:
    """When a waiting step is over: hours of working or plain time from now."""
    span = dt.timedelta(hours=float(step.get("hours") or 0))
    if step.get("working"):
        owner = getattr(doing.record, f"{doing.entity.access.owner}_id", None) if doing.entity.access.owner else None
        return add_working_time(clock.now(), span, worktime.calendar_of_user(owner) if owner else worktime.calendar())
    return clock.now() + span


def other(doing: Doing, step: Mapping[str, Any]) -> str:
    """Run another rule on the same record, its conditions asked."""
    rule = AutomationRule.objects.filter(key=step.get("rule"), active=True, entity=doing.entity.key).first()
    if rule is None:
        raise NotFound(_("There is no such rule in use."), code="rule.unknown")
    with transaction.atomic():
        meant = fits(rule, doing.fresh(), doing.old)
    if not meant:
        return _("its conditions are not met")
    rehearsing = getattr(doing.run, "rehearsal", False)
    made = start(
        rule, doing.record.pk, cause=f"rule:{doing.run.pk}", by=doing.run.by_id, old=doing.run.old, chain=doing.run.chain,
        delay=not rehearsing, heard=doing.run.heard_id,
    )  # fmt: skip
    if made is not None and made.state == "stopped":
        raise RuleBroken(_(made.error), code="rule.loop")
    return rule.name_zh


def resume_due(now: dt.datetime) -> int:
    """Let runs go on whose waiting is over. Returns how many."""
    due = RuleRun.objects.filter(state="waiting", resume_at__lte=now).select_related("rule").order_by("resume_at", "pk")
    gone_on = 0
    for run in due[:1000]:
        with transaction.atomic():
            waits = RuleRun.objects.filter(pk=run.pk, state="waiting")
            if not run.trail and _full(run.rule):  # it was queued, and the hour is full of others
                waits.update(resume_at=_next_place(run.rule))
            elif waits.update(state="running", resume_at=None, **({} if run.trail else {"created_at": now})):
                app.configure_task(JOB, queue="default").defer(run_id=run.pk)
                gone_on += 1
    return gone_on


def again(actor: Actor, run: RuleRun) -> None:
    """Let a failed run go on from the step that failed. Raises RuleBroken when it did not fail."""
    with writing(actor):
        if not RuleRun.objects.filter(pk=run.pk, state="failed").update(state="running", error="", finished_at=None):
            raise RuleBroken(_("Only what failed can be tried again."), code="rule.not_failed")
        app.configure_task(JOB, queue="default").defer(run_id=run.pk)
