"""Doing one of an entity's actions from elsewhere than its page, under the same rights, conditions and approvals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.access import require
from guanxi.core.automation import approvals
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound, RuleBroken
from guanxi.core.schema.entity import Action, Entity
from guanxi.core.schema.registry import entity_of


def action_of(entity: Entity | str, key: str) -> Action:
    """The entity's action of that key. Raises NotFound."""
    found = next((one for one in entity_of(entity).actions if one.key == key), None)
    if found is None:
        raise NotFound(_("There is no such action."), code="action.unknown")
    return found


def action_do(actor: Actor, record: Any, key: str, given: Mapping[str, Any]) -> Any:
    """Do an action to a record with clean values; what it returned.

    Raises NotFound for an unknown action, Denied without the right, RuleBroken while it does not apply, Invalid for a
    value nobody asked for, and whatever the action itself refuses.
    """
    entity = entity_of(record)
    action = action_of(entity, key)
    require(actor, action.right, record)
    applies = action.applies(record) if action.applies else True
    if applies is not True:
        raise RuleBroken(applies or None, code="action.not_now")
    known = {one.name if hasattr(one, "name") else str(one) for one in action.fields}
    for name in given:
        if name not in known:
            raise Invalid(_("There is no field “%(name)s”.") % {"name": name}, code="field.unknown", field=name)
    approvals.check(actor, entity, record, action.key, given)
    return action.do(actor, record, given)
