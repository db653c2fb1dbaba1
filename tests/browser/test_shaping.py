"""An administrator shapes the workspace in Chinese without code, and a colleague works with it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from guanxi.core.models import CustomObject, stamps
from guanxi.core.models.objects import table_drop
from guanxi.core.schema import registry
from tests.browser.conftest import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
People = Callable[..., Page]


@pytest.fixture(autouse=True)
def _objects_go() -> Iterator[None]:
    """What the test made leaves the register and the database with it."""
    stamps.refresh()
    yield
    for key in CustomObject.objects.values_list("key", flat=True):
        table_drop(key)
    registry.replace_made(())


def add_field(page: Page, path: str, kind: str, zh: str, en: str, **more: str) -> None:
    page.goto(f"/settings/fields/{path}/new/?kind={kind}")
    page.fill("input[name=label_zh]", zh)
    page.fill("input[name=label_en]", en)
    for name, value in more.items():
        if name == "result":
            page.select_option("select[name=result]", value)
        else:
            page.fill(f"[name={name}]", value)
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("main .gx-order")).to_contain_text(zh)


def test_a_field_a_formula_and_an_object(people: People, world: World) -> None:
    admin = people("root", "zh-hans")
    admin.goto("/settings/")
    expect(admin.locator("main")).to_contain_text("自定义对象")

    # a field and a formula of customers; a mistake is shown where it stands
    add_field(admin, "customers", "money", "年采购额", "Yearly spend")
    admin.goto("/settings/fields/customers/new/?kind=formula")
    admin.fill("textarea[name=formula]", "custom.yearly_spend * 0.06 +* 2")
    expect(admin.locator("#about-formula")).to_contain_text("1:29")
    add_field(
        admin, "customers", "formula", "预计佣金", "Expected fee", formula="custom.yearly_spend * 0.06", result="money"
    )

    # an object of its own, which belongs to a customer
    admin.goto("/settings/objects/new/")
    admin.fill("input[name=name_zh]", "巡检")
    admin.fill("input[name=name_en]", "Inspection")
    admin.fill("input[name=path]", "inspections")
    admin.evaluate(
        "() => { const s = document.querySelector('select[name=parent]'); s.tomselect ? s.tomselect.setValue('customers.customer')"
        " : (s.value = 'customers.customer'); }"
    )
    admin.get_by_role("button", name="保存", exact=True).click()
    expect(admin).to_have_url("/settings/fields/inspections/")
    add_field(admin, "inspections", "integer", "发现问题", "Findings")
    # her role learns of it
    admin.goto("/people/roles/")

    # a colleague: the field in the form, the formula on the page, the list sorted and summed
    customer = world.alices[0]
    alice = people("alice", "zh-hans")
    alice.goto(f"/customers/{customer.pk}/edit/")
    alice.fill("[name='custom.yearly_spend']", "12万")
    alice.keyboard.press("Control+Enter")
    expect(alice.locator("main")).to_contain_text("7,200")
    alice.goto("/customers/?view=0&cols=name,custom.yearly_spend,custom.expected_fee&sort=-custom.expected_fee")
    expect(alice.locator("#list-view tbody tr").first).to_contain_text(customer.name)

    # the administrator notes an inspection on the customer's page and finds it there
    admin.goto(f"/inspections/new/?parent={customer.pk}")
    admin.fill("[name=name]", "春季巡检")
    admin.fill("[name='custom.findings']", "3")
    admin.keyboard.press("Control+Enter")
    expect(admin.locator("main")).to_contain_text("春季巡检")
    admin.goto(f"/customers/{customer.pk}/")
    expect(admin.locator("main")).to_contain_text("春季巡检")
