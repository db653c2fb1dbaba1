"""A real browser on a real server: Debian's Chromium through Playwright, one fresh context per person.

Other hosts are blocked, errors of scripts fail the test, and a failed test leaves a picture in ``var/screenshots``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.needs import lacking

PASSWORD = "白日依山尽 黄河入海流"
ROOT = Path(__file__).resolve().parent.parent
AXE = ROOT / "tests" / "vendor" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "var" / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FAILED = pytest.StashKey[bool]()
SERIOUS = ("serious", "critical")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright keeps an event loop in this thread, which others could stumble over."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember that the test failed, for the picture taken when its pages are closed."""
    report: Any = yield
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium for the whole session; without one the tests are skipped, unless ``GUANXI_BROWSER=required``."""
    if not CHROMIUM:
        lacking("Chromium")
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread; the tests are synchronous
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=15_000)  # a slow machine is no fault of the page
        yield found
        found.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def contexts(
    browser: Browser, live_server: Any, request: pytest.FixtureRequest
) -> Iterator[Callable[..., BrowserContext]]:
    """``contexts(phone=True, dark=True)``: a fresh browser window that reaches our server only."""
    opened: list[BrowserContext] = []
    errors: list[str] = []

    def contexts(*, phone: bool = False, dark: bool = False, language: str = "zh-CN") -> BrowserContext:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": 390, "height": 844} if phone else {"width": 1440, "height": 900},
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            locale=language,
            reduced_motion="reduce",
        )
        context.route(lambda url: not url.startswith((live_server.url, "data:", "blob:")), lambda route: route.abort())
        context.set_default_timeout(20_000)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        opened.append(context)
        return context

    yield contexts
    if request.node.stash.get(FAILED, False):
        PICTURES.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]+", "-", request.node.name)
        for number, page in enumerate(page for context in opened for page in context.pages):
            page.screenshot(path=PICTURES / f"{name}-{number}.png", full_page=True)
    for context in opened:
        context.close()
    assert errors == [], errors


@pytest.fixture
def people(contexts: Callable[..., BrowserContext], live_server: Any, cast: Any) -> Callable[..., Page]:
    """``people("alice")``: a page in which she is signed in; errors of scripts fail the test."""

    def people(name: str, language: str = "en", *, phone: bool = False, dark: bool = False) -> Page:
        user = getattr(cast, f"{name}_user")
        user.language = language
        user.set_password(PASSWORD)
        user.save(update_fields=["language", "password"])
        client = Client()
        assert client.post("/account/login/", {"login": user.username, "password": PASSWORD}).status_code == 302
        context = contexts(phone=phone, dark=dark)
        context.add_cookies(
            [{"name": key, "value": one.value, "url": live_server.url} for key, one in client.cookies.items()]
        )
        return context.new_page()

    return people


def settled(page: Page) -> None:
    """Wait until what the page asked for is drawn: what is typed into a form that is being drawn anew goes with it."""
    expect(page.locator("html.gx-busy")).to_have_count(0)


def violations(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """What axe finds serious or critical on the page as it stands, by all its rules or some; one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    only = {"runOnly": list(rules)} if rules else {}
    found = page.evaluate("asked => axe.run(document, asked)", {"resultTypes": ["violations"], **only})["violations"]
    return [
        f"{one['id']} ({len(one['nodes'])}): {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in SERIOUS
    ]
