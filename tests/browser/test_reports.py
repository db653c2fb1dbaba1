"""A report is built, kept, put on a board, and its figures lead to their lists; in Chinese, on a screen and a phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from guanxi.areas.customers.models import Customer
from guanxi.core.models import Dashboard, Report
from tests.browser.conftest import World
from tests.browsing import violations
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
People = Callable[..., Page]


def test_from_a_question_to_the_records_behind_a_mark(people: People, world: World, cast: Cast) -> None:
    page = people("alice", "zh-hans")
    page.goto("/reports/")
    page.get_by_role("link", name="新建报表").click()
    page.locator("a[href='/reports/new/?dataset=customers']").click()
    page.wait_for_load_state("load")
    page.locator("#b-r0-field").select_option("lifecycle")
    expect(page.locator("#report-preview tbody tr")).to_have_count(4)
    page.locator("#b-c0-field").select_option("owner")
    expect(page.locator("#report-preview thead")).to_contain_text("林爱丽")
    page.locator("#b-chart").select_option("stacked")
    expect(page.locator("#report-preview svg.gx-chart")).to_be_visible()
    page.reload()
    page.wait_for_load_state("load")
    expect(page.locator("#b-r0-field")).to_have_value("lifecycle")
    expect(page.locator("#report-preview thead")).to_contain_text("林爱丽")
    page.locator("#b-name").fill("阶段与负责人")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("阶段与负责人")
    assert Report.objects.get().definition["columns"] == [{"field": "owner"}]
    assert violations(page) == []

    page.get_by_role("button", name="更多").click()
    page.get_by_text("放到仪表盘").first.click()
    page.locator("#pin-board").select_option("")
    page.locator("#pin-name").fill("我的板")
    page.get_by_role("button", name="放上去").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("我的板")
    tile = page.locator(".gx-board-tile")
    expect(tile.locator("svg.gx-chart")).to_be_visible()
    assert Dashboard.objects.get().definition["tiles"][0]["report"] == Report.objects.get().key
    assert violations(page) == []

    mark = tile.locator("svg.gx-chart a").first
    told = mark.locator("title").text_content() or ""
    mark.click()
    mine = int(told.rpartition(": ")[2])
    assert mine == Customer.objects.filter(lifecycle="potential", owner=cast.alice_user).count()
    expect(page.locator("#list-view tbody tr[data-id]")).to_have_count(mine)
    phone = people("alice", "zh-hans", phone=True)
    phone.goto(f"/dashboards/{Dashboard.objects.get().key}/")
    expect(phone.locator("svg.gx-chart")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
