"""Writing a mail or text message from a record's page: a template or free text, looked at before it is sent."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.automation import templates
from guanxi.core.automation.addressing import address_seen
from guanxi.core.automation.incoming import correspondence, letters
from guanxi.core.automation.incoming.correspondence import Writing
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import InboundMessage, MessageTemplate
from guanxi.core.records import display
from guanxi.core.records.shape import spoken
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import addresses
from guanxi.core.web.people.common import errors_of
from guanxi.core.web.record.common import done, find
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import draw, page_view

#: Stands for the address of whoever is answered, where the writer may not see it.
SENDER = "sender"
LANGUAGES = (("zh-hans", "中文"), ("en", "English"))


@page_view("GET", "POST")
def write(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """The composer of a record in a dialog; choosing a template fills it, *Preview* shows what goes out, *Send* sends."""
    actor, entity, record = find(request, path, pk)
    if not correspondence.may_write(actor, record):
        access.require(actor, "change", record)
        raise NotFound
    data = request.POST if request.method == "POST" else request.GET
    reply = _reply(actor, data.get("reply", ""))
    filled = _filled(actor, record, data, reply, sent=request.method == "POST")
    what = data.get("do", "")
    if request.method == "POST" and what in ("send", "preview"):
        try:
            given = Writing(**{name: filled[name] for name in ("channel", "to", "subject", "body", "marketing", "language")}, reply=reply.pk if reply else None)  # fmt: skip
            if what == "send":
                row = correspondence.write(actor, record, given)
                events: dict[str, Any] = {"gx:close": {}, "gx:timeline": {}}
                text = _("Written to %(to)s.") % {"to": address_seen(actor, row.channel, row.to)} if row.state != "stopped" else _("Held back: %(reason)s") % {"reason": row.error}  # fmt: skip
                return done(request, toast(text), go=addresses.record_url(entity, pk), events=events)
            filled["preview"] = correspondence.shown(actor, record, given)
        except GuanxiError as error:
            filled["errors"] = errors_of(error)
    context = _context(actor, record, filled, reply)
    return draw(
        request,
        "messages/write.jinja",
        context,
        status=422 if filled["errors"] and "HX-Request" not in request.headers else 200,
    )


def _reply(actor: Actor, number: str) -> InboundMessage | None:
    return correspondence.message(actor, int(number[:18])) if number.isdecimal() else None


def _filled(actor: Actor, record: Any, data: Any, reply: InboundMessage | None, *, sent: bool) -> dict[str, Any]:
    """What stands in the form: what was typed, or what a template or an answer begins with."""
    channel = data.get("channel") or (reply.channel if reply else "mail")
    channel = channel if channel in correspondence.ICONS else "mail"
    receivers = correspondence.receivers(actor, record, channel)
    to = data.get("to", "")
    if reply is not None and to in ("", SENDER):
        to = reply.sender if reply.channel == channel else ""
    if not receivers and not data.get("channel") and not reply:
        other = correspondence.receivers(actor, record, "sms")
        channel, receivers = ("sms", other) if other else (channel, receivers)
    language = data.get("language") or get_language() or "zh-hans"
    found: dict[str, Any] = {
        "channel": channel, "receivers": receivers, "to": to,
        "language": language if language in dict(LANGUAGES) else "zh-hans", "template": data.get("template", ""),
        "subject": data.get("subject", ""), "body": data.get("body", ""), "marketing": False, "errors": {}, "preview": None,
    }  # fmt: skip
    if reply is not None and not sent:
        found["subject"] = reply.subject if reply.subject.lower().startswith("re:") else f"Re: {reply.subject}".strip()
    template = MessageTemplate.objects.filter(key=found["template"], active=True).first()
    if template is not None:
        found["marketing"] = template.marketing
        if data.get("do") == "template":
            message = templates.filled(actor, template, record, found["language"])
            found |= {"subject": message.subject or found["subject"], "body": message.body}
    elif sent and data.get("do") == "template":
        found["template"] = ""
    return found


def _context(actor: Actor, record: Any, filled: dict[str, Any], reply: InboundMessage | None) -> dict[str, Any]:
    receivers = filled["receivers"]
    name = ""
    if reply is not None:
        seen = address_seen(actor, reply.channel, reply.sender)
        name = reply.sender_name or seen
    if reply is not None and reply.channel == filled["channel"] and reply.sender not in dict(receivers):
        sender = (
            (reply.sender, name) if seen == reply.sender else (SENDER, f"{name} <{seen}>" if name != seen else seen)
        )
        receivers = [sender, *receivers]
    found = correspondence.templates_for(record, filled["channel"])
    return {
        **filled,
        "title": _("Reply") if reply else _("Write a message"),
        "record": record,
        "receivers": [(to, name if name == to or to == SENDER else f"{name} <{to}>") for to, name in receivers],
        "templates": [(one.key, spoken(one.name_zh, one.name_en)) for one in found],
        "languages": LANGUAGES,
        "channels": [("mail", _("E-mail")), ("sms", _("Text message"))],
        "reply": reply,
        "reply_name": name,
        "quoted": letters.fresh(reply.body) if reply else "",
        "about": display.title_of(entity_of(record), record, actor),
    }
