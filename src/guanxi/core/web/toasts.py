"""Toasts: what a write says afterwards. On htmx answers they travel in ``HX-Trigger``, else they wait for a page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.http import HttpRequest, HttpResponseBase

from guanxi.core.kernel.errors import Text

KEY = "gx_toasts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    """One line: ``url`` with ``link`` leads to the thing, ``undo`` is an address that takes it back by POST.

    ``seconds`` is how long it stays; 0 stays until dismissed.
    """

    text: str
    level: Literal["", "error"] = ""
    url: str = ""
    link: str = ""
    undo: str = ""
    seconds: int = 6


def toast(text: Text, *, level: Literal["", "error"] = "", url: str = "", link: Text = "", undo: str = "") -> Toast:
    """A toast with the usual time to stay: twelve seconds with Undo, ten for an error, else six."""
    seconds = 12 if undo else 10 if level else 6
    return Toast(text=str(text), level=level, url=url, link=str(link), undo=undo, seconds=seconds)


def keep(request: HttpRequest, *toasts: Toast) -> None:
    """Show them on the next full page of this session (before a redirect)."""
    request.session[KEY] = [*request.session.get(KEY, []), *(asdict(one) for one in toasts)][-4:]


def take(request: HttpRequest) -> list[dict[str, Any]]:
    """The waiting toasts, each given out once."""
    session = getattr(request, "session", None)
    if session is None or KEY not in session:
        return []
    return list(session.pop(KEY))


def trigger(response: HttpResponseBase, **events: Any) -> HttpResponseBase:
    """Add events to the ``HX-Trigger`` header; those already there stay."""
    present = {**json.loads(response.headers.get("HX-Trigger", "{}")), **events}
    if "gx:close" in present:  # last: it takes away the form on which htmx fires the events
        present["gx:close"] = present.pop("gx:close")
    response.headers["HX-Trigger"] = json.dumps(present)
    return response


def attach(response: HttpResponseBase, *toasts: Toast) -> HttpResponseBase:
    """Send toasts with an htmx or fetch answer."""
    if toasts:
        trigger(response, toast={"list": [asdict(one) for one in toasts]})
    return response
