"""An approval as its people go through it: sent, told, decided from a mail, sent back, more signers, taken back, several at once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from procrastinate.contrib.django.models import ProcrastinateJob

from guanxi.core.automation import mailing, outbox
from guanxi.core.automation.approvals.deciding import submit
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.models import Approval, User
from tests.browsing import violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STEPS = [
    {"name_zh": "初审", "name_en": "First check", "who": [{"kind": "people", "users": ["bob"]}], "mode": "any"},
    {"name_zh": "复审", "name_en": "Second check", "who": [{"kind": "people", "users": ["charlie"]}], "mode": "any"},
]


def ask(page: Page, pk: int, level: str, why: str = "") -> None:
    """Change the level in the form: the answer is the whole path, which is sent with a reason."""
    page.goto(f"/customers/{pk}/edit/")
    page.locator("select[name=level]").select_option(level)
    page.get_by_role("button", name="保存", exact=True).first.click()
    sheet = page.get_by_role("dialog")
    expect(sheet.locator(".gx-path-name")).to_have_text(["初审", "复审"])
    expect(sheet.locator(".gx-path-turn")).to_have_text([re.compile("鲍勃"), re.compile("查理")])
    sheet.get_by_label("您的意见").fill(why)
    sheet.get_by_role("button", name="提交").click()
    expect(page.locator(".gx-approval")).to_contain_text("审批中")


def decide(page: Page, button: str, *, person: str = "", comment: str = "") -> None:
    """Press a button of the request on the present page and fill in its small form."""
    page.wait_for_load_state()
    page.get_by_role("link", name=button, exact=True).click()
    sheet = page.get_by_role("dialog")
    if person:
        sheet.locator(".ts-control").click()
        sheet.locator(".ts-dropdown .option", has_text=person).or_(
            page.locator(".ts-dropdown .option", has_text=person)
        ).first.click()
    if comment:
        sheet.locator("textarea[name=comment]").fill(comment)
    sheet.locator("button[type=submit].btn-primary, button[type=submit].btn-danger").last.click()
    expect(sheet).to_be_hidden()


def test_a_level_goes_its_way(people: Any, contexts: Any, world: Any, cast: Any, letters: Any) -> None:
    flow_save(
        cast.root, None,
        FlowDraft(name_zh="改级别", name_en="Level", entity="customers.customer", action="change", fields=("level",), free_fields=("description",), steps=STEPS),
    )  # fmt: skip
    first, *others = (world.alices[number] for number in (0, 1, 2, 4))
    alice, bob = people("alice", "zh-hans"), people("bob", "zh-hans")

    ask(alice, first.pk, "c", "年采购额下降")
    assert violations(alice) == []
    approval = Approval.objects.get()
    alice.goto(f"/customers/{first.pk}/edit/")
    alice.locator("input[name=employees]").fill("77")
    alice.get_by_role("button", name="保存", exact=True).first.click()
    expect(alice.locator("#toasts")).to_contain_text("正在审批")
    first.refresh_from_db()
    assert (first.level, first.employees) == ("a", 10), "it is locked meanwhile"

    bob.goto("/")
    expect(bob.locator("main")).to_contain_text(first.name)
    bob.goto(f"/customers/{first.pk}/")
    decide(bob, "退回修改", comment="请附上理由")
    alice.goto("/notifications/")
    expect(alice.locator("main")).to_contain_text("退回修改")
    ask(alice, first.pk, "b", "降一级即可")
    assert Approval.objects.get() == approval
    assert ProcrastinateJob.objects.filter(task_name="guanxi.mail_send", args__user_id=cast.bob_user.pk).exists()

    assert mailing.send_now(cast.bob_user.pk)
    letter = letters.last("bob@guanxi.example")
    link = re.search(r"/approvals/link/\S+", letter.get_content())
    assert first.name in letter.get_content()
    assert link
    phone = contexts(phone=True).new_page()
    phone.goto(link[0])
    expect(phone.locator("main")).to_contain_text("降一级即可")
    assert violations(phone) == []
    phone.get_by_role("button", name="驳回").click()
    expect(phone.locator("main")).to_contain_text("请填写理由")
    phone.get_by_role("button", name="同意").click()
    expect(phone.get_by_role("status")).to_contain_text("已同意")
    assert phone.goto(link[0]).status == 404, "used up"

    charlie, root = people("charlie", "zh-hans"), people("root", "zh-hans")
    charlie.goto("/approvals/")
    charlie.get_by_role("link", name=first.name, exact=True).click()
    decide(charlie, "前加签", person="管理员", comment="请先看")
    root.goto("/approvals/")
    root.get_by_role("button", name=f"同意: {first.name}").click()
    expect(root.locator("#toasts")).to_contain_text("同意")
    charlie.goto(f"/approvals/{approval.pk}/")
    charlie.get_by_role("button", name="同意", exact=True).click()
    expect(charlie.locator("h1 .gx-badge")).to_have_text("同意")
    first.refresh_from_db()
    assert first.level == "b"

    for one in others:
        submit(cast.alice, "customers.customer", one.pk, "change", {"level": "a"})
    alice.goto(f"/customers/{others[2].pk}/")
    decide(alice, "撤回")
    for page in (bob, charlie):
        page.goto("/approvals/")
        for one in others[:2]:
            page.get_by_label(f"选择: {one.name}").check()
        expect(page.get_by_label(f"选择: {others[2].name}")).to_have_count(0)
        page.get_by_role("button", name="同意所选").click()
        expect(page.locator("#toasts")).to_contain_text("2")
    for one in others:
        one.refresh_from_db()
    assert [one.level == "a" for one in others] == [True, True, False]

    alice.goto(f"/customers/{first.pk}/")
    line = alice.locator(".gx-moments-panel")
    for words in ("年采购额下降", "请附上理由", "降一级即可", "请先看"):
        expect(line).to_contain_text(words)


def test_an_approver_leaves(people: Any, world: Any, cast: Any) -> None:
    """His page says what waits for him, who gets it, and where he is named; the request goes on with that person."""
    User.objects.filter(pk=cast.bob_user.pk).update(superior=cast.charlie_user)
    flow_save(
        cast.root, None,
        FlowDraft(name_zh="改级别", name_en="Level", entity="customers.customer", action="change", fields=("level",), steps=STEPS[:1]),
    )  # fmt: skip
    first = world.alices[0]
    approval = submit(cast.alice, "customers.customer", first.pk, "change", {"level": "c"})
    bob, root = people("bob", "zh-hans"), people("root", "zh-hans")
    bob.goto("/approvals/")
    expect(bob.locator("main")).to_contain_text(first.name)

    root.goto(f"/people/users/{cast.bob_user.pk}/")
    card = root.locator(".card, .gx-panel", has_text="审批与规则").last
    expect(card).to_contain_text("有 1 项审批待其处理")
    expect(card).to_contain_text("查理")
    expect(card.get_by_role("link", name="改级别")).to_be_visible()
    root.once("dialog", lambda dialog: dialog.accept())
    root.get_by_role("button", name="停用").click()
    expect(root.locator("#toasts")).to_contain_text("转给 查理")
    outbox.deliver_all()
    root.reload()
    expect(root.locator("main")).to_contain_text("以下设置仍指定其处理")
    root.goto("/settings/approvals/")
    expect(root.locator("main [title*=已离职]")).to_have_text("初审")
    bob.goto("/approvals/")
    expect(bob).to_have_url(re.compile("/account/login/"))

    charlie = people("charlie", "zh-hans")
    charlie.goto(f"/approvals/{approval.pk}/")
    expect(charlie.locator("main")).to_contain_text("鲍勃")
    charlie.get_by_role("button", name="同意", exact=True).click()
    expect(charlie.locator("h1 .gx-badge")).to_have_text("同意")
    first.refresh_from_db()
    assert first.level == "c"
