"""What those outside the house may see and do: public pages, what a client sees of his own, his sign-in; and how a record
went through its process.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers

LOOKUP, QUESTIONS = "lookup", "questions"
PUBLIC_KINDS = [(LOOKUP, _("Look up by number")), (QUESTIONS, _("Questionnaire"))]


class PublicPage(models.Model):
    """A page anybody may open at ``/public/<key>/``: a record's state looked up by its number, or a questionnaire.

    ``definition`` is that of ``outside.lookups`` or ``outside.questions``; nothing it does not name is shown.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    kind = models.CharField(max_length=20, choices=PUBLIC_KINDS)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    about_zh = models.CharField(max_length=500, blank=True, default="")
    about_en = models.CharField(max_length=500, blank=True, default="")
    entity = models.CharField(max_length=100, blank=True, default="")
    definition = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=50)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar[list[str]] = ["position", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return self.name_zh


class PortalView(models.Model):
    """What a client sees of one entity on his own pages: the records that lead to him over ``path``.

    ``subject`` is the entity whose records sign in; ``path`` the references from here to it, dotted ('' for itself). ``fields`` are
    shown, those in ``create`` he may fill in to make a record of his own.
    """

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    subject = models.CharField(max_length=100)
    path = models.CharField(max_length=200, blank=True, default="")
    name_zh = models.CharField(max_length=100, blank=True, default="")
    name_en = models.CharField(max_length=100, blank=True, default="")
    fields = models.JSONField(default=list)
    create = models.JSONField(default=list, blank=True)
    preset = models.JSONField(default=dict, blank=True)
    position = models.PositiveIntegerField(default=50)
    active = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["entity", "subject"], name="portal_view_once")
        ]
        ordering: ClassVar[list[str]] = ["position", "entity"]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity} → {self.subject}"


class PortalLogin(models.Model):
    """A client's sign-in, bound to one record; it has nothing in common with the users of the house."""

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()
    email = models.EmailField(max_length=254, unique=True)
    password = models.CharField(max_length=200, blank=True, default="")
    language = models.CharField(max_length=10, default="zh-hans")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)
    last_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["entity", "record_id"], name="portal_login_once")
        ]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return self.email


class PortalKey(models.Model):
    """A one-use link (``link``) or an open session (``session``, ``linked`` when a link opened it) of a client; only its hash is stored."""

    id = models.BigAutoField(primary_key=True)
    login = models.ForeignKey(PortalLogin, models.CASCADE, related_name="keys")
    sort = models.CharField(max_length=10)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=clock.now)
    seen_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    address = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["expires_at"], name="portal_key_expiry")]

    def __str__(self) -> str:
        return f"{self.sort} {self.created_at:%Y-%m-%d}"


class ProcessEntry(models.Model):
    """That a record entered a step of a process: when, by whom, in which department he was."""

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()
    field = models.CharField(max_length=100)
    step = models.CharField(max_length=100)
    at = models.DateTimeField(default=clock.now)
    user = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+", db_index=False)
    department = models.ForeignKey("core.Department", models.SET_NULL, null=True, related_name="+", db_index=False)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["entity", "record_id", "field", "at"], name="process_entry_path")
        ]

    def __str__(self) -> str:
        return f"{self.entity}/{self.record_id} {self.step}"
