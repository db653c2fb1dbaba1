"""Pages about oneself: profile, security, tokens, notifications, rights."""

from __future__ import annotations

import datetime as dt
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from guanxi.core.automation import channels, push
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import ApiToken, User
from guanxi.core.people import preferences, sessions, signin, tokens
from guanxi.core.people.rights import FEATURES, effective_rights
from guanxi.core.people.users import password_change
from guanxi.core.web.people.common import account_tabs, done, me, show
from guanxi.core.web.shell import LANGUAGES
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.runtime.environment import environment

#: How long a new token lives, in days; 0 means no end.
LIVES = (30, 90, 365, 0)


@page_view("GET", "POST")
def profile(request: HttpRequest) -> HttpResponseBase:
    """Who I am here, my language, time zone, appearance, and how figures and names are written for me."""
    user, actor = me(request), actor_of(request)
    context: dict[str, Any] = {
        "title": _("My account"),
        "tabs": account_tabs(request),
        "user": user,
        "languages": LANGUAGES,
        "habits": _habits(user),
        "zones": [(name, name.replace("_", " ")) for name in preferences.time_zones()],
        "roles": user.roles.filter(deleted_at__isnull=True).order_by("name"),
    }
    if request.method != "POST":
        return show(request, "people/profile.jinja", context)
    data = request.POST
    try:
        with transaction.atomic():
            preferences.preferences_set(
                actor,
                language=data.get("language"),
                theme=data.get("theme"),
                values={name: data[name] for name in preferences.CHOICES if name in data},
            )
            if "timezone" in data:
                preferences.timezone_set(actor, data["timezone"])
    except GuanxiError as error:
        return show(request, "people/profile.jinja", context, error)
    return done(request, "/account/", _("Saved"))


def _habits(user: User) -> list[tuple[str, str, list[tuple[str, str]], str, str]]:
    """What one may choose of how figures, weeks and names are written: name, label, values, the present one, help."""
    held = regional.Regional.of(user.preferences)
    days = [(day, str(WEEKDAYS[int(day) - 1])) for day in regional.WEEKS]
    return [
        ("numbers", _("How numbers are written"), [(key, _sample(key)) for key in regional.NUMBERS], held.numbers, ""),
        (
            "short",
            _("Short figures"),
            [("on", _("Where there is little room: 12万, 3亿; 120K in English")), ("off", _("Never; write them out"))],
            "on" if held.short else "off",
            "",
        ),
        (
            "dates",
            _("How dates are written"),
            [(key, dt.date(2026, 12, 31).strftime(form)) for key, form in regional.DATES.items()],
            held.dates,
            "",
        ),
        ("week", _("Weeks begin on"), days, str(held.week), _("Of “this week” and of reports by week.")),
        (
            "names",
            _("Names of people"),
            [
                ("written", _("As they were written: 张伟, Anna Smith")),
                ("family", _("Family name first: 张伟, Smith, Anna")),
            ],
            held.names,
            "",
        ),
    ]


def _sample(key: str) -> str:
    with regional.override(regional.Regional(numbers=key)):
        return regional.punctuated("1,234,567.89")


@page_view()
def security(request: HttpRequest) -> HttpResponseBase:
    """Password, second factor, passkeys, and where I am signed in."""
    user = me(request)
    held = list(Authenticator.objects.filter(user_id=user.pk).order_by("created_at"))
    codes = next((one for one in held if one.type == Authenticator.Type.RECOVERY_CODES), None)
    context = {
        "title": _("My account"),
        "tabs": account_tabs(request),
        "totp": next((one for one in held if one.type == Authenticator.Type.TOTP), None),
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else None,
        "keys": [one for one in held if one.type == Authenticator.Type.WEBAUTHN],
        "sessions": sessions.sessions_of(actor_of(request), user, current_key=request.session.session_key or ""),
    }
    return show(request, "people/security.jinja", context)


@page_view("POST")
def session_end(request: HttpRequest, session_id: int) -> HttpResponseBase:
    """End one of my sessions; ending this one signs me out."""
    sessions.session_end(actor_of(request), me(request), session_id)
    return done(request, "/account/security/", _("The session was ended."))


@page_view("POST")
def sessions_end(request: HttpRequest) -> HttpResponseBase:
    """End all my sessions but this one."""
    sessions.sessions_end(actor_of(request), me(request), but_key=request.session.session_key or "")
    return done(request, "/account/security/", _("All other sessions were ended."))


@sensitive_post_parameters("old", "password", "again")
@page_view("GET", "POST")
def password(request: HttpRequest) -> HttpResponseBase:
    """Change my password; this session goes on, all others and all tokens end."""
    context = {"title": _("Change password"), "tabs": account_tabs(request)}
    if request.method != "POST":
        return show(request, "people/password.jinja", context)
    user, data = me(request), request.POST
    try:
        if data.get("password", "") != data.get("again", ""):
            raise Invalid(_("The two passwords differ."), code="password.differ", field="again")
        password_change(
            actor_of(request),
            user,
            old=data.get("old", ""),
            new=data.get("password", ""),
            but_key=request.session.session_key or "",
        )
    except GuanxiError as error:
        return show(request, "people/password.jinja", context, error)
    _go_on(request)
    return done(request, "/account/security/", _("Your password was changed."))


def _go_on(request: HttpRequest) -> None:
    """Give the present session a new key and the new stamp."""
    user = me(request)
    old = request.session.session_key
    update_session_auth_hash(request, user)
    request.session.save()
    UserSession.objects.filter(session_key=old).update(session_key=request.session.session_key)
    request.session[signin.STAMP] = user.security_stamp


@page_view("GET", "POST")
def my_tokens(request: HttpRequest) -> HttpResponseBase:
    """My tokens for programs; a new one is shown once."""
    return token_page(request, "people/tokens.jinja", {"title": _("My account"), "tabs": account_tabs(request)})


def token_page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponseBase:
    """List my tokens, and make one when the form was sent."""
    user, actor = me(request), actor_of(request)
    secret, error = "", None
    if request.method == "POST":
        try:
            secret = _make(request)
        except GuanxiError as found:
            error = found
    rows = [(token, tokens.token_state(token)) for token in tokens.tokens_of(actor, user)]
    filled = {"name": request.POST.get("name", "") if not secret else "", "scopes": request.POST.getlist("scopes")}
    return show(request, template, {**context, "rows": rows, "secret": secret, "lives": LIVES, "filled": filled}, error)


def _make(request: HttpRequest) -> str:
    data = request.POST
    days = data.get("days", "90")
    if days not in {str(one) for one in LIVES}:
        raise Invalid(_("Choose one of the values offered."), code="value.choice", field="days")
    ends = clock.now() + dt.timedelta(days=int(days)) if days != "0" else None
    user = me(request)
    _token, secret = tokens.token_create(
        actor_of(request), user, name=data.get("name", ""), scopes=data.getlist("scopes"), expires_at=ends
    )
    return secret


@page_view("POST")
def token_revoke(request: HttpRequest, token_id: int) -> HttpResponseBase:
    """End one of my tokens."""
    token = ApiToken.objects.select_related("user").filter(pk=token_id).first()
    if token is None:
        raise NotFound
    tokens.token_revoke(actor_of(request), token)
    back = "/account/tokens/" if token.user_id == actor_of(request).user_id else "/people/tokens/"
    return done(request, back, _("The token was ended."))


@page_view()
def my_rights(request: HttpRequest) -> HttpResponseBase:
    """What I can do here, and why."""
    rights = effective_rights(actor_of(request), me(request))
    context = {"title": _("My account"), "tabs": account_tabs(request), "rights": rights, "features": FEATURES}
    return show(request, "people/rights.jinja", context)


@page_view("GET", "POST")
def notifications(request: HttpRequest) -> HttpResponseBase:
    """Of what I want to hear, and by which ways."""
    actor, user, data = actor_of(request), me(request), request.POST
    devices = list(user.devices.values_list("pk", flat=True))
    context = {
        "title": _("My account"),
        "tabs": account_tabs(request),
        "sorts": channels.settings_of(user),
        "mails": channels.MAIL_LABELS,
        "email": user.email,
        "push": push.public_key() if environment().push else "",
        "devices": len(devices),
        "known": request.COOKIES.get(push.COOKIE, "") in map(str, devices),
    }
    if request.method != "POST":
        return show(request, "people/notifications.jinja", context)
    try:
        with transaction.atomic():
            for sort in channels.SORTS:
                channels.ways_set(
                    actor, sort, web=f"web.{sort}" in data, mail=data.get(f"mail.{sort}", "off"),
                    push=f"push.{sort}" in data if environment().push else None,
                )  # fmt: skip
    except GuanxiError as error:
        return show(request, "people/notifications.jinja", context, error)
    return done(request, "/account/notifications/", _("Saved"))


@page_view("POST")
def device(request: HttpRequest) -> HttpResponseBase:
    """This browser shows notifications from now on, or no more (``off``)."""
    actor, data = actor_of(request), request.POST
    if "off" in data:
        push.device_remove(actor, data.get("endpoint", ""))
        return JsonResponse({"on": False})
    name = request.headers.get("User-Agent", "")
    made = push.device_add(
        actor, endpoint=data.get("endpoint", ""), key=data.get("key", ""), secret=data.get("secret", ""), name=name
    )
    answer = JsonResponse({"on": True})
    answer.set_cookie(
        push.COOKIE, str(made.pk), max_age=push.COOKIE_LIVES, path="/account/", secure=settings.SESSION_COOKIE_SECURE,
        httponly=True, samesite="Lax",
    )  # fmt: skip
    return answer
