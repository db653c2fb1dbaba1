"""The client's own pages under ``/my/``, with a session of their own; nothing of the house's session counts here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from guanxi.core.automation import marketing
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid
from guanxi.core.outside import inviting, logins, portal
from guanxi.core.people.signin import address_of
from guanxi.core.records import display
from guanxi.core.web.forms import choosing
from guanxi.core.web.inputs import raw_values
from guanxi.core.web.middleware import LANGUAGE_COOKIE, guest_language
from guanxi.core.web.people.common import errors_of, show
from guanxi.core.web.views.common import page_view

PLACE = "/my/"
#: It holds for these pages alone, so it can be held to https but not, like the others, to ``/``.
COOKIE = "__Secure-guanxi_client" if settings.SECURE_SITE else "guanxi_client"
HOME = "/my/"


def _client(request: HttpRequest) -> Actor | None:
    request_id = str(getattr(request, "request_id", "") or "")
    return logins.actor_of(request.COOKIES.get(COOKIE, ""), address=address_of(request), request_id=request_id)


def client_view(*methods: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """A page for clients signed in; others are sent to sign in. The view gets the client as its second argument."""

    def wrap(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def ask(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            client = _client(request)
            if client is None:
                return HttpResponseRedirect(HOME + "in/")
            chosen = request.GET.get("language") or request.COOKIES.get(LANGUAGE_COOKIE)
            known = [code for code, _label in settings.LANGUAGES]
            with (
                translation.override(chosen if chosen in known else client.language),
                timezone.override(settings.TIME_ZONE),
            ):
                return view(request, client, *args, **kwargs)

        return login_not_required(never_cache(page_view(*methods)(ask)))

    return wrap


def _page(
    request: HttpRequest, client: Actor | None, context: dict[str, Any], error: GuanxiError | None = None
) -> HttpResponseBase:
    shelves = portal.shelves(client) if client else []
    template = context.pop("template")
    placed = {one.name for one in context.get("inputs", ())} | {"email", "old", "password", "again"}
    told = errors_of(error) if error else {}
    told[""] = [text for name, some in told.items() if name not in placed for text in some]
    return show(request, template, {"client": client, "shelves": shelves, "here": "", **context, "errors": told}, error)


def _enter(secret: str) -> HttpResponseBase:
    answer = HttpResponseRedirect(HOME)
    answer.set_cookie(
        COOKIE, secret, max_age=int(logins.SESSION_LIFE.total_seconds()), path=PLACE, httponly=True, samesite="Lax",
        secure=settings.SECURE_SITE,
    )  # fmt: skip
    return answer


@sensitive_post_parameters("password")
@login_not_required
@never_cache
@page_view("GET", "POST")
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Sign in with a password, or ask for a link by mail."""
    with translation.override(guest_language(request)):
        email = request.POST.get("email", "")
        context = {
            "template": "outside/sign_in.jinja",
            "title": _("Sign in as a client"),
            "email": email,
            "sent": False,
        }
        if request.method != "POST":
            return _page(request, None, context)
        try:
            if not email.strip() or "\x00" in email:
                raise Invalid(_("Type your e-mail address."), code="portal.email", field="email")
            if request.POST.get("do") == "link":
                inviting.link_request(email, address=address_of(request))
                return _page(request, None, {**context, "sent": True})
            return _enter(logins.password_use(email, request.POST.get("password", ""), address=address_of(request)))
        except GuanxiError as error:
            return _page(request, None, context, error)


@login_not_required
@never_cache
@page_view("GET", "POST")
def enter(request: HttpRequest, secret: str) -> HttpResponseBase:
    """Behind a link of a mail: one button opens the session. Looking does not use the link up, so no scanner of mails can."""
    login = logins.link_read(secret)
    with translation.override(login.language):
        if request.method == "POST":
            return _enter(logins.link_use(secret, address=address_of(request)))
        return _page(request, None, {"template": "outside/enter.jinja", "title": _("Welcome"), "email": login.email})


@client_view("POST")
def sign_out(request: HttpRequest, _client: Actor) -> HttpResponseBase:
    """End the session."""
    logins.session_end(request.COOKIES.get(COOKIE, ""))
    answer = HttpResponseRedirect(HOME + "in/")
    answer.delete_cookie(COOKIE, path=PLACE)
    return answer


@sensitive_post_parameters("old", "password", "again")
@client_view("GET", "POST")
def password(request: HttpRequest, client: Actor) -> HttpResponseBase:
    """Choose a password; who has one types it first, unless he came by a link just now."""
    secret = request.COOKIES.get(COOKIE, "")
    context = {
        "template": "outside/password.jinja", "title": _("Password"), "done": False, "due": logins.password_due(secret),
    }  # fmt: skip
    if request.method != "POST":
        return _page(request, client, context)
    try:
        if request.POST.get("password", "") != request.POST.get("again", ""):
            raise Invalid(_("The two passwords differ."), code="password.differ", field="again")
        logins.password_set(client, secret, request.POST.get("password", ""), old=request.POST.get("old", ""))
    except GuanxiError as error:
        return _page(request, client, context, error)
    return _page(request, client, {**context, "done": True})


def _line(client: Actor, shelf: portal.Shelf, one: Any) -> dict[str, Any]:
    return {
        "id": one.pk, "title": display.title_of(shelf.entity, one, client), "facts": portal.facts(client, shelf, one),
        "at": one.created_at,
    }  # fmt: skip


def _wants(client: Actor) -> bool:
    record = marketing.record_of(*client.subject) if client.subject else None
    said = marketing.standing(record) if record is not None else None
    return said[0] == marketing.GIVEN if said else not marketing.only_agreed()


@client_view()
def home(request: HttpRequest, client: Actor) -> HttpResponseBase:
    """Everything opened to him, the newest of each."""
    parts = []
    for shelf in portal.shelves(client):
        some, more = portal.rows(client, shelf)
        parts.append(
            {"shelf": shelf, "lines": [_line(client, shelf, one) for one in some[:5]], "more": more or len(some) > 5}
        )
    return _page(
        request,
        client,
        {"template": "outside/home.jinja", "title": client.name, "parts": parts, "wants": _wants(client)},
    )


@client_view("POST")
def marketing_word(request: HttpRequest, client: Actor) -> HttpResponseBase:
    """Yes or no to marketing, about himself and every address we hold of him."""
    record = marketing.record_of(*client.subject) if client.subject else None
    if record is not None:
        state = marketing.GIVEN if request.POST.get("want") == "yes" else marketing.WITHDRAWN
        marketing.agreed(client, record, source="portal", proof=client.address, state=state)
    return HttpResponseRedirect(HOME)


@client_view()
def shelf_list(request: HttpRequest, client: Actor, path: str) -> HttpResponseBase:
    """All his records of one sort, a page at a time."""
    shelf = portal.shelf_at(client, path)
    start = request.GET.get("start", "0")
    first = int(start) if start.isdecimal() and len(start) < 7 else 0
    some, more = portal.rows(client, shelf, start=first)
    context = {
        "template": "outside/list.jinja", "title": shelf.label, "shelf": shelf, "here": path,
        "lines": [_line(client, shelf, one) for one in some], "next": first + portal.SHOWN if more else 0,
    }  # fmt: skip
    return _page(request, client, context)


@client_view("GET", "POST")
def shelf_record(request: HttpRequest, client: Actor, path: str, pk: int) -> HttpResponseBase:
    """One of his records with what hangs on it; a form adds to it where that is opened."""
    shelf = portal.shelf_at(client, path)
    one = portal.record(client, shelf, pk)
    hanging = portal.below(client, shelf.entity)
    error, sent = None, ""
    if request.method == "POST":
        sent = request.POST.get("to", "")
        target = next((each for each in hanging if each.entity.path == sent and each.adds), None)
        if target is not None:
            try:
                portal.make(client, target, raw_values(portal.asked(target), request.POST), within=one.pk)
                return HttpResponseRedirect(request.path)
            except GuanxiError as found:
                error = found
    told = errors_of(error) if error else {}
    parts = [
        {
            "shelf": each,
            "lines": [_line(client, each, row) for row in portal.rows(client, each, within=one)[0]],
            "inputs": _inputs(client, each, request, told if each.entity.path == sent else {}) if each.adds else [],
        }
        for each in hanging
    ]
    context = {
        "template": "outside/record.jinja", "title": display.title_of(shelf.entity, one, client), "shelf": shelf, "here": path,
        "facts": portal.facts(client, shelf, one), "steps": portal.path_of(shelf, one), "parts": parts,
    }  # fmt: skip
    return _page(request, client, context, error)


def _inputs(client: Actor, shelf: portal.Shelf, request: HttpRequest, errors: dict[str, list[str]]) -> list[Any]:
    fields = portal.asked(shelf)
    values = raw_values(fields, request.POST) if errors else {}
    return list(choosing.inputs(client, shelf.entity, fields, values, errors=errors).values())


@client_view("GET", "POST")
def shelf_new(request: HttpRequest, client: Actor, path: str) -> HttpResponseBase:
    """Make a record of his."""
    shelf = portal.shelf_at(client, path)
    if not shelf.adds or "." in shelf.view.path:
        return HttpResponse(status=404)
    context: dict[str, Any] = {
        "template": "outside/new.jinja", "title": _("New: %(what)s") % {"what": shelf.label}, "shelf": shelf, "here": path,
    }  # fmt: skip
    if request.method != "POST":
        return _page(request, client, {**context, "inputs": _inputs(client, shelf, request, {})})
    try:
        made = portal.make(client, shelf, raw_values(portal.asked(shelf), request.POST))
    except GuanxiError as error:
        return _page(request, client, {**context, "inputs": _inputs(client, shelf, request, errors_of(error))}, error)
    return HttpResponseRedirect(f"{HOME}{path}/{made.pk}/")
