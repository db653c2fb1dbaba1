"""Lists, reports and search read the replica when one keeps up; whoever wrote something sees it at once all the same.

An answer to a change carries a cookie with the place of the journal it reached; a page reads the replica only when that has reached it too.
Whatever goes wrong there, the page is made again on the primary; but a question that takes too long is answered as there, once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase

from guanxi.core.models import replica
from guanxi.core.web import errors

logger = logging.getLogger("guanxi.replica")
COOKIE = "guanxi_written"
#: Far longer than a replica in use is ever behind.
COOKIE_SECONDS = 120


class ReplicaMiddleware:
    """The last before the view; needs nothing but the request's cookies."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer; after a change, with the place it reached."""
        response = self.get_response(request)
        if replica.configured() and request.method not in ("GET", "HEAD", "OPTIONS") and _of_a_person(request):
            place = replica.written()
            response.set_cookie(
                COOKIE,
                place,
                max_age=COOKIE_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=settings.SECURE_SITE,
            )
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """The view's answer from the replica, or ``None``: the primary answers."""
        if not getattr(view, "may_be_old", False) or request.method not in ("GET", "HEAD"):
            return None
        if not replica.usable(request.COOKIES.get(COOKIE, "")):
            return None
        try:
            with replica.reading():
                response: HttpResponseBase = view(request, *args, **kwargs)
        except DatabaseError as error:
            if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                return errors.translate(request, error)
            replica.failed(error)
            logger.warning("the replica did not answer: %s", error)
            return None
        except Exception:  # noqa: BLE001 - what is not there yet on the replica may be on the primary, which tells otherwise
            return None
        return response


def _of_a_person(request: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in request.COOKIES
