"""When a rule runs: events it hears, dates it follows, a schedule, a button."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core import access
from guanxi.core.automation.approvals import flows
from guanxi.core.automation.rules import membership, running
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.apart import apart
from guanxi.core.kernel.errors import GuanxiError, NotFound, RuleBroken, Text
from guanxi.core.kernel.events import Event, subscribe
from guanxi.core.kernel.working_time import add_working_days, is_working_day
from guanxi.core.models import AuditEntry, AutomationRule, RuleClock, RuleRun
from guanxi.core.models.stamps import kept
from guanxi.core.records import shape, worktime
from guanxi.core.records.columns import typed
from guanxi.core.records.query import compile_tree, is_empty
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.runtime.environment import environment

logger = logging.getLogger("guanxi.rules")

STAMP = "rules"
_TROUBLE = "a rule could not be looked at"
#: Records one look at a date or schedule starts runs for.
MOST = 2000
#: Triggers of records that come into a segment or fall out of it.
MOVES = ("enters", "leaves")
#: A field of this name is a score: its change by hand is one as well as what a calculation announces.
SCORE = "score"
#: The verb of the event that says a message came in.
MESSAGE = "message_received"
#: Ways a message comes in by, for the trigger ``message``: ``{"channels": […], "from": …, "subject": …, "text": …}``.
WAYS: dict[str, Text] = {
    "mail": gettext_lazy("E-mail"),
    "sms": gettext_lazy("Text message"),
    "portal": gettext_lazy("the client's own pages"),
}
_VERBS = {"created": "created", "updated": "changed", "approval_decided": "approval"}


@kept(STAMP, size=1)
def listening() -> dict[str, tuple[AutomationRule, ...]]:
    """Rules in use by entity."""
    found: dict[str, tuple[AutomationRule, ...]] = {}
    for rule in AutomationRule.objects.filter(active=True):
        found[rule.entity] = (*found.get(rule.entity, ()), rule)
    return found


# -- events ------------------------------------------------------------------------------------------------------------


@subscribe("*")
def rules_hear(event: Event) -> None:
    """Start the rules an event sets off. Hearing the same event twice starts nothing twice."""
    rules = listening().get(event.entity, ())
    if not rules or not event.record_id:
        return
    chain = _chain(event.origin)
    _moved_by(event, rules, chain)
    record: Any = None
    for rule in rules:
        if not sets_off(rule, event):
            continue
        record = record or entity_of(event.entity).model._default_manager.filter(pk=event.record_id).first()
        if record is None:
            return
        message = event.changes.get("message", [None, None])[1] if _is_message(event) else None
        old = {} if _is_message(event) else {name: pair[0] for name, pair in event.changes.items()}
        if running.fits(rule, record, running.before(record, old)):
            running.start(
                rule, event.record_id, cause=event.name, by=event.actor_id, old=old, chain=chain,
                once=f"event:{event.id}:{rule.pk}", heard=message,
            )  # fmt: skip


def _moved_by(event: Event, rules: Iterable[AutomationRule], chain: list[int]) -> None:
    """A write may bring a record into a segment or out of it: rules that wait for that are told at once."""
    waiting = [rule for rule in rules if rule.trigger.get("on") in MOVES]
    for key in {str(rule.trigger.get("segment")) for rule in waiting}:
        with transaction.atomic():
            for rule, record_id, once in _movers(key, waiting, clock.now(), event.record_id):
                if not (rule.muted_in_imports and event.origin == "import"):
                    running.start(
                        rule,
                        record_id,
                        cause=str(rule.trigger["on"]),
                        by=event.actor_id,
                        chain=chain,
                        once=once,
                        queued=True,
                    )


def _movers(
    key: str, waiting: Iterable[AutomationRule], now: dt.datetime, only: int | None = None
) -> list[tuple[AutomationRule, int, str]]:
    """Which rules run for which records, as they entered or left the segment of the key."""
    came, went = membership.moved(key, now, only)
    found = []
    for rule in waiting:
        if str(rule.trigger.get("segment")) == key:
            ids = came if rule.trigger["on"] == "enters" else went
            rows = entity_of(rule.entity).model._default_manager.filter(pk__in=ids)
            found += [
                (rule, row.pk, f"{rule.trigger['on']}:{rule.pk}:{row.pk}:{now.isoformat()}")
                for row in rows
                if running.fits(rule, row, {})
            ]
    return found


def _chain(origin: str) -> list[int]:
    """The rules whose runs led to a fact."""
    sort, _colon, number = origin.partition(":")
    if sort != "rule" or not number.isdecimal():
        return []
    found = RuleRun.objects.filter(pk=int(number)).values_list("chain", flat=True).first()
    return list(found or [])


def sets_off(rule: AutomationRule, event: Event) -> bool:
    """Whether an event is what the rule waits for, conditions aside."""
    if rule.muted_in_imports and event.origin == "import":
        return False
    verb = event.name.rpartition(".")[2]
    asked = rule.trigger.get("on")
    if asked == "saved":
        return verb in ("created", "updated")
    if asked == "message":
        return _is_message(event) and _says(rule.trigger, event.changes)
    if asked == "event":
        by_hand = verb == "updated" and SCORE in event.changes
        return verb == rule.trigger.get("event") or (by_hand and rule.trigger.get("event") == "scored")
    if asked != _VERBS.get(verb):
        return False
    if asked == "changed":
        return _changed(rule.trigger, event.changes)
    if asked == "approval":
        return _decided(rule.trigger, event.changes)
    return True


def _changed(trigger: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Whether one of the fields changed, from and to the values asked for."""
    names = trigger.get("fields") or list(changes)
    for name in names:
        pair = changes.get(name)
        if pair is None:
            continue
        if _is(trigger.get("from"), pair[0]) and _is(trigger.get("to"), pair[1]):
            return True
    return False


def happened_to(rule: AutomationRule, ids: Sequence[int]) -> list[int]:
    """Of records, those whose last change of the fields a rule waits for was such a change; in the same order."""
    entity = entity_of(rule.entity)
    last: dict[int, bool] = {}
    named = {one.column: name for name, one in shape.fields_of(entity).items() if one.column}
    wanted = set(rule.trigger.get("fields") or ())
    entries = AuditEntry.objects.filter(entity=entity.table, record_id__in=ids, action="update").order_by("-at", "-id")
    for number, changes in entries.values_list("record_id", "changes"):
        told = {named.get(column, column): pair for column, pair in (changes or {}).items() if column != "custom"}
        before, after = ((changes or {}).get("custom") or [{}, {}])[:2]
        for key in {*(before or {}), *(after or {})}:
            pair = [(before or {}).get(key), (after or {}).get(key)]
            told |= {f"custom.{key}": pair} if pair[0] != pair[1] else {}
        if not wanted or wanted & told.keys():
            last.setdefault(number, _changed(rule.trigger, told))
    return [number for number in ids if last.get(number)]


def _is_message(event: Event) -> bool:
    return event.name.rpartition(".")[2] == MESSAGE


def _says(trigger: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Whether a message came by one of the ways asked for and holds one of the words in each of the parts asked for."""
    told = {name: str(pair[1] or "") for name, pair in changes.items()}
    ways = trigger.get("channels") or ()
    if ways and told.get("channel") not in ways:
        return False
    for part, name in (("from", "sender"), ("subject", "subject"), ("text", "text")):
        words = words_of(str(trigger.get(part) or ""))
        if words and not any(word in told.get(name, "").casefold() for word in words):
            return False
    return True


def words_of(text: str) -> list[str]:
    """The words of a trigger, one of which must occur: separated by commas, semicolons or lines."""
    return [word for one in re.split(r"[,;，；、\n]", text.casefold()) if (word := one.strip())]


def _is(asked: Any, value: Any) -> bool:
    if asked in (None, "", []):
        return True
    wanted = asked if isinstance(asked, list) else [asked]
    return str(value if value is not None else "") in {str(one) for one in wanted}


def _decided(trigger: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    state, action = changes.get("state", [None, ""])[1], changes.get("action", [None, ""])[1]
    return _is(trigger.get("states"), state) and _is(trigger.get("action"), action)


# -- dates and schedules -----------------------------------------------------------------------------------------------


def look(now: dt.datetime) -> int:
    """Start what dates and schedules call for since the last look, each rule for itself. Returns how many runs were started."""
    started = 0
    waiting: dict[str, list[AutomationRule]] = {}
    for rules in listening().values():
        for rule in rules:
            if rule.trigger.get("on") in ("date", "schedule"):
                with apart(logger, _TROUBLE, rule=rule.pk):
                    started += _look_at(rule, now)
            elif rule.trigger.get("on") in MOVES and is_registered(rule.entity):
                waiting.setdefault(str(rule.trigger.get("segment")), []).append(rule)
    membership.forget(set(waiting))
    for key, some in waiting.items():
        with apart(logger, _TROUBLE, segment=key), transaction.atomic():
            for rule, record_id, once in _movers(key, some, now):
                started += (
                    running.start(rule, record_id, cause=str(rule.trigger["on"]), once=once, queued=True) is not None
                )
    return started


def _look_at(rule: AutomationRule, now: dt.datetime) -> int:
    seen, made = RuleClock.objects.get_or_create(rule=rule, defaults={"looked_at": now})
    if made or not is_registered(rule.entity):
        return 0
    since = max(seen.looked_at, now - dt.timedelta(days=2))
    if since >= now:
        return 0
    found = _due_dates(rule, since, now) if rule.trigger["on"] == "date" else _due_schedule(rule, since, now)
    started = 0
    for record_id, once in found:
        record = entity_of(rule.entity).model._default_manager.filter(pk=record_id).first()
        if record is not None and running.fits(rule, record, {}):
            started += running.start(rule, record_id, cause=rule.trigger["on"], once=once, queued=True) is not None
    RuleClock.objects.filter(pk=rule.pk).update(looked_at=now)
    return started


def _zone() -> ZoneInfo:
    return ZoneInfo(environment().time_zone)


def moment_for(trigger: Mapping[str, Any], day: dt.date) -> dt.datetime:
    """When a rule runs for a record whose date is ``day``: so many days before or after, at its hour."""
    offset = int(trigger.get("offset") or 0)
    plain = worktime.calendar()
    if trigger.get("unit") == "working_days":
        shifted = add_working_days(day, offset, plain) if offset else day
        while not offset and not is_working_day(shifted, plain):
            shifted += dt.timedelta(days=1)
    else:
        shifted = day + dt.timedelta(days=offset)
    hour, _colon, minute = str(trigger.get("at") or "09:00").partition(":")
    return dt.datetime.combine(shifted, dt.time(int(hour), int(minute or 0)), _zone())


def _due_dates(rule: AutomationRule, since: dt.datetime, now: dt.datetime) -> Iterable[tuple[int, str]]:
    entity = entity_of(rule.entity)
    name = str(rule.trigger.get("field", ""))
    field = shape.fields_of(entity).get(name)
    if field is None:
        return
    rows = entity.model._default_manager.annotate(rule_date=typed(field, name)).filter(rule_date__isnull=False)
    if field.kind == "datetime":
        unit = dt.timedelta(hours=1) if rule.trigger.get("unit") == "hours" else dt.timedelta(days=1)
        shift = unit * int(rule.trigger.get("offset") or 0)
        rows = rows.filter(rule_date__gt=since - shift, rule_date__lte=now - shift)
    else:
        reach = abs(int(rule.trigger.get("offset") or 0)) * 2 + 20
        first = now.astimezone(_zone()).date()
        days = (first + dt.timedelta(days=n) for n in range(-reach, reach + 1))
        rows = rows.filter(rule_date__in=[day for day in days if since < moment_for(rule.trigger, day) <= now])
    for record_id, value in rows.order_by("pk").values_list("pk", "rule_date")[:MOST]:
        yield record_id, f"date:{rule.pk}:{record_id}:{value.isoformat()}"[:200]


def _due_schedule(rule: AutomationRule, since: dt.datetime, now: dt.datetime) -> Iterable[tuple[int, str]]:
    plan = croniter(str(rule.trigger.get("cron", "")), since.astimezone(_zone()))
    planned: dt.datetime = plan.get_next(dt.datetime)  # type: ignore[no-untyped-call]
    if planned > now:
        return
    entity = entity_of(rule.entity)
    rows = entity.model._default_manager.all()
    if not is_empty(rule.condition):
        try:
            rows = rows.filter(compile_tree(flows.seeing_all(system_actor("rules")), entity, rule.condition))
        except GuanxiError:
            return
    for record_id in rows.order_by("pk").values_list("pk", flat=True)[:MOST]:
        yield record_id, f"schedule:{rule.pk}:{record_id}:{planned.isoformat()}"[:200]


# -- the button --------------------------------------------------------------------------------------------------------


def buttons(entity: str) -> list[AutomationRule]:
    """Rules people start from a record's menu."""
    return [rule for rule in listening().get(entity, ()) if rule.trigger.get("on") == "button"]


def press(actor: Actor, rule_key: str, record: Any) -> RuleRun:
    """Start a rule by its button, on a record one may change. Raises RuleBroken when it does not fit now."""
    entity = entity_of(record)
    rule = next((one for one in buttons(entity.key) if one.key == rule_key), None)
    if rule is None:
        raise NotFound
    access.require(actor, "change", record)
    if not running.fits(rule, record, {}):
        raise RuleBroken(_("The conditions of this rule are not met."), code="rule.not_now")
    made = running.start(rule, record.pk, cause="button", by=actor.user_id)
    if made is None or made.state == "stopped":
        raise RuleBroken(_("The rule ran too often within an hour; it was stopped."), code="rule.flood")
    return made
