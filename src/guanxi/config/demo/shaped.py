"""What the demo's administrator made without code: fields and a formula of customers, and an object of inspections."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

from guanxi.core import records
from guanxi.core.shaping import dictionaries, fields, objects

if TYPE_CHECKING:
    from guanxi.config.demo.organisation import Organisation

CUSTOMER = "customers.customer"
INSPECTION = "custom.inspection"
FINDINGS = (
    ("fine", "合格", "Fine", "green"),
    ("mend", "需整改", "To mend", "amber"),
    ("stop", "停用", "Stopped", "red"),
)
WHAT = (
    ("春季巡检", "Spring inspection"),
    ("年度保养", "Yearly service"),
    ("开机检查", "Start-up check"),
    ("节前安全检查", "Safety check"),
)
HOW_MANY = 60


def add(demo: Organisation) -> None:
    """Make the fields, the object and some records of it."""
    _customer_fields(demo)
    _inspections(demo)


def _customer_fields(demo: Organisation) -> None:
    group = {"group_zh": "采购", "group_en": "Purchasing"}
    made: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        ("yearly_spend", "money", "年采购额", "Yearly spend", group),
        ("our_share", "percent", "我方份额", "Our share", {"minimum": 0, "maximum": 100, "places": 0, **group}),
        ("open_spend", "formula", "可争取金额", "Still to win",
         {"formula": "custom.yearly_spend * (100 - custom.our_share) / 100", "result": "money", **group}),
        ("visits", "rollup", "跟进次数", "Follow-ups", {"rollup": {"relation": "activities.activity.customer", "how": "count"}, **group}),
    )  # fmt: skip
    for key, kind, zh, en, options in made:
        given = {"kind": kind, "label_zh": zh, "label_en": en, "options": options}
        fields.field_save(demo.actor, CUSTOMER, key, given, new=True)
    chance = random.Random(7)  # noqa: S311 - nothing secret
    for number in demo.ids[:HOW_MANY]:
        spend = {"custom.yearly_spend": chance.randint(5, 400) * 10_000, "custom.our_share": chance.randrange(0, 90, 5)}
        records.update(demo.actor, records.get(demo.actor, CUSTOMER, number), spend, trusted=True)


def _inspections(demo: Organisation) -> None:
    listed = dictionaries.dictionary_save(
        demo.actor, "finding", {"name_zh": "巡检结论", "name_en": "Finding"}, new=True
    )
    for key, zh, en, color in FINDINGS:
        dictionaries.value_save(demo.actor, listed.key, key, {"name_zh": zh, "name_en": en, "color": color}, new=True)
    about = {
        "name_zh": "设备巡检", "name_en": "Inspection", "plural_en": "Inspections", "path": "inspections", "icon": "tools",
        "color": "teal", "group": "service", "parent": CUSTOMER, "options": {"timeline": True},
        "description_zh": "在客户现场检查设备", "description_en": "Machines looked at where the customer has them",
    }  # fmt: skip
    row = objects.object_save(demo.actor, "inspection", about, new=True)
    own: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
        ("day", "date", "日期", "Day", {}),
        ("finding", "choice", "结论", "Finding", {"dictionary": listed.key}),
        ("machines", "integer", "设备台数", "Machines", {}),
        ("fee", "money", "费用", "Fee", {}),
    )
    for key, kind, zh, en, more in own:
        fields.field_save(demo.actor, INSPECTION, key, {"kind": kind, "label_zh": zh, "label_en": en, **more}, new=True)
    board = {"name_zh": row.name_zh, "options": {"timeline": True, "board": "finding", "board_total": "fee"}}
    objects.object_save(demo.actor, row.key, board)
    chance = random.Random(11)  # noqa: S311 - nothing secret
    for number in demo.ids[:HOW_MANY]:
        customer = records.get(demo.actor, CUSTOMER, number)
        zh, _en = chance.choice(WHAT)
        values = {
            "name": zh,
            "parent": number,
            "owner": customer.owner_id,
            "custom.day": (demo.now - dt.timedelta(days=chance.randint(0, 300))).date(),
            "custom.finding": chance.choices([one[0] for one in FINDINGS], (70, 24, 6))[0],
            "custom.machines": chance.randint(1, 24),
            "custom.fee": chance.randint(5, 80) * 100,
        }
        records.create(demo.actor, INSPECTION, values, trusted=True)
