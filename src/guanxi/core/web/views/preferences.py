"""Saving one's own settings from the menu at the avatar."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from guanxi.core.people.preferences import CHOICES, preferences_set
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.core.web.views.pages import back_to, redirect


@page_view("POST")
def save(request: HttpRequest) -> HttpResponseBase:
    """Store what was chosen and return to the page it was chosen on."""
    data = request.POST
    preferences_set(
        actor_of(request),
        language=data.get("language"),
        theme=data.get("theme"),
        values={name: data[name] for name in CHOICES if name in data},
    )
    return redirect(back_to(request))
