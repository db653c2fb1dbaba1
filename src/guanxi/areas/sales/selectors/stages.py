"""What the area reads. Stages and pipelines are few and kept in memory while their stamp holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from guanxi.areas.sales.models import LOST, OPEN, WON, Opportunity, Pipeline, Stage, StageRoute
from guanxi.core.access import actors, reads
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models.stamps import kept
from guanxi.core.records.process import ANY, Item, Move, Process, Step, ticked
from guanxi.core.records.shape import spoken

STAMP = "pipelines"


@kept(STAMP, size=1)
def stages_by_id() -> Mapping[int, Stage]:
    """All living stages by id, in order of pipeline and position."""
    rows = Stage.objects.filter(pipeline__deleted_at__isnull=True).select_related("pipeline", "role")
    return {row.pk: row for row in rows.order_by("pipeline__position", "pipeline_id", "position", "pk")}


@kept(STAMP, size=1)
def pipelines() -> tuple[Pipeline, ...]:
    """Pipelines in use, in order."""
    return tuple(Pipeline.objects.filter(active=True).order_by("position", "pk"))


@kept(STAMP, size=1)
def routes() -> Mapping[int, frozenset[int]]:
    """Where each stage leads; a stage that is not named leads anywhere."""
    found: dict[int, set[int]] = {}
    for stage, to in StageRoute.objects.values_list("stage_id", "to_id"):
        found.setdefault(stage, set()).add(to)
    return {stage: frozenset(ends) for stage, ends in found.items()}


def stages_of(pipeline_id: int | None) -> list[Stage]:
    """Stages in use of a pipeline, in order."""
    return [one for one in stages_by_id().values() if one.pipeline_id == pipeline_id and one.active]


def pipelines_for(actor: Actor) -> list[Pipeline]:
    """Pipelines the actor's department uses: those of everybody, and those of a department he belongs to."""
    return [
        one
        for one in pipelines()
        if one.department_id is None
        or actor.department_id is None
        or actor.rights.everything
        or actor.department_id in actors.department_tree(one.department_id)
    ]


def usual_pipeline_id(actor: Actor) -> int | None:
    """The pipeline a new deal of the actor begins in: his department's own before the general one."""
    found = pipelines_for(actor)
    if actor.department_id is not None:
        found.sort(key=lambda one: one.department_id is None)
    return found[0].pk if found else None


# -- the process of an opportunity -------------------------------------------------------------------------------------

#: What the small form offers when a deal is won or lost.
ASKED = {
    WON: ("close_on", "close_reason", "competitor", "close_note"),
    LOST: ("close_reason", "competitor", "close_note"),
}


@kept(STAMP)
def _process(pipeline_id: int | None, _language: str) -> Process:
    stages = [one for one in stages_by_id().values() if pipeline_id is None or one.pipeline_id == pipeline_id]
    leads_to = routes()
    found: list[Step] = []
    wanted: dict[int, dict[str, None]] = {}
    for stage in stages:
        before = wanted.setdefault(stage.pipeline_id, {})
        mine = dict.fromkeys(stage.required)
        if stage.category == OPEN and stage.pipeline.next_step_required:
            mine["next_step"] = None
        if stage.category == OPEN:
            before.update(mine)
        found.append(_step(stage, (*(before if stage.category != LOST else ()), *mine)))
    moves = [
        Move(source=str(stage.pk), target=str(to)) for stage in stages for to in sorted(leads_to.get(stage.pk, ()))
    ]
    if moves:
        moves += [Move(source=str(stage.pk), target=ANY) for stage in stages if stage.pk not in leads_to]
    return Process(entity="sales.opportunity", field="stage", steps=tuple(found), moves=tuple(moves))


def deal_process(record: Any) -> Process:
    """The stages of a deal's pipeline (all of them for a deal without one) as its process.

    A stage asks for what the open stages before it ask for too, so that a jump leaves nothing out.
    """
    return _process(getattr(record, "pipeline_id", None), get_language() or "")


def _step(stage: Stage, required: Iterable[str]) -> Step:
    return Step(
        key=str(stage.pk),
        label=spoken(stage.name, stage.name_en),
        color=stage.color,
        who=(stage.role.key,) if stage.role_id and stage.role else (),
        required=tuple(dict.fromkeys(required)),
        asks=ASKED.get(stage.category, ()),
        checklist=tuple(Item(key=row["text"], label=row["text"]) for row in stage.checklist),
        ending="good" if stage.category == WON else "bad" if stage.category == LOST else "",
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """A stay in a stage: from when, until when (``None``: still), how many days."""

    stage: str
    color: str
    since: dt.datetime
    until: dt.datetime | None
    days: int
    expected: int | None

    @property
    def late(self) -> bool:
        """Whether it stayed longer than expected."""
        return self.expected is not None and self.days > self.expected


def visits(deal: Opportunity) -> list[Visit]:
    """The stages a deal has been in, newest first; one query."""
    rows = [(at, stage) for at, stage in deal.states.order_by("at", "pk").values_list("at", "stage_id") if stage]
    turns = [row for number, row in enumerate(rows) if number == 0 or rows[number - 1][1] != row[1]]
    now = clock.now()
    found = []
    for number, (at, stage_id) in enumerate(turns):
        until = turns[number + 1][0] if number + 1 < len(turns) else None
        stage = stages_by_id().get(stage_id)
        if stage is not None:
            days = ((until or now) - at).days
            open_ = stage.category == OPEN
            label = spoken(stage.name, stage.name_en)
            expected = stage.expected_days if open_ else None
            found.append(Visit(label, stage.color, at, until, days if until or open_ else 0, expected))
    return found[::-1]


def checklist(deal: Opportunity) -> list[tuple[str, bool]]:
    """What is to be ticked in the present stage, and whether it is."""
    process = deal_process(deal)
    step = process.step(str(deal.stage_id or ""))
    done = ticked(deal, process, step.key) if step and step.checklist else frozenset()
    return [(str(one.label), one.key in done) for one in step.checklist] if step else []


def stale(actor: Actor, deal: Opportunity) -> str:
    """Why an open deal is stale: too long in its stage, or too long without a contact; '' if it is not, or not for him to know."""
    if deal.category != OPEN or not reads(actor, "sales.opportunity", "stage"):
        return ""
    today = clock.today(actor.timezone)
    if deal.stale_on is not None and deal.stale_on < today and reads(actor, "sales.opportunity", "stale_on"):
        return _("Longer in this stage than expected, by %(days)d days.") % {"days": (today - deal.stale_on).days}
    stage = stages_by_id().get(deal.stage_id or 0)
    quiet = stage.pipeline.quiet_days if stage else 0
    last = deal.customer.last_contact_at or deal.created_at
    if quiet and (clock.now() - last).days > quiet and reads(actor, "customers.customer", "last_contact_at"):
        return _("No contact with the customer for %(days)d days.") % {"days": (clock.now() - last).days}
    return ""
