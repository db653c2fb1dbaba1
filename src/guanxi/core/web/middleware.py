"""Between server and pages: security headers, who is asking, in which language and time zone, and that he is signed in."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from guanxi.core.access import actors
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import ANONYMOUS, Actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.kernel.memo import remembering
from guanxi.core.kernel.regional import Regional
from guanxi.core.models import User, stamps
from guanxi.core.people import factors, signin
from guanxi.core.web.errors import error_response, wants_fragment
from guanxi.runtime.environment import environment

Response = Callable[[HttpRequest], HttpResponseBase]

#: A face that asks for credentials itself.
OWN_DOOR = "/api/"
#: Where a second factor is set up: all that opens without the one that is demanded.
FACTOR_PAGE = "/account/second-factor/"
FACTOR_PAGES = (FACTOR_PAGE, "/account/2fa/", "/account/reauthenticate/")
#: In the session of somebody who has said that he will set it up later.
LATER = "gx_factor_later"
LANGUAGE_COOKIE = "guanxi_language"

_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
_PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in ("accelerometer", "autoplay", "browsing-topics", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment", "usb")
)  # fmt: skip


def events_origin(request: HttpRequest) -> str:
    """Where live events come from: the port beside ours, or our own address behind a proxy."""
    setup = environment()
    if setup.behind_proxy:
        return ""
    host = urlsplit(f"//{request.META.get('HTTP_HOST', '')}").hostname or "localhost"
    host = f"[{host}]" if ":" in host else host
    return f"{request.scheme}://{host}:{setup.events_port}"


class SecurityHeadersMiddleware:
    """Content-Security-Policy and its relatives on every answer; a view may set a policy of its own before,
    or parts of one as ``response.policy``.
    """

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer with its headers."""
        response = self.get_response(request)
        policy = {
            **_POLICY,
            "connect-src": f"'self' {events_origin(request)}".strip(),
            **getattr(response, "policy", {}),
        }
        headers = {
            "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
            "Permissions-Policy": _PERMISSIONS,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response


def _time_zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo(settings.TIME_ZONE)


def guest_language(request: HttpRequest) -> str:
    """The language of somebody not signed in: what he chose on the sign-in page, what his browser asks for, or the default."""
    known = [code for code, _label in settings.LANGUAGES]
    for chosen in (request.GET.get("language"), request.COOKIES.get(LANGUAGE_COOKIE)):
        if chosen in known:
            return str(chosen)
    for part in request.headers.get("Accept-Language", "").lower().split(","):
        asked = part.partition(";")[0].strip()
        if asked.startswith("zh"):
            return "zh-hans"
        if asked.startswith("en"):
            return "en"
    return str(settings.LANGUAGE_CODE)


class ActorMiddleware:
    """Sets ``request.actor``, activates his language and time zone, ends sessions that may not go on, asks others to sign in.

    Every page needs a signed-in user unless its view is marked ``login_not_required``.
    """

    def __init__(self, get_response: Response) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, made in the asker's language and time zone."""
        stamps.refresh()
        actor = self._actor(request)
        request.actor = actor  # type: ignore[attr-defined]
        guest = actor.kind == "anonymous"
        language = guest_language(request) if guest else actor.language
        zone = _time_zone(settings.TIME_ZONE if guest else actor.timezone)
        with regional.speaking(language, zone, actor.regional):
            if request.method in ("GET", "HEAD"):
                with remembering():
                    response = self.get_response(request)
            else:
                response = self.get_response(request)
        if getattr(response, "streaming", False) and not getattr(response, "is_async", False):
            response.streaming_content = _within(response.streaming_content, language, zone, actor.regional)  # type: ignore[attr-defined]
        response.headers.setdefault("Content-Language", "zh-Hans" if language == "zh-hans" else language)
        if not guest:  # what one person may see is kept on no disk; files and pictures say for themselves how long
            response.headers.setdefault("Cache-Control", "no-store")
        if guest:
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
            if request.GET.get("language") == language:
                response.set_cookie(
                    LANGUAGE_COOKIE, language, max_age=365 * 86400, samesite="Lax", secure=settings.SECURE_SITE
                )
        return response

    def _actor(self, request: HttpRequest) -> Actor:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or _comes_by_token(request):
            return ANONYMOUS
        user = request.user
        if not isinstance(user, User):
            return ANONYMOUS
        trouble = signin.session_trouble(request, user)
        if trouble:
            logout(request)
            signin.access_note("session_ended", request, user, reason=trouble)
            request.session_ended = trouble  # type: ignore[attr-defined]
            return ANONYMOUS
        if request.session.modified:
            UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=clock.now())
        request_id = str(getattr(request, "request_id", "") or "")
        return actors.load(user, via="web", address=signin.address_of(request), request_id=request_id)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        """Ask for a sign-in where the view needs one, and for a second factor where one is demanded."""
        if not getattr(view, "login_required", True):
            return None
        if request.actor.kind != "anonymous":  # type: ignore[attr-defined]
            return ask_for_factor(request)
        if request.path.startswith(OWN_DOOR):
            return None
        return ask_to_sign_in(request)


def _comes_by_token(request: HttpRequest) -> bool:
    """Whether the API will ask the token alone who this is, whatever page the browser is signed in to."""
    return "HTTP_AUTHORIZATION" in request.META and request.path.startswith("/api/")


def ask_to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The way to the sign-in page and back; scripts get 401 and say so themselves, so that nothing typed is lost."""
    if wants_fragment(request) or "application/json" in request.headers.get("Accept", ""):
        return HttpResponse(status=401)
    back = request.get_full_path() if request.method == "GET" else ""
    query: dict[str, str] = {}
    if back and back != "/" and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        query["next"] = back
    if getattr(request, "session_ended", ""):
        query["ended"] = request.session_ended  # type: ignore[attr-defined]
    return HttpResponseRedirect(reverse("account_login") + (f"?{urlencode(query)}" if query else ""))


def ask_for_factor(request: HttpRequest) -> HttpResponseBase | None:
    """The way to setting a second factor up, for whoever must have one and has none; ``None`` for all others.

    While there is time, whole pages lead there until he says later; after that nothing else answers this session.
    """
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if not factors.asked_of(actor) or request.path.startswith((OWN_DOOR, *FACTOR_PAGES)):
        return None
    if not isinstance(request.user, User):
        return None
    standing = factors.standing(actor, request.user)
    reading = request.method == "GET" and not wants_fragment(request)
    if standing == "free" or (standing == "grace" and (LATER in request.session or not reading)):
        return None
    if reading:
        back = request.get_full_path()
        return HttpResponseRedirect(FACTOR_PAGE + (f"?{urlencode({'next': back})}" if back != "/" else ""))
    if "HX-Request" in request.headers:
        return HttpResponse(status=403, headers={"HX-Redirect": FACTOR_PAGE})
    return error_response(request, Denied(factors.DUE, code="account.factor_due"))


def _within(parts: Iterable[bytes], language: str, zone: zoneinfo.ZoneInfo, habits: Regional) -> Iterator[bytes]:
    """A streamed answer made in the same language, time zone and habits as the rest."""
    with regional.speaking(language, zone, habits):
        yield from parts
