"""The context processor of our pages: ``shell``, ``actor`` and the page's secret."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import lazy
from markupsafe import Markup

from guanxi.core.kernel.actor import ANONYMOUS
from guanxi.core.web.shell import Shell
from guanxi.core.web.surroundings import token_of


def _input(request: HttpRequest) -> Markup:
    return Markup('<input type="hidden" name="csrfmiddlewaretoken" value="{}">').format(token_of(request))


_input_lazy, _token_lazy = lazy(_input, Markup), lazy(token_of, str)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Gives every template ``shell`` (made part by part when asked), ``actor``, ``csrf_input`` and ``csrf_token``."""
    return {
        "shell": Shell(request),
        "actor": getattr(request, "actor", ANONYMOUS),
        "csrf_input": _input_lazy(request),
        "csrf_token": _token_lazy(request),
    }
