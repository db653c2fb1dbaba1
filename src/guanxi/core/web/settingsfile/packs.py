"""Industry packs on a page: what there is, apply, apply again, remove."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.exchange import packs
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models import Role
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
            removing = request.POST.get("do") == "remove"
            result = (
                packs.remove(actor, key)
                if removing
                else packs.apply(actor, key, with_samples=request.POST.get("samples") == "1")
            )
        except GuanxiError as found:
            error = found
        else:
            text = _told(result)
            if result.samples_kept:
                text += " " + _("%(count)d sample records stay: somebody worked on them.") % {
                    "count": result.samples_kept
                }
            kept = "".join(
                " " + _("left as it is, somebody changed it: %(name)s") % {"name": name} for name in result.kept[:5]
            )
            return done(request, HOME, text + kept)
    listed = [{**one, "roles": _roles(one["key"])} for one in packs.listed()]
    context = {"title": _("Industry packs"), "packs": listed, "may_apply": actor.rights.everything}
    return show(request, "settingsfile/packs.jinja", context, error)


def _told(result: packs.PackResult) -> str:
    if not (result.changed or result.samples):
        return _("Everything is as the pack says already.")
    return _("%(changed)d settings, %(samples)d sample records.") % {
        "changed": result.changed,
        "samples": result.samples,
    }


def _roles(key: str) -> list[tuple[Role, str, int]]:
    """The roles a pack brought, each with its name and how many people hold it."""
    keys = [row["key"] for row in packs.pack_of(key).settings.get("roles", ())]
    rows = Role.objects.filter(key__in=keys).annotate(holders=Count("users", distinct=True))
    return [(role, role_name(role), role.holders) for role in sorted(rows, key=lambda one: keys.index(one.key))]
