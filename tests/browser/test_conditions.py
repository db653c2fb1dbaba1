"""Conditions are built in every editor that has them: a chosen field stays and brings its operators."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.core.models import RetentionRule

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def name_contains(page: Page, text: str) -> None:
    """Set the first condition to: the name contains a text."""
    page.locator(".gx-cond .ts-control").first.click()
    page.locator(".gx-cond .ts-dropdown .option, .ts-dropdown .option").get_by_text("Name", exact=True).first.click()
    page.locator(".gx-cond select[name$='.op']").first.select_option("contains")
    page.locator(".gx-cond input[name$='.value']").first.fill(text)


def test_a_chosen_field_brings_its_operators_in_every_editor(people: Any, make: Any) -> None:
    make("customers.customer", name="旧客户")
    page = people("root")
    for place in (
        "approvals/new/?entity=customers.customer",
        "rules/new/?entity=customers.customer",
        "privacy/retention/new/",
    ):
        page.goto(f"/settings/{place}")
        page.wait_for_load_state("load")
        if not page.locator(".gx-cond").count():
            page.locator("[data-add-condition]").first.click()
        name_contains(page, "旧")
    page.locator("main input[name=name_zh]").fill("旧的")
    page.get_by_role("button", name="Count again").click()
    expect(page.locator("#keep-form")).to_contain_text("旧客户")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/settings/privacy/retention/")
    assert RetentionRule.objects.get().condition == {"field": "name", "op": "contains", "value": "旧"}


def test_a_report_being_built_is_narrowed_by_a_condition(people: Any, make: Any) -> None:
    make("customers.customer", name="旧客户", lifecycle="potential")
    make("customers.customer", name="新客户", lifecycle="mature")
    page = people("root")
    page.goto("/reports/new/?dataset=customers")
    page.wait_for_load_state("load")
    page.locator("#b-r0-field").select_option("lifecycle")
    rows = page.locator("#report-preview tbody tr")
    expect(rows).to_have_count(2)
    name_contains(page, "旧")
    page.keyboard.press("Tab")
    expect(rows).to_have_count(1)
    expect(page.locator(".gx-cond input[name$='.value']")).to_have_value("旧")
    page.reload()
    page.wait_for_load_state("load")
    expect(rows).to_have_count(1)
    expect(page.locator(".gx-cond select[name$='.op']")).to_have_value("contains")
