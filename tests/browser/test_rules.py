"""A rule from the editor to its runs: drawn, rehearsed without a trace, put into use, set off, tried again where it failed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import expect

from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.automation.rules import running
from guanxi.core.models import AutomationRule, RuleRun
from tests.browsing import settled, violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def everything() -> dict[str, tuple[int, str]]:
    """How many rows each table holds and what they hold, but for sessions and what the test's own sign-in wrote."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND nspname = 'public'"
            " AND relname ~ '^(core|customers|activities|sales|procrastinate)_' AND relname !~ 'session|signin|presence|heartbeat|workers'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                f"SELECT count(*), coalesce(md5(string_agg(t::text, chr(10) ORDER BY t::text)), '') FROM \"{table}\" t"
            )
            found[table] = cursor.fetchone()
    return found


def test_a_rule_is_drawn_rehearsed_used_and_tried_again(people: Any, cast: Any, world: Any) -> None:
    admin = people("root", "zh-hans")
    admin.goto("/settings/rules/new/?entity=customers.customer")
    admin.wait_for_load_state()
    admin.get_by_label("中文名称").fill("升为成熟就写编号")
    admin.get_by_label("英文名称").fill("Number the mature")
    admin.get_by_label("何时运行").select_option("changed")
    form = admin.locator("#rule-form")
    form.locator("#f-tf + .ts-wrapper .ts-control").click()
    admin.keyboard.type("生命周期阶段")
    expect(admin.locator(".ts-dropdown .option:visible")).to_have_count(1)
    admin.keyboard.press("Enter")
    expect(form.locator("#f-tf + .ts-wrapper .item")).to_contain_text("生命周期阶段")
    for number, (field, value) in enumerate((("description", "已成熟"), ("employees", "{{ external_id }}"))):
        form.get_by_role("button", name="设置字段", exact=True).last.click()
        form.locator(f"section.gx-step:nth-of-type({number + 1})").get_by_role(
            "button", name="字段", exact=True
        ).click()
        form.locator(f"select[name='s.{number}.v.0.field']").select_option(field)
        settled(admin)
        form.locator(f"[name='s.{number}.v.0.value']").fill(value)
    before = everything()
    form.get_by_role("button", name="试运行").click()
    expect(admin.locator("#rehearsal")).to_contain_text("60")
    assert everything() == before
    assert violations(admin) == []
    form.get_by_label("启用").check()
    form.get_by_role("button", name="保存", exact=True).click()
    expect(admin.locator("#toasts")).to_contain_text("规则已保存")
    assert AutomationRule.objects.get().active

    customer = world.alices[0]
    records.update(cast.alice, customer, {"lifecycle": "mature", "external_id": "待查"})
    outbox.deliver_all()
    run = RuleRun.objects.get()
    running.go(run.pk)
    admin.get_by_role("link", name="运行记录").click()
    row = admin.locator("tbody tr", has_text=customer.name)
    expect(row).to_contain_text("失败")
    row.locator("a").first.click()
    steps = admin.locator("ol.gx-lines > li")
    expect(steps).to_have_count(2)
    records.update(cast.alice, customer, {"external_id": "12", "description": "本人改过"})
    admin.get_by_role("button", name="从失败的步骤重试").click()
    expect(admin.locator("#toasts")).to_contain_text("重试")
    running.go(run.pk)
    admin.reload()
    expect(admin.locator("main")).to_contain_text("已完成")
    expect(steps).to_have_count(2)
    customer.refresh_from_db()
    assert (customer.employees, customer.description) == (12, "本人改过"), "the first step is not done again"
