"""Opportunities: opening a closed one again; stages that are still used stay."""

from __future__ import annotations

from django.utils.translation import gettext as _

from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import OPEN, Opportunity, Pipeline, Stage
from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.models import Operation


def deal_reopen(actor: Actor, record: Opportunity) -> Opportunity:
    """Put a closed deal back into the last open stage it was in (else the first of its pipeline)."""
    if record.category == OPEN:
        raise RuleBroken(_("This opportunity is open."), code="deal.open")
    before = (
        record.states.filter(category=OPEN, stage__deleted_at__isnull=True, stage__pipeline=record.pipeline_id)
        .order_by("-at", "-pk")
        .first()
    )
    stages = [one for one in selectors.stages_of(record.pipeline_id) if one.category == OPEN]
    target = before.stage_id if before is not None else stages[0].pk if stages else None
    changed: Opportunity = records.update(actor, record, {"stage": target, "close_reason": "", "close_note": ""})
    return changed


def stage_delete(actor: Actor, record: Stage | Pipeline, *, operation: Operation | None = None) -> Operation:
    """Delete a stage or pipeline nothing stands in. Raises RuleBroken with how many opportunities are in it."""
    name = "stage_id" if isinstance(record, Stage) else "pipeline_id"
    count = Opportunity.objects.filter(**{name: record.pk}).count()
    if count:
        raise RuleBroken(
            _("%(count)d opportunities are in it. Move them first, or take it out of use.") % {"count": count},
            code="stage.used",
        )
    return records.delete_plain(actor, record, operation=operation)
