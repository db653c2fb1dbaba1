"""Errors as problem+json (RFC 9457): stable code, sentence, and one entry per wrong field."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.http.response import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from guanxi.core.kernel.errors import Conflict, GuanxiError, Invalid, NotFound, Text, TooMany
from guanxi.core.models import trouble
from guanxi.core.people.refusals import refusal_note
from guanxi.core.schema import kinds

logger = logging.getLogger("guanxi.api")
TYPE = "application/problem+json"


def json_bytes(data: Any) -> bytes:
    """JSON with dates as ISO 8601 and decimals as text. Half a character somebody sent goes back as he wrote it, as an escape."""
    try:
        return orjson.dumps(data, default=kinds.json_of, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return json.dumps(data, default=kinds.json_of).encode("ascii")


def problem(
    request: HttpRequest, status: int, message: str, *, code: str, extra: dict[str, Any] | None = None
) -> HttpResponse:
    """One problem answer."""
    body = {
        "type": f"urn:guanxi:{code}",
        "title": message,
        "status": status,
        "code": code,
        "instance": request.path,
        "request_id": getattr(request, "request_id", ""),
        **(extra or {}),
    }
    return HttpResponse(json_bytes(body), status=status, content_type=TYPE)


@csrf_exempt
def missing(request: HttpRequest) -> HttpResponse:
    """An address below ``/api/`` that is none: programs get a problem, not a page."""
    return problem(request, 404, _("There is no page at this address."), code="address.unknown")


def failed(request: HttpRequest) -> HttpResponse:
    """An error nobody caught, on the way to the API or in it: a fault of the database or disk by its name, else a 500."""
    error = sys.exc_info()[1]
    known = trouble.told(error) if error is not None else None
    if known is not None:
        logger.error("database or disk: %s", error)
        return from_error(request, known)
    return problem(request, 500, _("Something went wrong."), code="server.error")


def _field_errors(error: Invalid) -> list[dict[str, str]]:
    return [
        {"field": name, "code": one.code, "message": str(one.message)}
        for name, errors in error.errors.items()
        for one in errors
    ]


def from_error(request: HttpRequest, error: Any) -> HttpResponse:
    """The answer for an expected error."""
    refusal_note(request, error)
    extra: dict[str, Any] = {"details": error.details} if error.details else {}
    if isinstance(error, Invalid):
        extra["errors"] = _field_errors(error)
    if isinstance(error, Conflict):
        extra["version"] = error.version
        extra["clashes"] = [
            {
                "field": clash.field,
                "label": clash.label,
                "mine": clash.mine,
                "theirs": clash.theirs,
                "original": clash.original,
            }
            for clash in error.clashes
        ]
    response = problem(request, error.status, str(error.message), code=error.code, extra=extra)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    return response


#: What is wrong with a part of a request, by pydantic's sort of error.
REQUEST_ERRORS: dict[str, Text] = {
    "missing": gettext_lazy("This is required."),
    "greater_than_equal": gettext_lazy("The least is %(ge)s."),
    "less_than_equal": gettext_lazy("The most is %(le)s."),
    "int_parsing": gettext_lazy("Send a whole number."),
    "int_type": gettext_lazy("Send a whole number."),
    "int_from_float": gettext_lazy("Send a whole number."),
    "int_parsing_size": gettext_lazy("This number is too large."),
    "bool_parsing": gettext_lazy("Send true or false."),
    "bool_type": gettext_lazy("Send true or false."),
    "string_type": gettext_lazy("Send a text."),
    "list_type": gettext_lazy("Send a list."),
    "dict_type": gettext_lazy("Send a JSON object."),
    "model_type": gettext_lazy("Send a JSON object."),
    "model_attributes_type": gettext_lazy("Send a JSON object."),
    "extra_forbidden": gettext_lazy("This is not known here."),
    "literal_error": gettext_lazy("Choose one of: %(expected)s."),
    "string_too_long": gettext_lazy("At most %(max_length)s characters."),
    "too_long": gettext_lazy("At most %(max_length)s entries."),
    "too_short": gettext_lazy("At least %(min_length)s entries."),
    "json_invalid": gettext_lazy("This is not JSON."),
}


def _said(one: Mapping[str, Any]) -> str:
    """A validation error as a sentence in the present language."""
    known = REQUEST_ERRORS.get(str(one.get("type", "")))
    if known is None:
        return _("This value cannot be accepted.")
    return str(known) % (one.get("ctx") or {}) if "%(" in str(known) else str(known)


def _from_validation(request: HttpRequest, error: Any) -> HttpResponse:
    errors = [
        {
            "field": ".".join(
                str(part) for part in one.get("loc", ()) if part not in ("body", "query", "path", "payload", "query_")
            ),
            "code": f"request.{one.get('type', 'invalid')}",
            "message": _said(one),
        }
        for one in error.errors
    ]
    return problem(request, 422, _("Some values cannot be accepted."), code="request.invalid", extra={"errors": errors})


def _from_http(request: HttpRequest, error: Any) -> HttpResponse:
    if error.status_code == 400:  # what the framework raises for a body it cannot parse, in its own words
        return problem(request, 400, _("What was sent is no JSON."), code="request.body")
    return problem(request, error.status_code, str(error), code="request.http")


def _from_stranger(request: HttpRequest, _error: Any) -> HttpResponse:
    response = problem(request, 401, _("Sign in, or send a token: “Authorization: Bearer …”."), code="auth.required")
    response["WWW-Authenticate"] = 'Bearer realm="guanxi"'
    return response


def _from_absence(request: HttpRequest, _error: Any) -> HttpResponse:
    return from_error(request, NotFound())


def _from_surprise(request: HttpRequest, error: Any) -> HttpResponse:
    if isinstance(error, RequestDataTooBig):
        return from_error(request, Invalid(_("What was sent is too large."), code="request.too_large"))
    if isinstance(error, RawPostDataException):  # a form where JSON is asked for, read by whoever looked for its secret
        return problem(request, 400, _("Send JSON."), code="request.body")
    if isinstance(error, UnicodeError):  # JSON can spell halves of characters, which no text in the database can hold
        return problem(request, 400, _("Half a character stands in what was sent."), code="request.text")
    fault = trouble.told(error)
    if fault is not None:
        logger.error("database or disk: %s", error)
        return from_error(request, fault)
    logger.error("api error", exc_info=error)
    message = _("We noted what happened. If it happens again, tell your administrator the request id.")
    return problem(request, 500, message, code="server.error")


def install(api: NinjaAPI) -> None:
    """Let the API answer every error this way."""
    api.add_exception_handler(GuanxiError, from_error)
    api.add_exception_handler(ValidationError, _from_validation)
    api.add_exception_handler(HttpError, _from_http)
    api.add_exception_handler(AuthenticationError, _from_stranger)
    api.add_exception_handler(Http404, _from_absence)
    api.add_exception_handler(Exception, _from_surprise)
