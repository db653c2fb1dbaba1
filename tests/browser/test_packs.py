"""The main stories of industry packs, in Chinese, as people of those trades go through them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import expect

from guanxi.core import records
from guanxi.core.exchange import packs
from guanxi.core.models import CustomObject, Role
from guanxi.core.models.stamps import bump
from guanxi.core.outside.jobs import portal_link_send
from guanxi.core.records import objects
from guanxi.core.schema.registry import entity_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    CustomObject.objects.all().delete()
    objects.sync()


@pytest.fixture
def trade(cast: Any) -> Callable[..., None]:
    """``trade("insurance", "insurance_agent")``: the pack without samples, Alice in its role."""

    def trade(key: str, *roles: str) -> None:
        packs.apply(cast.root, key, with_samples=False)
        cast.alice_user.roles.add(*Role.objects.filter(key__in=roles))
        bump("rights")

    return trade


def of(key: str) -> Any:
    return entity_of(key).model._default_manager


def test_insurance_from_the_questionnaire_to_the_claim(
    trade: Any, people: Any, contexts: Any, make: Any, cast: Any
) -> None:
    trade("insurance", "insurance_agent", "claims_handler")
    outside = contexts().new_page()
    outside.set_default_navigation_timeout(60_000)
    outside.goto("/public/needs/")
    outside.get_by_label("怎么称呼您").fill("周建国")
    outside.get_by_label("手机").fill("19900001234")
    outside.get_by_label("您的年龄").fill("41")
    for words in ("有未成年子女", "30–60 万", "家人失去依靠"):
        outside.get_by_label(words).check()
    outside.get_by_label("我同意").check()
    outside.get_by_role("button", name="提交").or_(outside.get_by_role("button", name="发送")).click()
    expect(outside.locator(".gx-outside-done")).to_contain_text("定期寿险")
    assert of("sales.lead").get().custom["need"] == "life"

    customer = make("customers.customer", owner=cast.alice_user.pk, name="周建国", phones=[{"value": "19900001234"}])
    page = people("alice", "zh-hans")
    page.goto(f"/policies/new/?parent={customer.pk}")
    page.locator("#main, main").first.get_by_label("保单号").fill("P2026-88")
    page.locator("select[name='custom.line']").select_option("car")
    page.locator("main").get_by_role("button", name="新建", exact=True).last.click()
    page.wait_for_url(re.compile(r"/policies/\d+/"))
    policy = of("custom.policy").get()
    page.goto(f"/claims/new/?parent={policy.pk}")
    page.locator("input[name='custom.happened_at']").fill("2026-03-01T08:00")
    page.locator("main").get_by_role("button", name="新建", exact=True).last.click()
    page.wait_for_url(re.compile(r"/claims/\d+/"))
    records.update(cast.root, of("custom.claim").get(), {"custom.handler": cast.alice_user.pk})
    page.reload()
    page.locator(".gx-stages").get_by_role("button", name="已受理").click()
    expect(page.locator(".gx-passed")).to_contain_text(cast.alice_user.name)

    outside.goto("/public/policy/")
    outside.get_by_label("保单号").fill("P2026-88")
    outside.get_by_label("预留手机后 4 位").fill("1234")
    outside.get_by_role("button", name="查询").click()
    expect(outside.locator(".gx-passed [aria-current=step]")).to_contain_text("已受理")
    expect(outside.locator(".gx-passed")).to_contain_text(cast.south.name)


def test_exhibition_from_the_invitation_to_the_rebooking(trade: Any, people: Any, make: Any, cast: Any) -> None:
    trade("exhibition", "show_sales", "show_manager")
    customer = make("customers.customer", owner=cast.alice_user.pk, name="佛山恒达家具有限公司")
    show = of("custom.show").create(name="智能家居展", owner=cast.alice_user)
    edition = of("custom.show_edition").create(name="第 6 届智能家居展", parent=show, owner=cast.alice_user)
    made = of("custom.participation").create(
        name="CZ1", parent=customer, owner=cast.alice_user, carrier_owner=cast.alice_user,
        custom={"edition": edition.pk, "role": "exhibitor", "state": "invited", "fee": "36000.00"},
    )  # fmt: skip
    page = people("alice", "zh-hans")
    page.goto(f"/participations/{made.pk}/")
    for step in ("已报名", "已签约", "已付款", "已参加"):
        page.locator(".gx-stages").get_by_role("button", name=step).click()
        expect(page.locator(".gx-stages [aria-current=step]")).to_contain_text(step)
    expect(page.locator(".gx-passed li")).to_have_count(4)
    page.goto(f"/participations/{made.pk}/edit/")
    page.locator("input[name='custom.satisfaction']").fill("9")
    page.locator("input[type=checkbox][name='custom.rebooked']").check()
    page.get_by_role("button", name="保存", exact=True).first.click()
    page.wait_for_url(re.compile(rf"/participations/{made.pk}/$"))
    made.refresh_from_db()
    assert (made.custom["satisfaction"], made.custom["rebooked"]) == (9, True)
    page.goto("/reports/show-rebooking/")
    expect(page.locator("main")).to_contain_text("100")


def test_logistics_from_the_assessment_to_the_proposal(trade: Any, people: Any, make: Any, cast: Any) -> None:
    trade("logistics", "freight_sales")
    customer = make("customers.customer", owner=cast.alice_user.pk, name="宁波嘉恒机械有限公司")
    page = people("alice", "zh-hans")
    page.goto(f"/freight-assessments/new/?parent={customer.pk}")
    page.locator("#main, main").first.get_by_label("评估名称").fill("美西海运")
    page.locator("select[name='custom.mode']").select_option("sea")
    page.locator("input[name='custom.month_volume']").fill("50")
    page.locator("input[name='custom.unit_price']").fill("9800")
    page.locator("main").get_by_role("button", name="新建", exact=True).last.click()
    page.wait_for_url(re.compile(r"/freight-assessments/\d+/"))
    customer.refresh_from_db()
    assert (customer.custom["grade"], customer.custom["year_volume"]) == ("A", 600)
    page.goto(f"/freight-proposals/new/?parent={customer.pk}")
    page.locator("textarea[name='custom.demand']").fill("每周两柜，门到门")
    page.locator("main").get_by_role("button", name="新建", exact=True).last.click()
    page.wait_for_url(re.compile(r"/freight-proposals/\d+/"))
    records.update(cast.root, of("custom.freight_proposal").get(), {"custom.planner": cast.alice_user.pk})
    page.reload()
    page.locator(".gx-stages").get_by_role("button", name="已分派").click()
    expect(page.locator(".gx-stages [aria-current=step]")).to_contain_text("已分派")
    page.goto("/")
    expect(page.locator("main")).to_contain_text("我的在途方案")
    expect(page.locator("main")).to_contain_text("宁波嘉恒机械有限公司")


def test_securities_from_the_invitation_to_the_answer(
    trade: Any, people: Any, contexts: Any, make: Any, cast: Any
) -> None:
    """Two kinds of sign-in: the client manager invites, the client makes an appointment and writes, both see the answer."""
    trade("securities", "broker")
    customer = make(
        "customers.customer", owner=cast.alice_user.pk, name="沈德明", kind="person",
        phones=[{"value": "13800004321"}], emails=[{"value": "shen@example.com"}],
    )  # fmt: skip
    page = people("alice", "zh-hans")
    page.goto(f"/customers/{customer.pk}/")
    page.locator("#record-head").get_by_role("button", name="更多操作").click()
    page.locator("#record-head").get_by_role("link", name="客户登录").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("邮箱")).to_have_value("shen@example.com")
    dialog.get_by_role("button", name="发送链接").click()
    expect(page.locator("#toasts")).to_contain_text("shen@example.com")
    expect(dialog).to_be_hidden()

    assert portal_link_send("shen@example.com")
    link = re.search(r"/my/enter/\S+", mail.outbox[-1].body)
    assert link
    client = contexts(phone=True).new_page()
    client.goto(link[0])
    client.get_by_role("button", name="打开我的页面").click()
    client.wait_for_url(re.compile(r"/my/$"))
    client.goto("/my/appointments/new/")
    client.get_by_label("预约事项").select_option("transfer")
    client.get_by_label("预约时间").fill("2030-03-01T10:00")
    client.locator("main").get_by_role("button").last.click()
    client.wait_for_url(re.compile(r"/my/appointments/\d+/"))
    client.goto("/my/board-messages/new/")
    client.locator("main input[name=name]").fill("转户要带什么")
    client.locator("main textarea[name='custom.text']").fill("身份证之外还需要什么？")
    client.locator("main").get_by_role("button").last.click()
    client.wait_for_url(re.compile(r"/my/board-messages/\d+/"))
    message = of("custom.board_message").get()
    assert (message.custom["state"], message.parent_id) == ("open", customer.pk)

    page.goto("/")
    expect(page.locator("main")).to_contain_text("沈德明")
    appointment = of("custom.appointment").get()
    records.update(cast.root, appointment, {"custom.adviser": cast.alice_user.pk})
    page.goto(f"/appointments/{appointment.pk}/")
    page.locator(".gx-stages").get_by_role("button", name="已确认").click()
    expect(page.locator(".gx-stages [aria-current=step]")).to_contain_text("已确认")
    page.goto(f"/board-replies/new/?parent={message.pk}")
    page.locator("main textarea[name='custom.text']").fill("带上银行卡即可。")
    page.locator("main").get_by_role("button", name="新建", exact=True).last.click()
    page.wait_for_url(re.compile(r"/board-replies/\d+/"))
    client.reload()
    expect(client.locator("main")).to_contain_text("带上银行卡即可。")
    client.goto(f"/my/appointments/{appointment.pk}/")
    expect(client.locator("main")).to_contain_text("已确认")
    client.goto(f"/customers/{customer.pk}/")
    expect(client).to_have_url(re.compile("/account/login/"))
