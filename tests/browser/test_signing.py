"""Signing in: a wrong password is said, the right one leads to where one wanted to go; signing out ends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browsing import PASSWORD, violations
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_sign_in_with_a_wrong_and_the_right_password(contexts: Callable[..., BrowserContext], cast: Cast) -> None:
    user = cast.alice_user
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    page = contexts().new_page()
    page.goto("/customers/")
    expect(page).to_have_url(re.compile(r"/account/login/\?next=%2Fcustomers%2F$"))
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("登录名或邮箱").fill("alice")
    page.get_by_label("密码", exact=True).fill("不是这个密码")
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page.get_by_role("alert").first).to_contain_text("不正确")
    expect(page.get_by_label("登录名或邮箱")).to_have_value("alice")
    assert violations(page) == []
    page.get_by_label("密码", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("客户")
    assert page.url.endswith("/customers/")
    page.locator("[popovertarget=me-menu]").click()
    page.locator("#me-menu").get_by_text("退出", exact=False).click()
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    page.goto("/customers/")
    expect(page.get_by_role("heading", name="登录")).to_be_visible()


def test_the_sign_in_page_speaks_both_languages(contexts: Callable[..., BrowserContext], cast: Cast) -> None:
    page = contexts(language="en-GB").new_page()
    page.goto("/account/login/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_role("link", name="简体中文").click()
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    page.reload()
    expect(page.get_by_role("heading", name="登录")).to_be_visible()


def test_whoever_cannot_sign_in_learns_no_names(contexts: Callable[..., BrowserContext], cast: Any) -> None:
    page = contexts().new_page()
    texts = []
    for name in ("alice", "nobody-of-this-name"):
        page.goto("/account/login/")
        page.get_by_label("登录名或邮箱").fill(name)
        page.get_by_label("密码", exact=True).fill("不是这个密码")
        page.keyboard.press("Enter")
        told = page.get_by_role("alert").filter(has_text="密码")
        told.wait_for()
        texts.append(told.inner_text())
    assert texts[0] == texts[1]
