"""Shape in rows: processes, layouts, objects an administrator made, and what keeps derived values right."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.text import sort_key
from guanxi.core.models.audit_triggers import audit_triggers
from guanxi.core.models.record import CarriedRecord


class Process(models.Model):
    """A choice field as a process; ``definition`` holds its steps and moves. Its stable key is entity and field."""

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    field = models.CharField(max_length=100)
    definition = models.JSONField(default=dict)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["entity", "field"], name="process_once")]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}.{self.field}"


class FieldSetup(models.Model):
    """What an administrator set about a built-in field: other names, help, that it must be filled, conditions in CEL
    (``rules``: visible, required, readonly, check and its message). Its stable key is entity and field.
    """

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    field = models.CharField(max_length=100)
    label_zh = models.CharField(max_length=100, blank=True, default="")
    label_en = models.CharField(max_length=100, blank=True, default="")
    help_zh = models.CharField(max_length=300, blank=True, default="")
    help_en = models.CharField(max_length=300, blank=True, default="")
    required = models.BooleanField(default=False)
    rules = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["entity", "field"], name="field_setup_once")
        ]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}.{self.field}"


class ProcessTick(models.Model):
    """A line of a step's checklist that somebody ticked for a record."""

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()
    field = models.CharField(max_length=100)
    step = models.CharField(max_length=100)
    item = models.CharField(max_length=60)
    user = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+", db_index=False)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["entity", "record_id", "field", "step", "item"], name="process_tick_once")
        ]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}/{self.record_id} {self.step}: {self.item}"


class Layout(models.Model):
    """How one face of an entity is arranged, for everyone or for a role, for all records or those of one type.

    ``face``: form, create, detail, side, list, card; with an empty ``entity``: menu, home. ``kind`` is a value of the
    entity's type field. ``definition`` depends on the face. Its stable key is all four together.
    """

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100, blank=True, default="")
    face = models.CharField(max_length=20)
    role = models.CharField(max_length=60, blank=True, default="")
    kind = models.CharField(max_length=60, blank=True, default="")
    definition = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["entity", "face", "role", "kind"], name="layout_once")
        ]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity} {self.face} {self.role} {self.kind}".strip()


class CustomObject(models.Model):
    """A sort of record an administrator made. ``options``: title label, board field, sum, no_steps (its columns are no path), timeline, duplicates, numbered (titles follow a numbering)."""

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=40, unique=True)
    path = models.SlugField(max_length=40, unique=True)
    name_zh = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60, blank=True, default="")
    plural_en = models.CharField(max_length=60, blank=True, default="")
    description_zh = models.CharField(max_length=300, blank=True, default="")
    description_en = models.CharField(max_length=300, blank=True, default="")
    icon = models.CharField(max_length=40, default="file")
    color = models.CharField(max_length=20, default="blue")
    group = models.CharField(max_length=20, default="work")
    owned = models.BooleanField(default=True)
    parent = models.CharField(max_length=100, blank=True, default="")
    options = models.JSONField(default=dict, blank=True)
    position = models.PositiveIntegerField(default=50)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"custom.{self.key}"


class ObjectRecord(CarriedRecord):
    """What the one table of all custom objects holds; each object's partition has a model of its own made at run time.

    ``parent_id`` is the record it belongs to, if the object belongs to one; further values live in ``custom``.
    """

    name = models.CharField(_("name"), max_length=200)
    sort_key = models.CharField(max_length=300, blank=True, default="", editable=False)

    class Meta:
        abstract = True
        base_manager_name = "everything"
        default_manager_name = "objects"

    def clean(self) -> None:
        """Keep the key names are sorted by."""
        super().clean()
        self.sort_key = sort_key(self.name)[:300]


class FieldIndex(models.Model):
    """An index on a custom field that is filtered or sorted by; a job makes it. ``state``: waiting, ready, failed.

    One with the error ``OWNER`` waits for the owner of the database, whom the worker could not reach.
    """

    OWNER = "owner"

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    field = models.CharField(max_length=100)
    state = models.CharField(max_length=10, default="waiting")
    error = models.CharField(max_length=300, blank=True, default="")
    asked_at = models.DateTimeField(default=clock.now)
    ready_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["entity", "field"], name="field_index_once")
        ]

    def __str__(self) -> str:
        return f"{self.entity}.{self.field} {self.state}"


class Due(models.Model):
    """A record whose derived values (roll-ups, formulas over relations) are to be reckoned again.

    Triggers on the tables they read write it; ``records.derived`` empties it at the end of each writing, and a job what
    was written past the application.
    """

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()
    transaction = models.BigIntegerField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["transaction", "entity", "record_id"])]

    def __str__(self) -> str:
        return f"{self.entity}/{self.record_id}"
