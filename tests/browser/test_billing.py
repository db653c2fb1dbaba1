"""From the lead in the pool to the last receipt in Chinese, by four people: salesperson, manager, finance, the customer by link."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from guanxi.areas.billing.models import Contract, Delivery, DiscountLimit, Invoice, Order, Quote, Receipt
from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import Lead, LeadFollowUp, Opportunity
from guanxi.core.kernel import clock
from guanxi.core.models import Role
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FIRM, DEAL = "宁波恒信水务有限公司", "二期泵站改造"
ROWS = "压力变送器\t0–6 MPa\t4\t个\t860\n安装调试\t\t1\t次\t5000"


def staffed(cast: Cast) -> None:
    """Alice sells under Bob, Charlie keeps the books; Alice may grant five percent."""
    seats = ((cast.alice_user, "member"), (cast.bob_user, "manager"), (cast.charlie_user, "finance"))
    for user, key in seats:
        user.roles.set([Role.objects.get(key=key)])
    cast.alice_user.superior = cast.bob_user
    cast.alice_user.save(update_fields=["superior"])
    DiscountLimit.objects.create(role=Role.objects.get(key="member"), percent=5)
    bump("rights", "people")


def press(page: Page, name: str) -> None:
    """One of the next steps in the head of a record."""
    page.locator("#record-head").get_by_role("link", name=name, exact=True).click()


def pick(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.keyboard.type(text, delay=10)
    page.locator(".ts-dropdown .option", has_text=text).first.click()


def link_of(page: Page) -> str:
    """The address shown once."""
    box = page.locator("#dialog #told")
    expect(box).to_be_visible()
    address = box.input_value()
    page.keyboard.press("Escape")
    return "/p/" + address.rstrip("/").rpartition("/")[2] + "/"


def quoted(page: Page, customer: str, product: str) -> Quote:
    """A quote written in the grid: one product picked by keyboard, two rows pasted from a spreadsheet, an option, a section."""
    page.get_by_label("主题").fill("二期泵站")
    grid = page.locator("[data-grid=lines]")
    first = grid.locator("td[data-col=product] input[type=text]").first
    first.click()
    first.press_sequentially(product[:6], delay=15)
    expect(page.locator("#gx-pick-list li", has_text=product)).to_be_visible()
    page.keyboard.press("Enter")
    expect(grid.locator("td[data-col=price] input").first).to_have_value("1000")
    grid.locator("td[data-col=quantity] input").first.fill("10")
    grid.get_by_role("button", name="产品").click()
    cell = grid.locator("tr[data-line]").nth(1).locator("td[data-col=name] input")
    cell.focus()
    cell.evaluate(
        """(input, text) => { const data = new DataTransfer(); data.setData("text/plain", text);
        input.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })); }""",
        ROWS,
    )
    expect(grid.locator("tr[data-line]")).to_have_count(3)
    expect(grid.locator("tr[data-line]").nth(2).locator("td[data-col=price] input")).to_have_value("5000")
    grid.get_by_role("button", name="分节").click()
    page.keyboard.type("硬件")
    heading = grid.locator("tr[data-line]").nth(3)
    heading.locator("[data-grip]").focus()
    for _step in range(3):
        page.keyboard.press("ArrowUp")
    page.get_by_label(re.compile("整单折扣")).fill("12")
    expect(grid.locator("[data-total=total]")).to_have_text("¥16,227.20")
    page.locator("#form-host").get_by_role("button", name="新建", exact=True).click()
    page.wait_for_url(re.compile(r"/quotes/\d+/$"))
    made = Quote.objects.get(name="二期泵站")
    assert next((one.sort, one.name) for one in made.lines.order_by("position")) == ("section", "硬件")
    assert (made.customer.name, str(made.total), str(made.off)) == (customer, "16227.20", "12.00")
    return made


def pooled(make: Any) -> Lead:
    """A lead nobody owns, in a pool everybody may claim from."""
    pool = make("customers.pool", subject="sales.lead", name="线索池", everyone=True)
    lead = make("sales.lead", name="李思远", company=FIRM, phones="13800138000", owner=None)
    Lead.objects.filter(pk=lead.pk).update(pool=pool)
    bump("pools")
    return lead


def converted(page: Page, lead: Lead) -> Opportunity:
    """Claimed, spoken to, and made a customer with an opportunity."""
    page.goto(f"/leads/{lead.pk}/")
    page.locator("#record-head").get_by_role("link", name="领取").click()
    expect(page.locator("#toasts")).to_contain_text("领取")
    page.keyboard.press("f")
    page.locator("#dialog textarea[name=body]").fill("确认有二期泵站预算，下周看现场")
    page.keyboard.press("Control+Enter")
    expect(page.locator("main")).to_contain_text("下周看现场")
    page.goto(f"/leads/{lead.pk}/do/convert/")
    page.get_by_label("商机名称").fill(DEAL)
    page.get_by_role("button", name="转化").click()
    page.wait_for_url(re.compile(rf"/leads/{lead.pk}/$"))
    deal = Opportunity.objects.get(name=DEAL)
    assert (deal.customer.name, LeadFollowUp.objects.get().lead_id) == (FIRM, lead.pk)
    return deal


def moved_through_the_gate(page: Page, stages: dict[str, int]) -> None:
    """On the board by keyboard; the stage asks for amount and day, and gets them in the form it opens."""
    page.goto("/opportunities/board/")
    page.locator(".gx-card", has_text=DEAL).focus()
    for key in (" ", "ArrowRight", " "):
        page.keyboard.press(key)
    dialog = page.locator("#dialog")
    expect(dialog).to_contain_text("移到“需求确认”")
    dialog.locator("input[name=amount]").fill("16000")
    dialog.locator("input[name=close_on]").fill("2030-06-30")
    dialog.get_by_role("button", name="移动").click()
    expect(page.locator(f'.gx-lane[data-key="{stages["needs"]}"] .gx-lane-cards')).to_contain_text(DEAL)


def won_undone_and_won(page: Page, deal: Opportunity) -> None:
    """The won dialog asks why; taken back from the message, the deal stands where it stood; then it is won for good."""
    page.goto(f"/opportunities/{deal.pk}/")
    dialog = page.locator("#dialog")
    for again in (False, True):
        page.locator(".gx-stages").get_by_role("button", name="赢单").click()
        expect(dialog).to_contain_text("移到“赢单”")
        for box in dialog.locator("input[name=_ticked]").all():
            box.check()
        dialog.locator("select[name=close_reason]").select_option("product")
        dialog.get_by_role("button", name="移动").click()
        expect(page.locator(".gx-stages [aria-current=step]")).to_contain_text("赢单")
        if not again:
            page.locator("#toasts").get_by_role("button", name="撤销").last.click()
            expect(page.locator(".gx-stages [aria-current=step]")).to_contain_text("需求确认")
    deal.refresh_from_db()
    assert (deal.category, deal.close_reason) == ("won", "product")


def test_from_the_lead_to_the_last_receipt(people: Any, contexts: Any, cast: Cast, make: Any, live_server: Any) -> None:
    staffed(cast)
    lead = pooled(make)
    stages = {one.key: one.pk for one in selectors.stages_of(selectors.pipelines()[0].pk)}
    make("catalog.product", name="可编程控制器 GX", price=1000, cost=600, tax_class="13")
    alice, bob, charlie = (people(name, "zh-hans") for name in ("alice", "bob", "charlie"))
    guest = contexts().new_page()

    deal = converted(alice, lead)
    customer = deal.customer
    moved_through_the_gate(alice, stages)
    alice.goto(f"/quotes/new/?customer={customer.pk}&opportunity={deal.pk}")
    quote = quoted(alice, customer.name, "可编程控制器 GX")
    assert quote.opportunity_id == deal.pk
    press(alice, "标为已发送")  # beyond the limit: the path of people is shown, and sent
    expect(alice.locator("#dialog")).to_contain_text(cast.bob_user.name)
    alice.locator("#dialog #f-comment").fill("竞品更低")
    alice.locator("#dialog footer button[type=submit]").click()
    expect(alice.locator(".gx-approval")).to_contain_text("审批中")

    bob.goto(f"/quotes/{quote.pk}/")
    bob.locator(".gx-approval").get_by_role("button", name="同意").click()
    expect(bob.locator(".gx-approval")).to_contain_text("同意 ·")
    quote.refresh_from_db()
    assert str(quote.off_granted) == "12.00"

    alice.reload()
    press(alice, "生成客户链接")
    guest.goto(f"{live_server.url}{link_of(alice)}")
    assert alice.request.get(f"{live_server.url}/quotes/{quote.pk}/print/zh-hans.pdf").body()[:4] == b"%PDF"
    expect(guest.get_by_role("heading", level=1)).to_contain_text(quote.number)
    guest.get_by_label(re.compile("您的姓名|Your name")).fill("钱采购")
    guest.get_by_role("button", name=re.compile("接受报价|Accept the quote")).click()
    expect(guest.get_by_role("status")).to_contain_text("钱采购")
    quote.refresh_from_db()
    assert (quote.status, quote.accepted_by, quote.accepted_at is not None) == ("accepted", "钱采购", True)

    won_undone_and_won(alice, deal)
    alice.goto(f"/quotes/{quote.pk}/")
    press(alice, "生成合同")
    alice.locator("#dialog footer button[type=submit]").click()
    alice.wait_for_url(re.compile(r"/contracts/\d+/$"))  # one goes on to what was made
    contract = Contract.objects.get(quote=quote)
    press(alice, "签订")
    alice.locator("#dialog footer button[type=submit]").click()
    expect(alice.locator("#record-head")).to_contain_text("已签订")
    _delivered(alice, guest, live_server.url)
    _paid(alice, charlie, contract, customer.name)
    alice.goto(f"/contracts/{contract.pk}/")
    expect(alice.locator(".gx-deal-steps .gx-reached")).to_have_count(3)
    for number in (quote.number, Order.objects.get().number, Delivery.objects.get().number, Receipt.objects.get().number, Invoice.objects.get().number):  # fmt: skip
        expect(alice.locator(".gx-deal")).to_contain_text(number)


def _delivered(alice: Page, guest: Page, server: str) -> None:
    press(alice, "生成订单")
    alice.wait_for_url(re.compile(r"/sales-orders/\d+/$"))
    press(alice, "确认")
    expect(alice.locator("#record-head")).to_contain_text("已确认")
    press(alice, "发货")
    alice.locator("#dialog input[name=shipped_on]").fill(clock.today("Asia/Shanghai").isoformat())
    alice.locator("#dialog footer button[type=submit]").click()
    alice.wait_for_url(re.compile(r"/deliveries/\d+/$"))
    press(alice, "生成客户链接")
    guest.goto(f"{server}{link_of(alice)}")
    guest.get_by_label(re.compile("您的姓名|Your name")).fill("仓库老赵")
    guest.get_by_role("button", name=re.compile("确认收货|Confirm that it has arrived")).click()
    expect(guest.get_by_role("status")).to_contain_text("仓库老赵")
    assert Order.objects.get().status == "delivered"


def _paid(alice: Page, charlie: Page, contract: Contract, payer: str) -> None:
    day = clock.today("Asia/Shanghai")
    bank = f"交易日期,借方发生额,贷方发生额,对方户名,摘要,交易流水号\n{day},,16227.20,{payer},{contract.number} 货款,B0001\n"
    charlie.goto("/bank-statement/")
    for _again in range(2):  # the second time nothing is booked twice
        charlie.locator("#statement-file").set_input_files(
            [{"name": "bank.csv", "mimeType": "text/csv", "buffer": bank.encode()}]
        )
        charlie.get_by_role("button", name="读入").click()
        expect(charlie.locator("[role=status]").first).to_contain_text("新")
    charlie.get_by_role("button", name=re.compile("一键入账")).click()
    expect(charlie.locator("body")).to_contain_text("已入账 1 笔")
    assert [str(one.allocated) for one in Receipt.objects.all()] == ["16227.20"]

    alice.goto(f"/contracts/{contract.pk}/")
    press(alice, "申请开票")
    alice.locator("#dialog footer button[type=submit]").click()
    alice.wait_for_url(re.compile(r"/invoices/\d+/$"))
    invoice = Invoice.objects.get()
    charlie.goto(f"/invoices/{invoice.pk}/")
    press(charlie, "开票")
    charlie.locator("#dialog").get_by_label("发票号码").fill("25112000000007")
    charlie.locator("#dialog footer button[type=submit]").click()
    expect(charlie.locator("#record-head")).to_contain_text("已开票")
    invoice.refresh_from_db()
    assert (invoice.status, str(invoice.amount)) == ("issued", "16227.20")
