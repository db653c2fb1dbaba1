"""A salesperson's day, in Chinese: change a cell by keyboard, keep a view, move cards, find in pinyin, on any screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.areas.customers.models import Customer
from guanxi.core.models import SavedView, User
from tests.browser.conftest import World
from tests.browsing import violations
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
People = Callable[..., Page]


def test_cells_are_changed_with_the_keyboard_alone(people: People, world: World) -> None:
    one = world.alices[0]
    page = people("alice", "zh-hans")
    page.goto("/customers/?view=0&cols=name,employees,short_name&sort=employees")
    row = page.locator(f"tr[data-id='{one.pk}']")
    cell = row.locator("td[data-field=employees]")
    cell.focus()
    page.keyboard.press("Enter")
    expect(cell.locator("input[name=employees]")).to_be_focused()
    page.keyboard.type("很多")
    page.keyboard.press("Enter")
    expect(cell.locator(".invalid-feedback").first).to_be_visible()
    expect(cell.locator("input[name=employees]")).to_have_value("很多")
    cell.locator("input[name=employees]").fill("888")
    page.keyboard.press("Tab")
    short = row.locator("td[data-field=short_name]")
    expect(short.locator("input[name=short_name]")).to_be_focused()
    expect(cell).to_contain_text("888")
    page.keyboard.type("华诚")
    page.keyboard.press("Enter")
    expect(short).to_contain_text("华诚")
    page.reload()
    expect(row.locator("td[data-field=employees]")).to_contain_text("888")
    one.refresh_from_db()
    assert (one.employees, one.short_name, one.version) == (888, "华诚", 3)


def test_a_colleagues_row_says_why_it_cannot_be_changed(people: People, world: World) -> None:
    page = people("alice", "zh-hans")
    page.goto("/customers/?view=0&cols=name,employees&sort=-employees")
    cell = page.locator(f"tr[data-id='{world.bobs[0].pk}'] td[data-field=employees]")
    cell.dblclick()
    expect(cell.locator("input")).to_have_count(0)
    assert Customer.objects.get(pk=world.bobs[0].pk).version == 1


def test_a_filter_is_kept_as_a_view_and_stands_in_the_address(people: People, world: World, cast: Cast) -> None:
    page = people("alice", "zh-hans")
    page.goto("/customers/")
    page.get_by_label("生命周期阶段", exact=True).select_option("mature")
    mature = Customer.objects.filter(lifecycle="mature", owner__in=[cast.alice_user, cast.bob_user]).count()
    expect(page.locator("#list-view tbody tr[data-id]")).to_have_count(mature)
    address = page.url
    page.reload()
    expect(page.locator("#list-view tbody tr[data-id]")).to_have_count(mature)
    page.get_by_text("保存视图").first.click()
    page.locator("#view-name").fill("成熟客户")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("成熟客户")
    expect(page.get_by_role("navigation", name="主导航")).to_contain_text("成熟客户")
    expect(page).to_have_title("成熟客户 · 客户 · 关系")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("成熟客户")
    expect(page.locator("#list-view tbody tr[data-id]")).to_have_count(mature)
    assert SavedView.objects.get().visibility == "private"
    other = people("bob", "zh-hans")
    other.goto(address)
    expect(other.locator("#list-view tbody tr[data-id]")).to_have_count(mature)
    expect(other.get_by_role("navigation", name="主导航")).not_to_contain_text("成熟客户")


def test_a_card_goes_by_mouse_and_keyboard_and_comes_back(people: People, world: World, make: Any) -> None:
    one = make("customers.customer", name="最新的客户", lifecycle="potential")
    page = people("alice", "zh-hans")
    page.goto("/customers/board/?view=0&sort=-created_at")
    card = page.locator(".gx-card", has_text="最新的客户")
    lane = page.locator(".gx-lane[data-key=developing]")
    before = int(lane.locator("[data-lane-count]").inner_text())
    start, end = card.bounding_box(), lane.locator(".gx-lane-cards").bounding_box()
    assert start is not None
    assert end is not None
    page.wait_for_function("window.Sortable !== undefined")
    page.mouse.move(start["x"] + 100, start["y"] + start["height"] - 6)
    page.mouse.down()
    page.mouse.move(end["x"] + 80, end["y"] + 30, steps=15)
    page.mouse.up()
    expect(page.locator("#toasts")).to_contain_text("开发")
    expect(lane.locator("[data-lane-count]")).to_have_text(str(before + 1))
    assert Customer.objects.get(pk=one.pk).lifecycle == "developing"
    with page.expect_navigation():
        page.locator("#toasts [data-undo]").first.click()
    page.wait_for_function("window.Sortable !== undefined")
    expect(page.locator(".gx-lane[data-key=potential] .gx-card", has_text="最新的客户")).to_be_visible()
    assert Customer.objects.get(pk=one.pk).lifecycle == "potential"
    page.locator(".gx-card", has_text="最新的客户").focus()
    for key in ("Space", "ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    expect(page.locator(".gx-lane[data-key=growing] .gx-card", has_text="最新的客户")).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("成长")
    assert Customer.objects.get(pk=one.pk).lifecycle == "growing"


@pytest.mark.parametrize("words", ["qingdaohuachengdianzi", "qdhcdz", "青岛华诚电"])
def test_the_palette_finds_and_opens(words: str, people: People, world: World) -> None:
    one = next(each for each in world.alices if each.name == "青岛华诚电子有限公司")
    page = people("alice", "zh-hans")
    page.goto("/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    page.keyboard.type(words)
    expect(page.locator("#palette [role=option][aria-selected=true]")).to_contain_text("青岛华诚电子有限公司")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/customers/{one.pk}/")
    expect(page).to_have_title("青岛华诚电子有限公司 · 客户 · 关系")


def test_the_language_is_switched_and_stays(people: People, world: World, cast: Cast) -> None:
    page = people("alice", "zh-hans")
    page.goto("/customers/")
    expect(page.get_by_role("navigation", name="主导航")).to_contain_text("联系人")
    page.locator("[popovertarget=me-menu]").click()
    page.locator("#me-menu").get_by_text("English").click()
    expect(page.get_by_role("navigation", name="Main navigation")).to_contain_text("Contacts")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.url.endswith("/customers/")
    assert User.objects.get(pk=cast.alice_user.pk).language == "en"
    page.goto(f"/customers/{world.alices[0].pk}/")
    expect(page).to_have_title(f"{world.alices[0].name} · Customer · Guanxi")
    page.locator("[popovertarget=me-menu]").click()
    page.locator("#me-menu").get_by_text("简体中文").click()
    expect(page.get_by_role("navigation", name="主导航")).to_be_visible()


def background(page: Page) -> int:
    """How bright the page's background is, 0 to 255."""
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    parts = [int(float(one)) for one in color[color.index("(") + 1 : -1].split(",")[:3]]
    return sum(parts) // 3


def test_light_and_dark_by_choice_and_by_the_system(people: People, world: World) -> None:
    page = people("alice", "zh-hans", dark=True)
    page.goto("/customers/")
    assert background(page) < 80
    for choice, dark in (("浅色", False), ("深色", True)):
        page.locator("[popovertarget=me-menu]").click()
        with page.expect_navigation():
            page.locator("#me-menu").get_by_text(choice, exact=True).click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark" if dark else "light")
        assert (background(page) < 80) is dark
        assert violations(page) == []


def test_on_a_phone_the_list_is_cards_and_the_navigation_a_drawer(people: People, world: World) -> None:
    page = people("alice", "zh-hans", phone=True)
    page.goto("/customers/")
    first = page.locator("#list-view tbody tr[data-id]").first
    expect(first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = first.bounding_box()
    assert box is not None
    assert box["width"] <= 390
    assert box["height"] > 60
    expect(page.locator("#nav")).not_to_be_in_viewport()
    page.get_by_role("button", name="打开导航").click()
    expect(page.locator("#nav")).to_be_in_viewport()
    assert violations(page) == []
    page.locator("#nav").get_by_role("link", name="联系人").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("联系人")
    expect(page.locator("#nav")).not_to_be_in_viewport()
    page.goto(f"/customers/{world.alices[0].pk}/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("tab", name="详情").or_(page.get_by_text("详情", exact=True)).first.click()
    expect(page.locator("a[href^='tel:']").first).to_be_visible()


def test_the_open_page_of_an_account_is_in_sight_on_a_phone(people: People) -> None:
    page = people("alice", phone=True)
    page.goto("/account/rights/")
    row, tab = page.locator("nav.gx-tabs"), page.locator("nav.gx-tabs [aria-current]")
    assert row.evaluate("(one) => one.scrollWidth > one.clientWidth"), "there are more than fit"
    page.wait_for_function("() => document.querySelector('nav.gx-tabs').scrollLeft > 0")
    place, around = tab.bounding_box(), row.bounding_box()
    assert place is not None
    assert around is not None
    assert place["x"] + place["width"] <= around["x"] + around["width"] + 1
