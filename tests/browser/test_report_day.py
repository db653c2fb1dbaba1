"""The evening of a trainee and his manager: a follow-up, what it cost, the report that wrote itself, and what is said to it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.areas.diary.models import Expense, WorkReport
from guanxi.core.kernel import clock
from guanxi.core.models import Role, User
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def staffed(cast: Cast) -> None:
    """Alice is a trainee, Bob leads her."""
    cast.alice_user.roles.set([Role.objects.get(key="trainee")])
    cast.bob_user.roles.set([Role.objects.get(key="manager")])
    User.objects.filter(pk=cast.alice_user.pk).update(superior=cast.bob_user)
    bump("rights", "people")


def laid_out(page: Page, visit: Any) -> None:
    """On her phone, from the visit: today and the customer are filled in; a wrong amount is said at its field and stays."""
    page.goto(f"/activities/{visit.pk}/")
    page.get_by_role("tab", name="相关").or_(page.locator("a, button", has_text="相关")).first.click()
    page.locator("[hx-get^='/expenses/new/?activity']").click()
    dialog = page.locator("#dialog-body")
    expect(dialog.locator("#f-spent_on")).to_have_value(clock.today("Asia/Shanghai").isoformat())
    expect(dialog.locator("select#f-customer")).to_have_value(str(visit.customer_id))
    dialog.locator("#f-name").fill("打车去客户现场")
    dialog.locator("#f-amount").fill("-5")
    dialog.get_by_role("button", name="新建", exact=True).click()
    expect(dialog.locator(".invalid-feedback", has_text="金额")).to_be_visible()
    expect(dialog.locator("#f-name")).to_have_value("打车去客户现场")
    dialog.locator("#f-amount").fill("86.5")
    dialog.get_by_role("button", name="新建", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("打车去客户现场")
    page.goto(f"/expenses/{Expense.objects.get().pk}/")
    page.locator("#record-head").get_by_role("link", name="提交", exact=True).click()
    expect(page.locator("#record-head")).to_contain_text("已提交审批")
    expect(page.locator("#record-head").get_by_role("link", name="同意")).to_have_count(0)


def test_a_trainee_reports_and_the_manager_answers(people: Any, cast: Cast, make: Any) -> None:
    staffed(cast)
    visit = make("activities.activity", kind="visit", body="看了二期现场，下周给方案", owner=cast.alice_user.pk)
    alice, bob = people("alice", "zh-hans", phone=True), people("bob", "zh-hans")
    laid_out(alice, visit)
    bob.goto("/diary/")
    expect(bob.locator(".gx-diary")).to_contain_text("未提交")
    alice.goto("/diary/")
    expect(alice.locator(".gx-diary")).to_contain_text("拜访")
    alice.locator("#diary-summary").fill("第一次独立拜访")
    alice.get_by_role("button", name="提交", exact=True).click()
    expect(alice.locator("main")).to_contain_text("已提交")
    report = WorkReport.objects.get()

    bob.reload()
    bob.locator(".gx-diary a", has_text="已提交").click()
    expect(bob.locator("main")).to_contain_text("第一次独立拜访")
    bob.wait_for_load_state()
    bob.locator("#record-head").get_by_role("button", name="更多操作").click()
    with bob.expect_response(lambda answer: answer.request.method == "POST" and answer.ok):
        bob.get_by_role("menuitem", name="标为已读").or_(bob.get_by_role("button", name="标为已读")).first.click()
    bob.goto(f"/work-reports/{report.pk}/")
    bob.locator("main textarea").first.fill("做得好，方案先给我看")
    bob.locator("main").get_by_role("button", name="评论", exact=True).last.click()
    expect(bob.locator("main")).to_contain_text("做得好，方案先给我看")
    bob.goto(f"/expenses/{Expense.objects.get().pk}/")
    bob.locator("#record-head").get_by_role("link", name="同意", exact=True).click()
    expect(bob.locator("#toasts")).to_contain_text("同意")

    alice.goto(f"/work-reports/{report.pk}/")
    expect(alice.locator("main")).to_contain_text("做得好")
    assert (WorkReport.objects.get().status, Expense.objects.get().status) == ("read", "approved")
