"""Personal data taken away: on request or because its time is over, and which entries of the audit lost their values for it."""

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
    """An entry of the audit whose values were erased, and the digest of what it said before, on which its seal stands.

    ``noted`` is the entry that holds the digest of all that were emptied with it, as they stood then: without values, with who
    and when.
    """

    entry_id = models.BigIntegerField(primary_key=True)
    digest = models.CharField(max_length=64)
    erasure = models.ForeignKey(Erasure, models.PROTECT, related_name="redactions")
    noted = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.entry_id)


class MarketingWord(models.Model):
    """What somebody said to marketing by an address: yes (``given``) or no (``withdrawn``). Only the digest of the address is kept, so
    that a no outlives the record; the latest word holds.
    """

    id = models.BigAutoField(primary_key=True)
    channel = models.CharField(max_length=20)
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10)
    at = models.DateTimeField(default=clock.now)
    source = models.CharField(max_length=40, blank=True, default="")
    proof = models.CharField(max_length=1000, blank=True, default="")
    entity = models.CharField(max_length=100, blank=True, default="")
    record_id = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["digest", "-at"], name="marketing_word_of")]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.channel}: {self.state}"


TRASH, ERASE = "trash", "erase"
RETENTION_ACTIONS = [(TRASH, _("Into the trash")), (ERASE, _("Erase personal data for good"))]


class RetentionRule(models.Model):
    """How long records are kept: every night those that fit ``condition`` (a query tree) go the way of ``action``."""

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    entity = models.CharField(max_length=100)
    condition = models.JSONField(default=dict)
    action = models.CharField(max_length=10, choices=RETENTION_ACTIONS)
    active = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=50)
    last_at = models.DateTimeField(null=True)
    last_count = models.PositiveIntegerField(default=0)
    last_problem = models.CharField(max_length=300, blank=True, default="")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar[list[str]] = ["position", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return self.name_zh
