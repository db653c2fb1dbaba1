"""Rules and their runs, message templates and snippets, messages that went out, and the versions of the settings."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers

RUN_STATES = [
    ("running", _("running")),
    ("waiting", _("waiting")),
    ("done", _("done")),
    ("failed", _("failed")),
    ("stopped", _("stopped")),
]


class AutomationRule(models.Model):
    """When something happens to a record, and it fits, do these steps.

    ``trigger`` is ``{"on": …}``, ``condition`` a query tree, ``formula`` a CEL condition, ``steps`` a tree of steps (see
    ``automation.rules``). ``run_as`` says with whose rights: ``system``, ``owner`` of the record, or ``person``.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    entity = models.CharField(max_length=100)
    trigger = models.JSONField(default=dict)
    condition = models.JSONField(default=dict, blank=True)
    formula = models.TextField(blank=True, default="")
    steps = models.JSONField(default=list)
    run_as = models.CharField(max_length=10, default="system")
    person = models.CharField(max_length=150, blank=True, default="")
    muted_in_imports = models.BooleanField(default=True)
    per_hour = models.PositiveIntegerField(default=1000)
    position = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar[list[str]] = ["entity", "position", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers()
        verbose_name = _("automation rule")

    def __str__(self) -> str:
        return self.name_zh


class RuleRun(models.Model):
    """One run of a rule on one record. ``trail`` lists its steps with what came of each, ``chain`` the runs that led here.

    ``once`` keeps the same cause from running twice; ``resume_at`` is when a waiting run goes on; ``heard`` is the message that
    set it off.
    """

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(AutomationRule, models.CASCADE, related_name="runs")
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField(null=True)
    cause = models.CharField(max_length=140, blank=True, default="")
    by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    old = models.JSONField(default=dict)
    once = models.CharField(max_length=200, null=True, unique=True, default=None)  # noqa: DJ001 - nothing is not the same as another nothing
    chain = models.JSONField(default=list)
    steps = models.JSONField(default=list)
    trail = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=RUN_STATES, default="running")
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(default=clock.now)
    resume_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heard = models.ForeignKey("core.InboundMessage", models.SET_NULL, null=True, related_name="runs", db_index=False)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["rule", "-id"]),
            models.Index(fields=["entity", "record_id", "-id"]),
            models.Index(fields=["heard"], name="rule_run_heard", condition=models.Q(heard__isnull=False)),
            models.Index(fields=["resume_at"], name="rule_run_due", condition=models.Q(state="waiting")),
        ]
        verbose_name = _("run of a rule")

    def __str__(self) -> str:
        return f"{self.rule_id} on {self.entity} #{self.record_id}: {self.state}"


class RuleClock(models.Model):
    """Up to when a rule that follows dates or a schedule has been looked at."""

    rule = models.OneToOneField(AutomationRule, models.CASCADE, primary_key=True, related_name="clock")
    looked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.looked_at}"


class MessageTemplate(models.Model):
    """A text with merge fields for mails, text messages and notes, in both languages (Liquid)."""

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    entity = models.CharField(max_length=100)
    channel = models.CharField(max_length=20, default="mail")
    subject_zh = models.CharField(max_length=300, blank=True, default="")
    subject_en = models.CharField(max_length=300, blank=True, default="")
    body_zh = models.TextField(blank=True, default="")
    body_en = models.TextField(blank=True, default="")
    position = models.PositiveIntegerField(default=0)
    marketing = models.BooleanField(_("marketing"), default=False)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar[list[str]] = ["entity", "channel", "position", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers()
        verbose_name = _("message template")

    def __str__(self) -> str:
        return self.name_zh


class Snippet(models.Model):
    """A piece of text one often writes, inserted by its short name. ``owner`` has it for himself; without one it is everybody's."""

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    text_zh = models.TextField(blank=True, default="")
    text_en = models.TextField(blank=True, default="")
    owner = models.ForeignKey("core.User", models.CASCADE, null=True, related_name="snippets")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar[list[str]] = ["position", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return self.name_zh


class OutboundMessage(models.Model):
    """A message that leaves the house by a channel (mail, sms, webhook): made in a transaction, sent by a job.

    ``by`` wrote it, if a person did; ``reply_to`` is the message it answers; ``automatic`` was written by no person.
    """

    id = models.BigAutoField(primary_key=True)
    channel = models.CharField(max_length=20)
    to = models.CharField(max_length=500)
    subject = models.CharField(max_length=300, blank=True, default="")
    body = models.TextField(blank=True, default="")
    payload = models.JSONField(default=dict)
    entity = models.CharField(max_length=100, blank=True, default="")
    record_id = models.BigIntegerField(null=True)
    run = models.ForeignKey(RuleRun, models.SET_NULL, null=True, related_name="messages")
    by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+", db_index=False)
    reply_to = models.ForeignKey(
        "core.InboundMessage", models.SET_NULL, null=True, related_name="replies", db_index=False
    )
    automatic = models.BooleanField(default=False)
    marketing = models.BooleanField(default=False)
    state = models.CharField(max_length=10, default="waiting")
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["entity", "record_id", "-id"]),
            models.Index(fields=["reply_to"], name="outbound_answering", condition=models.Q(reply_to__isnull=False)),
            models.Index(fields=["to", "-created_at"], name="outbound_automatic", condition=models.Q(automatic=True)),
            models.Index(
                fields=["created_at"], name="outbound_confirming", condition=models.Q(payload__has_key="confirms")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.to}: {self.state}"


class SettingsVersion(models.Model):
    """The settings of the workspace as one file, as they were at a moment."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=clock.now)
    by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    sort = models.CharField(max_length=10, default="kept")
    comment = models.CharField(max_length=300, blank=True, default="")
    digest = models.CharField(max_length=64)
    content = models.TextField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.comment}"


class AppliedPack(models.Model):
    """An industry pack in use: its version, and the settings as the pack last wrote them."""

    key = models.SlugField(max_length=60, primary_key=True)
    version = models.CharField(max_length=20)
    at = models.DateTimeField(default=clock.now)
    by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    rows = models.JSONField(default=dict)
    samples = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.key} {self.version}"
