"""What an administrator may change: dictionaries, regions, custom fields, saved views, numbering; and their stamps."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.models.audit_triggers import audit_triggers
from guanxi.core.models.record import Record


class Dictionary(models.Model):
    """The values of a choice field under one stable key.

    ``narrowed_by`` is the key of the dictionary (``@regions``: the regions) whose chosen value says which of these may be chosen.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=60, unique=True)
    name_zh = models.CharField(max_length=100)
    name_en = models.CharField(max_length=100)
    narrowed_by = models.CharField(max_length=60, blank=True, default="")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return self.key


class DictionaryValue(models.Model):
    """One value: stable key, names in both languages, colour, order, parent, active or retired.

    ``belongs_to`` are the values of the narrowing dictionary it may be chosen under; empty: under all of them.
    """

    id = models.BigAutoField(primary_key=True)
    dictionary = models.ForeignKey(Dictionary, models.CASCADE, related_name="values")
    key = models.CharField(max_length=60)
    name_zh = models.CharField(max_length=100)
    name_en = models.CharField(max_length=100, blank=True, default="")
    color = models.CharField(max_length=20, blank=True, default="")
    position = models.PositiveIntegerField(default=0)
    parent_key = models.CharField(max_length=60, blank=True, default="")
    belongs_to = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["dictionary", "key"], name="dictionary_value_once")
        ]
        ordering: ClassVar[list[str]] = ["position", "id"]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return self.name_zh


class Region(models.Model):
    """An administrative region; ``code`` begins with that of the region above it. ``level`` 0 is a country."""

    code = models.CharField(max_length=12, primary_key=True)
    name_zh = models.CharField(max_length=60)
    name_en = models.CharField(max_length=80, blank=True, default="")
    parent_code = models.CharField(max_length=12, blank=True, default="")
    level = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["parent_code"])]

    def __str__(self) -> str:
        return self.name_zh


class CustomField(models.Model):
    """A field an administrator added to an entity; its value lives in ``record.custom[key]``.

    ``options`` holds what its kind knows (``max_length places minimum maximum default currency columns formula …``) and
    ``unique``/``unique_with``; ``rules`` the conditions in CEL: ``visible required readonly check`` and the check's
    message. A retired field (``active`` false) keeps its values and is shown nowhere.
    """

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    key = models.SlugField(max_length=60)
    kind = models.CharField(max_length=30)
    label_zh = models.CharField(max_length=100)
    label_en = models.CharField(max_length=100, blank=True, default="")
    help_zh = models.CharField(max_length=300, blank=True, default="")
    help_en = models.CharField(max_length=300, blank=True, default="")
    required = models.BooleanField(default=False)
    dictionary = models.CharField(max_length=60, blank=True, default="")
    target = models.CharField(max_length=100, blank=True, default="")
    personal = models.CharField(max_length=20, blank=True, default="")
    options = models.JSONField(default=dict, blank=True)
    rules = models.JSONField(default=dict, blank=True)
    position = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["entity", "key"], name="custom_field_once")]
        ordering: ClassVar[list[str]] = ["position", "id"]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}.custom.{self.key}"


class SavedView(Record):
    """A list or board as somebody set it up: columns, filter, sort, grouping, widths, density."""

    entity = models.CharField(max_length=100)
    name = models.CharField(_("name"), max_length=100)
    user = models.ForeignKey("core.User", models.CASCADE, related_name="views")
    visibility = models.CharField(
        max_length=10,
        choices=[("private", _("only me")), ("team", _("my department")), ("public", _("everyone"))],
        default="private",
    )
    department = models.ForeignKey("core.Department", models.SET_NULL, null=True, blank=True, related_name="+")
    definition = models.JSONField(default=dict)
    pinned_by = ArrayField(models.BigIntegerField(), default=list, blank=True)
    default_of = ArrayField(models.BigIntegerField(), default=list, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta(Record.Meta):
        verbose_name = _("saved view")


class Numbering(models.Model):
    """How a serial number is made: ``format`` with {yyyy} {yy} {mm} {dd} {seq:N}; when it starts again; gap-free or not."""

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    field = models.CharField(max_length=100)
    format = models.CharField(max_length=60)
    reset = models.CharField(
        max_length=10,
        choices=[("never", "never"), ("year", "year"), ("month", "month"), ("day", "day")],
        default="never",
    )
    gap_free = models.BooleanField(default=False)
    start = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["entity", "field"], name="numbering_once")]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}.{self.field}: {self.format}"


class NumberCounter(models.Model):
    """The last number given by a rule in a period."""

    id = models.BigAutoField(primary_key=True)
    numbering = models.ForeignKey(Numbering, models.CASCADE, related_name="counters")
    period = models.CharField(max_length=10, blank=True, default="")
    last = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["numbering", "period"], name="number_counter_once")
        ]

    def __str__(self) -> str:
        return f"{self.numbering_id} {self.period}: {self.last}"


class Stamp(models.Model):
    """A counter that grows when something cached changes (rights, dictionaries, fields …), read once per request."""

    name = models.CharField(max_length=40, primary_key=True)
    value = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class Preference(models.Model):
    """A setting of the workspace under a stable key."""

    key = models.CharField(max_length=60, primary_key=True)
    value = models.JSONField()

    def __str__(self) -> str:
        return self.key
