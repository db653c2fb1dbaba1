"""What an administrator may get wrong: every mistake is said where it is made, and loses nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.automation.rules import running
from guanxi.core.automation.rules.store import RuleDraft, rule_save
from guanxi.core.models import CustomField, RuleRun
from guanxi.core.shaping import fields
from tests.browsing import violations

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KEY = "customers.customer"


@pytest.fixture(autouse=True)
def as_before() -> Any:
    yield
    CustomField.objects.all().delete()


def test_mistakes_of_shaping_are_said_and_lose_nothing(people: Any, cast: Any, make: Any) -> None:
    fields.field_save(cast.root, KEY, "memo", {"kind": "text", "label_zh": "备忘", "label_en": "Memo"}, new=True)
    good, bad = (make(KEY, name=name, employees=10) for name in ("上海一号", "上海二号"))
    records.update(cast.alice, good, {"custom.memo": "12"})
    records.update(cast.alice, bad, {"custom.memo": "待定"})
    outbox.deliver_all()
    step = {"do": "set", "values": {"custom.memo": "=custom.memo + 'x'"}}
    rule = rule_save(
        cast.root, None,
        RuleDraft(name_zh="自己触发自己", name_en="Itself", entity=KEY, trigger={"on": "changed", "fields": ["custom.memo"]}, steps=(step,), active=True),
    )  # fmt: skip
    admin = people("root", "zh-hans")

    admin.goto("/settings/fields/customers/new/?kind=formula")
    admin.wait_for_load_state()
    box, answer = admin.locator("main textarea").first, admin.locator("main")
    for source, said in (
        ("employees / 0", "除数为零"),
        ("employees +", "公式没有写完"),
        ("no_such_field * 2", "no_such_field"),
    ):
        box.fill(source)
        expect(answer).to_contain_text(said)
    assert violations(admin) == []
    admin.locator("main input[name=label_zh]").fill("坏公式")
    admin.locator("select[name=result]").select_option("integer")
    admin.get_by_role("button", name="保存", exact=True).click()
    expect(box).to_have_value("no_such_field * 2")
    assert not CustomField.objects.filter(kind="formula").exists()

    records.update(cast.alice, good, {"custom.memo": "13"})
    for _round in range(4):
        outbox.deliver_all()
        for number in RuleRun.objects.filter(state="running").values_list("pk", flat=True):
            running.go(number)
    admin.goto(f"/settings/rules/runs/?rule={rule.key}")
    expect(admin.locator("tbody")).to_contain_text("已停止")
    good.refresh_from_db()
    assert good.custom["memo"] == "13x", "once, and no more"
    records.update(cast.root, good, {"custom.memo": "14"})

    admin.goto("/settings/fields/customers/memo/")
    expect(admin.get_by_role("link", name="自己触发自己")).to_be_visible()
    expect(admin.get_by_role("button", name="移除")).to_have_count(0)
    admin.goto("/settings/fields/customers/memo/kind/?to=integer")
    expect(admin.locator("tbody")).to_contain_text("待定")
    admin.get_by_role("button", name="改变类型").click()
    expect(admin.locator("#toasts")).to_contain_text("1")
    assert {row.kind: row.active for row in CustomField.objects.all()} == {"integer": True, "text": False}
    bad.refresh_from_db()
    assert "待定" in bad.custom.values(), "the old value is kept"
