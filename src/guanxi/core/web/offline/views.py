"""The manifest, the service worker, and the page that stands in while the server cannot be reached.

That page holds the small forms (follow-up, task) and the names they may be about. The browser keeps a copy of it until
the person signs out; what is written there waits in the browser (``offline.js``) and is sent like any small form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import get_token
from django.templatetags.static import static
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import display, together
from guanxi.core.schema.quick import QuickForm
from guanxi.core.schema.registry import entity_of, quick_forms
from guanxi.core.web.forms import choosing
from guanxi.core.web.record.quick import fields_of
from guanxi.core.web.shell import Shell
from guanxi.core.web.views.common import actor_of, draw, page_view

#: So many records of each sort can be chosen while offline: those opened last, then one's own changed last.
KEPT = 150
COLOR = "#1f5fd0"


@login_not_required
@page_view()
def manifest(request: HttpRequest) -> HttpResponseBase:
    """What a browser needs to know to install Guanxi."""
    icons = [
        {"src": static(f"guanxi/app-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
        for size in (192, 512)
    ]
    icons.append({"src": static("guanxi/app-mask.png"), "sizes": "512x512", "type": "image/png", "purpose": "maskable"})
    name = Shell(request).workspace
    values: dict[str, Any] = {
        "id": "/", "name": name, "short_name": name, "start_url": "/", "scope": "/", "display": "standalone",
        "background_color": "#ffffff", "theme_color": COLOR, "icons": icons,
        "shortcuts": [{"name": str(form.label), "url": f"/quick/{form.key}/"} for form in quick_forms()],
    }  # fmt: skip
    return JsonResponse(values, content_type="application/manifest+json", json_dumps_params={"ensure_ascii": False})


@login_not_required
@page_view()
def worker(_request: HttpRequest) -> HttpResponseBase:
    """The service worker; at the root, because it may serve only what lies below its own address."""
    found = finders.find("guanxi/worker.js")
    if not isinstance(found, str):
        raise Http404
    text = Path(found).read_text(encoding="utf-8")
    return HttpResponse(text, content_type="text/javascript; charset=utf-8", headers={"Cache-Control": "no-cache"})


@page_view()
def page(request: HttpRequest) -> HttpResponseBase:
    """What waits to be sent, and the small forms that can be filled in offline."""
    actor = actor_of(request)
    forms = [
        _form(actor, one) for one in quick_forms() if access.allowed(actor, one.right, one.entity) and one.subjects
    ]
    return draw(request, "offline/page.jinja", {"title": _("Written offline"), "forms": forms})


@page_view()
def state(request: HttpRequest) -> HttpResponseBase:
    """Who is signed in, and the secret that what is sent now must carry."""
    return JsonResponse({"user": actor_of(request).user_id, "csrf": get_token(request)})


def _form(actor: Actor, form: QuickForm) -> dict[str, Any]:
    fields = [one for one in fields_of(form) if one.kind not in ("reference", "references", "user", "file", "image")]
    guess = dict(form.guess(actor, None)) if form.guess else {}
    named = choosing.inputs(actor, entity_of(form.entity), fields, guess, prefix="")
    subjects = [(entity_of(key), _subjects(actor, key)) for key in form.subjects if access.allowed(actor, "view", key)]
    return {"form": form, "inputs": list(named.values()), "subjects": subjects}


def _subjects(actor: Actor, key: str) -> list[tuple[int, str]]:
    """Records somebody is likely to write about: opened lately, and his own."""
    entity = entity_of(key)
    found = {
        row.pk: display.title_of(entity, row, actor) for _one, row in together.recents(actor, entity=key, limit=50)
    }
    mine = {"field": entity.access.owner, "op": "eq", "value": "@me"} if entity.access.owner else None
    for row in records.select(actor, entity, filter=mine, sort=("-updated_at",), limit=KEPT, count=False).items:
        found.setdefault(row.pk, display.title_of(entity, row, actor))
    return list(found.items())[:KEPT]
