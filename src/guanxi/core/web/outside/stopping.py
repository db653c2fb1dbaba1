"""Behind the links of mails: no more of this (one button for people, one click for mail programs), and yes, I want it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from guanxi.core.automation import confirming, marketing
from guanxi.core.people.signin import address_of
from guanxi.core.web.middleware import guest_language
from guanxi.core.web.people.common import show
from guanxi.core.web.views.common import page_view


@csrf_exempt  # mail programs post without a page of ours (RFC 8058); the address itself is the secret
@login_not_required
@never_cache
@page_view("GET", "POST")
def page(request: HttpRequest, token: str) -> HttpResponseBase:
    """Looking changes nothing, so that no scanner of mails says no for somebody; posting does, once."""
    found = marketing.stop_read(token)
    if request.method == "POST":
        marketing.stop(found, address=address_of(request))
    return _shown(request, "outside/stop.jinja", {"done": found.stopped, "channel": found.channel})


@login_not_required
@never_cache
@page_view("GET", "POST")
def confirm(request: HttpRequest, token: str) -> HttpResponseBase:
    """Looking says nothing; the button says yes, once."""
    found = confirming.read(token)
    if request.method == "POST":
        found = confirming.confirm(token, address=address_of(request))
    done = confirming.confirmed(found)
    stopped = done and marketing.contradicts("mail", found.to)
    return _shown(request, "outside/confirm.jinja", {"done": done, "stopped": stopped, "to": found.to})


def _shown(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponseBase:
    """In the reader's language; the address he came by is told to nobody."""
    with override(guest_language(request)):
        response = show(request, template, {"title": _("News and offers"), **context})
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
