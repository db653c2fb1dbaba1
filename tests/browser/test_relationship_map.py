"""The relationship map in a browser: drawn, a relation changed, two people connected, and all of it at phone width."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from guanxi.areas.customers.models import Contact, CustomerLink

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def opened(page: Any, customer: Any) -> Any:
    page.goto(f"/customers/{customer.pk}/")
    page.locator("[data-main-tab='map']").click()
    page.wait_for_function("() => document.querySelector('[data-map]')?.graph")
    return page.locator("[data-map]")


def test_map_is_drawn_and_changed(people: Any, make: Any) -> None:
    company = make("customers.customer", name="本公司")
    other = make("customers.customer", name="伙伴公司")
    link = make("customers.customerlink", customer=company, other=other, relation="partner")
    boss = make("customers.contact", name="老板", customer=company)
    clerk = make("customers.contact", name="员工", customer=company)
    page = people("alice")
    box = opened(page, company)
    ids = page.evaluate("() => document.querySelector('[data-map]').graph.elements().map((one) => one.id())")
    assert set(ids) == {
        f"c{company.pk}", f"c{other.pk}", f"p{boss.pk}", f"p{clerk.pk}", f"l{link.pk}", f"w{boss.pk}", f"w{clerk.pk}",
    }  # fmt: skip

    box.locator("[data-map-choose]").select_option(f"l{link.pk}")
    expect(box.locator("[data-map-chosen]")).to_contain_text("本公司 → 伙伴公司")
    box.locator("[data-map-chosen]").get_by_role("button", name="Change").click()
    dialog = page.locator("#dialog")
    dialog.locator("select[name=relation]").select_option("competitor")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#dialog")).not_to_be_visible()
    assert CustomerLink.objects.get(pk=link.pk).relation == "competitor"

    box = opened(page, company)
    box.locator("[data-map-choose]").select_option(f"p{clerk.pk}")
    box.locator("[data-map-connect]").click()
    page.evaluate("(id) => document.querySelector('[data-map]').graph.getElementById(id).select()", f"p{boss.pk}")
    expect(page.locator("#toasts")).to_contain_text("Saved.")
    assert Contact.objects.get(pk=clerk.pk).reports_to_id == boss.pk


def test_reader_sees_the_map_but_no_tools(people: Any, make: Any) -> None:
    company = make("customers.customer", name="本公司")
    make("customers.contact", name="老板", customer=company)
    page = people("bob", phone=True)
    box = opened(page, company)
    expect(box.locator("canvas").first).to_be_visible()
    expect(box.locator("[data-map-connect]")).to_have_count(0)
    width = page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 390
