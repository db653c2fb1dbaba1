"""Pipelines: ordered lists of stages, with what a deal needs to enter each of them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.core.models import ChoiceField, ListField, Record
from guanxi.core.schema.fields import Field

LIVING = Q(deleted_at__isnull=True)
OPEN, WON, LOST = "open", "won", "lost"
CATEGORIES = [(OPEN, _("open")), (WON, _("won")), (LOST, _("lost"))]
FORECASTS = [
    ("pipeline", _("in the pipeline")),
    ("best_case", _("best case")),
    ("commit", _("commit")),
    ("omitted", _("left out")),
]
CHECKLIST_COLUMNS = (Field(name="text", kind="text", label=_("Step"), max_length=200, required=True),)
#: Fields of an opportunity a stage may ask for.
ASKABLE = (
    ("amount", _("amount")),
    ("close_on", _("expected close")),
    ("contact", _("contact")),
    ("competitor", _("main competitor")),
    ("next_step", _("next step")),
    ("next_step_on", _("next step on")),
    ("source", _("source")),
    ("kind", _("type")),
    ("description", _("description")),
    ("close_reason", _("reason")),
    ("close_note", _("how it was decided")),
)
COLORS = [(name, name) for name in ("slate", "blue", "azure", "cyan", "teal", "green", "lime", "yellow", "orange", "red", "pink", "purple", "indigo")]  # fmt: skip


class Pipeline(Record):
    """A way of selling: its stages stand in order. ``department`` limits it to one team and those below it.

    ``next_step_required`` asks open deals for a next step at each move; ``quiet_days`` without a contact make a deal
    stale (0: never).
    """

    name = models.CharField(_("name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    key = models.SlugField(
        _("key"), max_length=40, blank=True, default="", help_text=_("A stable name for settings and imports.")
    )
    position = models.PositiveSmallIntegerField(_("order"), default=1)
    department = models.ForeignKey(
        "core.Department",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only for the department"),
    )
    next_step_required = models.BooleanField(_("a next step is required"), default=False)
    quiet_days = models.PositiveSmallIntegerField(
        _("stale after days without contact"), default=30, help_text=_("0: never.")
    )
    active = models.BooleanField(_("in use"), default=True)
    description = models.TextField(_("description"), blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("pipeline")
        verbose_name_plural = _("pipelines")


class Stage(Record):
    """A stage of a pipeline.

    ``probability`` is a percentage, ``expected_days`` how long a deal usually stays, ``required`` the fields a deal needs
    to enter, ``checklist`` what must be ticked before it leaves forwards, ``role`` who alone may move deals here.
    """

    pipeline = models.ForeignKey(Pipeline, models.CASCADE, related_name="stages", verbose_name=_("pipeline"))
    name = models.CharField(_("name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    key = models.SlugField(_("key"), max_length=40, blank=True, default="")
    position = models.PositiveSmallIntegerField(_("order"), default=1)
    category = ChoiceField(_("counts as"), choices=CATEGORIES, max_length=10, default=OPEN)
    probability = models.DecimalField(_("probability"), max_digits=5, decimal_places=2, default=0)
    forecast = ChoiceField(_("forecast category"), choices=FORECASTS, max_length=20, default="pipeline")
    expected_days = models.PositiveSmallIntegerField(_("expected days"), null=True, blank=True)
    required = ListField(_("required to enter"), kind="choices")
    checklist = ListField(_("checklist to leave"), kind="table", columns=CHECKLIST_COLUMNS)
    role = models.ForeignKey(
        "core.Role",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("only this role may enter"),
    )
    color = ChoiceField(_("colour"), choices=COLORS, max_length=20, default="blue")
    active = models.BooleanField(_("in use"), default=True)

    class Meta(Record.Meta):
        verbose_name = _("stage")
        verbose_name_plural = _("stages")
        indexes: ClassVar[list[models.Index]] = [
            *Record.Meta.indexes,
            models.Index(fields=["pipeline", "position"], name="stage_in_order", condition=LIVING),
        ]


class StageRoute(Record):
    """From ``stage`` a deal may move on to ``to``. A stage without routes leads anywhere."""

    stage = models.ForeignKey(Stage, models.CASCADE, related_name="routes", verbose_name=_("from stage"))
    to = models.ForeignKey(Stage, models.CASCADE, related_name="routes_here", verbose_name=_("to stage"))
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("allowed move")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["stage", "to"], condition=LIVING, name="stage_route_once")
        ]

    def __str__(self) -> str:
        return self.note or f"{self.stage_id} → {self.to_id}"
