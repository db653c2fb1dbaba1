"""Declarations of pipelines and stages, and the process opportunities follow."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.sales import policies, selectors, services
from guanxi.areas.sales.models import Pipeline, Stage, StageRoute
from guanxi.areas.sales.models.pipelines import ASKABLE
from guanxi.core.records import process
from guanxi.core.schema.entity import Access, Entity, Form, MatchKey, Menu, Related, Section, Writer
from guanxi.core.schema.registry import register

PIPELINE = Entity(
    key="sales.pipeline",
    model=Pipeline,
    label=_("Pipeline"),
    plural=_("Pipelines"),
    path="pipelines",
    icon="route",
    color="indigo",
    stamp=selectors.STAMP,
    columns=("name", "position", "department", "next_step_required", "quiet_days", "active"),
    filters=("active", "department"),
    sort=("position",),
    fields={"position": {"plain": True}, "quiet_days": {"plain": True}},
    facts=("department", "quiet_days", "next_step_required", "active"),
    form=Form(
        sections=(
            Section(_("Pipeline"), ("name", "name_en", "key", "position", "department", "active", "description")),
            Section(_("Rules"), ("next_step_required", "quiet_days")),
        ),
        create=("name", "name_en", "department", "next_step_required", "quiet_days"),
    ),
    match_keys=(MatchKey(field="key", how="exact", weight=100),),
    access=Access(owner="", public=True),
    menu=Menu(group="settings", order=60),
    writer=Writer(delete=services.stage_delete),
    clean=policies.pipeline_clean,
    description=_("Ways of selling: each has its stages, in order."),
)

STAGE = Entity(
    key="sales.stage",
    model=Stage,
    label=_("Stage"),
    plural=_("Stages"),
    path="stages",
    icon="stairs",
    color="indigo",
    stamp=selectors.STAMP,
    columns=(
        "name",
        "pipeline",
        "position",
        "category",
        "probability",
        "expected_days",
        "forecast",
        "required",
        "active",
    ),
    filters=("pipeline", "category", "active"),
    sort=("pipeline", "position"),
    facts=("pipeline", "category", "probability", "expected_days", "forecast", "role"),
    fields={
        "probability": {"kind": "percent"},
        "position": {"plain": True},
        "expected_days": {"plain": True},
        "required": {"choices": ASKABLE},
    },
    form=Form(
        sections=(
            Section(_("Stage"), ("pipeline", "name", "name_en", "key", "position", "color", "active")),
            Section(_("What it means"), ("category", "probability", "forecast", "expected_days")),
            Section(_("What a deal needs"), ("required", "checklist", "role")),
        ),
        create=("pipeline", "name", "name_en", "position", "category", "probability", "expected_days"),
    ),
    related=(
        Related(
            field="pipeline",
            columns=("name", "position", "category", "probability", "expected_days", "required"),
            sort=("position",),
        ),
    ),
    match_keys=(MatchKey(field="key", how="exact", weight=100),),
    access=Access(owner="", public=True),
    part_of=("pipeline",),
    menu=Menu(group="settings", order=61),
    writer=Writer(delete=services.stage_delete),
    clean=policies.stage_clean,
    description=_(
        "Steps of a pipeline: probability, what a deal needs to enter, what must be ticked before it leaves."
    ),
)

ROUTE = Entity(
    key="sales.stageroute",
    model=StageRoute,
    label=_("Allowed move"),
    plural=_("Allowed moves"),
    path="stage-routes",
    icon="arrows-split",
    color="indigo",
    title="note",
    named_by=("stage", "to"),
    stamp=selectors.STAMP,
    columns=("stage", "to", "note"),
    filters=("stage", "to"),
    sort=("stage", "to"),
    form=Form(sections=(Section(_("Allowed move"), ("stage", "to", "note")),)),
    related=(Related(field="stage", label=_("Leads only to")), Related(field="to", shown=False)),
    access=Access(owner="", public=True),
    part_of=("stage", "to"),
    clean=policies.route_clean,
    description=_("Where a stage leads. A stage without any leads anywhere."),
)

register(PIPELINE, STAGE, ROUTE)
process.add_source("sales.opportunity", "stage", selectors.deal_process)
