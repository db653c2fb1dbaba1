"""The dialog in which a record is shared with colleagues."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import User
from guanxi.core.people import shares
from guanxi.core.schema.registry import entity_at
from guanxi.core.web import toasts
from guanxi.core.web.people.common import show
from guanxi.core.web.views.common import actor_of, page_view


def _record(request: HttpRequest, path: str, record_id: int) -> Any:
    record = entity_at(path).model._default_manager.filter(pk=record_id).first()
    if record is None:
        raise NotFound
    access.require(actor_of(request), "view", record)
    return record


def _user(text: str) -> User:
    found = User.objects.filter(pk=int(text[:18]), is_active=True).first() if text.isdecimal() else None
    if found is None:
        raise Invalid(_("Choose a colleague."), code="share.user", field="user")
    return found


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid(_("Choose a day."), code="share.until", field="until") from None


@page_view("GET", "POST")
def share(request: HttpRequest, path: str, record_id: int) -> HttpResponseBase:
    """Who has been given the record; give it to one more, change or take back."""
    actor, record = actor_of(request), _record(request, path, record_id)
    error, notice = None, ""
    if request.method == "POST":
        try:
            notice = _change(request, record)
        except GuanxiError as found:
            error = found
    context = {
        "title": _("Share %(name)s") % {"name": record},
        "record": record,
        "address": f"/{path}/{record_id}/",
        "shares": shares.shares_of(actor, record) if access.allowed(actor, "view", record) else [],
        "may_share": shares.may_share(actor, record),
        "may_write": access.allowed(actor, "change", record),
        "carried": shares.carried_labels(record),
        "filled": {name: request.POST.get(name, "") if error else "" for name in ("user", "level", "until")},
        "chosen": User.objects.filter(pk=request.POST["user"]).first()
        if error and request.POST.get("user", "").isdecimal()
        else None,
    }
    response = show(request, "people/share.jinja", context, error)
    if notice:
        toasts.attach(response, toasts.toast(notice))
    return response


def _change(request: HttpRequest, record: Any) -> str:
    actor, data = actor_of(request), request.POST
    if "remove" in data:
        user = User.everything.filter(pk=data["remove"] if data["remove"].isdecimal() else 0).first()
        if user is None:
            raise NotFound(code="share.none")
        shares.share_remove(actor, record, user)
        return _("No longer shared with %(name)s.") % {"name": user}
    user = _user(data.get("user", ""))
    shares.share_set(actor, record, user, level=data.get("level", "read"), until=_day(data.get("until", "")))  # type: ignore[arg-type]
    return _("Shared with %(name)s.") % {"name": user}
