"""Segments: groups of records of one sort, told by a condition that always holds anew."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers


class Segment(models.Model):
    """The records of ``entity`` that fit ``condition``, a query tree. Whoever asks sees those of them he may see.

    ``watched_at`` is when its members were last compared with those known, for rules that wait for somebody to enter or leave.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    description = models.CharField(_("description"), max_length=500, blank=True, default="")
    entity = models.CharField(max_length=100)
    condition = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    watched_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["entity", "position", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers(("version", "watched_at"))
        verbose_name = _("segment")

    def __str__(self) -> str:
        return self.name_zh


class SegmentMember(models.Model):
    """A record known to be in a watched segment, and since when; kept only while a rule waits for who enters or leaves."""

    id = models.BigAutoField(primary_key=True)
    segment = models.ForeignKey(Segment, models.CASCADE, related_name="members", db_index=False)
    record_id = models.BigIntegerField()
    since = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["segment", "record_id"], name="segment_member_once")
        ]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.record_id}"
