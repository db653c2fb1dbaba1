"""A real browser on a real server: Debian's Chromium through Playwright, one fresh context per person."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

PASSWORD = "白日依山尽 黄河入海流"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium for the whole session; without one the tests are skipped, unless ``GUANXI_BROWSER=required``."""
    if not CHROMIUM:
        if os.environ.get("GUANXI_BROWSER") == "required":
            pytest.fail("Chromium is required and was not found")
        pytest.skip("no Chromium")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = (
        "true"  # Playwright keeps a loop in this thread; the tests are synchronous
    )
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def people(browser: Browser, live_server: Any, cast: Any) -> Iterator[Callable[..., Page]]:
    """``people("alice")``: a page in which she is signed in; errors of scripts fail the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def people(name: str, language: str = "en", *, phone: bool = False, dark: bool = False) -> Page:
        user = getattr(cast, f"{name}_user")
        user.language = language
        user.set_password(PASSWORD)
        user.save(update_fields=["language", "password"])
        client = Client()
        assert client.post("/account/login/", {"login": user.username, "password": PASSWORD}).status_code == 302
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": 390, "height": 844} if phone else {"width": 1440, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        context.route(lambda url: not url.startswith(live_server.url), lambda route: route.abort())
        context.add_cookies(
            [{"name": key, "value": one.value, "url": live_server.url} for key, one in client.cookies.items()]
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        contexts.append(context)
        return page

    yield people
    for context in contexts:
        context.close()
    assert errors == []
