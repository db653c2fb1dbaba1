"""On a record's menu: let it sign in as a client, send it a new link, take the sign-in away."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.access import reads, require
from guanxi.core.automation.addressing import address_seen
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models.incoming import MAIL
from guanxi.core.outside import inviting, logins
from guanxi.core.records import display, shape, values
from guanxi.core.schema.entity import Entity
from guanxi.core.web.people.common import errors_of
from guanxi.core.web.record.common import done, find
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import draw, page_view


@page_view("GET", "POST")
def dialog(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """The sign-in of a record: address, language, last visit; invite or end it."""
    actor, entity, record = find(request, path, pk)
    if not logins.may_have(record):
        raise NotFound
    require(actor, "change", record)
    login = logins.login_of(record)
    shown = address_seen(actor, MAIL, login.email) if login else _known(actor, entity, record)
    given = request.POST.get("email", shown)
    context: dict[str, Any] = {
        "title": _("Client sign-in of %(name)s") % {"name": display.title_of(entity, record, actor)}, "login": login,
        "email": given, "errors": {},
        "chosen": request.POST.get("language", login.language if login else "zh-hans"), "action": request.path,
    }  # fmt: skip
    if request.method != "POST":
        return draw(request, "outside/invite_page.jinja", context, fragment="outside/invite.jinja")
    try:
        if request.POST.get("do") == "end":
            logins.login_end(actor, record)
            said = _("The client can no longer sign in.")
        else:
            language = "en" if request.POST.get("language") == "en" else "zh-hans"
            email = login.email if login and given.strip() == shown else given
            login = inviting.login_invite(actor, record, email, language=language)
            said = _("A link was sent to %(email)s.") % {"email": address_seen(actor, MAIL, login.email)}
    except GuanxiError as error:
        filled = {**context, "errors": errors_of(error)}
        return draw(request, "outside/invite_page.jinja", filled, status=error.status, fragment="outside/invite.jinja")
    return done(request, toast(said))


def _known(actor: Actor, entity: Entity, record: object) -> str:
    """The first e-mail the record has, if the actor reads it in full."""
    field = shape.fields_of(entity).get("emails")
    found = values.current(record, field) if field is not None and reads(actor, entity, "emails") else None
    return str(found[0].get("value") or "") if found else ""
