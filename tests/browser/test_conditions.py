"""Conditions are built in every editor that has them: a chosen field stays and brings its operators."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from guanxi.core.models import RetentionRule

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


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
        page.locator(".gx-cond .ts-control").first.click()
        page.locator(".gx-cond .ts-dropdown .option, .ts-dropdown .option").get_by_text(
            "Name", exact=True
        ).first.click()
        page.locator(".gx-cond select[name$='.op']").first.select_option("contains")
        page.locator(".gx-cond input[name$='.value']").first.fill("旧")
    page.locator("main input[name=name_zh]").fill("旧的")
    page.get_by_role("button", name="Count again").click()
    expect(page.locator("#keep-form")).to_contain_text("旧客户")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/settings/privacy/retention/")
    assert RetentionRule.objects.get().condition == {"field": "name", "op": "contains", "value": "旧"}
