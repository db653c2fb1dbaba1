"""Errors of the kernel, translated once for the web: a toast on htmx answers, else a page with the request's id."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import RawPostDataException
from django.shortcuts import render
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound, TooMany
from guanxi.core.models import trouble
from guanxi.core.people import signin, throttle
from guanxi.core.people.refusals import refusal_note
from guanxi.core.records.doubts import Doubtful
from guanxi.core.web.toasts import attach, toast

logger = logging.getLogger("guanxi.web")

ICONS = {403: "lock", 404: "compass", 409: "hand-stop", 422: "alert-circle", 429: "hourglass", 503: "plug"}


#: Parts of an address that are a secret, and how many wrong ones an address may try within a minute.
SECRETS, GUESSES = {"secret", "token"}, 20
#: Errors that a room of the web face answers with a page of its own.
OWN_ANSWERS: dict[type[GuanxiError], Callable[[HttpRequest, Any], HttpResponseBase]] = {}


def headings() -> dict[int | str, str]:
    """The title of an error page by status, and by code where the status says something else."""
    return {
        400: _("This request cannot be understood"),
        403: _("This is not allowed"),
        404: _("Nothing is here"),
        409: _("This is not possible now"),
        422: _("Some values cannot be accepted"),
        429: _("Too many requests"),
        500: _("Something went wrong"),
        503: _("Please try again in a moment"),
        "discretion.looks": _("Used up for today"),
        "discretion.rows": _("Used up for today"),
    }


def wants_fragment(request: HttpRequest) -> bool:
    """Whether a script asked (htmx or fetch) and a whole page would be of no use."""
    return "HX-Request" in request.headers or request.headers.get("X-Requested-With") == "fetch"


def error_response(request: HttpRequest, error: GuanxiError) -> HttpResponseBase:
    """The answer for an expected error."""
    if type(error) in OWN_ANSWERS:
        return OWN_ANSWERS[type(error)](request, error)
    if isinstance(error, Doubtful):
        return asked_back(request, error)
    if wants_fragment(request):
        response: HttpResponseBase = HttpResponse(status=error.status)
        response["HX-Reswap"] = "none"
        attach(response, toast(text_of(error), level="error"))
    else:
        response = page(request, error.status, text_of(error), code=error.code)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    return response


def asked_back(request: HttpRequest, error: Doubtful, answer: HttpResponseBase | None = None) -> HttpResponseBase:
    """Whether it is meant: a script asks and sends the same again, else it has ``answer``; without scripts a page
    has all that was sent.
    """
    if wants_fragment(request):
        response = answer or HttpResponse(status=error.status, headers={"HX-Reswap": "none"})
        response["X-Doubts"] = quote(json.dumps([str(one) for one in error.sentences]))
        return response
    sent = [(name, value) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken" for value in values]
    context = {"doubts": error.sentences, "action": request.get_full_path(), "sent": sent}
    return render(request, "shell/doubt.jinja", context, status=error.status, using="jinja2")


def text_of(error: GuanxiError) -> str:
    """The sentence for people; errors of several fields are put one after the other."""
    return " ".join(error.sentences)


def page(
    request: HttpRequest, status: int, message: str, *, code: str = "", hints: tuple[str, ...] = ()
) -> HttpResponse:
    """An error page; when even drawing it fails, plain text."""
    known = headings()
    context = {
        "status": status,
        "heading": known.get(code) or known.get(status, known[500]),
        "message": message,
        "hints": hints,
        "code": code,
        "error_icon": ICONS.get(status, "alert-triangle"),
        "request_id": getattr(request, "request_id", ""),
    }
    try:
        return render(request, "shell/error.jinja", context, status=status, using="jinja2")
    except Exception:  # the last resort must not fail
        logger.exception("error page failed")
        return HttpResponse(f"{status} {message}", status=status, content_type="text/plain; charset=utf-8")


def translate(request: HttpRequest, error: BaseException) -> HttpResponseBase | None:
    """The answer for an error we know how to tell, or ``None``."""
    if isinstance(error, GuanxiError):
        refusal_note(request, error)
        return error_response(request, error)
    if isinstance(error, Http404):
        return error_response(request, NotFound(_("There is no page at this address.")))
    if isinstance(error, PermissionDenied):
        return error_response(request, Denied())
    if isinstance(error, RequestDataTooBig):
        return error_response(request, Invalid(_("What was sent is too large."), code="request.too_large"))
    if isinstance(error, SuspiciousOperation | BadRequest | RawPostDataException | UnicodeError):
        return page(request, 400, _("Please go back and try again."))
    fault = trouble.told(error)
    if fault is not None:
        logger.error("database or disk: %s", error)
        return error_response(request, fault)
    return None


class ErrorMiddleware:
    """Turns errors raised by views into answers; everything unexpected goes on to Django's handler."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        match = request.resolver_match
        if response.status_code == 404 and match is not None and SECRETS & set(match.kwargs):
            try:
                from_where = throttle.network(signin.address_of(request))
                throttle.window_take(f"guess:{from_where}", GUESSES, throttle.WINDOW)
            except TooMany as error:
                return error_response(request, error)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Called by Django when a view raised; the API translates its own errors."""
        if request.path_info.startswith("/api/"):
            return None
        return translate(request, error)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """The form's secret is missing or old: say what to do."""
    logger.warning("csrf: %s", reason)
    message = _("This page was open for too long, or cookies are blocked. Reload it and try again.")
    if wants_fragment(request):
        return attach(HttpResponse(status=403, headers={"HX-Reswap": "none"}), toast(message, level="error"))
    return page(request, 403, message, code="csrf")


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponseBase:  # noqa: ARG001 - Django's signature
    """Django's handler for 400."""
    return page(request, 400, _("Please go back and try again."))


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponseBase:  # noqa: ARG001 - Django's signature
    """Django's handler for 403."""
    return page(request, 403, str(Denied().message), code="access.denied")


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponseBase:  # noqa: ARG001 - Django's signature
    """Django's handler for 404."""
    return page(request, 404, _("There is no page at this address."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler for 500: says the id under which the log tells more; scripts get a toast."""
    error = sys.exc_info()[1]
    known = translate(request, error) if error is not None and trouble.told(error) else None
    if known is not None:
        return known
    message = _("We noted what happened. If it happens again, tell your administrator the request id.")
    if wants_fragment(request):
        identity = getattr(request, "request_id", "")
        text = _("Something went wrong. Request id: %(id)s") % {"id": identity}
        return attach(HttpResponse(status=500, headers={"HX-Reswap": "none"}), toast(text, level="error"))
    return page(request, 500, message)
