"""What people leave on a record: tags, comments, files, follows, stars, pins, recents, notifications."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers
from guanxi.core.models.fields import RichTextField
from guanxi.core.models.record import Record


class Tag(Record):
    """A word people put on records; ``entity`` limits it to one sort ('' for all)."""

    name = models.CharField(_("name"), max_length=60)
    color = models.CharField(_("colour"), max_length=20, blank=True, default="blue")
    entity = models.CharField(max_length=100, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("tag")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["name", "entity"], condition=models.Q(deleted_at__isnull=True), name="tag_once"
            )
        ]


class OnRecord(models.Model):
    """Something that hangs on a record of any entity."""

    id = models.BigAutoField(primary_key=True)
    entity = models.CharField(max_length=100)
    record_id = models.BigIntegerField()

    class Meta:
        abstract = True


class Comment(OnRecord):
    """A remark on a record, formatted, with people mentioned; deleted ones keep their place."""

    author = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="comments")
    body = RichTextField()
    mentions = ArrayField(models.BigIntegerField(), default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["entity", "record_id", "-created_at"])]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.entity}/{self.record_id} #{self.pk}"


class File(OnRecord):
    """A file on a record. The content lies in ``GUANXI_DATA/files`` under its SHA-256."""

    name = models.CharField(max_length=255)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=100)
    digest = models.CharField(max_length=64)
    is_picture = models.BooleanField(default=False)
    uploaded_by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["entity", "record_id"]),
            models.Index(fields=["digest"]),
        ]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return self.name


class HeldContent(models.Model):
    """A content of files that may not be opened: ``waiting`` for the virus scanner, or one was ``found`` in it.

    ``words`` is the name of the virus, or why the scanner could not look.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    state = models.CharField(max_length=10)
    words = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.state} {self.digest[:12]}"


class Mark(OnRecord):
    """A user's own mark on a record: follows it, starred it, pinned it, saw it last at."""

    user = models.ForeignKey("core.User", models.CASCADE, related_name="marks")
    sort = models.CharField(
        max_length=10,
        choices=[("follow", "follow"), ("star", "star"), ("pin", "pin"), ("recent", "recent"), ("mute", "mute")],
    )
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "sort", "entity", "record_id"], name="mark_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "sort", "-at"]),
            models.Index(fields=["entity", "record_id", "sort"]),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.sort} {self.entity}/{self.record_id}"


class PushDevice(models.Model):
    """A browser that shows notifications while no page is open: where to send, and the keys only it can read with."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("core.User", models.CASCADE, related_name="devices")
    endpoint = models.CharField(max_length=1000, unique=True)
    key = models.CharField(max_length=120)
    secret = models.CharField(max_length=40)
    name = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.name}"


class Notification(OnRecord):
    """Something a user should know. ``text`` is a translatable msgid, ``values`` fill it.

    ``once`` is a key under which it is given at most once; ``mailed_at`` says when it also went out by mail.
    """

    user = models.ForeignKey("core.User", models.CASCADE, related_name="notifications")
    sort = models.CharField(max_length=40)
    text = models.CharField(max_length=300)
    values = models.JSONField(default=dict)
    by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    read_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    once = models.CharField(max_length=120, blank=True, default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-created_at"]),
            models.Index(fields=["user"], name="notification_unread", condition=models.Q(read_at__isnull=True)),
        ]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "once"], name="notification_once", condition=~models.Q(once=""))
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.sort}"


class Presence(OnRecord):
    """Somebody has a record open; ``editing`` it in a form. Rows not seen for a while count no more."""

    user = models.ForeignKey("core.User", models.CASCADE, related_name="+")
    editing = models.BooleanField(default=False)
    seen_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["entity", "record_id", "user"], name="presence_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.entity}/{self.record_id}"


class Draft(models.Model):
    """An unfinished form of a user, kept until it is sent or thrown away."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("core.User", models.CASCADE, related_name="drafts")
    key = models.CharField(max_length=200)
    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["user", "key"], name="draft_once")]

    def __str__(self) -> str:
        return self.key
