"""Approvals: flows as settings, each request with the people it goes to, and what everybody said."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers

STATES = [
    ("draft", _("to be submitted")),
    ("pending", _("in approval")),
    ("approved", _("approved")),
    ("rejected", _("rejected")),
    ("returned", _("returned for change")),
    ("recalled", _("recalled")),
    ("failed", _("approved, but could not be carried out")),
]
TURN_STATES = [
    ("waiting", _("waits")),
    ("asked", _("to decide")),
    ("approved", _("approved")),
    ("rejected", _("rejected")),
    ("returned", _("returned")),
    ("transferred", _("transferred")),
    ("auto", _("passed by itself")),
    ("skipped", _("not needed")),
]


class ApprovalFlow(models.Model):
    """When an action on an entity needs whose consent.

    ``condition`` is a query tree over the record as it would be, ``fields`` limits changes to those of these fields,
    ``steps`` is a list of steps (see ``automation.approvals.flows``), ``free_fields`` may be changed meanwhile.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    entity = models.CharField(max_length=100)
    action = models.CharField(max_length=60)
    condition = models.JSONField(default=dict, blank=True)
    fields = models.JSONField(default=list, blank=True)
    steps = models.JSONField(default=list)
    free_fields = models.JSONField(default=list, blank=True)
    options = models.JSONField(default=dict, blank=True)
    position = models.PositiveIntegerField(default=0)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar[list[str]] = ["entity", "action", "position", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers()
        verbose_name = _("approval flow")

    def __str__(self) -> str:
        return self.name_zh


class Approval(models.Model):
    """One request: what is to be done to which record, by whom, and how far it has come.

    ``values`` are the action's values as JSON, ``before`` those a change replaces, ``path`` the steps with their
    people as planned when it was sent, ``step`` the index of the present one (-1 before sending).
    """

    id = models.BigAutoField(primary_key=True)
    flow = models.ForeignKey(ApprovalFlow, models.SET_NULL, null=True, related_name="approvals")
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=60)
    values = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    path = models.JSONField(default=list)
    step = models.IntegerField(default=-1)
    round = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=STATES, default="draft")
    note = models.TextField(blank=True, default="")
    error = models.TextField(blank=True, default="")
    applicant = models.ForeignKey("core.User", models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["entity", "record_id"],
                condition=models.Q(state="pending", record_id__isnull=False),
                name="approval_pending_once",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["entity", "record_id", "-id"]),
            models.Index(fields=["applicant", "-id"]),
        ]
        triggers: ClassVar[list[Any]] = audit_triggers()
        verbose_name = _("approval")

    def __str__(self) -> str:
        return f"{self.action} {self.entity} #{self.record_id}"


class ApprovalTurn(models.Model):
    """One person's part in one step: asked when, due when, decided what. ``behalf`` is whom a deputy stands in for.

    ``looked_at`` is when a look at what is overdue last came by.
    """

    id = models.BigAutoField(primary_key=True)
    approval = models.ForeignKey(Approval, models.CASCADE, related_name="turns")
    round = models.PositiveIntegerField(default=1)
    step = models.IntegerField()
    position = models.PositiveIntegerField(default=0)
    user = models.ForeignKey("core.User", models.PROTECT, related_name="+")
    behalf = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=12, choices=TURN_STATES, default="waiting")
    copy = models.BooleanField(default=False)
    asked_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    comment = models.TextField(blank=True, default="")
    link_digest = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        ordering: ClassVar[list[str]] = ["round", "step", "position", "id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "state"]),
            models.Index(fields=["due_at"], name="approval_due", condition=models.Q(state="asked")),
            models.Index(fields=["link_digest"], name="approval_link", condition=~models.Q(link_digest="")),
        ]
        triggers: ClassVar[list[Any]] = audit_triggers(
            ("id", "link_digest", "looked_at"),
        )

    def __str__(self) -> str:
        return f"{self.approval_id}.{self.step}: {self.user_id} {self.state}"


class ApprovalEntry(models.Model):
    """What somebody did in an approval, for its history and the record's timeline. ``verb`` names it."""

    id = models.BigAutoField(primary_key=True)
    approval = models.ForeignKey(Approval, models.CASCADE, related_name="entries")
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField(null=True)
    at = models.DateTimeField(default=clock.now)
    user = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    verb = models.CharField(max_length=20)
    comment = models.TextField(blank=True, default="")
    details = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["entity", "record_id", "-at"])]

    def __str__(self) -> str:
        return f"{self.approval_id} {self.verb}"
