"""Deciding with the link of a mail, without signing in: the link is for one turn and used up by deciding."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from guanxi.core import access
from guanxi.core.automation.approvals import deciding, flows, history, watch
from guanxi.core.automation.approvals.running import record_of
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import ApprovalTurn
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.people.common import show
from guanxi.core.web.record.header import facts
from guanxi.core.web.views.common import page_view


def _context(turn: ApprovalTurn) -> dict[str, Any]:
    actor = deciding.actor_for(turn.user)
    record = record_of(turn.approval)
    visible = record is not None and access.allowed(actor, "view", record)
    return {
        "title": history.title_of(actor, turn.approval),
        "turn": turn,
        "approval": turn.approval,
        "what": flows.action_label(turn.approval.entity, turn.approval.action),
        "flow": flows.name_of(turn.approval.flow),
        "changes": history.changes_of(actor, turn.approval),
        "note": turn.approval.note if history.told(actor, turn.approval) else "",
        "path": history.path_of(actor, turn.approval),
        "record_facts": facts(actor, entity_of(turn.approval.entity), record) if visible else (),
        "done": "",
    }


@login_not_required
@never_cache
@page_view("GET", "POST")
def page(request: HttpRequest, secret: str) -> HttpResponseBase:
    """What is to be decided, with two buttons. Looking does not use the link up."""
    turn = watch.link_read(secret)
    with translation.override(turn.user.language):
        context = _context(turn)
        if request.method != "POST":
            return show(request, "approvals/link.jinja", context)
        verb = "approve" if request.POST.get("do") == "approve" else "reject"
        try:
            watch.link_decide(secret, verb, request.POST.get("comment", ""))
        except Invalid as error:
            return show(request, "approvals/link.jinja", context, error)
        done = _("Approved.") if verb == "approve" else _("Rejected.")
        return show(request, "approvals/link.jinja", {**context, "done": done})
