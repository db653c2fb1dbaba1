"""Steps of rules that change the database: fields, records, owners, approvals, declared actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core import records
from guanxi.core.access import require
from guanxi.core.automation.approvals import deciding, flows
from guanxi.core.automation.rules.steps import (
    Doing,
    StepKind,
    applicant,
    check_values,
    check_whom,
    register_step,
    values_for,
    whom,
)
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.models import RuleRun, User
from guanxi.core.records import display, shape, values
from guanxi.core.records.query import compile_tree
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered

MOST_RELATED = 500


def _said(entity: Entity, changed: Mapping[str, Any]) -> str:
    fields = shape.fields_of(entity)
    return ", ".join(
        f"{fields[name].label}: {display.shown(fields[name], one)}" for name, one in changed.items() if name in fields
    )[:500]


def _set(doing: Doing, step: Mapping[str, Any]) -> str:
    given = values_for(doing, step["values"])
    fresh = records.update(doing.actor, doing.fresh(), given)
    doing.record = fresh
    fields = shape.fields_of(doing.entity)
    return _said(doing.entity, {name: values.current(fresh, fields[name]) for name in given})


def _set_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    check_values(actor, entity, entity, step.get("values") or {})


def _target(entity: Entity, step: Mapping[str, Any]) -> tuple[Entity, str]:
    """The entity a step makes or changes, and its reference to the rule's record ('' for none)."""
    key, reference = str(step.get("entity", "")), str(step.get("reference", ""))
    if not is_registered(key):
        raise Invalid(_("Choose what is made or changed."), code="rule.entity")
    target = entity_of(key)
    if reference:
        declared = shape.fields_of(target).get(reference)
        if declared is None or declared.target != entity.key:
            raise Invalid(_("There is no field “%(path)s”.") % {"path": reference}, code="rule.field")
    return target, reference


def _create(doing: Doing, step: Mapping[str, Any]) -> str:
    target, reference = _target(doing.entity, step)
    given = values_for(doing, step.get("values") or {})
    if reference:
        given[reference] = doing.record.pk
    if target.access.owner and target.access.owner not in given and doing.entity.access.owner:
        given[target.access.owner] = getattr(doing.record, f"{doing.entity.access.owner}_id")
    made = records.create(doing.actor, target, given)
    return _("%(what)s “%(name)s” was made.") % {
        "what": target.label,
        "name": display.title_of(target, made, doing.actor),
    }


def _create_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    target, _reference = _target(entity, step)
    if step.get("values"):
        check_values(actor, target, entity, step["values"])


def _related(doing: Doing, step: Mapping[str, Any]) -> str:
    target, reference = _target(doing.entity, step)
    rows = target.model._default_manager.filter(**{f"{reference}_id": doing.record.pk})
    if step.get("when"):
        rows = rows.filter(compile_tree(flows.seeing_all(doing.actor), target, step["when"]))
    given = values_for(doing, step["values"])
    chosen = list(rows.order_by("pk")[:MOST_RELATED])
    for row in chosen:
        records.update(doing.actor, row, given)
    return _("%(count)d changed: %(what)s") % {"count": len(chosen), "what": _said(target, given)}


def _related_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    target, reference = _target(entity, step)
    if not reference:
        raise Invalid(_("Choose the field that points to the record."), code="rule.reference")
    check_values(actor, target, entity, step.get("values") or {})


def _assign(doing: Doing, step: Mapping[str, Any]) -> str:
    """Give the record to one of the people: the next in turn, the one with the fewest records, or the first."""
    found = whom(doing, step)
    if not found:
        raise RuleBroken(_("Nobody was found to give it to."), code="rule.nobody")
    owner = doing.entity.access.owner
    method = str(step.get("method"))
    chosen = (
        _next_in_turn(doing, found)
        if method == "round"
        else _least_busy(doing, found)
        if method == "least"
        else found[0]
    )
    doing.record = records.update(doing.actor, doing.fresh(), {owner: chosen})
    return _("given to %(name)s") % {"name": User.everything.get(pk=chosen).name}


def _next_in_turn(doing: Doing, found: list[int]) -> int:
    last = (
        RuleRun.objects.filter(rule_id=doing.run.rule_id, pk__lt=doing.run.pk, state__in=("done", "waiting", "running"))
        .order_by("-pk")
        .values_list("pk", flat=True)
    )
    return found[len(last[:10_000]) % len(found)]


def _least_busy(doing: Doing, found: list[int]) -> int:
    owner = f"{doing.entity.access.owner}_id"
    rows = doing.entity.model._default_manager.filter(**{f"{owner}__in": found}).exclude(pk=doing.record.pk)
    busy = dict(rows.order_by().values(owner).annotate(n=Count("pk")).values_list(owner, "n"))
    return min(found, key=lambda user: (busy.get(user, 0), found.index(user)))


def _assign_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if not entity.access.owner:
        raise Invalid(_("These records have no owner."), code="rule.owner")
    check_whom(actor, entity, step)


def _approval(doing: Doing, step: Mapping[str, Any]) -> str:
    """Send the record into the approval of an action, in the name of its owner."""
    owner = applicant(doing)
    if owner is None:
        raise RuleBroken(_("Nobody was found to ask in the name of."), code="rule.nobody")
    made = deciding.submit(deciding.actor_for(owner), doing.entity.key, doing.record.pk, str(step["action"]), {})
    return _("sent into approval: %(flow)s") % {"flow": flows.name_of(made.flow)}


def _approval_check(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if step.get("action") not in flows.actions_of(entity.key) or step.get("action") == "change":
        raise Invalid(_("Choose the action."), code="rule.action")


def _act(doing: Doing, step: Mapping[str, Any]) -> str:
    """Do a declared action of the record."""
    action = next((one for one in doing.entity.actions if one.key == step.get("action")), None)
    if action is None:
        raise NotFound(_("There is no such action."), code="action.unknown")
    require(doing.actor, action.right, doing.fresh())
    applies = action.applies(doing.record) if action.applies else True
    if applies is not True:
        raise RuleBroken(applies or None, code="rule.not_now")
    action.do(doing.actor, doing.record, values_for(doing, step.get("values") or {}))
    return str(action.label)


def _act_check(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if not any(one.key == step.get("action") for one in entity.actions):
        raise Invalid(_("Choose the action."), code="rule.action")


register_step(StepKind("set", gettext_lazy("Set fields"), "edit", ("values",), _set, _set_check))
register_step(
    StepKind(
        "create", gettext_lazy("Create a record"), "plus", ("entity", "reference", "values"), _create, _create_check
    )
)
register_step(
    StepKind(
        "related",
        gettext_lazy("Change related records"),
        "relation-one-to-many",
        ("entity", "reference", "values"),
        _related,
        _related_check,
    )
)
register_step(
    StepKind("assign", gettext_lazy("Give to somebody"), "user-check", ("whom", "method"), _assign, _assign_check)
)
register_step(
    StepKind("approval", gettext_lazy("Send into approval"), "rubber-stamp", ("action",), _approval, _approval_check)
)
register_step(
    StepKind("act", gettext_lazy("Do an action of the record"), "bolt", ("action", "values"), _act, _act_check)
)
