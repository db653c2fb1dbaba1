"""How long records are kept: rules of the workspace, what one would take tonight, and the night's run.

The trash gives back for thirty days what a rule put there; what a rule erased is gone as if its person had asked.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import override

from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.models import Erasure, RetentionRule
from guanxi.core.models.privacy import ERASE, TRASH
from guanxi.core.people.guards import require_administrator
from guanxi.core.privacy import erasing, register, subjects
from guanxi.core.records import bulk, reading, segments
from guanxi.core.records.query import is_empty
from guanxi.core.records.settings_registry import checked_names, free_key, require_unchanged
from guanxi.core.records.shape import spoken
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities, entity_of, is_registered

#: So many records of one rule go in one night; the rest the nights after.
A_NIGHT = 1000

logger = logging.getLogger("guanxi.privacy")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule as its editor holds it."""

    name_zh: str = ""
    name_en: str = ""
    entity: str = ""
    condition: Mapping[str, Any] | None = None
    action: str = TRASH
    active: bool = False


def choices(action: str = "") -> list[Entity]:
    """Entities a rule may be about; to be erased, a record must hold personal data."""
    if action == ERASE:
        return subjects.personal_entities()
    return [one for one in entities() if one.access.owner or one.access.carried_by]


def name_of(rule: RetentionRule) -> str:
    """A rule's name in the active language."""
    return spoken(rule.name_zh, rule.name_en)


def fitting(draft: RuleDraft | RetentionRule) -> QuerySet[Any]:
    """The records the rule would take; those erased before do not count. Raises Invalid for what means nothing."""
    entity = entity_of(draft.entity)
    rows = reading.queryset(system_actor("retention", via="job"), entity, filter=draft.condition or None)
    if draft.action == ERASE:
        rows = rows.exclude(pk__in=Erasure.objects.filter(entity=entity.key).values("record_id"))
    return rows.order_by("pk")


def checked(draft: RuleDraft | RetentionRule) -> None:
    """Raise Invalid at the field of the first mistake."""
    checked_names(draft.name_zh, draft.name_en)
    if draft.action not in (TRASH, ERASE):
        raise Invalid(_("Choose what happens to them."), code="retention.action", field="action")
    if draft.entity not in {one.key for one in choices(draft.action)}:
        raise Invalid(_("Choose what it is about."), code="retention.entity", field="entity")
    if is_empty(draft.condition):
        raise Invalid(
            _("Without a condition every record would go. Say which."), code="retention.all", field="condition"
        )
    try:
        fitting(draft).exists()
        segments.require_impersonal(draft.condition)
    except GuanxiError as error:
        raise Invalid(error.message, code=error.code, field="condition") from None


def rule_save(
    actor: Actor, rule: RetentionRule | None, draft: RuleDraft, *, version: int | None = None
) -> RetentionRule:
    """Store a rule, new when ``rule`` is ``None``.

    Raises Denied, Invalid at the field of the mistake, Conflict when somebody saved it since ``version`` was read.
    """
    require_administrator(actor)
    checked(draft)
    with writing(actor):
        row = RetentionRule.objects.select_for_update().get(pk=rule.pk) if rule else RetentionRule(version=0)
        require_unchanged(row, version)
        row.key = row.key or free_key(
            RetentionRule, draft.name_en or f"{draft.entity}-{draft.action}".replace(".", "-")
        )
        row.name_zh, row.name_en = checked_names(draft.name_zh, draft.name_en)
        row.entity, row.action, row.active = draft.entity, draft.action, draft.active
        row.condition, row.last_problem = dict(draft.condition or {}), ""
        row.version += 1
        row.save()
    return row


def rule_delete(actor: Actor, rule: RetentionRule) -> None:
    """Remove a rule; what it took stays where it is."""
    require_administrator(actor)
    with writing(actor):
        rule.delete()


def run_all(now: dt.datetime) -> int:
    """The night's run of every active rule; one that fails says why and does not stop the others. Returns how many went."""
    return sum(_run(rule, now) for rule in RetentionRule.objects.filter(active=True) if is_registered(rule.entity))


def _run(rule: RetentionRule, now: dt.datetime) -> int:
    count, problem = 0, ""
    try:
        checked(rule)
        ids = list(fitting(rule).values_list("pk", flat=True)[:A_NIGHT])
        if ids:
            count, problem = (_trash if rule.action == TRASH else _erase)(rule, ids)
    except Exception as error:  # one rule's fault must not keep the others from running
        logger.exception("a retention rule failed", extra={"rule": rule.key})
        problem = str(error)[:300]
    RetentionRule.objects.filter(pk=rule.pk).update(last_at=now, last_count=count, last_problem=problem)
    return count


def _trash(rule: RetentionRule, ids: list[int]) -> tuple[int, str]:
    """How many went, and why others did not."""
    actor = system_actor("retention", via="job")
    operation = bulk.run(actor, bulk.begin(actor, "delete", rule.entity, ids))
    problems = operation.result["problems"]
    return int(operation.result["done"]), str(problems[0]["message"])[:300] if problems else ""


def _erase(rule: RetentionRule, ids: list[int]) -> tuple[int, str]:
    """How many went, and why the first of the others did not."""
    actor, done, problem = system_actor("retention", via="job"), 0, ""
    with override("zh-hans"):
        reason = _("The time to keep it is over: %(name)s") % {"name": rule.name_zh}
    for number in ids:
        subject = subjects.stored(rule.entity, number)
        if subject is None:
            continue
        made = Erasure(
            key=secrets.token_hex(16), entity=rule.entity, record_id=number, born_at=subject.record.created_at,
            reason=reason[:300], actor_name=actor.name,
        )  # fmt: skip
        try:
            erasing.take(actor, subject, made)
        except Exception as error:  # the others do not wait for it
            logger.exception("a record could not be erased", extra={"rule": rule.key, "record": number})
            problem = problem or str(error)[:300]
            continue
        register.note(made)
        done += 1
    return done, problem
