"""Steps of rules that tell somebody: people here, addresses outside, other programs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from guanxi.core.automation import merge_fields, messages, outbound, templates
from guanxi.core.automation.marketing import STOPPED
from guanxi.core.automation.notify import notify
from guanxi.core.automation.rules.steps import (
    Doing,
    StepKind,
    check_whom,
    register_step,
    whom,
)
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.text import has_han
from guanxi.core.models import OutboundMessage, User
from guanxi.core.records import display, shape, values
from guanxi.core.schema import kinds
from guanxi.core.schema.entity import Entity

#: A rule's own words come as the whole sentence.
SAID = gettext_noop("%(text)s")
SORT = "rule"
#: Instead of a field with an address: whoever wrote the message that set the rule off.
SENDER = "@sender"


def _notify(doing: Doing, step: Mapping[str, Any]) -> str:
    """Each person reads it in his language, as far as it was written in it."""
    told: list[int] = []
    languages = dict(User.everything.filter(pk__in=whom(doing, step)).values_list("pk", "language"))
    for language in sorted(set(languages.values())):
        written = (step.get("text_en") if language == "en" else "") or step.get("text") or step.get("text_en") or ""
        text = merge_fields.fill(doing.actor, doing.record, str(written), language=language)
        people = [pk for pk, one in languages.items() if one == language]
        told += notify(people, SORT, SAID, {"text": text[:500]}, record=doing.record)
    names = User.everything.filter(pk__in=told).values_list("name", flat=True)
    return _("told: %(names)s") % {"names": ", ".join(names) or "—"}


def _text_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if step.get("template"):
        templates.template_of(str(step["template"]))
    elif not str(step.get("text", "")).strip():
        raise Invalid(_("Write a text."), code="rule.text")
    for name in ("subject", "text", "text_en"):
        merge_fields.check(actor, entity, str(step.get(name) or ""))


def _notify_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    check_whom(actor, entity, step)
    _text_check(actor, entity, step)


def _message(doing: Doing, step: Mapping[str, Any]) -> str:
    """A mail or text message: to the address in a field of the record, or to people by their own."""
    channel = str(step.get("channel") or "mail")
    if str(step.get("to") or "") == SENDER:
        return _answer(doing, step)
    sent: list[str] = []
    held: list[str] = []
    used = templates.template_of(str(step["template"])) if step.get("template") else None
    inside = _inside(doing.entity, step)
    marketing = not inside and (bool(step.get("marketing")) or (used is not None and used.marketing))
    for address, language in _addresses(doing, step, channel):
        if used is not None:
            message = templates.filled(doing.actor, used, doing.record, language)
        else:
            message = templates.Message(
                merge_fields.fill(doing.actor, doing.record, str(step.get("subject") or ""), language=language),
                merge_fields.fill(doing.actor, doing.record, str(step.get("text") or ""), language=language),
            )
        row = messages.put(
            channel, address, subject=message.subject, body=message.body, record=doing.record, run_id=doing.run.pk,
            payload={messages.INSIDE: True} if inside else None, marketing=marketing, language=language, automatic=True,
        )  # fmt: skip
        (held if row.state == STOPPED else sent).append(f"{row.to} ({row.error})" if row.error else row.to)
    told = _("written to: %(addresses)s") % {"addresses": ", ".join(sent) or "—"}
    return f"{told}; {_('held back: %(addresses)s') % {'addresses': ', '.join(held)}}" if held else told


def _answer(doing: Doing, step: Mapping[str, Any]) -> str:
    """Answer the message that set the rule off: never one a machine wrote, and nobody twice within a day."""
    heard = doing.run.heard
    if heard is None:
        if getattr(doing.run, "rehearsal", False):
            return _("answers whoever wrote")
        return _("there is no address to answer")
    with connection.cursor() as cursor:  # two runs about one sender wait for each other
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"answer:{heard.sender}"])
    since = clock.now() - dt.timedelta(days=1)
    earlier = OutboundMessage.objects.filter(
        to=heard.sender, automatic=True, reply_to__isnull=False, created_at__gte=since
    )
    if heard.automatic or earlier.exists():
        return _("not answered: %(address)s") % {"address": heard.sender}
    more = {"message": {"sender": heard.sender, "name": heard.sender_name or heard.sender, "subject": heard.subject, "text": heard.body}}  # fmt: skip
    language = "zh-hans" if has_han(f"{heard.subject}{heard.body}") or not heard.body.strip() else "en"
    if step.get("template"):
        message = templates.filled(
            doing.actor, templates.template_of(str(step["template"])), doing.record, language, more
        )
    else:
        message = templates.Message(
            merge_fields.fill(doing.actor, doing.record, str(step.get("subject") or ""), language=language, more=more),
            merge_fields.fill(doing.actor, doing.record, str(step.get("text") or ""), language=language, more=more),
        )
    row = messages.put(
        heard.channel, heard.sender, subject=message.subject or f"Re: {heard.subject}".strip(), body=message.body,
        record=doing.record, run_id=doing.run.pk, language=language, reply_to=heard, automatic=True,
    )  # fmt: skip
    return _("written to: %(addresses)s") % {"addresses": row.to}


def _inside(entity: Entity, step: Mapping[str, Any]) -> bool:
    """Whether a message goes to colleagues, who are told, not courted, and of whom others need not know what they were told."""
    name = str(step.get("to") or "")
    holder = shape.led_to(entity, name.rpartition(".")[0])
    return not name or (holder is not None and holder.key == "core.user")


def _addresses(doing: Doing, step: Mapping[str, Any], channel: str) -> list[tuple[str, str]]:
    """Where a message goes, with the reader's language."""
    name = str(step.get("to") or "")
    if name:
        declared = shape.field_at(doing.entity, name)
        value = doing.record
        for part in name.split("."):
            value = getattr(value, part, None) if not isinstance(value, Mapping) else value.get(part)
        if declared is not None and declared.kind in ("emails", "phones"):
            value = next((one.get("value") for one in value or () if isinstance(one, Mapping)), "")
        return [(str(value), "zh-hans")] if value else []
    rows = User.objects.filter(pk__in=whom(doing, step))
    return [
        (user.email if channel == "mail" else user.phone, user.language)
        for user in rows
        if (user.email if channel == "mail" else user.phone)
    ]


def _message_check(actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    _text_check(actor, entity, step)
    if step.get("channel", "mail") not in messages.CHANNELS:
        raise Invalid(_("Choose how it is sent."), code="rule.channel")
    if step.get("to") == SENDER:
        return
    if step.get("to"):
        declared = shape.field_at(entity, str(step["to"]))
        if declared is None or declared.kind not in ("email", "emails", "phone", "phones"):
            raise Invalid(_("Choose a field with an address."), code="rule.to")
    else:
        check_whom(actor, entity, step)


def _webhook(doing: Doing, step: Mapping[str, Any]) -> str:
    """Post the record's fields, as the rule's actor may see them, to an address."""
    readable = shape.readable(doing.actor, doing.entity)
    names = [name for name in step.get("fields") or readable if name in readable and name != "id"]
    payload = {
        "rule": doing.run.rule.key,
        "entity": doing.entity.key,
        "id": doing.record.pk,
        "at": clock.now().isoformat(),
        "values": {
            name: kinds.json_of(
                display.masked(doing.actor, doing.entity, readable[name], values.current(doing.record, readable[name]))
            )
            for name in names
        },
    }
    row = messages.put("webhook", str(step["url"]), payload=payload, record=doing.record, run_id=doing.run.pk)
    return _("sent to %(address)s") % {"address": row.to}


def _webhook_check(_actor: Actor, entity: Entity, step: Mapping[str, Any]) -> None:
    if not step.get("url"):
        raise Invalid(_("Fill in the web address."), code="rule.url")
    outbound.check_address(str(step["url"]))
    for name in step.get("fields") or ():
        if name not in shape.fields_of(entity):
            raise Invalid(_("There is no field “%(path)s”.") % {"path": name}, code="rule.field")


register_step(
    StepKind("notify", gettext_lazy("Tell people"), "bell", ("whom", "text", "text_en"), _notify, _notify_check)
)
register_step(
    StepKind(
        "message",
        gettext_lazy("Send a mail or text message"),
        "mail",
        ("channel", "to", "whom", "template", "subject", "text", "marketing"),
        _message,
        _message_check,
    )
)
register_step(
    StepKind("webhook", gettext_lazy("Call a web address"), "webhook", ("url", "fields"), _webhook, _webhook_check)
)
