"""Drafts of unfinished forms: kept while somebody types, put back when he returns."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict

from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Draft
from guanxi.core.records import drafts
from guanxi.core.web.views.common import actor_of, page_view

SKIPPED = frozenset({"csrfmiddlewaretoken", "_draft", "_token", "_then", "_sure"})


@page_view("POST")
def draft(request: HttpRequest) -> HttpResponseBase:
    """Keep the sent form as a draft, or throw it away when ``_drop`` is sent."""
    actor, key = actor_of(request), request.POST.get("_draft", "")
    if "_drop" in request.POST:
        drafts.drop(actor, key)
    else:
        pairs = [[name, value] for name, values in request.POST.lists() if name not in SKIPPED for value in values]
        drafts.keep(actor, key, {"pairs": pairs})
    return HttpResponse(status=204)


def restored(actor: Actor, key: str) -> tuple[Draft, QueryDict] | None:
    """The kept draft and the form as it was typed."""
    found = drafts.kept(actor, key)
    if found is None:
        return None
    data = QueryDict(mutable=True)
    pairs: list[Any] = found.values.get("pairs", [])
    for pair in pairs:
        if isinstance(pair, list) and len(pair) == 2:
            data.appendlist(str(pair[0]), str(pair[1]))
    return found, data
