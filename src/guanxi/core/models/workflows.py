"""Longer processes drawn in BPMN: their drawings, the runs of them, and what people have to do in a run."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers

WORKFLOW_STATES = [
    ("running", _("running")),
    ("done", _("done")),
    ("failed", _("failed")),
    ("stopped", _("stopped")),
]


class Workflow(models.Model):
    """A longer process about records of one entity, drawn in BPMN 2.0.

    ``start`` says when a run begins by itself: ``{"on": "created"|"changed"|"", "formula": CEL}``; by hand and by a rule
    it can always be started while it is in use. ``version`` counts its drawings.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    entity = models.CharField(max_length=100)
    xml = models.TextField()
    start = models.JSONField(default=dict, blank=True)
    position = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["entity", "position", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers()
        verbose_name = _("workflow")

    def __str__(self) -> str:
        return self.name_zh


class WorkflowRun(models.Model):
    """One run of a workflow on one record.

    ``xml`` is the drawing it began with and stays with, ``state_data`` where it stands (with the definition it was made
    from), ``due_at`` when its next timer is over.
    """

    id = models.BigAutoField(primary_key=True)
    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="runs")
    version = models.PositiveIntegerField()
    xml = models.TextField()
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=WORKFLOW_STATES, default="running")
    state_data = models.JSONField(default=dict)
    by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    cause = models.CharField(max_length=140, blank=True, default="")
    once = models.CharField(max_length=200, null=True, unique=True, default=None)  # noqa: DJ001 - nothing is not the same as another nothing
    error = models.TextField(blank=True, default="")
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["entity", "record_id", "-id"], name="workflow_run_of_record"),
            models.Index(fields=["due_at"], name="workflow_run_due", condition=models.Q(state="running")),
        ]
        verbose_name = _("run of a workflow")

    def __str__(self) -> str:
        return f"{self.workflow_id} on {self.entity} #{self.record_id}: {self.state}"


class WorkflowTask(models.Model):
    """Something people have to do in a run: any one of ``people`` may. ``element`` is its shape in the drawing."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(WorkflowRun, models.CASCADE, related_name="tasks")
    token = models.CharField(max_length=40)
    element = models.CharField(max_length=100)
    name = models.CharField(max_length=200)
    name_en = models.CharField(max_length=200, blank=True, default="", db_default="")
    people = ArrayField(models.BigIntegerField(), default=list)
    state = models.CharField(max_length=10, default="open")
    made_at = models.DateTimeField(default=clock.now)
    done_at = models.DateTimeField(null=True)
    done_by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    outcome = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["run", "token"], name="workflow_task_once")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["made_at"], name="workflow_task_open", condition=models.Q(state="open"))
        ]
        verbose_name = _("task of a workflow")

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    @property
    def title(self) -> str:
        """What it is called in the present language."""
        chinese = (get_language() or "zh").startswith("zh")
        return self.name if chinese or not self.name_en else self.name_en
