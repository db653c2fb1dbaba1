"""Shaping without code in the browser: a layout arranged by drag and by keyboard, an object and a field made and used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from guanxi.core.models import CustomField, CustomObject, Layout
from guanxi.core.records import objects
from tests.browsing import violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    CustomObject.objects.all().delete()
    objects.sync()


def drag(page: Page, grip: Any, onto: Any) -> None:
    """By the mouse, as a person does it: press, a few moves, let go in the lower half."""
    grip.scroll_into_view_if_needed()
    start = grip.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    goal = onto.bounding_box()
    for part in (0.3, 0.7, 0.95, 1):
        page.mouse.move(
            start["x"] + (goal["x"] + 30 - start["x"]) * part,
            start["y"] + (goal["y"] + goal["height"] * 0.8 - start["y"]) * part, steps=4,
        )  # fmt: skip
    page.mouse.up()


def test_a_layout_with_tabs_by_drag_and_by_keyboard(people: Any, world: Any) -> None:
    admin = people("root", "zh-hans")
    admin.goto("/settings/layouts/customers/?face=form")
    lists = admin.locator(".gx-arrange")
    first = lists.nth(0).locator("li")
    moved = first.nth(1).get_attribute("data-key")
    drag(admin, first.nth(1).locator("[data-grip]"), first.nth(3))
    expect(first.nth(1)).not_to_have_attribute("data-key", moved or "")
    expect(lists.nth(0).locator(f'[data-key="{moved}"]')).to_have_count(1)
    rest = admin.locator('[data-name="rest"]')
    lists.nth(0).locator('[data-key="former_names"] [data-grip]').focus()
    for _list in range(lists.count() - 1):
        admin.keyboard.press("ArrowRight")
    expect(rest.locator('[data-key="former_names"]')).to_have_count(1)

    admin.get_by_role("button", name="标签页", exact=True).click()
    tab = admin.locator(".gx-arrange-tab")
    tab.get_by_label("标签页中文名").fill("更多资料")
    tab.get_by_label("标签页英文名").fill("More")
    tab.locator("[data-grip]").focus()
    for _section in range(admin.locator(".gx-arrange-part").count() - 1):
        admin.keyboard.press("ArrowUp")
    expect(admin.locator("#preview [role=tab]", has_text="更多资料")).to_be_visible()
    assert violations(admin) == []
    admin.get_by_role("button", name="保存", exact=True).click()
    expect(admin.locator("#toasts")).to_contain_text("布局已保存")
    stored = Layout.objects.get(entity="customers.customer", face="form").definition
    assert [one["key"] for one in stored["tabs"]] == ["more"]
    assert stored["sections"][0].get("tab") is None
    assert {one.get("tab") for one in stored["sections"][1:]} == {"more"}

    page = people("alice", "en", phone=True)
    record = world.alices[0]
    page.goto(f"/customers/{record.pk}/#tab-more")
    expect(page.get_by_role("tab", name="More", exact=True)).to_be_visible()
    page.goto(f"/customers/{record.pk}/edit/")
    expect(page.locator("input[name=english_name]")).to_be_visible()
    expect(page.locator("input[name=former_names]")).to_have_count(0)


def test_an_object_and_its_field_are_made_and_used(people: Any, cast: Any) -> None:
    admin = people("root", "zh-hans")
    admin.goto("/settings/objects/new/")
    admin.locator("main input[name=name_zh]").fill("样机")
    admin.locator("main input[name=name_en]").fill("Sample")
    admin.locator("main button[type=submit].btn-primary").click()
    expect(admin.locator("#toasts")).to_contain_text("样机")
    made = CustomObject.objects.get()
    admin.goto(f"/settings/fields/{made.path}/new/?kind=integer")
    admin.locator("main input[name=label_zh]").fill("台数")
    admin.locator("main input[name=label_en]").fill("Pieces")
    admin.locator("main button[type=submit].btn-primary").click()
    expect(admin.locator("#toasts")).to_contain_text("台数")
    name = f"custom.{CustomField.objects.get().key}"

    admin.goto(f"/{made.path}/new/")
    admin.locator("main input[name=name]").fill("展示机")
    admin.locator(f"main input[name='{name}']").fill("7")
    admin.locator("main").get_by_role("button", name="新建", exact=True).last.click()
    admin.wait_for_url(re.compile(rf"/{made.path}/\d+/"))
    expect(admin.locator(f'dd[data-field="{name}"]')).to_contain_text("7")
    for least, shown in ((5, 1), (8, 0)):
        tree = json.dumps({"field": name, "op": "gte", "value": least})
        admin.goto(f"/{made.path}/?{urlencode({'f': tree, 'cols': f'name,{name}'})}")
        expect(admin.locator("table[data-base] tbody tr[data-id]")).to_have_count(shown)
    admin.goto("/")
    expect(admin.locator("nav", has_text="样机").first).to_be_visible()
