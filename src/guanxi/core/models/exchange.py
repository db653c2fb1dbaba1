"""Files being brought in: the run, its staged rows, and what became of each of them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock

#: What became of a row.
CREATED, UPDATED, SKIPPED, FAILED = 1, 2, 3, 4
OUTCOMES = {CREATED: "created", UPDATED: "updated", SKIPPED: "skipped", FAILED: "failed"}
STATES = [
    ("staging", _("being read")),
    ("ready", _("ready")),
    ("running", _("running")),
    ("paused", _("paused")),
    ("cancelled", _("cancelled")),
    ("done", _("done")),
    ("failed", _("failed")),
]


class RecipeRun(models.Model):
    """Several files of one other system brought in together: each step of the recipe is a run of its own, in order.

    ``recipe`` is the recipe as it was when the work began, ``files`` the contents by the name of the file, ``result``
    what taking everything back came to.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField(max_length=150, blank=True, default="")
    key = models.CharField(max_length=100)
    recipe = models.JSONField(default=dict)
    files = models.JSONField(default=dict)
    state = models.CharField(
        max_length=10,
        choices=[
            ("collecting", _("files are missing")),
            *STATES,
            ("undoing", _("being taken back")),
            ("undone", _("taken back")),
        ],
        default="collecting",
    )
    message = models.TextField(blank=True, default="")
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.key} #{self.pk}"


class ImportRun(models.Model):
    """One file brought in by one person: from upload to result.

    ``columns`` are the names as in the file, ``facts`` and ``problems`` what the reader found, ``mapping`` and
    ``options`` how it is brought in; ``recipe`` and ``step`` what it is a step of. ``position`` is the last row that is done: what lies behind it is committed.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="imports")
    user_name = models.CharField(max_length=150, blank=True, default="")
    entity = models.CharField(max_length=100, blank=True, default="")
    file_name = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=10, choices=STATES, default="staging")
    columns = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    problems = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    total = models.BigIntegerField(default=0)
    position = models.BigIntegerField(default=0)
    created = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    message = models.TextField(blank=True, default="")
    operation = models.ForeignKey("core.Operation", models.SET_NULL, null=True, related_name="+")
    recipe = models.ForeignKey(RecipeRun, models.SET_NULL, null=True, related_name="runs")
    step = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user", "-created_at"])]

    def __str__(self) -> str:
        return f"{self.file_name} #{self.pk}"

    @property
    def done(self) -> int:
        """Rows that have an outcome."""
        return self.created + self.updated + self.skipped + self.failed


class ImportRow(models.Model):
    """One row of a file as it was read: its number in the file, its cells, and what the reader said about it.

    As with outcomes, rows are only ever written under their run's lock: the database need not ask for it row by row.
    """

    pk = models.CompositePrimaryKey("run_id", "position")
    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="rows", db_index=False, db_constraint=False)
    position = models.BigIntegerField()
    number = models.BigIntegerField()
    cells = ArrayField(models.TextField())
    problems = models.JSONField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


class ImportOutcome(models.Model):
    """What became of one row: 1 created, 2 updated, 3 skipped, 4 failed; with the record and the reasons."""

    pk = models.CompositePrimaryKey("run_id", "position")
    run = models.ForeignKey(ImportRun, models.CASCADE, related_name="outcomes", db_index=False, db_constraint=False)
    position = models.BigIntegerField()
    outcome = models.SmallIntegerField()
    record_id = models.BigIntegerField(null=True)
    reasons = models.JSONField(null=True)

    objects: ClassVar[models.Manager[Any]] = models.Manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["run", "position"], name="import_outcome_bad", condition=models.Q(outcome=4))
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.position}: {OUTCOMES.get(self.outcome, '?')}"


class ImportMapping(models.Model):
    """A mapping somebody used for files with these columns, offered again next time."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("core.User", models.CASCADE, related_name="+")
    entity = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    mapping = models.JSONField(default=dict)
    options = models.JSONField(default=dict)
    used_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "entity", "fingerprint"], name="import_mapping_once")
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.fingerprint[:8]}"
