"""Selling at the demo organisation: a catalogue, and two years of quotes, contracts, orders, receipts and invoices."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from guanxi.areas.billing.models import Contract, Instalment, Invoice, Order, Quote
from guanxi.areas.billing.services import ledger, making, orders
from guanxi.areas.catalog.models import Product
from guanxi.areas.customers.models import Customer
from guanxi.config.demo.paperwork import Paperwork
from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Role, User
from guanxi.core.records import many

GOODS = Path(__file__).parent / "data" / "goods.tsv"
Made = Callable[[str, list[dict[str, Any]]], list[int]]
QUOTES, CONTRACTS = 150, 120
PLANS = (
    (("预付款", 30), ("到货款", 60), ("质保金", 10)),
    (("全款", 100),),
    (("预付款", 50), ("验收款", 50)),
    (("首期", 40), ("二期", 30), ("三期", 30)),
)
SUBJECTS = (
    "生产线自动化改造",
    "水处理监控系统",
    "能源管理一期",
    "设备采购",
    "车间数字化",
    "备品备件",
    "年度维保",
    "锅炉房改造",
    "仓储监控",
    "泵站远程监控",
)


class Deals:
    """Makes the deals of the demo from one source of chance; ``made`` enters clean rows."""

    def __init__(
        self, actor: Actor, users: dict[str, User], chance: random.Random, now: dt.datetime, made: Made
    ) -> None:
        self.actor, self.users, self.chance, self.made = actor, users, chance, made
        self.today = now.astimezone(dt.timezone(dt.timedelta(hours=8))).date()

    def catalogue(self) -> None:
        """What is sold, and what currencies were worth: before anything is priced."""
        self._goods()
        self._rates()

    def fill(self) -> None:
        """All documents; within one transaction."""
        rows = Customer.objects.filter(owner__isnull=False, kind="organisation").order_by("pk")
        won = list(rows.filter(opportunities__category="won").distinct()[:60])
        self.buyers = [*won, *won, *rows.filter(level__in=("a", "b"))[:60]]
        self._books()
        self._quotes()
        self._contracts()
        self._orders()
        self._money()
        self._rest()
        Paperwork(self.actor, self.users, self.today).add()

    # -- catalogue -----------------------------------------------------------------------------------------------------

    def _goods(self) -> None:
        lines = [line.split("\t") for line in GOODS.read_text(encoding="utf-8").splitlines()]
        names = list(dict.fromkeys((line[0], line[1]) for line in lines))
        ids = self.made("catalog.category", [{"name": zh, "english_name": en} for zh, en in names])
        categories = {zh: number for (zh, _en), number in zip(names, ids, strict=True)}
        rows = [
            {
                "name": zh, "english_name": en, "category": categories[kind], "unit": unit, "tax_class": tax, "brand": "关系科技",
                "price": Decimal(price), "cost": Decimal(cost), "currency": "CNY", "specification": spec,
            }
            for kind, _en, zh, en, unit, tax, price, cost, spec in lines
        ]  # fmt: skip
        self.made("catalog.product", rows)
        self.products = list(Product.objects.order_by("pk"))
        stock = [
            {
                "product": one.pk,
                "warehouse": place,
                "quantity": Decimal(self.chance.randint(5, 400)),
                "reserved": Decimal(self.chance.randint(0, 5)),
            }
            for one in self.products
            if one.tax_class == "13" and one.unit != "licence"
            for place in ("深圳仓", "苏州仓")
        ]
        self.made("catalog.stock", stock)

    def _rates(self) -> None:
        rows = []
        for currency, base in (("USD", 7.12), ("EUR", 7.75), ("HKD", 0.912)):
            for month in range(26):
                day = (self.today.replace(day=1) - dt.timedelta(days=30 * month)).replace(day=1)
                rate = Decimal(str(round(base * self.chance.uniform(0.985, 1.015), 4)))
                rows.append({"currency": currency, "rate": rate, "day": day, "source": "中国外汇交易中心"})
        self.made("core.exchangerate", rows)

    def _books(self) -> None:
        general, keys = self.made(
            "catalog.pricebook",
            [
                {"name": "大客户价", "currency": "CNY", "level": "a", "discount": Decimal(8)},
                {"name": "批量价", "currency": "CNY"},
            ],
        )
        del general
        rows = [
            {
                "book": keys,
                "product": one.pk,
                "from_quantity": Decimal(tier),
                "price": (one.price or Decimal(0)) * Decimal(part),
            }
            for one in self.products[:9]
            for tier, part in ((10, "0.95"), (50, "0.9"))
        ]
        self.made("catalog.priceentry", rows)

    # -- documents -----------------------------------------------------------------------------------------------------

    def _day(self, back: int, forward: int = 0) -> dt.date:
        return self.today - dt.timedelta(days=self.chance.randint(-forward, back))

    def _lines(self, field: str, number: int, *, off: bool) -> list[dict[str, Any]]:
        chosen = self.chance.sample(self.products, self.chance.randint(1, 5))
        rows = []
        for position, one in enumerate(chosen, 1):
            dear = (one.price or Decimal(0)) > 5000
            quantity = self.chance.randint(1, 6) if dear else self.chance.randint(5, 120)
            rows.append(
                {
                    field: number, "sort": "item", "product": one.pk, "name": one.name, "specification": one.specification, "unit": one.unit,
                    "quantity": Decimal(quantity), "price": one.price, "base_price": one.price, "price_source": "标准价",
                    "cost": one.cost, "tax_class": one.tax_class, "position": position,
                    "discount": Decimal(self.chance.choice((2, 3, 5, 5, 8, 10))) if off and self.chance.random() < 0.5 else None,
                }
            )  # fmt: skip
        return [{name: value for name, value in row.items() if value is not None} for row in rows]

    def _documents(self, entity: str, field: str, heads: list[dict[str, Any]]) -> list[int]:
        ids = self.made(entity, heads)
        lines = [row for number in ids for row in self._lines(field, number, off=True)]
        self.made(f"billing.{field}line", lines)
        return ids

    def _head(self, day: dt.date) -> dict[str, Any]:
        buyer = self.chance.choice(self.buyers)
        self.last = buyer
        name = f"{buyer.short_name or buyer.name[:8]}{self.chance.choice(SUBJECTS)}"
        return {
            "customer": buyer.pk,
            "name": name,
            "owner": buyer.owner_id,
            "currency": "CNY",
            "created_at": self._noon(day),
            "created_by": buyer.owner_id,
        }

    @staticmethod
    def _noon(day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(4, 30), dt.UTC)

    def _quotes(self) -> None:
        heads = []
        for _number in range(QUOTES):
            day = self._day(540)
            heads.append(
                {
                    **self._head(day),
                    "quoted_on": day,
                    "valid_until": day + dt.timedelta(days=45),
                    "terms": "含税含运费。交货期四周。",
                }
            )
        ids = self._documents("billing.quote", "quote", heads)
        pairs = []
        for record in Quote.objects.filter(pk__in=ids).order_by("pk"):
            age = (self.today - (record.quoted_on or self.today)).days
            state = (
                self.chance.choices(("accepted", "declined", "sent"), (50, 30, 20))[0]
                if age > 20
                else self.chance.choice(("draft", "sent", "accepted"))
            )
            pairs.append((record, self._answered(record, state)))
        many.update_many(self.actor, "billing.quote", pairs, quiet=True)

    def _answered(self, record: Quote, state: str) -> dict[str, Any]:
        if state == "draft":
            return {"note": "待确认数量"}
        sent = self._noon(record.quoted_on or self.today)
        if state != "accepted":
            return {"status": state, "sent_at": sent}
        return {
            "status": state,
            "sent_at": sent,
            "accepted_at": min(sent + dt.timedelta(days=6), self._noon(self.today)),
            "accepted_by": "采购部 李经理",
        }

    def _contracts(self) -> None:
        heads = []
        for _number in range(CONTRACTS):
            signed = self._day(720)
            long = self.chance.random() < 0.4
            ends = signed + dt.timedelta(days=364) if long else signed + dt.timedelta(days=self.chance.randint(60, 200))
            heads.append({
                **self._head(signed), "kind": "service" if long else "sale", "starts_on": signed, "ends_on": ends,
                "signed_on": signed, "signed_by": "陈建国", "signed_for_customer": "授权代表", "terms": "质保十二个月。",
            })  # fmt: skip
        ids = self._documents("billing.contract", "contract", heads)
        plans: list[dict[str, Any]] = []
        rows = {one.pk: one for one in Contract.objects.filter(pk__in=ids)}
        for number in ids:
            plans += self._plan(rows[number])
        self.made("billing.instalment", plans)
        fresh = list(Contract.objects.filter(pk__in=ids).order_by("pk"))
        drafts = set(ids[-6:])
        many.update_many(
            self.actor,
            "billing.contract",
            [(one, {"status": "signed"}) for one in fresh if one.pk not in drafts],
            quiet=True,
        )

    def _plan(self, contract: Contract) -> list[dict[str, Any]]:
        rows, day = [], contract.signed_on or self.today
        for position, (name, percent) in enumerate(self.chance.choice(PLANS), 1):
            day = day + dt.timedelta(days=self.chance.randint(5, 20) if position == 1 else self.chance.randint(30, 75))
            rows.append(
                {
                    "contract": contract.pk,
                    "name": name,
                    "percent": Decimal(percent),
                    "due_on": day,
                    "position": position,
                    "owner": contract.owner_id,
                }
            )
        return rows

    def _orders(self) -> None:
        contracts = list(Contract.objects.filter(status="signed", kind="sale").order_by("pk"))
        heads = [
            {
                "customer": one.customer_id, "contract": one.pk, "name": one.name, "owner": one.owner_id, "currency": "CNY", "address": "买方仓库",
                "ordered_on": one.signed_on, "due_on": (one.signed_on or self.today) + dt.timedelta(days=45), "prices_with_tax": True,
            }
            for one in contracts
        ]  # fmt: skip
        ids = self.made("billing.order", heads)
        lines = []
        for number, contract in zip(ids, contracts, strict=True):
            lines += [{**self._plain(row), "order": number} for row in making.lines_of(contract, optional=False)]
        self.made("billing.orderline", lines)
        fresh = list(Order.objects.filter(pk__in=ids).order_by("pk"))
        many.update_many(self.actor, "billing.order", [(one, {"status": "confirmed"}) for one in fresh], quiet=True)
        self._deliveries(fresh)

    @staticmethod
    def _plain(row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if value is not None}

    def _deliveries(self, confirmed: Sequence[Order]) -> None:
        for order in confirmed:
            age = (self.today - (order.ordered_on or self.today)).days
            if age < 12:
                continue
            gone = (order.ordered_on or self.today) + dt.timedelta(days=min(age, self.chance.randint(10, 40)))
            delivery = orders.order_deliver(
                self.actor,
                order,
                shipped_on=gone,
                carrier=self.chance.choice(("顺丰", "德邦", "京东物流")),
                tracking=f"SF{self.chance.randint(10**11, 10**12 - 1)}",
            )
            if age > 25:
                arrived = min(gone + dt.timedelta(days=self.chance.randint(1, 5)), self.today)
                orders.delivery_confirm(self.actor, delivery, confirmed_on=arrived, by="仓库 王师傅")

    # -- money ---------------------------------------------------------------------------------------------------------

    def _money(self) -> None:
        due = Instalment.objects.filter(
            contract__status="signed", due_on__lte=self.today + dt.timedelta(days=3)
        ).select_related("contract", "customer")
        paid = []
        for row in due.order_by("due_on", "pk"):
            age = (self.today - (row.due_on or self.today)).days
            if self.chance.random() < (0.96 if age > 120 else 0.82 if age > 45 else 0.5 if age > 5 else 0.1):
                late = max(0, int(self.chance.gauss(6, 12)))
                paid.append((row, min((row.due_on or self.today) + dt.timedelta(days=late), self.today)))
        receipts = self.made("billing.receipt", [
            {
                "customer": row.customer_id, "received_on": day, "amount": row.amount, "currency": row.currency, "payer": row.customer.name,
                "method": "transfer", "owner": row.owner_id, "reference": f"T{day:%y%m%d}{row.pk:06d}", "memo": f"货款 {row.contract.number if row.contract else ''}",
            }
            for row, day in paid
        ])  # fmt: skip
        self.made("billing.allocation", [
            {
                "sort": "payment", "receipt": receipt, "instalment": row.pk, "customer": row.customer_id, "amount": row.amount,
                "currency": row.currency, "booked_on": day, "owner": row.owner_id,
            }
            for (row, day), receipt in zip(paid, receipts, strict=True)
        ])  # fmt: skip
        ledger.add_up(self.actor, [row.pk for row, _day in paid], receipts)
        self._invoices(paid)

    def _invoices(self, paid: Sequence[tuple[Instalment, dt.date]]) -> None:
        rows = []
        for number, (row, day) in enumerate(paid):
            if self.chance.random() < 0.75:
                fresh = (self.today - day).days < 6
                rows.append({
                    "customer": row.customer_id, "contract": row.contract_id, "amount": row.amount, "tax_class": "13", "currency": row.currency,
                    "sort": "special", "content": "自动化设备", "owner": row.owner_id, "requested_on": day,
                    **({} if fresh else {"status": "issued", "issued_on": day, "invoice_number": f"2544{day:%y%m%d}{number:08d}", "courier": "EMS"}),
                })  # fmt: skip
        rows += [
            {
                "customer": row.customer_id, "contract": row.contract_id, "amount": row.amount, "tax_class": "13", "currency": row.currency,
                "sort": "special", "content": "自动化设备", "owner": row.owner_id, "requested_on": self.today,
            }
            for row in Instalment.objects.filter(contract__status="signed", open__gt=0, due_on__gte=self.today).order_by("due_on")[:6]
        ]  # fmt: skip
        ids = self.made("billing.invoice", rows)
        for invoice in (
            Invoice.objects.filter(pk__in=ids, status="issued").order_by("contract_id").distinct("contract_id")
        ):
            ledger.invoiced_add_up(self.actor, invoice)

    def _rest(self) -> None:
        """Payments waiting to be matched, credit limits, discount limits."""
        waiting = (
            Instalment.objects.filter(contract__status="signed", open__gt=0)
            .select_related("customer", "contract")
            .order_by("due_on")[:7]
        )
        entries = [
            {
                "booked_on": self.today - dt.timedelta(days=number % 3), "amount": row.open, "currency": row.currency, "payer": row.customer.name,
                "memo": f"{row.contract.number if row.contract else ''} 货款", "reference": f"B{self.today:%y%m%d}{number:04d}", "account": "755900000010001",
                "owner": self.users["admin"].pk,
            }
            for number, row in enumerate(waiting)
        ]  # fmt: skip
        entries.append(
            {
                "booked_on": self.today,
                "amount": Decimal("3600.00"),
                "payer": "张三",
                "memo": "培训费",
                "reference": f"B{self.today:%y%m%d}9999",
                "account": "755900000010001",
                "owner": self.users["admin"].pk,
            }
        )
        self.made("billing.bankentry", entries)
        self.made("billing.creditlimit", [
            {"customer": one.pk, "amount": Decimal(self.chance.choice((50, 100, 200, 500)) * 10000), "currency": "CNY", "grace_days": 15, "owner": one.owner_id}
            for one in self.buyers[:30]
        ])  # fmt: skip
        for key, percent in (("member", 10), ("manager", 20)):
            role = Role.objects.filter(key=key).first()
            if role is not None:
                records.create(self.actor, "billing.discountlimit", {"role": role.pk, "percent": percent})
