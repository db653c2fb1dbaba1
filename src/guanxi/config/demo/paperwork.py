"""What business looks like beyond the ordinary: deals linked end to end, other currencies, amendments, returns, refunds."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.utils import translation

from guanxi.areas.billing.models import Contract, Delivery, Instalment, Invoice, Order, Quote, Receipt
from guanxi.areas.billing.services import contracts, invoices, ledger, links, orders, quotes, receiving
from guanxi.areas.catalog.models import Product
from guanxi.areas.customers.models import Customer
from guanxi.areas.sales.models import Opportunity
from guanxi.config.demo.commission import commission_add
from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.automation import approvals
from guanxi.core.automation.approvals.flows import FlowDraft, flow_save
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import User
from guanxi.core.records import many

#: Login of the salesperson whose special quotes stand in the demo, and of the one who sells abroad.
SELLER, ABROAD = "zhangwei", "james"
#: So many won opportunities have everything that follows.
WHOLE = 9


class Paperwork:
    """Adds to the deals of the demo what makes every page alive; nothing here depends on chance."""

    def __init__(self, actor: Actor, users: dict[str, User], today: dt.date) -> None:
        self.actor, self.users, self.today = actor, users, today
        self.goods = list(Product.objects.filter(price__gt=0).order_by("pk")[:12])

    def add(self) -> None:
        """Everything; within one transaction."""
        with translation.override("zh-hans"):
            self._linked()
            self._abroad()
            self._family()
            self._backwards()
            self._direct_orders()
            self._offers()
            self._rules()
            commission_add(self.actor, self.today)

    def _ago(self, days: int) -> dt.date:
        return self.today - dt.timedelta(days=days)

    # -- one deal end to end -------------------------------------------------------------------------------------------

    def _linked(self) -> None:
        """Contracts to won opportunities of the same customer, quotes to those and open ones, orders as their contracts."""
        self._whole_deals()
        found: dict[tuple[int, bool], list[Opportunity]] = defaultdict(list)
        for deal in Opportunity.objects.exclude(category="lost").filter(contracts__isnull=True).order_by("pk"):
            found[deal.customer_id, deal.category == "won"].append(deal)
        self._link("billing.contract", Contract.objects.filter(status="signed"), found, won=True)
        self._link("billing.quote", Quote.objects.filter(status="accepted"), found, won=True)
        self._link("billing.quote", Quote.objects.filter(status__in=("draft", "sent")), found, won=False)
        rows = Order.objects.filter(contract__opportunity__isnull=False).select_related("contract").order_by("pk")
        linked = [
            (one, {"opportunity": one.contract.opportunity_id, "name": one.contract.name})
            for one in rows
            if one.contract and one.opportunity_id is None
        ]
        many.update_many(self.actor, "billing.order", linked, quiet=True)

    def _whole_deals(self) -> None:
        """Some won opportunities with everything that followed, each link made as people make it."""
        won = Opportunity.objects.filter(
            category="won", amount__gt=20000, closed_at__isnull=False, customer__kind="organisation"
        )
        for number, deal in enumerate(won.select_related("customer").order_by("-closed_at", "pk")[:WHOLE]):
            day = min(max(deal.closed_at.date() if deal.closed_at else self.today, self._ago(300)), self._ago(3))
            first = self.goods[number % len(self.goods)]
            half = max(1, int((deal.amount or Decimal(0)) * Decimal("0.6") / (first.price or Decimal(1))))
            rest = (deal.amount or Decimal(0)) - half * (first.price or Decimal(0))
            lines: list[dict[str, Any]] = [{"product": first.pk, "quantity": half, "price": first.price}]
            if rest > 0:
                lines.append({"name": "安装调试与培训", "quantity": 1, "price": rest, "tax_class": "6"})
            quote = records.create(self.actor, "billing.quote", {
                "name": deal.name, "customer": deal.customer_id, "opportunity": deal.pk, "owner": deal.owner_id, "quoted_on": day - dt.timedelta(days=9),
                "valid_until": self.today + dt.timedelta(days=30), "lines": lines, "terms": "含税含运费，质保十二个月。",
            })  # fmt: skip
            quote = quotes.quote_accept(
                self.actor, quotes.quote_send(self.actor, quote), by="采购部 周经理", answer="按此执行。"
            )
            contract = quotes.quote_to_contract(self.actor, quote)
            plan = [
                {"name": "预付款", "percent": 30, "due_on": day + dt.timedelta(days=7)},
                {"name": "到货款", "percent": 70, "due_on": day + dt.timedelta(days=50)},
            ]
            contract = records.update(self.actor, contract, {"instalments": plan, "starts_on": day})
            contract = contracts.contract_sign(self.actor, contract, signed_on=day, by="陈建国", customer="周经理")
            order = orders.order_confirm(self.actor, contracts.contract_to_order(self.actor, contract))
            order = records.update(self.actor, order, {"ordered_on": day, "due_on": day + dt.timedelta(days=30)})
            self._carried_on(contract, order, day, number)

    def _carried_on(self, contract: Contract, order: Order, day: dt.date, number: int) -> None:
        """Delivery, receipts and invoice as far as the days have come."""
        if self._ago(20) > day:
            delivery = orders.order_deliver(
                self.actor, order, shipped_on=day + dt.timedelta(days=15), carrier="德邦", tracking=f"DPK{number:08d}"
            )
            orders.delivery_confirm(self.actor, delivery, confirmed_on=day + dt.timedelta(days=18), by="仓库 王师傅")
        for place, row in enumerate(Instalment.objects.filter(contract=contract).order_by("position")):
            paid = (row.due_on or day) + dt.timedelta(days=3)
            if paid <= self.today and (place == 0 or number % 3):
                receiving.instalment_receive(self.actor, row, received_on=paid, reference=f"TD{paid:%y%m%d}{row.pk}")
        paper = invoices.invoice_request(self.actor, contract, content="自动化设备")
        if number % 2:
            invoices.invoice_issue(
                self.actor, paper, invoice_number=f"2544{self.today:%y%m%d}7{number:07d}", issued_on=self.today
            )

    def _link(self, entity: str, rows: Any, found: dict[tuple[int, bool], list[Opportunity]], *, won: bool) -> None:
        left = {key: list(deals) for key, deals in found.items()}
        pairs = []
        for one in rows.filter(opportunity__isnull=True).order_by("pk"):
            deals = left.get((one.customer_id, won))
            if deals:
                deal = deals.pop(0)
                pairs.append((one, {"opportunity": deal.pk, "name": deal.name}))
        many.update_many(self.actor, entity, pairs, quiet=True)

    # -- other currencies ----------------------------------------------------------------------------------------------

    def _items(self, first: int, *quantities: int, rate: str = "1") -> list[dict[str, Any]]:
        rows = []
        for place, quantity in enumerate(quantities):
            one = self.goods[(first + place) % len(self.goods)]
            price = ((one.price or Decimal(0)) / Decimal(rate)).quantize(Decimal("0.01"))
            rows.append({"product": one.pk, "quantity": quantity, "price": str(price)})
        return rows

    def _abroad(self) -> None:
        """Documents in dollars and euros at the rates of their days, one paid in part."""
        buyers = list(Customer.objects.filter(owner=self.users[ABROAD], kind="organisation").order_by("pk")[:6])
        for number, (buyer, currency, rate) in enumerate(
            zip(buyers, ("USD", "EUR") * 3, ("7.1", "7.8") * 3, strict=False)
        ):
            day = self._ago(150 - 20 * number)
            head = {
                "customer": buyer.pk,
                "currency": currency,
                "owner": buyer.owner_id,
                "terms": "EXW Shenzhen. Payment by T/T.",
            }
            quote = records.create(self.actor, "billing.quote", {
                **head, "name": f"{buyer.short_name or buyer.name[:20]} automation retrofit", "quoted_on": day,
                "valid_until": day + dt.timedelta(days=200), "lines": self._items(number, 4, 10, 2, rate=rate),
            })  # fmt: skip
            if number >= 4:
                continue
            quote = quotes.quote_accept(self.actor, quote, by="Purchasing", answer="Please confirm delivery time.")
            contract = quotes.quote_to_contract(self.actor, quote)
            contract = records.update(self.actor, contract, {
                "starts_on": day, "ends_on": day + dt.timedelta(days=364),
                "instalments": [
                    {"name": "Advance", "percent": 30, "due_on": day + dt.timedelta(days=10)},
                    {"name": "Balance", "percent": 70, "due_on": day + dt.timedelta(days=60)},
                ],
            })  # fmt: skip
            contracts.contract_sign(self.actor, contract, signed_on=day, by="Emma Wilson", customer="Managing director")
            first = Instalment.objects.filter(contract=contract).order_by("position").first()
            if first is not None:
                receiving.instalment_receive(
                    self.actor, first, received_on=day + dt.timedelta(days=12), reference=f"TT{day:%y%m%d}{number}"
                )

    # -- amendments, frameworks, renewals ------------------------------------------------------------------------------

    def _family(self) -> None:
        signed = Contract.objects.filter(
            status="signed", currency="CNY", open__gt=20000, signed_on__lte=self._ago(6)
        ).order_by("-signed_on", "pk")
        more, less = signed.filter(kind="sale")[:2]
        added = contracts.contract_amend(self.actor, more, effect="add")
        added = records.update(self.actor, added, {"lines": self._items(0, 2, 1)})
        contracts.contract_sign(self.actor, added, signed_on=self._ago(5))
        reduced = contracts.contract_amend(self.actor, less, effect="reduce")
        reduced = records.update(
            self.actor,
            reduced,
            {"lines": [{"name": "取消现场培训", "quantity": 1, "price": "12000", "tax_class": "6"}]},
        )
        contracts.contract_sign(self.actor, reduced, signed_on=self._ago(4))
        buyer = more.customer
        frame = records.create(self.actor, "billing.contract", {
            "name": f"{buyer.short_name or buyer.name[:8]}年度框架合同", "kind": "framework", "customer": buyer.pk, "owner": buyer.owner_id, "volume": "300000",
            "starts_on": self._ago(200), "ends_on": self._ago(-40), "terms": "框架内按订单结算，价格全年不变。",
        })  # fmt: skip
        frame = contracts.contract_sign(self.actor, frame, signed_on=self._ago(200), customer="采购总监")
        for number in (1, 2):
            call = contracts.contract_call(self.actor, frame)
            call = records.update(
                self.actor, call, {"name": f"{frame.name} 第{number}次订货", "lines": self._items(number, 3, 6)}
            )
            contracts.contract_sign(self.actor, call, signed_on=self._ago(180 - 60 * number))
        contracts.contract_renew(self.actor, frame)

    # -- what goes backwards -------------------------------------------------------------------------------------------

    def _backwards(self) -> None:
        """A delivery that came back, money paid back, a red invoice, a small rest written off."""
        gone = Delivery.objects.filter(status="shipped").order_by("pk").first()
        if gone is not None:
            orders.delivery_return(self.actor, gone, note="外箱破损，客户拒收")
        row = (
            Instalment.objects.filter(contract__status="signed", currency="CNY", open__gt=5000)
            .order_by("-due_on")
            .first()
        )
        if row is not None and row.open is not None:
            paid: Receipt = receiving.instalment_receive(
                self.actor, row, amount=row.open + 2000, received_on=self._ago(1), reference="T-OVER-0001"
            )
            ledger.receipt_refund(self.actor, paid, amount=Decimal("1500"), paid_on=self.today, memo="多付退回")
        paper = Invoice.objects.filter(status="issued", received=0).order_by("-issued_on", "pk").first()
        if paper is not None:
            invoices.invoice_reverse(
                self.actor, paper, invoice_number="25449900000001", issued_on=self.today, reason="开票税号有误"
            )
        small = (
            Instalment.objects.filter(contract__status="signed", currency="CNY", open__gt=30000)
            .order_by("due_on")
            .first()
        )
        if small is not None:
            ledger.write_off(self.actor, small, amount=Decimal("88.50"), reason="银行手续费差额")

    def _direct_orders(self) -> None:
        """Orders without a contract, which are owed themselves; one half delivered."""
        buyers = Customer.objects.filter(owner=self.users[SELLER], kind="organisation").order_by("pk")[:2]
        for number, buyer in enumerate(buyers):
            order = records.create(self.actor, "billing.order", {
                "name": f"{buyer.short_name or buyer.name[:8]}备件补货", "customer": buyer.pk, "owner": buyer.owner_id, "ordered_on": self._ago(9),
                "due_on": self._ago(-10), "address": "客户一号仓库", "lines": self._items(4 + number, 20, 8),
            })  # fmt: skip
            order = orders.order_confirm(self.actor, order)
            delivery = orders.order_deliver(self.actor, order, carrier="顺丰", tracking=f"SF10086{number:05d}")
            first = delivery.lines.order_by("position").first()
            if number == 0 and first is not None:
                half = {"id": first.pk, "order_line": first.order_line_id, "quantity": 10}
                records.update(self.actor, delivery, {"lines": [half]})
                orders.delivery_confirm(self.actor, delivery, confirmed_on=self._ago(2), by="仓库 小陈")

    # -- offers under way ----------------------------------------------------------------------------------------------

    def _offers(self) -> None:
        """One beyond the limit and in approval, one in its second version, one the customer is looking at."""
        seller = actors.load(self.users[SELLER], via="web")
        buyers = list(Customer.objects.filter(owner=self.users[SELLER], kind="organisation").order_by("pk")[2:5])
        lines = [
            {"sort": "section", "name": "硬件"}, *self._items(0, 6, 12), {"sort": "section", "name": "服务"}, *self._items(8, 3),
            {**self._items(5, 4)[0], "optional": True}, {"sort": "note", "name": "备件价格一年有效。"},
        ]  # fmt: skip
        made = [
            records.create(seller, "billing.quote", {
                "name": f"{buyer.short_name or buyer.name[:8]}{subject}", "customer": buyer.pk, "lines": lines, "discount": off, "terms": "含税含运费。",
            })
            for buyer, subject, off in zip(buyers, ("产线改造", "二期扩容", "监控升级"), (15, 3, 5), strict=False)
        ]  # fmt: skip
        if len(made) < 3:
            return
        over, revised, shown = made
        approvals.require(seller, over, "discount", {"off": over.off}, comment="竞品报价低 12%，客户本月内定标。")
        quotes.quote_revise(seller, quotes.quote_send(seller, revised))
        links.link_make(seller, shown)

    def _rules(self) -> None:
        """Large contracts are approved before they are signed; the books before the last thirteen months are closed."""
        draft = FlowDraft(
            key="large-contract", name_zh="大额合同审批", name_en="Large contracts", entity="billing.contract", action="sign",
            condition={"field": "total", "op": "gt", "value": 1000000},
            steps=[
                {"key": "manager", "name_zh": "上级审批", "name_en": "Superior", "mode": "any", "nobody": "admin", "who": [{"kind": "superior"}]},
                {"key": "finance", "name_zh": "财务会签", "name_en": "Finance", "mode": "any", "nobody": "skip", "who": [{"kind": "role", "role": "finance"}]},
            ],
        )  # fmt: skip
        flow_save(self.actor, None, draft)
        closed = self.today.replace(day=1) - dt.timedelta(days=400)
        records.create(self.actor, "billing.closedperiod", {"until": closed, "note": "年度结账"})
