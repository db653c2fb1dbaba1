"""Where messages come in from outside, and the messages: mails of a mailbox, text messages of a number."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import SILENT, audit_triggers

MAIL, SMS = "mail", "sms"
NEW, FILED, IGNORED = "new", "filed", "ignored"
#: What changes with each look into a mailbox, and what nobody may read: neither belongs into the audit.
_STATE = ("secret", "uid_validity", "last_uid", "checked_at", "next_at", "failures", "failing_since", "error")


class Mailbox(models.Model):
    """A place messages come in by: a folder of an IMAP server (``mail``), or a number whose gateway calls us (``sms``).

    ``secret`` is sealed (``automation.incoming.sealed``): the password, or the key a gateway signs with. ``keeper`` sorts what
    nobody is known for; ``unknown`` is the entity such a sender is made a record of at once ('' for none). ``replies`` makes it
    the address answers to our mails go to, ``plus`` with a ``+`` part that says what they answer. ``last_uid`` under
    ``uid_validity`` is how far it was read.
    """

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    channel = models.CharField(max_length=10, default=MAIL)
    address = models.CharField(max_length=254, blank=True, default="")
    host = models.CharField(max_length=253, blank=True, default="")
    port = models.PositiveIntegerField(default=993)
    security = models.CharField(max_length=10, default="tls")
    username = models.CharField(max_length=254, blank=True, default="")
    secret = models.TextField(blank=True, default="")
    folder = models.CharField(max_length=200, default="INBOX")
    keeper = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    unknown = models.CharField(max_length=100, blank=True, default="")
    replies = models.BooleanField(default=False)
    plus = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    uid_validity = models.BigIntegerField(default=0)
    last_uid = models.BigIntegerField(default=0)
    checked_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(default=clock.now)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar[list[str]] = ["channel", "name", "id"]
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, *_STATE))
        verbose_name = _("mailbox")

    def __str__(self) -> str:
        return self.name


class InboundMessage(models.Model):
    """A message that came in. ``entity`` and ``record_id`` say on which record it is filed, ``person_*`` who of ours wrote it.

    ``state``: ``new`` (nobody is known for it), ``filed``, ``ignored``. ``external_id`` is the sender's own identity of the message
    (Message-ID, number of the gateway); a channel takes each once. ``automatic`` was sent by a machine: nothing answers it.
    ``body`` is plain text, ``html`` the formatted text as the sanitiser left it, ``files`` the ids of its attachments.
    """

    id = models.BigAutoField(primary_key=True)
    mailbox = models.ForeignKey(Mailbox, models.SET_NULL, null=True, related_name="messages")
    channel = models.CharField(max_length=10, default=MAIL)
    external_id = models.CharField(max_length=255)
    answers = models.ForeignKey("core.OutboundMessage", models.SET_NULL, null=True, related_name="answers")
    sender = models.CharField(max_length=254)
    sender_name = models.CharField(max_length=200, blank=True, default="")
    to = models.TextField(blank=True, default="")
    subject = models.CharField(max_length=300, blank=True, default="")
    body = models.TextField(blank=True, default="")
    html = models.TextField(blank=True, default="")
    automatic = models.BooleanField(default=False)
    note = models.CharField(max_length=300, blank=True, default="")
    files = ArrayField(models.BigIntegerField(), default=list, blank=True)
    at = models.DateTimeField()
    created_at = models.DateTimeField(default=clock.now)
    state = models.CharField(max_length=10, default=NEW)
    entity = models.CharField(max_length=100, blank=True, default="")
    record_id = models.BigIntegerField(null=True)
    person_entity = models.CharField(max_length=100, blank=True, default="")
    person_id = models.BigIntegerField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, "body", "html"))
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="inbound_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["entity", "record_id", "-at", "-id"], name="inbound_record"),
            models.Index(fields=["person_entity", "person_id", "-at", "-id"], name="inbound_person"),
            models.Index(fields=["-at", "-id"], name="inbound_new", condition=models.Q(state=NEW)),
        ]
        verbose_name = _("message")

    def __str__(self) -> str:
        return f"{self.channel} from {self.sender}: {self.subject}"
