"""Declarations of targets and forecasts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.sales import panels, policies
from guanxi.areas.sales.models import ForecastEntry, Target
from guanxi.core.schema.entity import Entity, Form, Menu, Panel, Section
from guanxi.core.schema.registry import register

TARGET = Entity(
    key="sales.target",
    model=Target,
    label=_("Target"),
    plural=_("Targets"),
    path="targets",
    icon="target",
    color="green",
    title="note",
    named_by=("year", "scope", "department", "owner", "measure"),
    columns=("year", "scope", "owner", "department", "measure", "base", "stretch", "season", "note"),
    filters=("year", "scope", "owner", "department", "measure"),
    sort=("-year", "scope"),
    facts=("year", "scope", "owner", "department", "measure", "base", "stretch"),
    fields={"year": {"plain": True, "year": True}, "base": {"required": True}},
    form=Form(
        sections=(
            Section(_("Target"), ("year", "scope", "owner", "department", "measure", "note")),
            Section(_("How much"), ("base", "stretch", "season", "months")),
        ),
        create=("year", "scope", "owner", "department", "measure", "base", "stretch", "season"),
    ),
    panels=(
        Panel(
            key="progress",
            label=_("Reached"),
            template="sales/progress.jinja",
            context=panels.progress,
            where="main",
            order=1,
        ),
    ),
    menu=Menu(group="performance", order=30),
    clean=policies.target_clean,
    description=_("What a person, a department or the company is to reach in a year, month by month."),
)

FORECAST = Entity(
    key="sales.forecastentry",
    model=ForecastEntry,
    label=_("Forecast submitted"),
    plural=_("Forecasts submitted"),
    path="forecast-entries",
    icon="trending-up",
    color="green",
    title="comment",
    columns=(
        "month",
        "owner",
        "submitted_at",
        "created_by",
        "adjusted",
        "outcome",
        "commit",
        "best_case",
        "pipeline",
        "comment",
    ),
    filters=("month", "owner", "submitted_at", "latest"),
    sort=("-submitted_at",),
    facts=("month", "owner", "submitted_at", "adjusted", "outcome"),
    form=Form(sections=(Section(_("Forecast of sales"), ("month", "owner", "adjusted", "comment")),)),
    description=_("What was foreseen for a month, at the moment it was submitted."),
)

register(TARGET, FORECAST)
