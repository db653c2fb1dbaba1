"""Journeys in a list and on a board, as a person makes them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.core.models import SavedView
from tests.core.web.browser.conftest import violations
from tests.fakes.models import Gadget

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
Open = Callable[..., Page]
Make = Callable[..., Any]


def test_filter_and_save_a_view(open_page: Open, make: Make) -> None:
    make("fakes.gadget", name="Cheap", pieces=1)
    make("fakes.gadget", name="Dear", pieces=9)
    page = open_page("alice", "/gadgets/")
    page.keyboard.press("Shift+F")
    page.select_option("select[name='c.0.field']", "pieces")
    page.select_option("select[name='c.0.op']", "gte")
    page.fill("input[name='c.0.value']", "5")
    assert violations(page) == []
    page.click("#dialog footer button.btn-primary")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("#dialog")).not_to_be_visible()
    board = page.locator("a[aria-label=Board]")
    assert (board.get_attribute("href") or "").endswith(page.url.partition("/gadgets/")[2])
    assert "/gadgets/board/?f=" in (board.get_attribute("href") or "")
    page.click("text=Save view")
    page.fill("#view-name", "Many pieces")
    page.click("#dialog footer button.btn-primary")
    expect(page.locator("h1")).to_contain_text("Many pieces")
    expect(page.locator(".gx-nav")).to_contain_text("Many pieces")
    assert SavedView.objects.get().definition["filter"] == {"field": "pieces", "op": "gte", "value": "5"}
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert violations(page) == []


def test_groups_of_the_navigation_stay_folded(open_page: Open) -> None:
    page = open_page("alice", "/")
    group = page.locator("[data-nav-group]").first
    entries = page.locator(f"#{group.get_attribute('aria-controls')}")
    expect(entries).to_be_visible()
    group.click()
    expect(entries).to_be_hidden()
    page.reload()
    expect(group).to_have_attribute("aria-expanded", "false")
    expect(entries).to_be_hidden()
    page.goto(page.url.rstrip("/") + (entries.locator("a").first.get_attribute("href") or ""))
    expect(entries).to_be_visible()


def test_edit_a_cell_and_take_it_back(open_page: Open, make: Make) -> None:
    gadget = make("fakes.gadget", name="Cell", price=Decimal(5))
    page = open_page("alice", "/gadgets/?cols=name,price,note")
    cell = page.locator("td[data-field=price]")
    cell.dblclick()
    page.fill("td[data-field=price] input[name=price]", "abc")
    page.keyboard.press("Enter")
    expect(cell.locator(".invalid-feedback").first).to_contain_text("not a number")
    page.fill("td[data-field=price] input[name=price]", "77")
    page.keyboard.press("Tab")
    expect(cell).to_contain_text("77")
    page.locator("td[data-field=note] textarea").fill("noted")
    page.keyboard.press("Escape")
    expect(page.locator("td[data-field=note]")).to_have_text("")
    assert Gadget.objects.get(pk=gadget.pk).price == Decimal(77)
    page.click("#toasts [data-undo]")
    expect(page.locator("td[data-field=price]")).to_contain_text("5")
    assert Gadget.objects.get(pk=gadget.pk).price == Decimal(5)


def test_change_several_rows(open_page: Open, make: Make) -> None:
    for number in range(5):
        make("fakes.gadget", name=f"G{number}")
    page = open_page("alice", "/gadgets/?sort=name")
    boxes = page.locator("tbody input[name=ids]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator("#bulk [data-count]")).to_have_text("3 selected")
    page.click("#bulk button:has-text('Edit')")
    page.select_option("#bulk-field", "pieces")
    page.fill("#bulk-value input", "4")
    page.click("#dialog footer button.btn-primary")
    expect(page.locator("#toasts")).to_contain_text("3 records done")
    expect(page.locator("#dialog")).not_to_be_visible()
    assert list(Gadget.objects.filter(pieces=4).order_by("name").values_list("name", flat=True)) == ["G0", "G1", "G2"]


def test_search_while_typing_and_walk_with_keys(open_page: Open, make: Make) -> None:
    make("fakes.gadget", name="华诚精密")
    make("fakes.gadget", name="东方物流")
    page = open_page("alice", "/gadgets/")
    page.keyboard.press("/")
    page.keyboard.type("hcjm")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert page.url.endswith("/gadgets/?q=hcjm")
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.wait_for_load_state("networkidle")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#bulk [data-count]")).to_have_text("1 selected")
    page.keyboard.press("Space")
    expect(page.locator("#side")).to_be_visible()
    assert "peek=" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("#side")).to_be_hidden()


def test_a_side_panel_for_nothing_closes(open_page: Open, make: Make) -> None:
    gadget = make("fakes.gadget", name="华诚精密")
    page = open_page("alice", f"/gadgets/?peek={gadget.pk}")
    expect(page.locator("#side")).to_contain_text("华诚精密")
    page.goto(page.url.replace(f"peek={gadget.pk}", "peek=99999999"))
    expect(page.locator("#toasts")).to_contain_text("does not exist")
    expect(page.locator("#side")).to_be_hidden()
    assert "peek=" not in page.url


def test_the_palette_finds_in_pinyin(open_page: Open, make: Make) -> None:
    gadget = make("fakes.gadget", name="重庆华诚")
    page = open_page("alice", "/gadgets/")
    page.keyboard.press("Control+k")
    page.keyboard.type("chongqing")
    expect(page.locator("#palette [role=option]").first).to_contain_text("重庆华诚")
    assert violations(page) == []
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/gadgets/{gadget.pk}/")


def test_a_card_is_moved_by_mouse_and_by_keyboard(open_page: Open, make: Make) -> None:
    gadget = make("fakes.gadget", name="Card", state="new", price=Decimal(3))
    page = open_page("alice", "/gadgets/board/")
    assert violations(page) == []
    card, lane = page.locator(".gx-card"), page.locator(".gx-lane[data-key=used] .gx-lane-cards")
    start, end = card.bounding_box(), lane.bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 100, start["y"] + start["height"] - 8)
    page.mouse.down()
    page.mouse.move(end["x"] + 60, end["y"] + 30, steps=12)
    page.mouse.up()
    expect(page.locator("#toasts")).to_contain_text("State is now Used")
    assert Gadget.objects.get(pk=gadget.pk).state == "used"
    page.locator(".gx-card").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator("#toasts")).to_contain_text("State is now Broken")
    assert Gadget.objects.get(pk=gadget.pk).state == "broken"
    expect(page.locator(".gx-lane[data-key=broken] [data-lane-count]")).to_have_text("1")


@pytest.mark.parametrize(
    ("width", "scheme", "language"), [(390, "dark", "zh-hans"), (1440, "light", "zh-hans"), (360, "light", "en")]
)
def test_pages_are_reachable_for_everyone(open_page: Open, make: Make, width: int, scheme: str, language: str) -> None:
    make("fakes.gadget", name="华诚精密", phones=["13800138000"], price=Decimal(12))
    page = open_page(
        "alice",
        "/gadgets/?cols=name,state,price,phones,owner&group=state",
        width=width,
        scheme=scheme,
        language=language,
    )
    base = page.url.partition("/gadgets/")[0]
    for path in (
        "",
        "/gadgets/board/",
        "/search/?q=hua",
        "/notifications/",
        "/gadgets/filter/",
        "/gadgets/columns/",
        "/",
    ):
        if path:
            page.goto(base + path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_what_was_said_survives_drawing_the_page_again(open_page: Open) -> None:
    page = open_page("alice", "/")
    with page.expect_navigation():
        page.evaluate(
            """() => {
                const fire = (name, detail) =>
                    document.body.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
                fire("gx:refresh", {});
                fire("toast", { text: "Noted" });
            }"""
        )
    expect(page.locator("#toasts")).to_contain_text("Noted")


def test_walking_goes_on_behind_the_page(open_page: Open, make: Make, cast: Any) -> None:
    """Previous and next lead over the end of the loaded rows, in the side panel and on the record page."""
    for number in range(21):
        make("fakes.gadget", name=f"Gadget {number:02}")
    cast.alice_user.preferences = {"page_size": 20}
    cast.alice_user.save(update_fields=["preferences"])
    page = open_page("alice", "/gadgets/?sort=name")
    page.locator("tbody tr[data-id] [data-peek]").last.click()
    expect(page.locator("#side")).to_contain_text("Gadget 19")
    page.locator("#side").get_by_role("button", name="Next").click()
    expect(page.locator("#side")).to_contain_text("Gadget 20")
    expect(page.locator("tbody tr[data-id]")).to_have_count(1)
    expect(page.locator("#side").get_by_role("button", name="Next")).to_be_disabled()
    page.locator("#side").get_by_role("button", name="Previous").click()
    expect(page.locator("#side")).to_contain_text("Gadget 19")
    page.locator("tbody tr[data-id] .gx-title a").last.click()
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="Next in the list").click()
    expect(page).to_have_title("Gadget 20 · Gadget · Guanxi")
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="Previous in the list").click()
    expect(page).to_have_title("Gadget 19 · Gadget · Guanxi")
