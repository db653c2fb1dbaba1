"""A real browser against a running server: no other hosts, console errors are failures, axe on request."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

PASSWORD = "白日依山尽 黄河入海流"
AXE = Path(__file__).resolve().parents[3] / "vendor/axe-core/axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; skipped where there is none, unless ``GUANXI_BROWSER=required``."""
    if not CHROMIUM and os.environ.get("GUANXI_BROWSER") != "required":
        pytest.skip("no Chromium")
    unsafe = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright keeps an event loop in this thread
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
    if unsafe is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(chromium: Browser, live_server: Any, cast: Any) -> Iterator[Callable[..., Page]]:
    """``open_page("alice", "/gadgets/")``: her page after signing in; ``width``, ``scheme`` and ``language`` may be said."""
    troubles: list[str] = []
    contexts = []

    def block(route: Route) -> None:
        if route.request.url.startswith((live_server.url, "data:", "blob:")):
            route.continue_()
        else:
            route.abort()

    def note(text: str) -> None:
        expected = ("ERR_FAILED", "/events/", "status of 422", "status of 409")
        if not any(part in text for part in expected):
            troubles.append(text)

    def open_page(name: str, path: str, *, width: int = 1440, scheme: Any = "light", language: str = "en") -> Page:
        user = getattr(cast, f"{name}_user")
        user.language = language
        user.set_password(PASSWORD)
        user.save(update_fields=["language", "password"])
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            has_touch=width < 500,
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.route("**/*", block)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: note(str(error)))
        page.on("console", lambda message: note(message.text) if message.type == "error" else None)
        page.goto(f"{live_server.url}/account/login/?next={quote(path)}")
        page.fill("input[name=login]", user.username)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{live_server.url}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def violations(page: Page) -> list[str]:
    """What axe finds serious or critical, one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in ("serious", "critical")
    ]
