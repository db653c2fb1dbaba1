"""Message templates and snippets: texts with merge fields, kept for many records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.merge_fields import LONGEST, check, fill
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import MessageTemplate, Snippet
from guanxi.core.records import shape
from guanxi.core.records.settings_registry import checked_names, free_key, require_unchanged
from guanxi.core.records.writing import writing
from guanxi.core.schema.registry import is_registered

CHANNELS = ("mail", "sms", "note")


@dataclass(frozen=True, slots=True)
class Message:
    """A filled template."""

    subject: str
    body: str


def filled(
    actor: Actor, template: MessageTemplate, record: Any, language: str, more: Mapping[str, Any] | None = None
) -> Message:
    """A template for a record in a language; where one language is empty the other serves. ``more`` as in ``fill``."""
    chinese = language.startswith("zh")
    subject = (template.subject_zh if chinese else template.subject_en) or template.subject_zh or template.subject_en
    body = (template.body_zh if chinese else template.body_en) or template.body_zh or template.body_en
    return Message(
        " ".join(fill(actor, record, subject, language=language, more=more).split())[:300],
        fill(actor, record, body, language=language, more=more),
    )


def template_of(key: str) -> MessageTemplate:
    """The active template of a key. Raises NotFound."""
    found = MessageTemplate.objects.filter(key=key, active=True).first()
    if found is None:
        raise NotFound(_("There is no message template “%(key)s”.") % {"key": key}, code="template.unknown")
    return found


TEXTS = ("subject_zh", "subject_en", "body_zh", "body_en")
#: What a template is made of.
PARTS = ("name_zh", "name_en", "entity", "channel", *TEXTS)


def template_save(
    actor: Actor, row: MessageTemplate | None, values: Mapping[str, Any], *, version: int | None = None
) -> MessageTemplate:
    """Store a template. Raises Denied, Invalid at the field, Conflict when somebody saved since ``version`` was read."""
    require_feature(actor, SETTINGS)
    template_check(actor, values)
    with writing(actor):
        row = (
            MessageTemplate.objects.select_for_update().get(pk=row.pk)
            if row
            else MessageTemplate(key=free_key(MessageTemplate, str(values.get("name_en") or "template")))
        )
        require_unchanged(row, version)
        for name in ("name_zh", "name_en", "entity", "channel", *TEXTS):
            setattr(
                row, name, str(values.get(name, "")).strip() if name not in TEXTS[2:] else str(values.get(name, ""))
            )
        row.active = bool(values.get("active", True))
        row.marketing = bool(values.get("marketing", False))
        row.version += 1
        row.save()
    return row


def template_check(actor: Actor, values: Mapping[str, Any]) -> None:
    """Raise Invalid at the field for a template that means nothing."""
    checked_names(str(values.get("name_zh", "")), str(values.get("name_en", "")))
    if not is_registered(str(values.get("entity", ""))):
        raise Invalid(_("Choose what it is about."), code="template.entity", field="entity")
    if values.get("channel") not in CHANNELS:
        raise Invalid(_("Choose how it is sent."), code="template.channel", field="channel")
    if not (str(values.get("body_zh", "")).strip() or str(values.get("body_en", "")).strip()):
        raise Invalid(_("Write a text."), code="value.required", field="body_zh")
    for name in TEXTS:
        check(actor, str(values["entity"]), str(values.get(name, "")), field=name)


def snippets(actor: Actor) -> list[tuple[Snippet, str, str]]:
    """Snippets a person may insert, his own first: each with its name and text in the present language."""
    rows = Snippet.objects.filter(Q(owner__isnull=True) | Q(owner_id=actor.user_id or 0))
    found = [(one, shape.spoken(one.name_zh, one.name_en), shape.spoken(one.text_zh, one.text_en)) for one in rows]
    return sorted(found, key=lambda one: (one[0].owner_id is None, one[0].position, one[0].pk))


def _may_keep(actor: Actor, row: Snippet | None, own: bool) -> None:
    """A person's own snippets are his alone; those of everybody belong to the settings."""
    if row is not None and row.owner_id and row.owner_id != actor.user_id:
        raise NotFound
    if row.owner_id is None if row is not None else not own:
        require_feature(actor, SETTINGS)
    if own and actor.user_id is None:
        raise Denied


def snippet_save(actor: Actor, row: Snippet | None, values: Mapping[str, Any], *, own: bool = False) -> Snippet:
    """Store a snippet, a new one for everybody or, with ``own``, for oneself. Raises Denied, or Invalid at the field."""
    _may_keep(actor, row, own)
    if not any(str(values.get(name, "")).strip() for name in ("text_zh", "text_en")):
        raise Invalid(_("Write a text."), code="value.required", field="text_zh")
    checked_names(str(values.get("name_zh", "")), str(values.get("name_en", "")))
    with writing(actor):
        row = row or Snippet(
            key=free_key(Snippet, f"own-{actor.user_id}" if own else str(values.get("name_en") or "snippet")),
            owner_id=actor.user_id if own else None,
        )
        for name in ("name_zh", "name_en", "text_zh", "text_en"):
            setattr(row, name, str(values.get(name, "")).strip()[: 100 if name.startswith("name") else LONGEST])
        row.save()
    return row


def removed(actor: Actor, row: MessageTemplate | Snippet) -> None:
    """Remove a template or snippet; one's own needs no right."""
    if isinstance(row, Snippet):
        _may_keep(actor, row, False)
    else:
        require_feature(actor, SETTINGS)
    with writing(actor):
        row.delete()
