"""Personal data taken away on request: what was erased, and which entries of the audit lost their values for it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers


class Erasure(models.Model):
    """One erasure. ``key`` and ``born_at`` (when the record was made) find it again in a database restored from a backup."""

    id = models.BigAutoField(primary_key=True)
    key = models.CharField(max_length=32, unique=True)
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()
    born_at = models.DateTimeField()
    reason = models.CharField(_("reason"), max_length=300)
    at = models.DateTimeField(default=clock.now)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150, blank=True, default="")
    counts = models.JSONField(default=dict)

    class Meta:
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}/{self.record_id}"


class AuditRedaction(models.Model):
    """An entry of the audit whose values were erased, and the digest of what it said before, on which its seal stands."""

    entry_id = models.BigIntegerField(primary_key=True)
    digest = models.CharField(max_length=64)
    erasure = models.ForeignKey(Erasure, models.PROTECT, related_name="redactions")

    def __str__(self) -> str:
        return str(self.entry_id)
