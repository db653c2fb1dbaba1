"""Open pages of a record say that they are there, and learn who else is and whether it changed meanwhile."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from guanxi.core.automation.notify import tell_pages
from guanxi.core.records import presence
from guanxi.core.web import formats
from guanxi.core.web.record.common import find
from guanxi.core.web.views.common import page_view


@page_view("POST")
def present(request: HttpRequest, path: str, pk: int) -> HttpResponseBase:
    """``editing=1`` while a form of the record is open, ``gone=1`` when the page closes. Answers who else is there, and the stamp of the
    record: a page drawn from another one draws itself anew."""
    actor, _entity, record = find(request, path, pk)
    if request.POST.get("gone") == "1":
        tell_pages(one.user_id for one in presence.leave(actor, record))
        return HttpResponse(status=204)
    others, news = presence.arrive(actor, record, editing=request.POST.get("editing") == "1")
    if news:
        tell_pages(one.user_id for one in others)
    return JsonResponse(
        {
            "others": [
                {
                    "name": one.name,
                    "initials": formats.initials(one.name),
                    "color": formats.color_of(one.name),
                    "editing": one.editing,
                }
                for one in others
            ],
            "stamp": presence.stamp(actor, record),
        },
        json_dumps_params={"ensure_ascii": False},
    )
