"""Journeys on a record: create with a warning, change in place, delete and undo, two people at once, merge and undo."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from guanxi.areas.activities.models import Task
from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.models import Presence
from tests.browsing import violations


def take_back(page: Any) -> None:
    """Click Undo in the toast, once the scripts of the page are there."""
    page.wait_for_load_state("load")  # not until all is quiet: the toast stays twelve seconds
    page.locator("[data-undo]").click()


pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_create_in_the_dialog_with_duplicate_warning_and_undo(people: Any, make: Any) -> None:
    make("customers.customer", name="深圳市华强电子有限公司")
    page = people("alice")
    page.goto("/customers/")
    page.get_by_role("link", name="New", exact=False).first.click()
    dialog = page.locator("#dialog")
    dialog.locator("input[name=name]").fill("华强电子")
    expect(dialog.locator("[data-similar-box]")).to_contain_text("深圳市华强电子有限公司")
    dialog.get_by_role("button", name="Create", exact=True).click()
    expect(page).to_have_title("华强电子 · Customer · Guanxi")
    expect(page.locator("#toasts")).to_contain_text("was created")
    assert Customer.objects.filter(name="华强电子").count() == 1
    take_back(page)
    expect(page.get_by_text("This record is in the trash")).to_be_visible()


def test_what_is_said_outlives_the_page_being_drawn_anew(people: Any) -> None:
    """Rights change just after a write: the page follows them, and what it said of the write can still be taken back."""
    page = people("alice")
    page.goto("/customers/new/")
    page.locator("main input[name=name]").fill("华强电子")
    page.locator("main").get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("was created")
    page.wait_for_load_state("load")
    with page.expect_event("load"):
        page.evaluate("""() => {
            document.querySelector("#bell").dataset.rights = "others";
            document.dispatchEvent(new Event("visibilitychange"));
        }""")
    expect(page.locator("#toasts")).to_contain_text("Your rights have changed")
    expect(page.locator("#toasts [data-toast]", has_text="was created")).to_have_count(1)
    page.locator("[data-undo]").click()
    expect(page.get_by_text("This record is in the trash")).to_be_visible()


def test_errors_take_the_focus_and_nothing_typed_is_lost(people: Any) -> None:
    page = people("alice")
    page.goto("/customers/new/")
    page.get_by_text("More fields").click()
    page.get_by_label("Description").fill("抄下来的话")
    page.locator("#form-host").get_by_role("button", name="Create", exact=True).click()
    expect(page.locator(".gx-errors")).to_be_focused()
    expect(page.get_by_label("Description")).to_have_value("抄下来的话")


def test_what_is_too_long_is_told_and_not_cut(people: Any) -> None:
    alice = people("alice")
    alice.goto("/customers/new/")
    name = alice.locator("input[name=name]")
    name.focus()
    alice.keyboard.insert_text("长" * 205)
    told = alice.locator("[data-over-limit]")
    expect(told).to_have_text("At most 200 characters; 5 too many.")
    assert len(name.input_value()) == 205
    name.fill("长城")
    expect(told).to_be_hidden()


def test_a_field_is_changed_in_place_and_taken_back(people: Any, make: Any) -> None:
    one = make("customers.customer", name="华为", short_name="旧简称")
    page = people("alice")
    page.goto(f"/customers/{one.pk}/")
    field = page.locator("dd[data-field=short_name]")
    field.dblclick()
    field.locator("input[name=short_name]").fill("新简称")
    page.keyboard.press("Enter")
    expect(field).to_contain_text("新简称")
    expect(page.locator(".gx-timeline")).to_contain_text("新简称")
    take_back(page)
    expect(field).to_contain_text("旧简称")


def test_escape_leaves_the_field_as_it_was(people: Any, make: Any) -> None:
    one = make("customers.customer", name="华为", short_name="旧简称")
    page = people("alice")
    page.goto(f"/customers/{one.pk}/")
    field = page.locator("dd[data-field=short_name]")
    field.focus()
    page.keyboard.press("Enter")
    field.locator("input[name=short_name]").fill("不要")
    page.keyboard.press("Escape")
    expect(field).to_contain_text("旧简称")
    one.refresh_from_db()
    assert one.version == 1


def test_two_people_change_the_same_field_and_one_chooses(people: Any, make: Any, cast: Any) -> None:
    one = make("customers.customer", name="华为", short_name="原来")
    page = people("alice")
    page.goto(f"/customers/{one.pk}/")
    page.keyboard.press("e")
    dialog = page.locator("#dialog")
    dialog.get_by_label("Short name").fill("我的")
    records.update(cast.root, one, {"short_name": "别人的", "employees": 12})
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.locator(".gx-conflict")).to_contain_text("别人的")
    dialog.get_by_role("button", name="Save my choice").click()
    expect(page.locator("dd[data-field=short_name]")).to_contain_text("我的")
    now = Customer.objects.get(pk=one.pk)
    assert (now.short_name, now.employees) == ("我的", 12)


def test_what_was_typed_comes_back_after_leaving(people: Any) -> None:
    page = people("alice")
    page.goto("/customers/new/")
    with page.expect_response("**/drafts/"):
        page.locator("#form-host input[name=name]").press_sequentially("写了一半")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/customers/")
    page.goto("/customers/new/")
    expect(page.locator("#form-host input[name=name]")).to_have_value("写了一半")
    page.get_by_role("button", name="Start afresh").click()
    expect(page.locator("#form-host input[name=name]")).to_have_value("")


def test_signed_out_meanwhile_signs_in_again_and_saves(people: Any, make: Any) -> None:
    from tests.browser.conftest import PASSWORD  # noqa: PLC0415

    one = make("customers.customer", name="华为")
    page = people("alice")
    page.goto(f"/customers/{one.pk}/")
    page.keyboard.press("e")
    page.locator("#dialog").get_by_label("Short name").fill("没丢")
    page.context.clear_cookies(name="guanxi_session")
    page.locator("#dialog").get_by_role("button", name="Save", exact=True).click()
    again = page.locator("#sign-in-again")
    again.locator("input[name=login]").fill("alice")
    again.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("dd[data-field=short_name]")).to_contain_text("没丢")


def test_follow_up_by_one_key(people: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    page = people("alice")
    page.goto(f"/customers/{one.pk}/")
    page.keyboard.press("f")
    dialog = page.locator("#dialog")
    expect(dialog.locator("textarea")).to_be_focused()
    page.keyboard.type("谈了报价")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".gx-timeline")).to_contain_text("谈了报价")


def test_delete_from_the_menu_and_undo(people: Any, make: Any) -> None:
    one = make("customers.customer", name="华为")
    make("customers.contact", name="张伟", customer=one)
    page = people("alice")
    page.goto(f"/customers/{one.pk}/")
    page.get_by_role("button", name="More actions").click()
    page.locator("#record-menu").get_by_text("Delete").click()
    expect(page.locator("#dialog")).to_contain_text("张伟")
    page.get_by_role("button", name="Put in the trash").click()
    expect(page).to_have_url(re.compile(r"/customers/$"))
    take_back(page)
    expect(page.locator("#list-view")).to_contain_text("华为")
    assert Contact.objects.filter(customer=one).count() == 1


def test_merge_and_undo(people: Any, make: Any) -> None:
    one = make("customers.customer", name="深圳市华强电子有限公司", short_name="华强")
    two = make("customers.customer", name="华强电子（深圳）有限公司", short_name="强电")
    person = make("customers.contact", name="张伟", customer=two)
    page = people("alice")
    page.goto(f"/customers/merge/?ids={one.pk},{two.pk}")
    page.locator(f"input[name=keep][value='{one.pk}']").check()
    page.locator(f"input[name='choose.short_name'][value='{two.pk}']").check()
    page.get_by_role("button", name="Merge 2 records").click()
    expect(page.locator("dd[data-field=short_name]")).to_contain_text("强电")
    assert Contact.objects.get(pk=person.pk).customer_id == one.pk
    take_back(page)
    expect(page.locator("dd[data-field=short_name]")).to_contain_text("华强")
    assert Contact.objects.get(pk=person.pk).customer_id == two.pk
    assert Customer.objects.count() == 2


def test_what_a_job_changed_is_drawn_without_a_reload(people: Any, make: Any) -> None:
    one = make("customers.customer", name="华强电子")
    page = people("alice")
    with page.expect_response(lambda answer: "presence" in answer.url):
        page.goto(f"/customers/{one.pk}/")
    page.get_by_role("button", name="More actions").click()
    expect(page.locator("#record-menu")).to_be_visible()
    Customer.objects.filter(pk=one.pk).update(returns_on=clock.today("Asia/Shanghai"))
    with page.expect_response(lambda answer: "presence" in answer.url):
        page.evaluate("document.dispatchEvent(new CustomEvent('gx:told'))")
    expect(page.locator("#record-menu")).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate("document.dispatchEvent(new CustomEvent('gx:told'))")
    expect(page.locator("#record-head")).to_contain_text("Back to the pool today")


def test_who_else_is_changing_the_record_is_seen(people: Any, make: Any) -> None:
    one = make("customers.customer", name="华强电子")
    alice, bob = people("alice"), people("bob")
    alice.goto(f"/customers/{one.pk}/")
    with alice.expect_response(
        lambda answer: "presence" in answer.url and "editing=1" in (answer.request.post_data or "")
    ):
        alice.get_by_role("link", name="Edit", exact=True).click()
    bob.goto(f"/customers/{one.pk}/")
    expect(bob.locator("[data-presence] .gx-editing-now")).to_have_attribute("title", "林爱丽 is changing this record")
    alice.goto("/customers/")
    until = time.monotonic() + 15
    while (
        Presence.objects.filter(user__name="林爱丽").exists() and time.monotonic() < until
    ):  # what she says when she leaves
        bob.wait_for_timeout(50)
    bob.reload()
    expect(bob.locator("#record-head")).to_contain_text("华强电子")
    expect(bob.locator("[data-presence] .gx-avatar")).to_have_count(0)


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)])
def test_the_list_of_a_picker_lies_at_its_field_and_can_be_read(
    people: Any, make: Any, phone: bool, dark: bool
) -> None:
    make("customers.customer", name="华强电子")
    page = people("alice", phone=phone, dark=dark)
    page.goto("/contacts/new/")
    page.wait_for_load_state("networkidle")
    field = page.locator(".gx-field[data-name=customer] .ts-control")
    field.click()
    option = page.locator(".ts-dropdown .option", has_text="华强电子")
    expect(option).to_be_visible()
    expect(option).to_be_in_viewport(ratio=1)
    at, under = page.locator(".ts-dropdown:visible").bounding_box(), field.bounding_box()
    assert at
    assert under
    assert min(abs(at["y"] - under["y"] - under["height"]), abs(under["y"] - at["y"] - at["height"])) < 6
    assert abs(at["x"] - under["x"]) < 6
    assert violations(page) == []
    option.click()
    expect(field).to_contain_text("华强电子")


def test_enter_chooses_only_what_fits_what_was_typed(people: Any, make: Any) -> None:
    for name in ("华强电子", "远东机械"):
        make("customers.customer", name=name)
    page = people("alice")
    page.goto("/contacts/new/")
    page.wait_for_load_state("networkidle")
    field = page.locator(".gx-field[data-name=customer] .ts-control")
    field.click()
    options = page.locator(".ts-dropdown:visible .option")
    expect(options).to_have_count(2)
    page.keyboard.type("远东")
    page.keyboard.press("Enter")
    expect(field).not_to_contain_text("华强电子")
    expect(options).to_have_text(["远东机械"])
    page.keyboard.press("Enter")
    expect(field).to_contain_text("远东机械")


def test_a_day_is_typed_in_words_or_chosen_with_the_keyboard(people: Any, world: Any, cast: Any) -> None:
    """Whatever language the browser speaks; wrong words say so under the field; what was typed is read the same without scripts."""
    page = people("alice", language="zh-hans")
    page.goto("/tasks/new/")
    page.locator("input[name=subject]").fill("寄样品册")
    due = page.locator("input[name=due_at]")
    due.fill("总有一天")
    due.press("Tab")
    expect(page.locator(".gx-day-says")).to_contain_text("不是日期")
    due.fill("2026-12-30 16:15")
    due.press("ArrowDown")
    expect(page.locator(".gx-days td[tabindex='0']")).to_be_focused()
    assert violations(page) == []
    for key in ("ArrowRight", "PageDown", "Home"):  # 31 December, 31 January, the Monday of its week
        page.keyboard.press(key)
    expect(page.locator(".gx-days td:focus")).to_have_attribute("data-date", "2027-01-25")
    page.keyboard.press("Enter")
    expect(due).to_have_value("2027-01-25 16:15")
    due.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.locator(".gx-days")).to_have_count(0)
    expect(due).to_be_focused()
    due.fill("2027年2月1日 下午3点半")
    due.press("Control+Enter")
    expect(page).to_have_title(re.compile("寄样品册"))
    assert Task.objects.get(subject="寄样品册").due_at == dt.datetime(2027, 2, 1, 7, 30, tzinfo=dt.UTC)


def test_going_back_finds_the_place_in_a_list_that_is_kept_nowhere(people: Any, world: Any) -> None:
    page = people("alice")
    page.set_viewport_size({"width": 1200, "height": 500})
    page.goto("/customers/")
    row = page.locator("tbody tr").nth(25).locator("a[href^='/customers/']:not([href*=peek])").first
    row.scroll_into_view_if_needed()
    top = page.evaluate("document.querySelector('.gx-list').scrollTop")
    assert top > 100
    row.click()
    page.wait_for_url("**/customers/*/")
    page.go_back()
    page.wait_for_function("top => Math.abs(document.querySelector('.gx-list').scrollTop - top) < 40", arg=top)
