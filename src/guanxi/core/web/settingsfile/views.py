"""Download the settings, compare a file or a version with them, apply it, go back."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.exchange import settingsfile
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import SettingsVersion
from guanxi.core.records.settings_registry import settings_model, settings_models
from guanxi.core.web.people.common import done, show
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.core.web.views.pages import redirect

HOME = "/settings/file/"
SHOWN = 300


def _context(request: HttpRequest) -> dict[str, Any]:
    content = settingsfile.document()
    return {
        "title": _("Settings as a file"),
        "tables": [(one.label, len(content.get(one.key, ()))) for one in settings_models()],
        "versions": settingsfile.versions().select_related("by").defer("content")[:50],
        "may_apply": actor_of(request).rights.everything,
    }


@page_view("GET", "POST")
def index(request: HttpRequest) -> HttpResponseBase:
    """What is in the file, a place to send one, and the versions."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    if request.method != "POST":
        return show(request, "settingsfile/index.jinja", _context(request))
    if request.POST.get("do") == "keep":
        settingsfile.keep(actor, "kept", request.POST.get("comment", ""))
        return done(request, HOME, _("The version was kept."))
    try:
        sent = request.FILES.get("file")
        if sent is None or (sent.size or 0) > settingsfile.LONGEST:
            raise Invalid(_("Choose a file first."), code="file.none", field="file")
        held = settingsfile.hold(actor, sent.read().decode("utf-8-sig", "replace"))
    except GuanxiError as error:
        return show(request, "settingsfile/index.jinja", _context(request), error)
    return redirect(f"{HOME}{held.pk}/")


@page_view()
def download(request: HttpRequest) -> HttpResponseBase:
    """The settings as a file."""
    actor = actor_of(request)
    response = HttpResponse(settingsfile.export(actor), content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = (
        f'attachment; filename="guanxi-settings-{clock.today(actor.timezone).isoformat()}.json"'
    )
    return response


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "" if value is None else text[:200]


@page_view("GET", "POST")
def compare(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What applying a sent file, or going back to a version, would change; and doing it."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    version = SettingsVersion.objects.select_related("by").filter(pk=pk).first()
    if version is None or (version.sort == settingsfile.SENT and version.by_id != actor.user_id):
        raise NotFound
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            applied = (
                settingsfile.revert(actor, version)
                if version.sort != settingsfile.SENT
                else settingsfile.apply(actor, version.content)
            )
        except GuanxiError as found:
            error = found
        else:
            return done(request, HOME, _("%(count)d settings were changed.") % {"count": len(applied)})
    every = settingsfile.diff(actor, version.content)
    found_, left = ([one for one in every if (one.sort == "leave") is apart] for apart in (False, True))
    rows = [
        (
            one,
            _table(one.table),
            [(name, _shown(before), _shown(after)) for name, before, after in one.fields]
            if one.sort == "change"
            else [],
        )
        for one in found_[:SHOWN]
    ]
    context = {
        "title": _("What would change"),
        "version": version,
        "sent": version.sort == settingsfile.SENT,
        "rows": rows,
        "count": len(found_),
        "left": [(_table(one.table), one, ", ".join(str(each[2]) for each in one.fields)) for one in left[:SHOWN]],
        "more_left": max(0, len(left) - SHOWN),
        "counts": {sort: sum(one.sort == sort for one in found_) for sort in ("add", "change", "remove")},
        "may_apply": actor.rights.everything,
    }
    return show(request, "settingsfile/compare.jinja", context, error)


def _table(path: str) -> str:
    """The words for a table: those of the top one."""
    one = settings_model(path.partition("/")[0])
    return str(one.label) if one is not None else path
