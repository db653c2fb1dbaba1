"""The context processor of our pages: ``shell`` and ``actor``."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from guanxi.core.kernel.actor import ANONYMOUS
from guanxi.core.web.shell import Shell


def shell(request: HttpRequest) -> dict[str, Any]:
    """Gives every template ``shell`` (made part by part when asked) and ``actor``."""
    return {"shell": Shell(request), "actor": getattr(request, "actor", ANONYMOUS)}
