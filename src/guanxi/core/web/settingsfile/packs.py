"""Industry packs on a page: what there is, apply, apply again, remove; done by a job whose progress the page shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.exchange import packing, packs
from guanxi.core.exchange.jobs import pack_do
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Operation, Role
from guanxi.core.people.rights import role_name
from guanxi.core.web.people.common import done, show
from guanxi.core.web.views.common import actor_of, page_view

HOME = "/settings/packs/"


@page_view("GET", "POST")
def index(request: HttpRequest) -> HttpResponseBase:
    """Every pack with what it brings; its buttons apply and remove it."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    error: GuanxiError | None = None
    if request.method == "POST":
        key = request.POST.get("pack", "")
        try:
            with transaction.atomic():
                operation = packing.pack_begin(
                    actor,
                    key,
                    removing=request.POST.get("do") == "remove",
                    with_samples=request.POST.get("samples") == "1",
                )
                pack_do.defer(operation_id=operation.pk)
        except GuanxiError as found:
            error = found
        else:
            return done(request, HOME, _("It runs in the background; this page shows how far it is."))
    latest = packing.latest()
    listed = [
        {**one, "roles": _roles(one["key"]), "last": _last(latest.get(one["key"]), bool(one["applied"]))}
        for one in packs.listed()
    ]
    context = {"title": _("Industry packs"), "packs": listed, "may_apply": actor.rights.everything}
    return show(request, "settingsfile/packs.jinja", context, error)


def _last(operation: Operation | None, applied: bool) -> dict[str, Any] | None:
    """What was last asked for of a pack: how far it is, or what came of it. An end that others undid since is no news."""
    if operation is None:
        return None
    running = operation.state in packing.UNDER_WAY
    removing = bool(operation.parameters["removing"])
    if operation.state == "done" and removing == applied:
        return None
    words, kept = _told(operation.result) if operation.state == "done" else "", operation.result.get("kept", [])
    failed = (operation.result.get("reason") or _("It was interrupted.")) if operation.state == "failed" else ""
    return {"one": operation, "running": running, "removing": removing, "words": words, "kept": kept, "failed": failed}


def _told(result: Mapping[str, Any]) -> str:
    if not (result["changed"] or result["samples"]):
        return _("Everything is as the pack says already.")
    text = _("%(changed)d settings, %(samples)d sample records.") % result
    if result["samples_kept"]:
        text += " " + _("%(count)d sample records stay: somebody worked on them.") % {"count": result["samples_kept"]}
    return text


def _roles(key: str) -> list[tuple[Role, str, int]]:
    """The roles a pack brought, each with its name and how many people hold it."""
    keys = [row["key"] for row in packs.pack_of(key).settings.get("roles", ())]
    rows = Role.objects.filter(key__in=keys).annotate(holders=Count("users", distinct=True))
    return [(role, role_name(role), role.holders) for role in sorted(rows, key=lambda one: keys.index(one.key))]
