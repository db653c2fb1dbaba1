"""Rows of the bench: firms, their people, deals and follow-ups, as clean values for ``records.many``."""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

from guanxi.core.kernel import clock
from guanxi.core.schema.registry import entity_of

CITIES = ("北京", "上海", "广州", "深圳", "杭州", "南京", "苏州", "成都", "重庆", "武汉", "西安", "天津", "青岛", "宁波", "厦门", "长沙", "郑州", "东莞")  # fmt: skip
BRAND = "华中腾阿百京美字快拼为兴讯里度东团节手多宏远鑫盛达瑞丰恒信诚泰金银天海龙凤祥云志博创新凯迪康安宁和顺利通德隆昌永福源"
TRADES = ("科技", "贸易", "信息技术", "实业", "电子", "机械", "建筑工程", "医药", "食品", "物流", "网络科技", "投资管理", "文化传媒", "新材料", "环保科技")  # fmt: skip
FORMS = ("有限公司", "有限公司", "有限公司", "股份有限公司", "有限责任公司", "集团有限公司")
ENGLISH = ("Acme", "Global", "Summit", "Vertex", "Apex", "Nova", "Orion", "Pioneer", "Quantum", "Stellar", "Atlas", "Beacon", "Cobalt", "Delta", "Everest", "Falcon", "Granite")  # fmt: skip
KINDS = ("Trading", "Systems", "Foods", "Logistics", "Health", "Energy")
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆单"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国文辉玲红玉兰志海波宇浩然子涵欣怡梓轩雨桐思远嘉佳晓东雪梅春晨鹏飞"
FIRST = ("James", "Emma", "Oliver", "Sophia", "Liam", "Mia", "Noah", "Ava", "Lucas", "Ella")
LAST = ("Smith", "Johnson", "Brown", "Miller", "Davis", "Wilson", "Moore", "Taylor", "Clark", "Hall")
SUBJECTS = ("电话沟通报价", "拜访客户，介绍新产品", "演示系统", "确认合同条款", "回访使用情况", "Called about the quote", "Demo went well", "Sent the contract")  # fmt: skip


class Skewed:
    """Customers by weight: a few have much, most little (Zipf)."""

    def __init__(self, rng: random.Random, ids: Sequence[int]) -> None:
        self.rng = rng
        self.ids = list(ids)
        rng.shuffle(self.ids)
        self.totals = list(accumulate(1 / (rank + 20) ** 0.7 for rank in range(len(self.ids))))

    def pick(self) -> int:
        """One customer."""
        return self.ids[min(bisect(self.totals, self.rng.random() * self.totals[-1]), len(self.ids) - 1)]


def person(rng: random.Random) -> str:
    """A name, Chinese four times out of five."""
    if rng.random() < 0.2:
        return f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    return rng.choice(SURNAMES) + "".join(rng.choices(GIVEN, k=rng.choice((1, 2, 2))))


def _since(rng: random.Random) -> dt.datetime:
    """A moment within two years, later ones more often."""
    return clock.now() - dt.timedelta(seconds=int(rng.random() ** 2 * 63_000_000))


def _keys(name: str) -> list[str]:
    from guanxi.core.records import dictionaries  # noqa: PLC0415 - asks the database

    return [one.key for one in dictionaries.values(name)]


def firms(rng: random.Random, owners: Sequence[int], count: int) -> Iterator[dict[str, Any]]:
    """Customers; owners own unequally."""
    shares = [1 / (rank + 3) for rank in range(len(owners))]
    levels, stages = _keys("customer_level"), _keys("lifecycle")
    for number in range(count):
        if rng.random() < 0.2:
            name = f"{rng.choice(ENGLISH)} {rng.choice(ENGLISH)} {rng.choice(KINDS)} {number % 977} Ltd"
        else:
            city = rng.choice(CITIES) if rng.random() < 0.7 else ""
            name = f"{city}{''.join(rng.choices(BRAND, k=rng.choice((2, 3, 3, 4))))}{rng.choice(TRADES)}{rng.choice(FORMS)}"
        phone = f"+86755{rng.randrange(20000000, 89999999)}"
        at = _since(rng)
        yield {
            "name": name, "owner": rng.choices(owners, shares)[0], "level": rng.choice(levels), "lifecycle": rng.choice(stages),
            "employees": rng.randrange(1, 5000), "revenue": Decimal(rng.randrange(10, 99999) * 1000), "external_id": f"B{number:07d}",
            "phones": [{"value": phone, "written": phone, "label": "work", "primary": True}],
            "emails": [{"value": f"info@firm{number}.cn", "label": "work", "primary": True}] if rng.random() < 0.4 else [],
            "custom.score": rng.randrange(100), "created_at": at, "updated_at": at,
        }  # fmt: skip


def people(rng: random.Random, customers: Skewed, count: int) -> Iterator[dict[str, Any]]:
    """Contacts."""
    for number in range(count):
        phone = f"+861{rng.randrange(3000000000, 9999999999)}"
        mail = f"{rng.choice(('zhang', 'li', 'wang', 'chen'))}.{number}@{rng.choice(('qq.com', '163.com', f'firm{number // 3}.cn'))}"
        at = _since(rng)
        yield {
            "name": person(rng), "customer": customers.pick(), "phones": [{"value": phone, "written": phone, "label": "mobile", "primary": True}],
            "emails": [{"value": mail, "label": "work", "primary": True}] if rng.random() < 0.6 else [], "created_at": at, "updated_at": at,
        }  # fmt: skip


def opportunities(
    rng: random.Random, customers: Skewed, owners: Sequence[int], count: int, stages: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Deals over the stages, most of them early, each with one of the customer's people."""
    contacts: dict[int, int] = dict(entity_of("customers.contact").model._base_manager.values_list("customer_id", "pk"))
    reasons = _keys("close_reason")
    for number in range(count):
        at = _since(rng)
        stage = stages[min(int(rng.expovariate(0.5)), len(stages) - 1)]
        customer = customers.pick()
        while customer not in contacts:
            customer = customers.pick()
        yield {
            "name": f"{rng.choice(TRADES)}项目 {number}", "customer": customer, "contact": contacts[customer], "owner": rng.choice(owners), "stage": stage,
            "amount": Decimal(rng.randrange(1, 500) * 1000), "close_on": (clock.now() + dt.timedelta(days=rng.randrange(-60, 200))).date(),
            "close_reason": rng.choice(reasons), "next_step": rng.choice(SUBJECTS), "created_at": at, "updated_at": at,
        }  # fmt: skip


def follow_ups(rng: random.Random, customers: Skewed, count: int) -> Iterator[dict[str, Any]]:
    """Activities on customers."""
    kinds, results = _keys("follow_up_kind"), _keys("follow_up_result")
    owner_of = dict(entity_of("customers.customer").model._base_manager.values_list("pk", "owner_id"))
    for _number in range(count):
        at, customer = _since(rng), customers.pick()
        yield {
            "kind": rng.choice(kinds), "customer": customer, "owner": owner_of[customer], "subject": rng.choice(SUBJECTS),
            "body": rng.choice(SUBJECTS), "result": rng.choice(results) if results and rng.random() < 0.7 else "", "occurred_at": at,
            "created_at": at, "updated_at": at,
        }  # fmt: skip
