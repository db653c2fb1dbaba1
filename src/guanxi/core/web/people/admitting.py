"""The page that takes in a new colleague: everything he needs to begin, on one form."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Department, Position, Role, User, WorkCalendar
from guanxi.core.models.people import LANGUAGES
from guanxi.core.people import admitting
from guanxi.core.people.guards import is_administrator, require_administrator
from guanxi.core.people.rights import role_description, role_name
from guanxi.core.records import worktime
from guanxi.core.web.people.common import done, show
from guanxi.core.web.record import editing
from guanxi.core.web.views.common import actor_of, page_view

TEXTS = ("name", "username", "staff_number", "email", "phone", "language")
CHOSEN = ("department", "job", "superior")
MOST = 2000


@page_view("GET", "POST")
def from_list(request: HttpRequest) -> HttpResponseBase:
    """*New* in the list of users leads to the page; whoever may make users but gives no roles has the plain form."""
    if not is_administrator(actor_of(request)):
        return editing.create(request, "users")
    if "HX-Request" in request.headers:
        return HttpResponse(status=204, headers={"HX-Redirect": "/people/users/new/"})
    return page(request)


@page_view("GET", "POST")
def page(request: HttpRequest) -> HttpResponseBase:
    """The form, and what comes of it."""
    actor = actor_of(request)
    require_administrator(actor)
    data = request.POST
    filled: dict[str, Any] = {name: data.get(name, "") for name in (*TEXTS, *CHOSEN, "calendar")}
    filled |= {"roles": data.getlist("roles"), "invite": bool(data.get("invite"))}
    if request.method != "POST":
        filled |= {"language": "zh-hans", "invite": True, "department": request.GET.get("department", "")}
        return show(request, "people/admit.jinja", {**_choices(), "filled": filled})
    try:
        made = admitting.user_admit(
            actor,
            values={name: filled[name] for name in (*TEXTS, *CHOSEN) if filled[name]},
            roles=Role.objects.filter(pk__in=[one for one in filled["roles"] if one.isdecimal()]),
            calendar=filled["calendar"],
            invite=filled["invite"],
        )
    except GuanxiError as error:
        return show(request, "people/admit.jinja", {**_choices(), "filled": filled}, error)
    text = _("%(name)s was taken in.") % {"name": made}
    if filled["invite"]:
        text += " " + _("The mail is on its way to %(email)s.") % {"email": made.email}
    return done(request, f"/people/users/{made.pk}/", text)


def _choices() -> dict[str, Any]:
    none = ("", "—")
    return {
        "title": _("New colleague"),
        "departments": [none, *Department.objects.order_by("path", "position").values_list("pk", "name")[:MOST]],
        "jobs": [none, *Position.objects.order_by("rank", "name").values_list("pk", "name")[:MOST]],
        "superiors": [none, *User.objects.filter(is_active=True).order_by("sort_key").values_list("pk", "name")[:MOST]],
        "calendars": [("", _("that of the department")), *((one.key, worktime.name_of(one)) for one in WorkCalendar.objects.all())],
        "roles": [(role, role_name(role), role_description(role)) for role in Role.objects.order_by("name", "pk")],
        "languages": LANGUAGES,
    }  # fmt: skip
