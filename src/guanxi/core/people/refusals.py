"""Refusals in the access log: who tried what he may not do. Of one person so many a minute, for the log is kept for good."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError, transaction
from django.http import HttpRequest

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, TooMany
from guanxi.core.people import throttle
from guanxi.core.records.discretion import noted

SORT = "denied"
#: More refusals of one person within a minute are counted as these.
A_MINUTE = 20


def refusal_note(request: HttpRequest, error: BaseException) -> None:
    """Write down that somebody signed in was refused; nothing for other errors. Never fails: the answer goes out all the same."""
    actor: Actor | None = getattr(request, "actor", None)
    if not isinstance(error, Denied) or actor is None or actor.user_id is None:
        return
    told: dict[str, Any] = {"code": error.code, "path": request.path[:200], "verb": request.method or ""}
    if error.details.get("action"):
        told["action"] = str(error.details["action"])[:60]
    try:
        with transaction.atomic():
            throttle.window_take(f"denied:{actor.user_id}", A_MINUTE, throttle.WINDOW)
            noted(actor, SORT, str(error.details.get("entity", ""))[:100], **told)
    except (TooMany, DatabaseError):
        return
