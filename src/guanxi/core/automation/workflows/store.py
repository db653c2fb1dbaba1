"""Workflows kept: checked, stored with a version for every drawing, begun by events and by rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.rules.steps import Doing, StepKind, register_step
from guanxi.core.automation.workflows import drawing, running
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken, Text
from guanxi.core.kernel.events import Event, subscribe
from guanxi.core.models import Workflow
from guanxi.core.models.stamps import bump, kept
from guanxi.core.records import formula
from guanxi.core.records.settings_registry import checked_names, free_key, require_unchanged
from guanxi.core.records.shape import spoken
from guanxi.core.records.writing import writing
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered

STAMP = "workflows"
STARTS: dict[str, Text] = {
    "": gettext_lazy("by hand or by a rule"),
    "created": gettext_lazy("when a record is created"),
    "changed": gettext_lazy("when a record is changed"),
}
_VERBS = {"created": "created", "updated": "changed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowDraft:
    """A workflow as its editor holds it."""

    name_zh: str
    entity: str
    xml: str
    name_en: str = ""
    key: str = ""
    start: Mapping[str, Any] = field(default_factory=dict)
    position: int = 0
    active: bool = False


def name_of(workflow: Workflow) -> str:
    """A workflow's name in the active language."""
    return spoken(workflow.name_zh, workflow.name_en)


def checked(draft: WorkflowDraft) -> Entity:
    """Raise Invalid at the first mistake. One that is not in use may be unfinished, but must be a drawing."""
    checked_names(draft.name_zh, draft.name_en)
    if not is_registered(draft.entity):
        raise Invalid(_("Choose what it is about."), code="workflow.entity", field="entity")
    entity = entity_of(draft.entity)
    if draft.start.get("on", "") not in STARTS:
        raise Invalid(_("Say when it begins."), code="workflow.start", field="on")
    if draft.start.get("formula"):
        formula.check(entity, str(draft.start["formula"]), wanted=("bool",))
    drawing.process_id(draft.xml)
    if draft.active:
        drawing.check(entity, draft.xml)
        running.engine().begin(draft.xml, entity.model(), {})
    return entity


def workflow_save(
    actor: Actor, workflow: Workflow | None, draft: WorkflowDraft, *, version: int | None = None
) -> Workflow:
    """Store a workflow, new when ``workflow`` is ``None``; runs under way keep the drawing they began with.

    Raises Denied, or Invalid with the shape the mistake is at.
    """
    require_feature(actor, SETTINGS)
    checked(draft)
    with writing(actor):
        row = Workflow.objects.select_for_update().get(pk=workflow.pk) if workflow else Workflow()
        require_unchanged(row, version)
        row.name_zh, row.name_en = checked_names(draft.name_zh, draft.name_en)
        row.key = row.key or free_key(Workflow, draft.key or draft.name_en or "workflow")
        row.entity, row.xml, row.start = draft.entity, draft.xml, dict(draft.start)
        row.position, row.active = draft.position, draft.active
        row.version += 1
        row.save()
        bump(STAMP)
    return row


def workflow_delete(actor: Actor, workflow: Workflow) -> None:
    """Remove a workflow with its runs. Raises RuleBroken while one is under way."""
    require_feature(actor, SETTINGS)
    with writing(actor):
        if workflow.runs.filter(state="running").exists():
            raise RuleBroken(_("It is under way. Take it out of use, or end its runs first."), code="workflow.used")
        workflow.delete()
        bump(STAMP)


@kept(STAMP, size=1)
def in_use() -> dict[str, tuple[Workflow, ...]]:
    """Workflows in use by entity."""
    found: dict[str, tuple[Workflow, ...]] = {}
    for one in Workflow.objects.filter(active=True):
        found[one.entity] = (*found.get(one.entity, ()), one)
    return found


def entity_for(key: str) -> str:
    """The entity a workflow in use is about. Raises NotFound."""
    found = next((one for listed in in_use().values() for one in listed if one.key == key), None)
    if found is None:
        raise NotFound(_("There is no such workflow in use."), code="workflow.unknown")
    return found.entity


@kept(STAMP, size=500)
def known_about(entity: str) -> bool:
    """Whether any workflow was ever made about an entity: only its records can have runs."""
    return Workflow.objects.filter(entity=entity).exists()


def buttons_of(entity: Entity) -> list[tuple[str, str]]:
    """Key and name of each workflow one may begin on a record."""
    return [(one.key, name_of(one)) for one in in_use().get(entity.key, ())]


@subscribe("*")
def workflows_hear(event: Event) -> None:
    """Begin the workflows an event sets off; the same event begins none twice."""
    verb = _VERBS.get(event.name.rpartition(".")[2])
    for one in in_use().get(event.entity, ()) if verb and event.record_id else ():
        if one.start.get("on") != verb:
            continue
        record = entity_of(event.entity).model._default_manager.filter(pk=event.record_id).first()
        source = str(one.start.get("formula") or "")
        if record is not None and (not source or formula.truth(source, record)):
            running.begin(
                one, record.pk, cause=event.name, by=event.actor_id, once=f"event:{event.id}:{one.pk}", delay=True
            )


# -- as a step of a rule -----------------------------------------------------------------------------------------------


def _of(step: Mapping[str, Any], entity: Entity) -> Workflow:
    found = Workflow.objects.filter(key=step.get("workflow"), entity=entity.key).first()
    if found is None:
        raise NotFound(_("There is no such workflow in use."), code="workflow.unknown")
    return found


def _step(doing: Doing, step: Mapping[str, Any]) -> str:
    workflow = _of(step, doing.entity)
    if not workflow.active:
        raise RuleBroken(_("There is no such workflow in use."), code="workflow.unknown")
    made = running.begin(workflow, doing.record.pk, cause=f"rule:{doing.run.pk}", by=doing.run.by_id)
    return name_of(workflow) if made else _("already under way")


def _step_check(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    _of(step, entity)


register_step(StepKind("workflow", gettext_lazy("Begin a workflow"), "sitemap", ("workflow",), _step, _step_check))
