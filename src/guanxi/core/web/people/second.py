"""The second factor where it is demanded: setting one up on the way in, and the administrator's page about whom it is asked of."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Role
from guanxi.core.people import factors
from guanxi.core.people.guards import require_administrator
from guanxi.core.people.rights import role_name
from guanxi.core.web.middleware import LATER
from guanxi.core.web.people.common import done, me, show
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.core.web.views.pages import redirect

ADDRESS = "/people/second-factor/"
NEXT = "gx_factor_next"
SHOWN = 200


@never_cache
@page_view("GET", "POST")
def ask(request: HttpRequest) -> HttpResponseBase:
    """The two ways to a second factor; ``later`` while there is time. Whoever has one goes on to where he wanted."""
    user, actor = me(request), actor_of(request)
    wanted = request.GET.get("next", "")
    if wanted and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        request.session[NEXT] = wanted
    standing = factors.standing(actor, user)
    if standing == "grace" and request.method == "POST":
        request.session[LATER] = True
    if standing == "free" or (standing == "grace" and LATER in request.session):
        return redirect(request.session.pop(NEXT, "/account/security/" if standing == "free" else "/"))
    context = {"until": factors.demand().ends(user) if standing == "grace" else None}
    return render(request, "account/second_factor.html", context, using="jinja2")


@page_view("GET", "POST")
def demanded(request: HttpRequest) -> HttpResponseBase:
    """Of whom a second factor is demanded, and who of them lacks one."""
    actor = actor_of(request)
    require_administrator(actor)
    if request.method != "POST":
        return show(request, "people/second_factor.jinja", _context(request))
    data = request.POST
    try:
        factors.demand_set(actor, of=data.get("of", ""), roles=data.getlist("roles"), days=data.get("days", ""))
    except Invalid as error:
        return show(request, "people/second_factor.jinja", _context(request), error)
    return done(request, ADDRESS, _("Saved."))


def _context(request: HttpRequest) -> dict[str, Any]:
    held, data = factors.demand(), request.POST
    lacking = [(user, held.ends(user)) for user in factors.asked_users(held=False)[: SHOWN + 1]]
    chosen = set(data.getlist("roles")) if data else set(held.roles)
    return {
        "title": _("Second factor"),
        "ways": list(factors.OF.items()),
        "of": data.get("of", held.of),
        "days": data.get("days", held.days),
        "roles": [(role.key, role_name(role), role.key in chosen) for role in Role.objects.order_by("name", "pk")],
        "all": factors.asked_users().count(),
        "having": factors.asked_users(held=True).count(),
        "lacking": lacking[:SHOWN],
        "more": len(lacking) > SHOWN,
        "now": clock.now(),
    }
