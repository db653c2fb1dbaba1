"""A field of the firm's own on customers: how they earn their money, narrowed by the industry they are in."""

from __future__ import annotations

import random

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import dictionaries as choices
from guanxi.core.shaping import dictionaries, fields

KEY = "business_model"
#: Value, both names, the industries it belongs to; none: every one.
MODELS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("finished", "整机制造", "Finished goods", ("C",)),
    ("parts", "零部件", "Parts and components", ("C",)),
    ("contract", "代工", "Contract manufacturing", ("C",)),
    ("wholesale", "经销批发", "Wholesale", ("F",)),
    ("chain", "连锁零售", "Retail chain", ("F", "H")),
    ("online", "电商", "Online retail", ("F",)),
    ("freight", "货运代理", "Freight forwarding", ("G",)),
    ("storage", "仓储", "Warehousing", ("G",)),
    ("software", "软件服务", "Software", ("I",)),
    ("integration", "系统集成", "System integration", ("I",)),
    ("contractor", "工程总包", "General contractor", ("E",)),
    ("mixed", "多元经营", "Mixed", ()),
)
FILLED = 60


def fill(actor: Actor, chance: random.Random) -> None:
    """Make the dictionary and the field, and fill it for some of the customers."""
    given = {"name_zh": "经营模式", "name_en": "Business model", "narrowed_by": "industry"}
    dictionaries.dictionary_save(actor, KEY, given, new=True)
    for key, zh, en, industries in MODELS:
        value = {"name_zh": zh, "name_en": en, "belongs_to": industries}
        dictionaries.value_save(actor, KEY, key, value, new=True)
    asked = {"kind": "choice", "label_zh": "经营模式", "label_en": "Business model", "dictionary": KEY}
    fields.field_save(actor, "customers.customer", KEY, asked, new=True)
    for customer in Customer.objects.exclude(industry="").order_by("pk")[:FILLED]:
        tops = {customer.industry, *(_above(customer.industry))}
        fitting = [key for key, _zh, _en, industries in MODELS if not industries or tops & set(industries)]
        records.update(actor, customer, {f"custom.{KEY}": chance.choice(fitting)})


def _above(industry: str) -> tuple[str, ...]:
    found = choices.value_of("industry", industry)
    return (found.parent,) if found and found.parent else ()
