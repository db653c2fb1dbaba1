"""What customers answered when asked: an object of the workspace's own, and which of its fields are which score."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

from guanxi.areas.customers.models import Customer
from guanxi.areas.insight.surveys import Survey, survey_set
from guanxi.core.kernel.actor import Actor
from guanxi.core.shaping import fields, objects

OBJECT = "custom.survey"
#: Key → kind, Chinese and English name, smallest and largest answer.
FIELDS = (
    ("asked_on", "date", "答复日期", "Answered on", None, None),
    ("recommend", "integer", "推荐意愿", "Would recommend", 0, 10),
    ("overall", "integer", "总体满意度", "Satisfied overall", 1, 5),
    ("effort", "integer", "办事省力", "Made it easy", 1, 7),
    ("quality", "integer", "产品质量", "Product quality", 1, 5),
    ("delivery", "integer", "交货", "Delivery", 1, 5),
    ("service", "integer", "服务", "Service", 1, 5),
    ("price", "integer", "价格", "Price", 1, 5),
    ("comment", "long_text", "意见", "Comment", None, None),
)
TOLD = {
    "bad": (
        "交货又晚了两周，电话也没人回",
        "备件价格涨得太快",
        "换了业务员之后没人跟进",
        "质量还可以，但是发货慢，服务差",
    ),
    "good": ("质量稳定，服务很好", "工程师上门及时，很满意", "交货快，沟通顺畅", "产品好用，愿意推荐"),
    "middle": ("一般，价格偏高", "还可以，交货有时慢"),
}


def fill(
    actor: Actor, made: Callable[[str, list[dict[str, Any]]], list[int]], chance: random.Random, today: dt.date
) -> None:
    """Make the object with its fields, enter the answers, and tell the analysis where they are."""
    given = {"name_zh": "满意度回访", "name_en": "Survey answer", "plural_en": "Survey answers", "parent": "customers.customer", "icon": "mood-smile", "group": "customers"}  # fmt: skip
    objects.object_save(actor, "survey", given, new=True)
    for key, kind, zh, en, low, high in FIELDS:
        bounds = {} if low is None else {"minimum": low, "maximum": high}
        fields.field_save(
            actor, OBJECT, key, {"kind": kind, "label_zh": zh, "label_en": en, "options": bounds}, new=True
        )
    made(OBJECT, _answers(chance, today))
    survey_set(
        actor,
        Survey(
            entity=OBJECT, customer="parent", day="custom.asked_on", nps="custom.recommend", csat="custom.overall", ces="custom.effort",
            drivers=("custom.quality", "custom.delivery", "custom.service", "custom.price"), comment="custom.comment",
        ),
    )  # fmt: skip


def _answers(chance: random.Random, today: dt.date) -> list[dict[str, Any]]:
    rows = []
    for customer in Customer.objects.filter(owner__isnull=False, kind="organisation").order_by("pk")[:260]:
        mood = chance.gauss(0, 1)
        scores = {
            name: min(5, max(1, round(base + weight * mood + chance.gauss(0, 0.7))))
            for name, base, weight in (("quality", 4.2, 0.4), ("delivery", 3.1, 0.8), ("service", 3.7, 0.7), ("price", 2.9, 0.3))
        }  # fmt: skip
        whole = 0.35 * scores["quality"] + 0.35 * scores["delivery"] + 0.25 * scores["service"] + 0.05 * scores["price"]
        overall = min(5, max(1, round(whole + chance.gauss(0, 0.4))))
        nps = min(10, max(0, round(2.3 * overall - 0.8 + chance.gauss(0, 1.2))))
        kind = "good" if overall >= 4 else "bad" if overall <= 2 else "middle"
        day = today - dt.timedelta(days=chance.randint(1, 330))
        rows.append(
            {
                "name": f"{day:%Y-%m} 满意度回访", "parent": customer.pk, "owner": customer.owner_id,
                "custom.asked_on": day, "custom.recommend": nps, "custom.overall": overall, "custom.effort": min(7, max(1, overall + chance.randint(0, 2))),
                **{f"custom.{name}": value for name, value in scores.items()},
                "custom.comment": chance.choice(TOLD[kind]) if chance.random() < 0.6 else "",
            }
        )  # fmt: skip
    return rows
