"""From the pool to the won deal, in Chinese: claim a lead, convert it, move the deal through its gate, win it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import Lead, Opportunity
from guanxi.core.models.stamps import bump

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_from_the_pool_to_the_won_deal(people: Any, make: Any) -> None:
    pool = make("customers.pool", subject="sales.lead", name="线索池", everyone=True)
    lead = make("sales.lead", name="李思远", company="佛山恒达机械有限公司", phones="13800138000", owner=None)
    Lead.objects.filter(pk=lead.pk).update(pool=pool)
    bump("pools")
    stages = {one.key: one.pk for one in selectors.stages_of(selectors.pipelines()[0].pk)}
    page = people("alice", "zh-hans")
    page.goto(f"/leads/{lead.pk}/")
    page.locator("#record-head").get_by_role("button", name="更多操作").click()
    page.get_by_role("menuitem", name="领取").or_(page.get_by_role("button", name="领取")).first.click()
    expect(page.locator("#toasts")).to_contain_text("领取")
    assert Lead.objects.get(pk=lead.pk).owner_id is not None

    page.goto(f"/leads/{lead.pk}/do/convert/")
    page.get_by_label("商机名称").fill("恒达数控改造")
    page.get_by_role("button", name="转化").click()
    page.wait_for_url(re.compile(rf"/leads/{lead.pk}/$"))
    deal = Opportunity.objects.get(name="恒达数控改造")
    assert deal.customer.name == "佛山恒达机械有限公司"

    page.goto("/opportunities/board/")
    card = page.locator(".gx-card", has_text="恒达数控改造")
    target = page.locator(f'.gx-lane[data-key="{stages["needs"]}"] .gx-lane-cards')
    card.focus()
    for key in (" ", "ArrowRight", " "):
        page.keyboard.press(key)
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("移到“需求确认”")
    dialog.locator("input[name=amount]").fill("120000")
    dialog.locator("input[name=close_on]").fill("2030-06-30")
    dialog.get_by_role("button", name="移动").click()
    expect(target).to_contain_text("恒达数控改造")

    page.goto(f"/opportunities/{deal.pk}/")
    page.locator(".gx-stages").get_by_role("button", name="赢单").click()
    expect(dialog).to_contain_text("移到“赢单”")
    for box in dialog.locator("input[name=_ticked]").all():
        box.check()
    dialog.locator("select[name=close_reason]").select_option("product")
    dialog.get_by_role("button", name="移动").click()
    expect(page.locator(".gx-stages [aria-current=step]")).to_contain_text("赢单")
    deal.refresh_from_db()
    assert (deal.category, deal.close_reason, str(deal.amount)) == ("won", "product", "120000.00")
