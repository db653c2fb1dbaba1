"""Messages of unknown senders: the list, one message, filing it on a record, making a record of the sender; attachments."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from markupsafe import Markup

from guanxi.core import access, records
from guanxi.core.automation.addressing import address_seen
from guanxi.core.automation.incoming import correspondence, letters, receiving
from guanxi.core.automation.marketing import record_of
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import File, InboundMessage
from guanxi.core.models.incoming import FILED, IGNORED, NEW
from guanxi.core.records import display, together
from guanxi.core.schema.registry import entities, entity_of, is_registered
from guanxi.core.web import addresses
from guanxi.core.web.people.common import done, show
from guanxi.core.web.views.common import actor_of, page_view

HOME = "/messages/"
PAGE = 50


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """What waits for the reader, or what was put aside; not there for who sorts none."""
    actor = actor_of(request)
    if not correspondence.keeps(actor):
        raise NotFound
    state = IGNORED if request.GET.get("state") == IGNORED else NEW
    text = request.GET.get("words", "").strip()[:100]
    start = int(request.GET["from"][:9]) if request.GET.get("from", "").isdecimal() else 0
    rows = list(correspondence.waiting(actor, state, text)[start : start + PAGE + 1])
    context = {
        "title": _("Messages of unknown senders"),
        "rows": [(one, letters.fresh(one.body)) for one in rows[:PAGE]],
        "state": state,
        "words": text,
        "following": start + PAGE if len(rows) > PAGE else 0,
        "makers": _makers(actor),
        "targets": _targets(actor),
    }
    return show(request, "messages/index.jinja", context)


def _makers(actor: Actor) -> list[receiving.Maker]:
    return [one for one in receiving.makers() if access.allowed(actor, "create", one.entity)]


@page_view("GET", "POST")
def page(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One message in full; buttons file it, make a record of the sender, put it aside."""
    actor = actor_of(request)
    row = correspondence.message(actor, pk)
    if request.method != "POST":
        return _shown(request, actor, row)
    what = request.POST.get("do", "")
    try:
        if what.startswith("make:"):
            made = correspondence.make(actor, pk, what.partition(":")[2])
            entity = entity_of(made)
            text = _("“%(name)s” was made, with the message on it.") % {"name": display.title_of(entity, made, actor)}
            return done(request, addresses.record_url(entity, made.pk), text)
        if what == "assign":
            record = _chosen(actor, request)
            correspondence.assign(actor, pk, record)
            entity = entity_of(record)
            text = _("The message stands on “%(name)s” now.") % {"name": display.title_of(entity, record, actor)}
            return done(request, addresses.record_url(entity, record.pk), text)
        if what in ("aside", "back"):
            correspondence.put_aside(actor, pk, back=what == "back")
            return done(request, HOME, _("Put aside.") if what == "aside" else _("It is in the list again."))
    except GuanxiError as error:
        return _shown(request, actor, row, error)
    return _shown(request, actor, row)


def _chosen(actor: Actor, request: HttpRequest) -> Any:
    """The record a form names. Raises Invalid."""
    key = request.POST.get("entity", "")
    number = request.POST.get(f"record.{key}", "") or request.POST.get("record", "")
    if not is_registered(key) or not number.isdecimal():
        raise Invalid(_("Choose the record it belongs to."), code="message.record", field="record")
    return records.get(actor, key, int(number[:18]))


def _targets(actor: Actor) -> list[dict[str, str]]:
    """Sorts of records a message may be put on: those senders are looked for in, then others with a timeline of their own."""
    keys = [*receiving.RANKS, *(one.key for one in entities() if one.menu.group in ("customers", "sales") and one.key not in receiving.RANKS and (one.access.owner or one.access.carried_by))]  # fmt: skip
    return [
        {"key": key, "label": str(entity_of(key).label), "search": f"/pick/{entity_of(key).path}/"}
        for key in keys
        if access.allowed(actor, "change", key)
    ]


def _shown(
    request: HttpRequest, actor: Actor, row: InboundMessage, error: GuanxiError | None = None
) -> HttpResponseBase:
    record = record_of(row.entity, row.record_id) if row.state == FILED else None
    record = record if record is not None and access.allowed(actor, "view", record) else None
    sender, addressees = _addresses(actor, row)
    context = {
        "title": row.subject or _("Message of %(name)s") % {"name": row.sender_name or sender},
        "row": row,
        "sender": sender,
        "addressees": addressees,
        "html": Markup(row.html),  # noqa: S704 - cleaned by the one sanitiser when it came in
        "files": list(File.objects.filter(pk__in=row.files, deleted_at__isnull=True)),
        "record": record,
        "record_title": display.title_of(entity_of(record), record, actor) if record is not None else "",
        "record_url": addresses.record_url(entity_of(record), record.pk) if record is not None else "",
        "answer": f"/write/{entity_of(record).path}/{record.pk}/?reply={row.pk}"
        if record is not None and correspondence.may_write(actor, record)
        else "",
        "makers": _makers(actor) if row.state != FILED else [],
        "targets": _targets(actor) if correspondence.movable(actor, row) else [],
        "chosen": request.POST.get("entity", "") or next(iter(receiving.RANKS), ""),
        "waiting": row.state != FILED,
    }
    return show(request, "messages/message.jinja", context, error)


def _addresses(actor: Actor, row: InboundMessage) -> tuple[str, str]:
    """Sender and addressees as the reader sees addresses of records; whoever sorts unknown senders sees them in full."""
    if row.state != FILED:
        return row.sender, row.to
    to = ", ".join(address_seen(actor, row.channel, one.strip()) for one in row.to.split(","))
    return address_seen(actor, row.channel, row.sender), to


@page_view()
def file(request: HttpRequest, pk: int, file_id: int) -> HttpResponseBase:
    """An attachment, for whoever may read the message; pictures with ``?inline`` are shown, the rest downloads."""
    found, content = correspondence.file_open(actor_of(request), pk, file_id)
    answer = FileResponse(content)
    for name, value in together.safe_headers(found, inline="inline" in request.GET).items():
        answer.headers[name] = value
    return answer
