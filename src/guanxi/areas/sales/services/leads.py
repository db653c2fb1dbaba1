"""Leads: noting what passed between us and them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.areas.sales.models import Lead, LeadFollowUp
from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Operation
from guanxi.core.schema.registry import entity_of

FOLLOW_UP = "sales.leadfollowup"


def follow_up_create(actor: Actor, *, values: Mapping[str, Any], operation: Operation | None = None) -> LeadFollowUp:
    """Note what passed between us and a lead; a new lead counts as in contact from then on."""
    with records.writing(actor, operation=operation):
        note: LeadFollowUp = records.create_plain(actor, entity_of(FOLLOW_UP), values, operation=operation)
        lead = Lead.objects.select_for_update().get(pk=note.lead_id)
        change: dict[str, Any] = {}
        if note.kind != "note" and (lead.last_contact_at is None or lead.last_contact_at < note.occurred_at):
            change["last_contact_at"] = note.occurred_at
        if lead.status == "new" and note.kind != "note":
            change["status"] = "contacting"
        if change:
            records.update(actor, lead, change, operation=operation, trusted=True)
    return note


def lead_note(actor: Actor, *, about: Lead, next_contact_at: Any = None, **values: Any) -> LeadFollowUp:
    """The small form's service: a follow-up of a lead, and when to be in touch again."""
    given = {name: value for name, value in values.items() if value not in (None, "")}
    with records.writing(actor):
        note = follow_up_create(actor, values={**given, "lead": about.pk})
        if next_contact_at:
            records.update(actor, about, {"next_contact_at": next_contact_at})
    return note
