"""The checks of the core's editors, asked of rows that come from a file.

People and records a file names may not be there: a step or rule that named people keeps their names, and what happens without them is
what happens when somebody leaves; one that named a record keeps its number, and its runs say that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.automation import templates
from guanxi.core.automation.approvals import flows
from guanxi.core.automation.rules import store
from guanxi.core.automation.rules.steps import KINDS
from guanxi.core.automation.workflows import store as workflows
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import (
    ApprovalFlow,
    AutomationRule,
    CustomField,
    Dashboard,
    Dictionary,
    FieldSetup,
    MessageTemplate,
    Numbering,
    PortalView,
    PublicPage,
    Report,
    RetentionRule,
    Role,
    SavedView,
    Segment,
    WorkCalendar,
    Workflow,
)
from guanxi.core.models.custom import CustomObject, Layout, Process
from guanxi.core.outside import publishing
from guanxi.core.people.roles import draft_check, role_draft
from guanxi.core.privacy import retention
from guanxi.core.records import numbering, shape, worktime_edit
from guanxi.core.records.query import compile_tree, is_empty
from guanxi.core.reporting import stored
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.shaping import dictionaries, fields, layouts, processes, segments, setups
from guanxi.core.shaping import objects as shaped_objects


def _entity(key: str) -> Entity | None:
    """The entity a row is about; ``None`` while its object is out of use. Raises Invalid when nobody knows it."""
    if is_registered(key):
        return entity_of(key)
    if CustomObject.objects.filter(key=key.removeprefix("custom.")).exists():
        return None
    raise Invalid(_("There is no object “%(key)s”.") % {"key": key}, code="entity.unknown")


def dictionary_check(_actor: Actor, row: Dictionary) -> None:
    """What narrows it, and what its values belong to."""
    dictionaries.check_narrowing(row.key, row.narrowed_by)
    for value in row.values.exclude(belongs_to=[]):
        dictionaries.check_belonging(row, value.belongs_to)


def object_check(_actor: Actor, row: CustomObject) -> None:
    """Address, place in the navigation, what it belongs to."""
    shaped_objects.object_check(row)


def field_check(_actor: Actor, row: CustomField) -> None:
    """Kind, options, formulas and conditions; and what comes with a field is done."""
    if _entity(row.entity) is not None:
        fields.field_settle(row)


def setup_check(_actor: Actor, row: FieldSetup) -> None:
    """A field that is there, and conditions that mean something."""
    entity = _entity(row.entity)
    if entity is not None:
        setups.setup_check(entity, row.field, row.rules)


def workflow_check(_actor: Actor, row: Workflow) -> None:
    """A drawing, and one that can be run when it is in use."""
    if _entity(row.entity) is not None:
        workflows.checked(
            workflows.WorkflowDraft(
                name_zh=row.name_zh, entity=row.entity, xml=row.xml, start=row.start, active=row.active
            )
        )


def process_check(actor: Actor, row: Process) -> None:
    """Steps name fields that are there."""
    entity = _entity(row.entity)
    if entity is not None:
        processes.process_check(actor, entity, row.field, row.definition)


def layout_check(_actor: Actor, row: Layout) -> None:
    """Fields that are there, and in a form every one that must be filled."""
    entity = _entity(row.entity) if row.entity else None
    if entity is not None or not row.entity:
        layouts.layout_check(entity, row.face, row.role, row.definition)


def numbering_check(_actor: Actor, row: Numbering) -> None:
    """A format with a place for the number, for a field that is there."""
    entity = _entity(row.entity)
    if entity is not None and row.field not in shape.fields_of(entity):
        raise Invalid(_("There is no field “%(path)s”.") % {"path": row.field}, code="numbering.field")
    numbering.check_format(row.format, row.reset)


def role_check(_actor: Actor, row: Role) -> None:
    """Rights and fields that exist."""
    fresh = Role.objects.prefetch_related("rights", "fields").get(pk=row.pk)
    draft_check(role_draft(fresh), existing=fresh)


def calendar_check(_actor: Actor, row: WorkCalendar) -> None:
    """Hours that follow one another, and no circle of calendars."""
    worktime_edit.calendar_check(row)


def segment_check(_actor: Actor, row: Segment) -> None:
    """A condition that means something, and no circle."""
    if _entity(row.entity) is not None:
        segments.segment_check(row)


def view_check(_actor: Actor, row: SavedView) -> None:
    """A filter that means something."""
    entity = _entity(row.entity)
    tree = row.definition.get("filter")
    if entity is not None and not is_empty(tree):
        compile_tree(flows.seeing_all(system_actor("settings")), entity, tree)


def _names_a_stranger(step: Mapping[str, Any]) -> bool:
    """Whether a step names a record nobody would be offered here."""
    kind = KINDS.get(str(step.get("do")))
    asks = [one for one in kind.asks if one.records and step.get(one.name)] if kind else []
    return any(step[one.name] not in dict(one.options()) for one in asks)


def _nobody_named(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Steps as they are without the people and records of elsewhere they name, at every depth."""
    found: list[dict[str, Any]] = []
    for step in steps:
        one: dict[str, Any] = {"do": "stop"} if _names_a_stranger(step) else dict(step)
        for name in ("who", "whom", "copy"):
            if isinstance(one.get(name), list):
                one[name] = [
                    {"kind": "superior", "level": 1} if each.get("kind") == "people" else each for each in one[name]
                ]
        for name in ("then", "else"):
            if isinstance(one.get(name), list):
                one[name] = _nobody_named(one[name])
        found.append(one)
    return found


def retention_check(_actor: Actor, row: RetentionRule) -> None:
    """Entity, action and condition."""
    if _entity(row.entity) is not None:
        retention.checked(row)


def flow_check(actor: Actor, row: ApprovalFlow) -> None:
    """Action, condition and every step."""
    if _entity(row.entity) is None:
        return
    flows.checked(
        actor,
        flows.FlowDraft(
            name_zh=row.name_zh, entity=row.entity, action=row.action, steps=_nobody_named(row.steps),
            condition=row.condition, fields=row.fields, free_fields=row.free_fields,
        ),
    )  # fmt: skip


def rule_check(actor: Actor, row: AutomationRule) -> None:
    """Trigger, conditions and every step."""
    if _entity(row.entity) is None:
        return
    store.checked(
        actor,
        store.RuleDraft(
            name_zh=row.name_zh, entity=row.entity, trigger=row.trigger, steps=_nobody_named(row.steps),
            condition=row.condition, formula=row.formula, per_hour=row.per_hour,
            run_as="system" if row.run_as == "person" else row.run_as,
        ),
    )  # fmt: skip


def template_check(actor: Actor, row: MessageTemplate) -> None:
    """Texts whose merge fields are there."""
    if _entity(row.entity) is not None:
        templates.template_check(actor, {name: getattr(row, name) for name in templates.PARTS})


def report_check(_actor: Actor, row: Report | Dashboard) -> None:
    """A definition of the form reports and boards have."""
    stored.definition_check("report" if isinstance(row, Report) else "board", row.definition)


def outside_check(_actor: Actor, row: PublicPage | PortalView) -> None:
    """Nothing is opened to outsiders that names fields there are not."""
    if _entity(row.entity) is not None and row.active:
        publishing.check(row)
