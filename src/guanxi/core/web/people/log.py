"""The access log: sign-ins, refusals, masked values shown, exports."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.kernel import clock
from guanxi.core.models import AccessEntry
from guanxi.core.people.guards import require_administrator
from guanxi.core.people.sessions import device_name
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import days
from guanxi.core.web.people.common import show
from guanxi.core.web.views.common import actor_of, page_view

PAGE = 100
_FACTORS = {
    "totp_activated": gettext_lazy("authenticator app connected"),
    "totp_deactivated": gettext_lazy("authenticator app removed"),
    "webauthn_added": gettext_lazy("passkey added"),
    "webauthn_removed": gettext_lazy("passkey removed"),
    "recovery_codes_generated": gettext_lazy("new recovery codes"),
}


def sorts() -> dict[str, str]:
    """The sorts of entries in words."""
    return {
        "sign_in": _("Signed in"),
        "sign_in_failed": _("Sign-in failed"),
        "sign_in_throttled": _("Too many attempts"),
        "factor_changed": _("Second factor changed"),
        "sign_out": _("Signed out"),
        "session_ended": _("Session ended"),
        "reveal": _("Masked value shown"),
        "export": _("Exported"),
        "denied": _("Refused"),
    }


@page_view()
def access_log(request: HttpRequest) -> HttpResponseBase:
    """Newest first, by sort, person, address and day; a hundred at a time."""
    require_administrator(actor_of(request), "view")
    query = request.GET
    rows = AccessEntry.objects.order_by("-id")
    asked = {name: query.get(name, "").strip() for name in ("sort", "person", "address", "day", "mark", "before")}
    if asked["sort"]:
        rows = rows.filter(sort=asked["sort"])
    if asked["person"]:
        rows = rows.filter(actor_name__icontains=asked["person"]) | rows.filter(
            details__login__icontains=asked["person"]
        )
    if asked["address"]:
        rows = rows.filter(address__startswith=asked["address"])
    if asked["mark"]:
        rows = rows.filter(details__mark=asked["mark"].upper())
    rows = _on_day(rows, asked["day"], actor_of(request).timezone)
    if asked["before"].isdecimal():
        rows = rows.filter(pk__lt=int(asked["before"][:18]))
    found = list(rows[: PAGE + 1])
    context = {
        "title": _("Access log"),
        "rows": [(row, _details(row)) for row in found[:PAGE]],
        "older": found[PAGE - 1].pk if len(found) > PAGE else None,
        "sorts": sorts(),
        "asked": asked,
    }
    return show(request, "people/log.jinja", context)


def _details(row: AccessEntry) -> str:
    """What is worth saying about an entry, in words."""
    reasons = {
        "idle": _("eight hours without use"),
        "absolute": _("two weeks over"),
        "stamp": _("account or password changed"),
        "ended": _("ended by hand"),
        "password": _("Change password"),
    }
    known = dict(row.details)
    entity = str(entity_of(row.entity).plural) if is_registered(row.entity) else row.entity
    parts = [f"{entity} #{row.record_id}" if row.record_id else entity, row.field]
    if "agent" in known:
        parts.append(device_name(str(known.pop("agent"))))
    known.pop("login", None)
    if "reason" in known:
        reason = str(known.pop("reason"))
        parts.append(reasons.get(reason, reason))
    if known.pop("step", ""):
        parts.append(_("second step"))
    if "factor" in known:
        factor = str(known.pop("factor"))
        parts.append(str(_FACTORS.get(factor, factor)))
    said = (f"{name}: {_text(value)}" for name, value in known.items() if value not in ("", None, [], {}))
    return ", ".join(filter(None, [*parts, *said]))


def _text(value: Any) -> str:
    return " ".join(str(one) for one in value) if isinstance(value, list | tuple) else str(value)


def _on_day(rows: Any, day: str, zone: str) -> Any:
    try:
        start = clock.day_start(days.read_day(day), zone)
    except ValueError:
        return rows
    return rows.filter(at__gte=start, at__lt=start + dt.timedelta(days=1))
