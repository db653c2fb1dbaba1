"""The settings of mailboxes and numbers: a list with how each is, an editor with a test, and the door of gateways."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.incoming import gateway, mailboxes, receiving
from guanxi.core.automation.incoming.sealed import unseal
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound, Unavailable
from guanxi.core.models import Mailbox, User
from guanxi.core.models.incoming import MAIL, SMS
from guanxi.core.web.people.common import done, show, version_of
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.runtime.environment import environment

HOME = "/settings/mailboxes/"
NAMES = ("name", "channel", "address", "host", "port", "security", "username", "folder", "keeper", "unknown", "replies", "plus", "active")  # fmt: skip


@page_view("GET", "POST")
def index(request: HttpRequest) -> HttpResponseBase:
    """All of them, how each is; a button looks into one at once."""
    require_feature(actor_of(request), SETTINGS)
    if request.method == "POST":
        box = _box(request.POST.get("box", ""))
        mailboxes.ask(box.pk)
        return done(request, HOME, _("The worker looks into “%(name)s” now.") % {"name": box.name})
    return show(
        request, "messages/boxes.jinja", {"title": _("Mailboxes"), "rows": Mailbox.objects.select_related("keeper")}
    )


def _box(number: str) -> Mailbox:
    found = Mailbox.objects.filter(pk=number).first() if number.isdecimal() and len(number) < 19 else None
    if found is None:
        raise NotFound
    return found


@page_view("GET", "POST")
def edit(request: HttpRequest, pk: int = 0) -> HttpResponseBase:
    """One mailbox or number, or a new one; *Try* reaches the server without keeping anything."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    box = _box(str(pk)) if pk else None
    if request.method != "POST":
        filled = {name: getattr(box, name) for name in NAMES if name != "keeper"} if box else _fresh(request)
        return _shown(request, box, {**filled, "keeper": box.keeper_id if box else actor.user_id})
    what = request.POST.get("do", "")
    filled = {name: request.POST.get(name, "") for name in NAMES}
    sent = {**filled, "password": request.POST.get("password", "")}
    try:
        if what == "delete" and box is not None:
            mailboxes.mailbox_delete(actor, box)
            return done(request, HOME, _("“%(name)s” was removed.") % {"name": box.name})
        if what == "renew" and box is not None:
            mailboxes.secret_renew(actor, box)
            return done(request, f"{HOME}{box.pk}/", _("The gateway has a new key. Tell it to the provider."))
        if what == "try":
            return _shown(request, box, filled, found=mailboxes.tried(actor, box, sent))
        if what == "save":
            saved = mailboxes.mailbox_save(actor, box, sent, version=version_of(request))
            return done(request, f"{HOME}{saved.pk}/" if saved.channel == SMS else HOME, _("The mailbox was saved."))
    except GuanxiError as error:
        return _shown(request, box, filled, error=error)
    return _shown(request, box, filled)


def _fresh(request: HttpRequest) -> dict[str, Any]:
    channel = SMS if request.GET.get("channel") == SMS else MAIL
    return {
        **dict.fromkeys(NAMES, ""), "channel": channel, "port": 993, "security": "tls", "folder": "INBOX", "active": True,
        "replies": not Mailbox.objects.filter(replies=True).exists(),
    }  # fmt: skip


def _shown(
    request: HttpRequest,
    box: Mailbox | None,
    filled: dict[str, Any],
    *,
    found: str = "",
    error: GuanxiError | None = None,
) -> HttpResponseBase:
    sms = (box.channel if box else filled["channel"]) == SMS  # a mailbox's password is never shown as a gateway's key
    context = {
        "title": box.name if box else _("New number") if sms else _("New mailbox"),
        "box": box,
        "sms": sms,
        "filled": filled,
        "found": found,
        "securities": [("tls", _("TLS (usual, port 993)")), ("starttls", _("STARTTLS (port 143)")), ("none", _("none: only inside the house"))],
        "keepers": [("", _("nobody")), *User.objects.filter(is_active=True).order_by("sort_key").values_list("pk", "name")[:1000]],
        "unknowns": [("", _("keep it in the list of unknown senders")), *((one.entity, one.label) for one in receiving.makers())],
        "hook": f"{environment().url}/hooks/messages/{box.pk}/" if box and sms else "",
        "key": _key(box) if box and sms else "",
    }  # fmt: skip
    return show(request, "messages/box.jinja", context, error)


def _key(box: Mailbox) -> str:
    """What a gateway signs with; nothing where it was sealed under another key of the workspace: a new one is a button away."""
    try:
        return unseal(box.secret)
    except Unavailable:
        return ""


@csrf_exempt  # gateways have no page of ours; they sign what they send
@login_not_required
@never_cache
@page_view("POST")
def hook(request: HttpRequest, pk: int) -> HttpResponseBase:
    """A gateway hands over a text message (see ``incoming.gateway``)."""
    if int(request.headers.get("Content-Length") or 0) > gateway.MOST_BYTES:
        return JsonResponse({"code": "gateway.size", "message": _("This is too large.")}, status=413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        taken = gateway.accept(pk, headers, request.body)
    except Invalid as error:
        return JsonResponse({"code": error.code, "message": str(error.message)}, status=422)
    except GuanxiError as error:
        return JsonResponse({"code": error.code, "message": str(error.message)}, status=error.status)
    return JsonResponse({"taken": taken}, status=200)
