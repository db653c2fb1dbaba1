"""The selling side of the demo organisation: leads, opportunities with their course over two years, pools."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from guanxi.areas.activities.models import Activity
from guanxi.areas.catalog.models import Product, settle_lines
from guanxi.areas.customers.models import PERSON
from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import DealFollowUp, Opportunity, OpportunityLine, Stage
from guanxi.areas.sales.services import pools
from guanxi.config.demo import texts
from guanxi.config.demo.targets import forecasts_add, targets_add
from guanxi.core import records
from guanxi.core.models import Department
from guanxi.core.records.rates import rate_on

if TYPE_CHECKING:
    from guanxi.config.demo.organisation import Organisation

LEADS, CONVERTED, DEALS, ROLES, PROJECTS = 420, 70, 460, 160, 24
COMPETITORS = ("用友网络", "金蝶国际", "销售易", "纷享销客", "Salesforce", "本地集成商")
SOLD = (
    "边缘采集网关",
    "生产看板系统",
    "能耗监测平台",
    "设备预测维护",
    "质量追溯系统",
    "仓储管理系统",
    "数据中台",
    "年度运维服务",
)
SOLD_EN = ("edge gateways", "shop floor dashboards", "energy monitoring", "predictive maintenance", "support plan")
STEPS = ("约技术交流", "发送方案", "安排样机试用", "确认预算", "提交投标文件", "商务谈判", "走合同流程", "拜访决策人")
STEPS_EN = ("Send the proposal", "Arrange a demo", "Confirm the budget", "Negotiate terms", "Meet the decision maker")
STAGES = ("contact", "needs", "proposal", "negotiation")
MILESTONES = ("需求调研完成", "方案评审通过", "招标文件发布", "中标公示", "合同签订")
SIZE = {"a": 900_000, "b": 320_000, "c": 90_000, "d": 30_000}


@dataclass
class Deal:
    """One opportunity before it is entered: its row, and the stages it comes to with the moments."""

    row: dict[str, Any]
    course: list[tuple[str, dt.datetime]]
    place: int
    lines: list[dict[str, Any]]
    id: int = 0


class Selling:
    """Adds it all to a filled organisation."""

    def __init__(self, organisation: Organisation) -> None:
        self.all = organisation
        self.chance = organisation.chance
        self.stages = {one.key: one for one in selectors.stages_of(selectors.pipelines()[0].pk)}

    def add(self) -> None:
        """Add everything."""
        rivals = [{"name": name, "created_at": self.all.now - dt.timedelta(days=700)} for name in COMPETITORS]
        self.rivals = self.all.made("sales.competitor", rivals)
        self.goods = list(Product.objects.filter(price__gt=0).order_by("pk"))
        alert = {"name": "八十万以上", "amount": 800_000, "currency": "CNY", "user": self.all.users["chenjianguo"].pk}
        records.create(self.all.actor, "sales.dealalert", alert)
        self._deals()
        self._leads()
        self._pools()
        targets_add(self.all)
        forecasts_add(self.all)

    # -- opportunities -------------------------------------------------------------------------------------------------

    def _places(self) -> list[int]:
        found = [place for place, firm in enumerate(self.all.firms) if firm.owner and firm.row.get("kind") != PERSON]
        weights = [{"a": 8, "b": 5, "c": 2, "d": 1}[self.all.firms[place].level] for place in found]
        return self.chance.choices(found, weights, k=DEALS)

    def _deals(self) -> None:
        deals = [self._deal(place, number < DEALS * 0.45) for number, place in enumerate(self._places())]
        for deal, number in zip(deals, self.all.made("sales.opportunity", [deal.row for deal in deals]), strict=True):
            deal.id = number
        self._lines(deals)
        known = Opportunity.objects.in_bulk([deal.id for deal in deals])
        for turn in range(1, max(len(deal.course) for deal in deals)):
            moved = [deal for deal in deals if len(deal.course) > turn]
            rows = [self._moved(known[deal.id], *deal.course[turn]) for deal in moved]
            Opportunity.objects.bulk_update(
                rows,
                ["stage", "category", "probability", "forecast", "weighted", "closed_at", "stage_since", "stale_on",
                 "close_reason", "competitor", "close_on", "updated_at", "version"],
                batch_size=500,
            )  # fmt: skip
        self._around(deals)
        self._said(deals)

    def _said(self, deals: list[Deal]) -> None:
        """Follow-ups with the customer while a deal was open were about it; the newest deal of several."""
        about: dict[int, int] = {}
        for deal in sorted(deals, key=lambda one: one.row["created_at"]):
            rows = Activity.objects.filter(customer_id=deal.row["customer"], occurred_at__gte=deal.row["created_at"])
            if deal.course[-1][0] in ("won", "lost"):
                rows = rows.filter(occurred_at__lte=deal.course[-1][1])
            about |= dict.fromkeys(rows.values_list("pk", flat=True)[:12], deal.id)
        DealFollowUp.objects.bulk_create(
            DealFollowUp(activity_id=activity, opportunity_id=deal) for activity, deal in about.items()
        )

    def _deal(self, place: int, open_: bool) -> Deal:
        chance, firm, now = self.chance, self.all.firms[place], self.all.now
        ago = chance.randint(3, 110) if open_ else chance.randint(40, 720)
        made = max(now - dt.timedelta(days=ago, hours=chance.randint(0, 8)), firm.created + dt.timedelta(days=1))
        made = min(made, now - dt.timedelta(days=1))
        course, at = [("contact", made)], made
        reach = chance.choices((0, 1, 2, 3), (22, 30, 28, 20) if open_ else (8, 14, 30, 48))[0]
        for key in STAGES[1 : reach + 1]:
            at += dt.timedelta(days=chance.randint(3, 24), hours=chance.randint(0, 9))
            course.append((key, at))
        if not open_:
            won = chance.random() < (0.78 if reach == 3 else 0.34 if reach == 2 else 0.06)
            course.append(("won" if won else "lost", at + dt.timedelta(days=chance.randint(4, 30))))
        course = [(key, at) for key, at in course if at < now]
        amount = Decimal(round(SIZE[firm.level] * chance.lognormvariate(0, 0.55), -2))
        english = firm.english
        currency, rate = self._currency(english, made.date())
        lines, sold = (
            self._products(amount, currency, rate) if chance.random() < (0.6 if open_ else 0.3) else ([], None)
        )
        what = chance.choice(SOLD_EN if english else SOLD)
        name = str(firm.row.get("short_name") or firm.row["name"])
        owner = self.all.users[firm.owner].pk
        people = self.all.contact_ids[place]
        close = (
            course[-1][1].date()
            if course[-1][0] in ("won", "lost")
            else now.date() + dt.timedelta(days=chance.randint(-12, 95))
        )
        row: dict[str, Any] = {
            "name": f"{name}{' ' if english else ''}{what}",
            "customer": self.all.ids[place],
            "contact": people[0] if people else None,
            "pipeline": self.stages["contact"].pipeline_id,
            "stage": self.stages["contact"].pk,
            "amount": sold if sold is not None else (amount / rate).quantize(Decimal(100)),
            "currency": currency,
            "rate": rate,
            "competitor": chance.choice(self.rivals) if open_ and chance.random() < 0.35 else None,
            "close_on": close,
            "kind": chance.choices(("new", "more", "renewal", "replacement"), (55, 25, 12, 8))[0],
            "source": firm.row.get("source") or "referral",
            "next_step": chance.choice(STEPS_EN if english else STEPS) if open_ else None,
            "next_step_on": now.date() + dt.timedelta(days=chance.randint(-4, 20)) if open_ else None,
            "hot": chance.random() < 0.08,
            "is_project": amount > 700_000,
            "owner": owner,
            "created_by": owner,
            "created_at": made,
            "updated_at": made,
        }
        return Deal({name: value for name, value in row.items() if value is not None}, course, place, lines)

    def _currency(self, english: bool, day: dt.date) -> tuple[str, Decimal]:
        """What a deal is reckoned in, and one unit of it in yuan on its day."""
        currency = self.chance.choices(("USD", "EUR", "CNY"), (55, 30, 15))[0] if english else "CNY"
        return currency, rate_on(currency, day) if currency != "CNY" else Decimal(1)

    def _products(self, wanted: Decimal, currency: str, rate: Decimal) -> tuple[list[dict[str, Any]], Decimal]:
        """Lines worth about ``wanted`` yuan in a currency, and what they come to."""
        chosen = self.chance.sample(self.goods, self.chance.randint(1, 4))
        rows = []
        for position, one in enumerate(chosen, start=1):
            price = ((one.price or Decimal(1)) / rate).quantize(Decimal("0.01"))
            quantity = max(1, round(wanted / len(chosen) / (one.price or Decimal(1))))
            rows.append(
                {
                    "sort": "item",
                    "product": one.pk,
                    "name": one.name if currency == "CNY" else one.english_name or one.name,
                    "specification": one.specification,
                    "unit": one.unit,
                    "quantity": Decimal(quantity),
                    "price": price,
                    "base_price": price,
                    "price_source": "标准价" if currency == "CNY" else "List price",
                    "cost": ((one.cost or Decimal(0)) / rate).quantize(Decimal("0.01")),
                    "tax_class": one.tax_class,
                    "discount": Decimal(self.chance.choice((3, 5, 8))) if self.chance.random() < 0.3 else None,
                    "position": position,
                }
            )
        return rows, settle_lines(currency, [OpportunityLine(**{**row, "product": None}) for row in rows])

    def _lines(self, deals: list[Deal]) -> None:
        """Enter the lines; the opportunities keep the moment they were made."""
        lined = [deal for deal in deals if deal.lines]
        rows = [
            {name: value for name, value in {**row, "opportunity": deal.id, "owner": deal.row["owner"]}.items() if value is not None}
            for deal in lined
            for row in deal.lines
        ]  # fmt: skip
        self.all.made("sales.opportunityline", rows)
        known = Opportunity.objects.in_bulk([deal.id for deal in lined])
        for deal in lined:
            known[deal.id].updated_at = deal.row["updated_at"]
        Opportunity.objects.bulk_update(known.values(), ["updated_at"], batch_size=500)

    def _moved(self, deal: Opportunity, key: str, at: dt.datetime) -> Opportunity:
        stage: Stage = self.stages[key]
        deal.stage, deal.category, deal.probability = stage, stage.category, Decimal(stage.probability)
        deal.forecast, deal.stage_since, deal.updated_at = stage.forecast, at, at
        deal.weighted = (deal.value or Decimal(0)) * deal.probability / 100
        deal.stale_on = at.date() + dt.timedelta(days=stage.expected_days) if stage.expected_days else None
        deal.version += 1
        if stage.category != "open":
            deal.closed_at, deal.close_on = at, at.date()
            reasons = (
                ("product", "relation", "service", "price")
                if key == "won"
                else ("price", "competitor", "no_budget", "timing", "no_decision")
            )
            deal.close_reason = self.chance.choice(reasons)
            if self.chance.random() < 0.5:
                deal.competitor_id = self.chance.choice(self.rivals)
        return deal

    def _around(self, deals: list[Deal]) -> None:
        """Who decides in the deals, and the milestones of long ones."""
        roles, dates = [], []
        for deal in deals[:ROLES]:
            firm_people = self.all.contact_ids[deal.place][:3]
            for number, person in enumerate(firm_people):
                roles.append(
                    {
                        "opportunity": deal.id,
                        "contact": person,
                        "role": ("decides", "influences", "uses")[number],
                        "influence": ("high", "middle", "low")[number],
                        "attitude": self.chance.choice(("friendly", "neutral", "sceptical", "champion")),
                        "owner": deal.row["owner"],
                    }
                )
        today = self.all.now.date()
        for deal in [one for one in deals if one.row["is_project"]][:PROJECTS]:
            start = deal.course[0][1].date()
            for number, name in enumerate(MILESTONES):
                due = start + dt.timedelta(days=25 * (number + 1))
                row = {"opportunity": deal.id, "name": name, "due_on": due, "owner": deal.row["owner"]}
                if due < today:
                    row["done_on"] = due
                dates.append(row)
        parties = [
            {"opportunity": deal.id, "customer": number, "role": role, "owner": deal.row["owner"]}
            for deal in [one for one in deals if one.row["is_project"]][:PROJECTS]
            for number, role in zip(
                self.chance.sample(self.all.ids, 3), ("integrator", "designer", "tender_agent"), strict=True
            )
        ]
        self.all.made("sales.party", parties)
        self.all.made("sales.opportunityrole", roles)
        self.all.made("sales.milestone", dates)

    # -- leads ---------------------------------------------------------------------------------------------------------

    def _leads(self) -> None:
        owners = self.all.owners()
        rows = []
        for number in range(LEADS):
            firm = self.all.maker.firm(owners)
            person = self.all.maker.contact(firm, first=True)
            made = self.all.now - dt.timedelta(days=self.chance.randint(0, 240), hours=self.chance.randint(0, 9))
            owner = self.all.users[firm.owner].pk if firm.owner and self.chance.random() < 0.82 else None
            status = self.chance.choices(("new", "contacting", "qualified", "invalid"), (34, 40, 14, 12))[0]
            row = {
                "name": person["name"],
                "company": firm.row["name"],
                "position": person.get("position"),
                "phones": person.get("phones"),
                "region": firm.row.get("region"),
                "industry": firm.row.get("industry"),
                "source": self.chance.choice(("website", "exhibition", "search", "social", "referral", "partner")),
                "score": min(100, max(0, round(self.chance.gauss(52, 22)))),
                "interest": self.chance.choice(SOLD),
                "status": status if owner else "new",
                "invalid_reason": "no_need" if status == "invalid" and owner else None,
                "owner": owner,
                "created_by": owner or self.all.users["wuqian"].pk,
                "created_at": made,
                "updated_at": made,
            }
            if number < CONVERTED:
                place = self.chance.choice([at for at, one in enumerate(self.all.firms) if one.owner])
                became = self.all.firms[place]
                row |= {
                    "company": became.row["name"],
                    "region": became.row.get("region"),
                    "industry": became.row.get("industry"),
                    "status": "converted",
                    "invalid_reason": None,
                    "owner": self.all.users[became.owner].pk,
                    "customer": self.all.ids[place],
                    "converted_at": min(made + dt.timedelta(days=self.chance.randint(1, 20)), self.all.now),
                }
            rows.append({name: value for name, value in row.items() if value is not None})
        ids = self.all.made("sales.lead", rows)
        self.all.made("sales.leadfollowup", list(self._notes(rows, ids)))

    def _notes(self, rows: list[dict[str, Any]], ids: list[int]) -> Any:
        for row, number in zip(rows, ids, strict=True):
            if row["status"] == "new" or "owner" not in row:
                continue
            at = row["created_at"]
            for _turn in range(self.chance.randint(1, 3)):
                at += dt.timedelta(days=self.chance.randint(1, 9), hours=self.chance.randint(0, 5))
                if at > self.all.now:
                    break
                body, result = texts.said(self.chance, "call", "first", row["name"], english=False)
                yield {
                    "lead": number,
                    "kind": "call",
                    "body": body,
                    "result": result,
                    "occurred_at": at,
                    "owner": row["owner"],
                    "created_by": row["owner"],
                    "created_at": at,
                }

    # -- pools ---------------------------------------------------------------------------------------------------------

    def _pools(self) -> None:
        """A pool for the south and one for everybody; leads have their own. What nobody owns lies in them."""
        actor = self.all.actor
        south = Department.objects.get(name="华南销售部").pk
        made = [
            records.create(actor, "customers.pool", {"subject": subject, "position": place, **values})
            for place, (subject, values) in enumerate(
                (
                    ("customers.customer", {"name": "华南公海", "name_en": "South pool", "daily_limit": 10, "bar_days": 7}),
                    ("customers.customer", {"name": "全国公海", "name_en": "National pool", "everyone": True, "daily_limit": 5, "bar_days": 15}),
                    ("sales.lead", {"name": "线索池", "name_en": "Lead pool", "everyone": True, "daily_limit": 20}),
                ),
                start=1,
            )
        ]  # fmt: skip
        records.create(actor, "customers.poolmember", {"pool": made[0].pk, "department": south})
        records.create(
            actor, "customers.poolmember", {"pool": made[0].pk, "user": self.all.users["linyating"].pk, "admin": True}
        )
        for pool, ground, level, days in (
            (made[0], "no_follow_up", "", 420),
            (made[0], "no_follow_up", "a", 240),
            (made[1], "no_follow_up", "", 480),
            (made[2], "no_follow_up", "", 240),
        ):
            values = {"pool": pool.pk, "ground": ground, "level": level, "days": days}
            records.create(actor, "customers.poolrule", values)
        for subject, pool in (("customers.customer", made[1]), ("sales.lead", made[2])):
            model: Any = records.queryset(actor, subject).model
            with records.writing(actor):
                model.objects.filter(owner__isnull=True).update(pool_id=pool.pk)
            pools.returns_refresh(subject)
