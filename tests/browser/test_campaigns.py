"""A segment is invited, somebody answers, a lead becomes a won deal, and the campaign says what it brought; an expense comes from the phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.areas.diary.models import Expense
from guanxi.areas.marketing import selectors, services
from guanxi.areas.marketing.models import Member
from guanxi.areas.sales import services as sales
from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.shaping.segments import SegmentDraft, segment_save
from tests.areas.sales.conftest import stages
from tests.browsing import settled, violations
from tests.factories.cast import Cast

__all__ = ["stages"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
People = Callable[..., Page]


def _won(cast: Cast, campaign: Any, lead: Any, stages: dict[str, Any]) -> None:
    """The lead becomes a deal, and the deal is won."""
    sales.lead_convert(cast.alice, lead, amount="50000", close_on="2030-06-30")
    lead.refresh_from_db()
    records.update(cast.alice, lead.opportunity, {"stage": stages["won"].pk})
    outbox.deliver_all()
    services.campaign_settle(campaign.pk)


def test_from_a_segment_to_the_return_and_an_expense_from_the_phone(
    people: People, cast: Cast, make: Any, stages: dict[str, Any]
) -> None:
    campaign = make(selectors.CAMPAIGN, name="华南智能制造展", status="running", budget="20000")
    make("campaigns.campaigncost", campaign=campaign, amount="10000")
    make("customers.contact", name="王建国", position="采购经理")
    draft = SegmentDraft(
        key="buyers",
        name_zh="采购",
        entity=selectors.CONTACT,
        condition={"field": "position", "op": "eq", "value": "采购经理"},
    )
    segment_save(cast.root, None, draft)
    page = people("alice", "zh-hans")
    page.goto(f"/campaigns/{campaign.pk}/")
    page.locator("a[href$='add-members/']").click()
    page.wait_for_url("**/add-members/")
    settled(page)
    page.locator("#source").select_option(label="采购")
    expect(page.get_by_text("1 条记录")).to_be_visible()
    page.locator("#state").select_option("sent")
    assert violations(page) == []
    page.get_by_role("button", name="添加成员").click()
    expect(page.locator(".gx-results")).to_contain_text("成员")
    member = Member.objects.get()
    assert (member.name, member.state) == ("王建国", "sent")

    page.goto(f"/campaign-members/{member.pk}/")
    page.get_by_role("button", name="设置状态").or_(page.get_by_role("link", name="设置状态")).first.click()
    page.locator("#dialog-body select[name=state]").select_option("attended")
    page.locator("#dialog-body footer button[type=submit]").click()
    expect(page.locator("#dialog-body form")).to_have_count(0)
    member.refresh_from_db()
    assert member.responded

    lead = make("sales.lead", name="李思远", company="佛山恒达机械有限公司", campaign=campaign)
    _won(cast, campaign, lead, stages)
    page.goto(f"/campaigns/{campaign.pk}/")
    results = page.locator(".gx-results")
    for text in ("响应率100%", "赢单金额¥50,000", "投资回报率400%"):
        expect(results).to_contain_text(text)
    assert violations(page) == []
    results.get_by_role("link", name="¥50,000").first.click()
    expect(page.locator("#list-view tbody tr[data-id]")).to_have_count(1)

    phone = people("alice", "zh-hans", phone=True)
    phone.goto(f"/expenses/new/?campaign={campaign.pk}")
    phone.locator("[name=name]").fill("布展打车")
    phone.locator("[name=amount]").fill("86")
    phone.get_by_role("button", name="新建", exact=True).last.click()
    phone.wait_for_url("**/expenses/*/")
    expense = Expense.objects.get()
    assert (expense.campaign_id, str(expense.amount)) == (campaign.pk, "86.00")
