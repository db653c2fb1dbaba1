"""What happened: audit entries, operations that can be undone, the outbox, answers kept for repeated requests."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock

#: The channel on which a commit with new facts wakes the worker.
OUTBOX_CHANNEL = "guanxi_outbox"


class AuditEntry(models.Model):
    """One changed row: what, who, when, from where, before and after. Written by triggers; the table is partitioned by month.

    ``entity`` is the database table, ``changes`` maps a column to ``[before, after]``.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()
    action = models.CharField(max_length=10)
    changes = models.JSONField(null=True)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150)
    via = models.CharField(max_length=10)
    request_id = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    operation_id = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "core_auditentry"

    def __str__(self) -> str:
        return f"{self.entity}/{self.record_id} {self.action}"


class AuditSeal(models.Model):
    """A link of the chain over the audit: a digest of the entries up to ``last_entry`` behind those of the seal before.

    ``horizon`` is the transaction counter when the seal was begun; once no older transaction runs, every entry up to
    ``last_entry`` is there or will never be, and ``entries`` and ``digest`` are filled.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=clock.now)
    last_entry = models.BigIntegerField()
    horizon = models.BigIntegerField()
    entries = models.BigIntegerField(null=True)
    digest = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return f"{self.pk}: {self.digest[:12]}"


class AccessEntry(models.Model):
    """A look worth noting: a masked value shown, a list exported, a sign-in, a refusal."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=clock.now)
    sort = models.CharField(max_length=30)
    entity = models.CharField(max_length=100, blank=True, default="")
    record_id = models.BigIntegerField(null=True)
    field = models.CharField(max_length=100, blank=True, default="")
    details = models.JSONField(default=dict)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150, blank=True, default="")
    via = models.CharField(max_length=10, blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True, default="")
    address = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["actor_id", "-at"]),
            models.Index(fields=["sort", "-at"]),
        ]

    def __str__(self) -> str:
        return f"{self.sort} {self.at:%Y-%m-%d %H:%M}"


class Operation(models.Model):
    """A change that can be taken back: bulk edit, merge, import, handover, delete, or a single edit.

    ``state``: running, done, failed, cancelled, undone. ``result`` counts what was done, skipped and failed, with
    reasons by record; ``progress`` and ``total`` count records.
    """

    id = models.BigAutoField(primary_key=True)
    sort = models.CharField(max_length=30)
    entity = models.CharField(max_length=100, blank=True, default="")
    actor = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="operations")
    actor_name = models.CharField(max_length=150, blank=True, default="")
    parameters = models.JSONField(default=dict)
    state = models.CharField(max_length=10, default="done")
    progress = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    undo_until = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    undoes = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["actor", "-created_at"])]
        verbose_name = _("operation")

    def __str__(self) -> str:
        return f"{self.sort} {self.entity} #{self.pk}"


class OutboxEvent(models.Model):
    """A fact waiting to be delivered; written in the transaction that made it true. Its commit wakes the worker.

    ``origin`` says where it came from: a way in (``web``, ``import``) or the run of a rule (``rule:<id>``).
    A fact nobody could be told of after many attempts has ``delivered_at`` and still its last ``error``.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=140)
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField(null=True)
    changes = models.JSONField(default=dict)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150, blank=True, default="")
    origin = models.CharField(max_length=60, blank=True, default="", db_default="")
    at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["id"], name="outbox_waiting", condition=models.Q(delivered_at__isnull=True)),
            models.Index(
                fields=["entity", "record_id", "id"],
                name="outbox_record",
                condition=models.Q(delivered_at__isnull=True),
            ),
            models.Index(
                fields=["delivered_at"], name="outbox_delivered", condition=models.Q(delivered_at__isnull=False)
            ),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="outbox_wake",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=f"PERFORM pg_notify('{OUTBOX_CHANNEL}', ''); RETURN NULL;",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.record_id}"


class KeptAnswer(models.Model):
    """The answer to a request with an Idempotency-Key, kept for 24 hours."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("core.User", models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["user", "key"], name="kept_answer_once")]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["created_at"])]

    def __str__(self) -> str:
        return self.key


class RateWindow(models.Model):
    """How much of a rate is used: one row per limited thing (account, address, token) and window."""

    key = models.CharField(max_length=150, primary_key=True)
    window = models.BigIntegerField()
    used = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.key
