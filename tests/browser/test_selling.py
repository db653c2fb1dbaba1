"""Selling by hand: a card carried by a finger; what is typed wrongly is refused at its field, in both languages, and stays."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.areas.billing.models import Contract, Receipt
from guanxi.areas.sales.models import Opportunity, Stage
from guanxi.areas.sales.services import lead_convert
from guanxi.core import records
from guanxi.core.kernel import clock
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def stages(make: Any, *names: str) -> list[Stage]:
    """Stages of one pipeline, in order."""
    first = make("sales.stage", name=names[0], position=1)
    rest = [
        make("sales.stage", name=name, position=place, pipeline=first.pipeline_id)
        for place, name in enumerate(names[1:], start=2)
    ]
    return [first, *rest]


def finger(page: Page, *points: tuple[float, float]) -> None:
    """Put a finger down, hold it until the card is lifted, carry it along the points, take it off."""
    cdp = page.context.new_cdp_session(page)

    def touch(sort: str, *at: tuple[float, float]) -> None:
        cdp.send("Input.dispatchTouchEvent", {"type": sort, "touchPoints": [{"x": x, "y": y} for x, y in at]})

    touch("touchStart", points[0])
    expect(page.locator(".sortable-chosen").first).to_be_attached()
    for before, after in pairwise(points):
        for part in range(1, 9):
            touch("touchMove", tuple(one + (other - one) * part / 8 for one, other in zip(before, after, strict=True)))  # type: ignore[arg-type]
    touch("touchEnd")
    cdp.detach()


def test_a_card_is_carried_by_a_finger(people: Any, make: Any) -> None:
    first, second, _third = stages(make, "初步接洽", "方案报价", "合同谈判")
    deal = make("sales.opportunity", name="手指拖动的商机", stage=first.pk, pipeline=first.pipeline_id)
    page = people("alice", "zh-hans", phone=True)
    page.goto("/opportunities/board/?view=0")
    page.wait_for_function("window.Sortable !== undefined")
    page.wait_for_load_state("networkidle")
    card = page.locator(".gx-card", has_text="手指拖动的商机")
    card.scroll_into_view_if_needed()
    lane = page.locator(f".gx-lane[data-key='{second.pk}'] .gx-lane-cards")
    start = card.bounding_box()
    assert start is not None
    grip = (start["x"] + start["width"] / 2, start["y"] + start["height"] - 6)
    finger(
        page, grip, (grip[0] - 60, grip[1]), (grip[0] + 30, grip[1] + 5)
    )  # a move within its own column changes nothing
    assert Opportunity.objects.get(pk=deal.pk).stage_id == first.pk
    end = lane.bounding_box()
    assert end is not None
    finger(page, grip, (min(end["x"] + 40, 380), end["y"] + 30))
    expect(page.locator("#toasts")).to_contain_text("方案报价")
    expect(lane.locator(".gx-card", has_text="手指拖动的商机")).to_be_attached()
    assert Opportunity.objects.get(pk=deal.pk).stage_id == second.pk


def refused(page: Page, address: str, button: str, typed: dict[str, str], field: str, words: str) -> None:
    """Send a form with something wrong: it is said at the field, and what was typed is still there."""
    page.goto(address)
    more = page.locator("#form-host [data-more], #form-host details:not([open]) > summary")
    for one in more.all():
        one.click()
    for name, value in typed.items():
        page.locator(f"#f-{name}").fill(value)
    page.locator("#form-host").get_by_role("button", name=button, exact=True).click()
    place = page.locator(f"xpath=//*[@id='f-{field}']/following::div[contains(@class, 'invalid-feedback')][1]")
    expect(place).to_contain_text(words)
    for name, value in typed.items():
        expect(page.locator(f"#f-{name}")).to_have_value(value)


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(people: Any, make: Any, cast: Cast) -> None:
    today = clock.today("Asia/Shanghai")
    first, second, third = stages(make, "初步接洽", "方案报价", "合同谈判")
    deal = make("sales.opportunity", name="两个人的商机", stage=first.pk, pipeline=first.pipeline_id)
    customer = make("customers.customer", name="佛山恒达机械有限公司")
    to = f"?customer={customer.pk}"
    records.create(cast.root, "billing.closedperiod", {"until": today - dt.timedelta(days=20)})
    paid = {"customer": customer.pk, "amount": 9, "received_on": today, "currency": "CNY", "reference": "B1"}
    records.create(cast.root, "billing.receipt", paid)
    line = {"name": "停产的型号", "quantity": 1, "price": 100, "tax_class": "13", "unit": "piece"}
    product = make("catalog.product", name="停产的型号")
    quote = make("billing.quote", customer=customer.pk, lines=[{"product": product.pk, **line}])
    records.delete(cast.root, product)
    above = make("billing.contract", customer=customer.pk, name="主合同")
    below = make("billing.contract", customer=customer.pk, name="补充协议", amends=above.pk, effect="add")
    lead = make("sales.lead", name="李思远", company="佛山恒达机械有限公司")
    lead_convert(cast.root, lead, make_opportunity=False)
    late = (today - dt.timedelta(days=30)).isoformat()
    for language, button, save, words in (
        ("zh-hans", "新建", "保存", ("不能为负", "过大", "不能早于", "已关账", "已登记为回款", "没有", "不能成环", "已经转化")),
        ("en", "Create", "Save", ("cannot be negative", "larger than any deal", "cannot end before", "closed up to",
                                  "entered already", "There is no exchange rate", "in a circle", "converted already")),
    ):  # fmt: skip
        page = people("root", language)
        new = f"/opportunities/new/{to}"
        refused(page, new, button, {"name": "负数", "amount": "-5"}, "amount", words[0])
        refused(page, new, button, {"name": "太大", "amount": "99999999999999"}, "amount", words[1])
        ends = {"name": "倒着走", "starts_on": today.isoformat(), "ends_on": late}
        refused(page, f"/contracts/new/{to}", button, ends, "ends_on", words[2])
        money = f"/receipts/new/{to}"
        refused(page, money, button, {"amount": "5", "received_on": late}, "received_on", words[3])
        twice = {"amount": "9", "received_on": today.isoformat(), "reference": "B1"}
        refused(page, money, button, twice, "reference", words[4])
        refused(page, f"{new}&currency=CHF", button, {"name": "没有汇率", "amount": "1"}, "currency", words[5])
        page.goto(f"/contracts/{above.pk}/edit/")
        pick = "(select, id) => { select.tomselect.addOption({ value: id, text: id }); select.tomselect.setValue(id); }"
        page.locator("select#f-amends").evaluate(pick, str(below.pk))
        page.locator("#form-host").get_by_role("button", name=save, exact=True).click()
        expect(page.locator(".invalid-feedback", has_text=words[6])).to_be_visible()
        page.goto(f"/leads/{lead.pk}/do/convert/")
        expect(page.locator("main")).to_contain_text(words[7])
        page.goto(f"/quotes/{quote.pk}/")
        expect(page.locator("main")).to_contain_text("停产的型号")
    assert (Opportunity.objects.count(), Contract.objects.count(), Receipt.objects.count()) == (1, 2, 1)
    _one_card_and_two_people(people, deal, second, third)


def _one_card_and_two_people(people: Any, deal: Opportunity, second: Stage, third: Stage) -> None:
    """Both have the board open; the second to move the card is told, and finds it where the first put it."""
    boards = [(people(name, "zh-hans"), keys) for name, keys in (("alice", 1), ("root", 2))]
    for page, _keys in boards:
        page.goto("/opportunities/board/?view=0")
        page.wait_for_function("window.Sortable !== undefined")
    for page, keys in boards:
        page.locator(".gx-card", has_text=deal.name).focus()
        for key in (" ", *("ArrowRight",) * keys, " "):
            page.keyboard.press(key)
        expect(page.locator("#toasts")).to_contain_text("方案报价" if keys == 1 else "林爱丽 刚刚移动了")
    assert Opportunity.objects.get(pk=deal.pk).stage_id == second.pk != third.pk
