"""Administration of one user: roles, invitation, deactivation, sessions, tokens, what he can do."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from guanxi.core.automation.leaving import left_by
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import OneTimeLink, Role, User
from guanxi.core.people import inviting, links, sessions, tokens, users
from guanxi.core.people.guards import require_administrator
from guanxi.core.people.rights import FEATURES, effective_rights, role_description, role_name
from guanxi.core.web.people.common import done, show, user_for, user_tabs
from guanxi.core.web.views.common import actor_of, page_view


def _base(user: User) -> str:
    return f"/people/users/{user.pk}/"


def _context(request: HttpRequest, user: User) -> dict[str, Any]:
    held = set(user.roles.values_list("pk", flat=True))
    choices = [
        (role, role_name(role), role_description(role), role.pk in held) for role in Role.objects.order_by("name", "pk")
    ]
    open_ = OneTimeLink.objects.filter(user=user, used_at__isnull=True, expires_at__gt=clock.now())
    return {
        "title": str(user),
        "tabs": user_tabs(request, user),
        "user": user,
        "roles": choices,
        "waiting": open_.order_by("-created_at").first(),
        "has_password": user.has_usable_password(),
        "factors": user.authenticator_set.exclude(type="recovery_codes").count(),
        "link": "",
        "leaving": left_by(user),
    }


@never_cache
@page_view("GET", "POST")
def user_page(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """What an administrator does with a user; each button posts ``do``."""
    user = user_for(request, user_id)
    require_administrator(actor_of(request), "view")
    if request.method != "POST":
        return show(request, "people/user.jinja", _context(request, user))
    try:
        return _do(request, user, request.POST.get("do", ""))
    except GuanxiError as error:
        return show(request, "people/user.jinja", _context(request, user), error)


def _do(request: HttpRequest, user: User, what: str) -> HttpResponseBase:
    actor = actor_of(request)
    if what == "roles":
        chosen = [one for one in request.POST.getlist("roles") if one.isdecimal()]
        users.user_roles_set(actor, user, Role.objects.filter(pk__in=chosen))
        return done(request, _base(user), _("The roles were saved. They count from now on."))
    if what == "invite":
        inviting.user_invite(actor, user)
        return done(request, _base(user), _("The mail is on its way to %(email)s.") % {"email": user.email})
    if what == "link":
        address = links.link_create(actor, user, "reset" if user.has_usable_password() else "invite")
        return show(request, "people/user.jinja", {**_context(request, user), "link": address})
    if what == "deactivate":
        leaving = left_by(user)
        users.user_deactivate(actor, user)
        text = _("%(name)s can no longer sign in.") % {"name": user}
        if leaving.to is not None:
            text += " " + _("What waits for him goes to %(name)s.") % {"name": leaving.to}
        return done(request, _base(user), text)
    if what == "reactivate":
        users.user_reactivate(actor, user)
        return done(request, _base(user), _("%(name)s can sign in again.") % {"name": user})
    if what == "factor":
        users.second_factor_reset(actor, user)
        return done(request, _base(user), _("The second factor of %(name)s was removed.") % {"name": user})
    return done(request, _base(user), _("Nothing was changed."))


@page_view()
def user_rights(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """What this user can do, and which role gives it."""
    user = user_for(request, user_id)
    rights = effective_rights(actor_of(request), user)
    context = {"title": str(user), "tabs": user_tabs(request, user), "rights": rights, "features": FEATURES}
    return show(request, "people/rights.jinja", context)


@page_view()
def user_open(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Where a user is signed in, and his tokens."""
    user, actor = user_for(request, user_id), actor_of(request)
    context = {
        "title": str(user),
        "tabs": user_tabs(request, user),
        "user": user,
        "sessions": sessions.sessions_of(actor, user),
        "rows": [(token, tokens.token_state(token)) for token in tokens.tokens_of(actor, user)],
    }
    return show(request, "people/open.jinja", context)


@page_view("POST")
def user_sessions_end(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """Sign a user out everywhere."""
    user = user_for(request, user_id)
    sessions.sessions_end(actor_of(request), user)
    return done(request, f"{_base(user)}open/", _("%(name)s was signed out everywhere.") % {"name": user})


@page_view()
def all_tokens(request: HttpRequest) -> HttpResponseBase:
    """Tokens of everybody."""
    rows = [(token, tokens.token_state(token)) for token in tokens.tokens_of(actor_of(request))[:500]]
    return show(request, "people/all_tokens.jinja", {"title": _("API tokens"), "rows": rows})
