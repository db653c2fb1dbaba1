"""Flows: which one an action on a record needs, what its steps may say, and saving one with every mistake named.

A step is ``{"key", "name_zh", "name_en", "who": [{"kind", …}], "mode", "nobody", "when", "hours", "late", "copy"}``:
``mode`` is ``any`` (one suffices), ``all`` or ``order`` (one after the other); ``nobody`` says what happens when no one is found
(``skip``, ``admin``, ``stop``); ``when`` is a query tree; ``hours`` of working time until ``late`` (``remind``, ``superior``, ``pass``,
``reject``); ``copy`` names people who are told when the step is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.approvals import people
from guanxi.core.kernel.actor import Actor, Rights
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound, Text
from guanxi.core.models import ApprovalFlow, Role, User
from guanxi.core.models.stamps import bump, kept
from guanxi.core.records import segments, shape
from guanxi.core.records.query import compile_tree, is_empty
from guanxi.core.records.settings_registry import checked_names, free_key, require_unchanged
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import entity_of, is_registered

STAMP = "approvals"
MODES = {
    "any": gettext_lazy("one of them suffices"),
    "all": gettext_lazy("all of them"),
    "order": gettext_lazy("one after the other"),
}
NOBODY = {
    "admin": gettext_lazy("ask the administrators"),
    "skip": gettext_lazy("go on to the next step"),
    "stop": gettext_lazy("do not let it be sent"),
}
LATE = {
    "remind": gettext_lazy("remind every working day"),
    "superior": gettext_lazy("hand it to the superior"),
    "pass": gettext_lazy("let it pass"),
    "reject": gettext_lazy("reject it"),
}
SELF = {
    "superior": gettext_lazy("his superior decides"),
    "pass": gettext_lazy("he passes by himself"),
    "ask": gettext_lazy("he is asked like others"),
}
BUILT_IN = {
    "create": gettext_lazy("Create"),
    "change": gettext_lazy("Change"),
    "delete": gettext_lazy("Delete"),
    "export": gettext_lazy("Export"),
}
MOST_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAction:
    """An action of an area that may need approval; ``apply(actor, record, values)`` carries it out when approved.

    ``right`` is what it takes to ask for it.
    """

    entity: str
    key: str
    label: Text
    apply: Callable[[Actor, Any, Mapping[str, Any]], Any] | None = None
    right: str = "change"


_actions: dict[tuple[str, str], ApprovalAction] = {}


def register_action(
    entity: str, key: str, label: Text, apply: Callable[[Actor, Any, Mapping[str, Any]], Any] | None = None
) -> None:
    """Let flows be made for an action of an area, such as a discount; the area asks ``approvals.require``."""
    _actions[entity, key] = ApprovalAction(entity=entity, key=key, label=label, apply=apply)


def registered(entity: str, key: str) -> ApprovalAction | None:
    """What an area entered for an action."""
    return _actions.get((entity, key))


def right_of(entity: str, action: str) -> str:
    """The right it takes to do an action, and so to ask for it."""
    own = registered(entity, action)
    if own is not None:
        return own.right
    if action in BUILT_IN:
        return action
    return next((one.right for one in entity_of(entity).actions if one.key == action), "change")


def actions_of(entity: str) -> dict[str, Text]:
    """Every action on an entity a flow may be made for, with its label."""
    declared = {one.key: one.label for one in entity_of(entity).actions}
    own = {one.key: one.label for one in _actions.values() if one.entity == entity}
    return {**BUILT_IN, **declared, **own}


def action_label(entity: str, key: str) -> Text:
    """The label of an action, its key when nobody knows it any more."""
    return actions_of(entity).get(key, key) if is_registered(entity) else key


def name_of(flow: ApprovalFlow | None) -> str:
    """A flow's name in the active language."""
    if flow is None:
        return _("removed flow")
    return shape.spoken(flow.name_zh, flow.name_en)


@kept(STAMP, size=1)
def known() -> dict[tuple[str, str], tuple[ApprovalFlow, ...]]:
    """Active flows by entity and action, in order."""
    found: dict[tuple[str, str], tuple[ApprovalFlow, ...]] = {}
    for flow in ApprovalFlow.objects.filter(active=True):
        key = (flow.entity, flow.action)
        found[key] = (*found.get(key, ()), flow)
    return found


@kept(STAMP, size=1)
def watched() -> frozenset[str]:
    """Entities any flow was ever made for: only their records can be locked."""
    return frozenset(ApprovalFlow.objects.values_list("entity", flat=True))


def seeing_all(actor: Actor) -> Actor:
    """The same person with every right: conditions look at the record, not at what he may see of it."""
    return replace(actor, rights=Rights(everything=True), scopes=None)


def fits(actor: Actor, entity: str, record_id: int | None, tree: Mapping[str, Any] | None) -> bool:
    """Whether a record, as it stands in this transaction, meets a condition. One that means nothing any more is met."""
    if is_empty(tree) or record_id is None:
        return True
    declared = entity_of(entity)
    try:
        where = compile_tree(seeing_all(actor), declared, tree)
    except GuanxiError:
        return True
    return declared.model._base_manager.filter(pk=record_id).filter(where).exists()


def needed(
    actor: Actor, entity: str, record_id: int | None, action: str, changed: Sequence[str] = ()
) -> ApprovalFlow | None:
    """The first flow the action on the record needs, ``None`` for none."""
    for flow in known().get((entity, action), ()):
        if action == "change" and flow.fields and not set(flow.fields) & set(changed):
            continue
        if fits(actor, entity, record_id, flow.condition):
            return flow
    return None


# -- saving ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDraft:
    """A flow as its editor holds it."""

    name_zh: str
    entity: str
    action: str
    steps: Sequence[Mapping[str, Any]]
    name_en: str = ""
    key: str = ""
    condition: Mapping[str, Any] | None = None
    fields: Sequence[str] = ()
    free_fields: Sequence[str] = ()
    options: Mapping[str, Any] | None = None
    position: int = 0
    active: bool = True


def flow_save(actor: Actor, flow: ApprovalFlow | None, draft: FlowDraft, *, version: int | None = None) -> ApprovalFlow:
    """Store a flow, new when ``flow`` is ``None``. Raises Denied, or Invalid at the place of the mistake."""
    require_feature(actor, SETTINGS)
    checked_names(draft.name_zh, draft.name_en)
    checked(actor, draft)
    with writing(actor):
        row = ApprovalFlow.objects.select_for_update().get(pk=flow.pk) if flow else ApprovalFlow()
        require_unchanged(row, version)
        row.key = row.key or free_key(
            ApprovalFlow, draft.key or draft.name_en or f"{draft.entity}-{draft.action}".replace(".", "-")
        )
        for name in ("entity", "action", "position", "active"):
            setattr(row, name, getattr(draft, name))
        row.name_zh, row.name_en = checked_names(draft.name_zh, draft.name_en)
        row.condition, row.options = dict(draft.condition or {}), dict(draft.options or {})
        row.fields, row.free_fields = list(draft.fields), list(draft.free_fields)
        row.steps = [dict(step) for step in draft.steps]
        row.version += 1
        row.save()
        bump(STAMP)
    return row


def flow_delete(actor: Actor, flow: ApprovalFlow) -> None:
    """Remove a flow; requests under way go on along their path."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        if flow.approvals.filter(state="pending").exists():
            flow.active = False
            flow.save(update_fields=["active"])
        else:
            flow.delete()
        bump(STAMP)


def checked(actor: Actor, draft: FlowDraft) -> None:
    """Raise Invalid at the first mistake: unknown entity, action, field, person, role, or a condition that means nothing."""
    try:
        entity = entity_of(draft.entity)
    except NotFound:
        raise Invalid(_("Choose what it is about."), code="flow.entity", field="entity") from None
    if draft.action not in actions_of(entity.key):
        raise Invalid(_("Choose the action."), code="flow.action", field="action")
    fields = shape.fields_of(entity)
    for place in ("fields", "free_fields"):
        for name in getattr(draft, place):
            if name not in fields:
                raise Invalid(_("There is no field “%(path)s”.") % {"path": name}, code="flow.field", field=place)
    _tree(actor, draft.entity, draft.condition, "condition")
    if not draft.steps or len(draft.steps) > MOST_STEPS:
        raise Invalid(_("A flow has between one and twenty steps."), code="flow.steps", field="steps")
    for number, step in enumerate(draft.steps):
        _check_step(actor, draft.entity, step, f"steps.{number}")


def _tree(actor: Actor, entity: str, tree: Any, place: str) -> None:
    if tree in (None, {}):
        return
    try:
        compile_tree(seeing_all(actor), entity_of(entity), tree)
        segments.require_impersonal(tree)
    except GuanxiError as error:
        raise Invalid(error.message, code=error.code, field=place) from None


def _check_step(actor: Actor, entity: str, step: Mapping[str, Any], place: str) -> None:
    whom = step.get("who") or []
    if not whom:
        raise Invalid(_("Say who decides in this step."), code="flow.who", field=place)
    for one in [*whom, *(step.get("copy") or [])]:
        check_whom(entity, one, place)
    for name, allowed in (("mode", MODES), ("nobody", NOBODY), ("late", LATE)):
        if step.get(name) and step[name] not in allowed:
            raise Invalid(_("“%(value)s” is no choice here.") % {"value": step[name]}, code="flow.choice", field=place)
    hours = step.get("hours")
    if hours not in (None, "") and (
        isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= 10000
    ):
        raise Invalid(_("The deadline is a number of hours of working time."), code="flow.hours", field=place)
    _tree(actor, entity, step.get("when"), place)


def check_whom(entity: str, one: Mapping[str, Any], place: str) -> None:
    """Raise Invalid at ``place`` for a way of naming people that names nobody."""
    kind = one.get("kind")
    if kind not in people.KINDS:
        raise Invalid(_("Say who decides in this step."), code="flow.who", field=place)
    if kind == "role" and not Role.objects.filter(key=one.get("role")).exists():
        raise Invalid(_("There is no such role."), code="flow.role", field=place)
    if kind == "people":
        names = [str(name) for name in one.get("users", ())]
        there = set(User.objects.filter(username__in=names, is_active=True).values_list("username", flat=True))
        if not names or set(names) - there:
            raise Invalid(_("Choose people who are active."), code="flow.people", field=place)
    if kind == "field":
        field = shape.field_at(entity_of(entity), str(one.get("field", "")))
        if field is None or (field.kind != "user" and field.target != "core.user"):
            raise Invalid(_("Choose a field that names a person."), code="flow.field", field=place)
