"""What somebody who leaves leaves behind in approvals, rules and workflows: what waits for him, who gets it, and where he is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.automation.approvals import running
from guanxi.core.automation.approvals.people import after
from guanxi.core.automation.workflows.drawing import shapes
from guanxi.core.models import ApprovalFlow, ApprovalTurn, AutomationRule, User, Workflow
from guanxi.core.records.shape import spoken
from guanxi.core.shaping.uses import Use


@dataclass(frozen=True, slots=True)
class Leaving:
    """Approvals that wait for a person, who gets them once he has left, and the flows, rules and workflows in use that name him."""

    waiting: int
    to: User | None
    named: tuple[Use, ...]


def left_by(user: User) -> Leaving:
    """What stands or would stand still without the person. For administrators of people."""
    waiting = ApprovalTurn.objects.filter(user=user, state__in=running.OPEN, approval__state="pending").count()
    flows = [
        Use(_("approval flow"), spoken(one.name_zh, one.name_en), f"/settings/approvals/{one.key}/")
        for one in ApprovalFlow.objects.filter(active=True)
        if _names(one.steps, user.username)
    ]
    rules = [
        Use(_("rule"), spoken(one.name_zh, one.name_en), f"/settings/rules/{one.key}/")
        for one in AutomationRule.objects.filter(active=True)
        if _names(one.steps, user.username) or (one.run_as == "person" and one.person == user.username)
    ]
    workflows = [
        Use(_("Workflow"), spoken(one.name_zh, one.name_en), f"/settings/workflows/{one.key}/")
        for one in Workflow.objects.filter(active=True)
        if user.username in one.xml and _names([shape.who for shape in shapes(one.xml).values()], user.username)
    ]
    return Leaving(waiting, after(user) if waiting else None, (*flows, *rules, *workflows))


def _names(given: Any, username: str) -> bool:
    """Whether a stored definition names the person anywhere among people."""
    if isinstance(given, Mapping):
        users = given.get("users")
        if isinstance(users, list) and username in users:
            return True
        return any(_names(one, username) for one in given.values())
    return isinstance(given, list | tuple) and any(_names(one, username) for one in given)
