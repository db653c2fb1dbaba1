"""The gate on the write path: what is in approval stays as it is, and what needs approval is not done without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.automation.approvals import flows, path, running
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, RuleBroken
from guanxi.core.models import Approval
from guanxi.core.records import gates, saving, shape
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity

#: Columns that say nothing of the record itself.
SILENT = frozenset({"tags"})


class ApprovalNeeded(GuanxiError):
    """The action needs approval (409). ``entity``, ``record_id``, ``action``, ``values`` are what ``submit`` takes."""

    status = 409
    default_code = "approval.needed"

    def __init__(
        self, entity: str, record_id: int | None, action: str, values: Mapping[str, Any], flow_name: str,
        steps: tuple[path.Step, ...],
    ) -> None:  # fmt: skip
        self.entity, self.record_id, self.action, self.values = entity, record_id, action, dict(values)
        self.flow_name, self.steps = flow_name, steps
        super().__init__(
            _("This needs approval (%(flow)s).") % {"flow": flow_name},
            details={
                "entity": entity, "record_id": record_id, "action": action, "values": self.values,
                "path": [{"step": step.name, "people": list(step.users), "mode": step.mode} for step in steps],
            },
        )  # fmt: skip


def _free(actor: Actor) -> bool:
    return running.is_passing() or actor.is_system


def _before(actor: Actor, entity: Entity, record: Any, changes: gates.Changes, creating: bool) -> None:
    if creating or _free(actor):
        return
    held = (
        Approval.objects.select_related("flow").filter(entity=entity.key, record_id=record.pk, state="pending").first()
    )
    if held is None:
        return
    allowed = {*SILENT, *(held.flow.free_fields if held.flow else ())}
    if set(changes) - allowed:
        raise RuleBroken(
            _("This record is in approval; it can be changed when that is decided."), code="approval.locked"
        )


def _after(actor: Actor, entity: Entity, record: Any, changes: gates.Changes, creating: bool) -> None:
    if _free(actor) or actor.user_id is None:
        return
    if creating:
        flow = flows.needed(actor, entity.key, record.pk, "create")
        if flow is not None:
            Approval.objects.create(
                entity=entity.key, record_id=record.pk, action="create", flow=flow, applicant_id=actor.user_id
            )
        return
    if not changes or _still_new(entity, record):
        return
    flow = flows.needed(actor, entity.key, record.pk, "change", tuple(changes))
    if flow is not None:
        steps = path.plan(actor, flow, saving.user_of(actor), entity.key, record)
        values = _asked_for(actor, entity, changes)
        raise ApprovalNeeded(entity.key, record.pk, "change", values, flows.name_of(flow), steps)


def _asked_for(actor: Actor, entity: Entity, changes: gates.Changes) -> dict[str, Any]:
    """What somebody changed himself; what follows from it is reckoned again when it is done."""
    own = changes.keys() & shape.writable(actor, entity).keys()
    return {name: kinds.json_of(pair[1]) for name, pair in changes.items() if name in own or not own}


def _still_new(entity: Entity, record: Any) -> bool:
    """Before its own approval a new record may be changed freely; what is approved is the whole of it."""
    return Approval.objects.filter(
        entity=entity.key, record_id=record.pk, action="create", state__in=("draft", "returned")
    ).exists()


def waiting(entity: str, record_id: int) -> str:
    """The action of a record that waits for its approval, ``""`` for none."""
    if not watches(entity):
        return ""
    rows = Approval.objects.filter(entity=entity, record_id=record_id, state="pending")
    return rows.values_list("action", flat=True).first() or ""


def _held(actor: Actor, entity: Entity, record_id: int) -> None:
    if _free(actor):
        return
    if Approval.objects.filter(entity=entity.key, record_id=record_id, state="pending").exists():
        raise RuleBroken(
            _("This record is in approval; it can be changed when that is decided."), code="approval.locked"
        )


def _delete(actor: Actor, entity: Entity, record: Any) -> None:
    if _free(actor):
        return
    _held(actor, entity, record.pk)
    check(actor, entity, record, "delete")


def check(actor: Actor, entity: Entity, record: Any, action: str, values: Mapping[str, Any] | None = None) -> None:
    """Raise ApprovalNeeded when an action on a record (``None`` for one on many, such as an export) needs a flow."""
    if _free(actor) or actor.user_id is None or (entity.key, action) not in flows.known():
        return
    flow = flows.needed(actor, entity.key, getattr(record, "pk", None), action)
    if flow is not None:
        steps = path.plan(actor, flow, saving.user_of(actor), entity.key, record)
        stored = {name: kinds.json_of(value) for name, value in (values or {}).items()}
        raise ApprovalNeeded(entity.key, getattr(record, "pk", None), action, stored, flows.name_of(flow), steps)


def watches(entity: str) -> bool:
    """Whether any flow was ever made for the entity."""
    return entity in flows.watched()


gates.add(gates.Gate(key="approvals", watches=watches, before=_before, after=_after, delete=_delete, held=_held))
