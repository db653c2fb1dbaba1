"""How the demo organisation hands out what comes in: territories, two assignment rules, and what they gave lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.areas.sales.models import Lead
from guanxi.areas.sales.services import sharing
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import User

#: Name, who or whose team, and what falls into it; the first two meet in Shenzhen.
TERRITORIES: tuple[tuple[str, dict[str, str], tuple[dict[str, str], ...]], ...] = (
    ("深圳大客户", {"user": "linyating"}, ({"region": "CN4403", "level": "a", "note": "深圳 A 级"},)),
    ("华南", {"team": "linyating"}, ({"region": "CN44", "note": "广东"}, {"region": "CN45", "note": "广西"})),
    ("华东", {"team": "zhaomin"}, ({"region": "CN31", "note": "上海"}, {"region": "CN32", "note": "江苏"}, {"region": "CN33", "note": "浙江"})),
    ("海外", {"user": "emma"}, ({"region": "US", "note": "美国"},)),
)  # fmt: skip
#: Name, values, recipients with the most they may hold.
RULES: tuple[tuple[str, dict[str, Any], dict[str, int | None]], ...] = (
    (
        "官网线索轮流",
        {"method": "round", "source": "website", "position": 1},
        {"zhangwei": None, "wangfang": None, "liuyang": 60},
    ),
    ("展会高分线索", {"method": "load", "source": "exhibition", "least_score": 60, "position": 2}, {"zhangwei": None, "sunlei": None, "zhoujing": None}),
    ("其余按区域", {"method": "territory", "position": 3, "active": False}, {}),
)  # fmt: skip
GIVEN = 9


def fill(actor: Actor, users: Mapping[str, User]) -> None:
    """Enter them; some of the newest leads nobody owns go to whom the rules name, at the time they came."""
    for place, (name, whose, rules) in enumerate(TERRITORIES, start=1):
        values: dict[str, Any] = {"name": name, "position": place}
        values |= {"user": users[whose["user"]].pk} if "user" in whose else {}
        values |= {"department": users[whose["team"]].department_id} if "team" in whose else {}
        territory = records.create(actor, "sales.territory", values)
        for rule in rules:
            records.create(actor, "sales.territoryrule", {"territory": territory.pk, **rule})
    for name, values, people in RULES:
        made = records.create(actor, "sales.assignrule", {"name": name, "subject": "sales.lead", **values})
        for username, most in people.items():
            records.create(actor, "sales.assignmember", {"rule": made.pk, "user": users[username].pk, "capacity": most})
    fresh = Lead.objects.filter(owner__isnull=True, converted_at__isnull=True, source__in=("website", "exhibition"))
    for lead in reversed(fresh.order_by("-created_at")[:GIVEN]):
        with clock.moved_to(lead.created_at):
            sharing.hand_out(lead)
