"""A real browser against a running server: no other hosts, console errors are failures, axe on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browsing import PASSWORD, violations

__all__ = ["open_page", "violations"]


@pytest.fixture
def open_page(browser: Browser, live_server: Any, cast: Any) -> Iterator[Callable[..., Page]]:
    """``open_page("alice", "/gadgets/")``: her page after signing in; ``width``, ``scheme`` and ``language`` may be said."""
    troubles: list[str] = []
    contexts = []

    def block(route: Route) -> None:
        if route.request.url.startswith((live_server.url, "data:", "blob:")):
            route.continue_()
        else:
            route.abort()

    def note(text: str) -> None:
        expected = ("ERR_FAILED", "/events/", "status of 422", "status of 409", "status of 404", "Error Code 404")
        if not any(part in text for part in expected):
            troubles.append(text)

    def open_page(name: str, path: str, *, width: int = 1440, scheme: Any = "light", language: str = "en") -> Page:
        user = getattr(cast, f"{name}_user")
        user.language = language
        user.set_password(PASSWORD)
        user.save(update_fields=["language", "password"])
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            has_touch=width < 500,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.route("**/*", block)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: note(str(error)))
        page.on("console", lambda message: note(message.text) if message.type == "error" else None)
        page.goto(f"{live_server.url}/account/login/?next={quote(path)}")
        page.fill("input[name=login]", user.username)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{live_server.url}{path}")
        page.wait_for_load_state("networkidle")  # the scripts are there
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
