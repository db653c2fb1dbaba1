"""One-use links in a real browser, which tells the server where a form comes from: an invitation is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from guanxi.core.people import links
from tests.browsing import PASSWORD, violations
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_invitation_leads_to_signing_in(contexts: Callable[..., BrowserContext], cast: Cast) -> None:
    path = "/account/link/" + links.link_create(cast.root, cast.alice_user, "invite").partition("/account/link/")[2]
    page = contexts(language="en-GB").new_page()
    page.goto(path)
    assert violations(page) == []
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=again]").fill(PASSWORD)
    page.locator("[name=again]").press("Enter")
    expect(page).to_have_url(re.compile(r"/account/login/\?done=password$"))
    page.locator("[name=login]").fill("alice")
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("login"))
    second = contexts(language="en-GB").new_page()
    assert second.goto(path).status == 404  # type: ignore[union-attr]
