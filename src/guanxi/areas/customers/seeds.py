"""What every workspace starts with: the dictionaries of customers and contacts, their numbering and rights."""

from __future__ import annotations

from pathlib import Path

from django.utils.translation import gettext_lazy as _

from guanxi.core.records import seeds
from guanxi.core.records.seeds import RoleSeed, Value
from guanxi.core.reporting import builtin, tiles

DATA = Path(__file__).parent / "data"

#: GB/T 4754-2017: sections (A to T) and divisions (A01 to T97).
seeds.dictionary("industry", "行业", "Industry", seeds.read_values(DATA / "industries.txt"))
seeds.dictionary(
    "customer_size",
    "客户规模",
    "Size",
    [
        Value("micro", "10 人以下", "under 10 people"),
        Value("small", "10–49 人", "10–49 people"),
        Value("medium", "50–199 人", "50–199 people"),
        Value("upper_medium", "200–999 人", "200–999 people"),
        Value("large", "1000–4999 人", "1,000–4,999 people"),
        Value("huge", "5000 人以上", "5,000 people and more"),
    ],
)
seeds.dictionary(
    "customer_source",
    "客户来源",
    "Source",
    [
        Value("referral", "客户介绍", "Referral", "green"),
        Value("website", "官网", "Website", "azure"),
        Value("exhibition", "展会", "Exhibition", "purple"),
        Value("cold_call", "电话开发", "Cold call", "orange"),
        Value("search", "搜索引擎", "Search engine", "cyan"),
        Value("social", "社交媒体", "Social media", "pink"),
        Value("partner", "合作伙伴", "Partner", "indigo"),
        Value("tender", "招投标", "Tender", "yellow"),
        Value("visit", "陌生拜访", "Door to door", "lime"),
        Value("import", "导入", "Import", "gray"),
        Value("other", "其他", "Other", "gray"),
    ],
)
seeds.dictionary(
    "customer_level",
    "客户级别",
    "Level",
    [
        Value("a", "A 大客户", "A key account", "red"),
        Value("b", "B 重点客户", "B important", "orange"),
        Value("c", "C 普通客户", "C regular", "blue"),
        Value("d", "D 小客户", "D small", "gray"),
    ],
)
seeds.dictionary(
    "customer_status",
    "客户状态",
    "Status",
    [
        Value("new", "新客户", "New", "azure", default=True),
        Value("contacting", "跟进中", "In contact", "blue"),
        Value("interested", "有意向", "Interested", "yellow"),
        Value("won", "已成交", "Customer", "green"),
        Value("paused", "暂缓", "On hold", "gray"),
        Value("invalid", "无效", "Invalid", "red"),
    ],
)
seeds.dictionary(
    "lifecycle",
    "生命周期阶段",
    "Lifecycle stage",
    [
        Value("potential", "潜在", "Potential", "azure", default=True),
        Value("developing", "开发", "Developing", "blue"),
        Value("growing", "成长", "Growing", "teal"),
        Value("mature", "成熟", "Mature", "green"),
        Value("declining", "衰退", "Declining", "orange"),
        Value("lost", "流失", "Lost", "red"),
    ],
)
seeds.dictionary(
    "customer_relation",
    "客户关系",
    "Relation",
    [
        Value("supplier", "供应商", "Supplier", "teal"),
        Value("buyer", "采购方", "Buyer", "teal"),
        Value("partner", "合作伙伴", "Partner", "green"),
        Value("competitor", "竞争对手", "Competitor", "red"),
        Value("referrer", "介绍人", "Referred by", "purple"),
        Value("referred", "被介绍客户", "Referred to us", "purple"),
        Value("agent", "代理商", "Agent", "indigo"),
        Value("principal", "委托方", "Principal", "indigo"),
        Value("investor", "投资方", "Investor", "yellow"),
        Value("invested", "被投资企业", "Holding", "yellow"),
        Value("guarantor", "担保人", "Guarantor", "orange"),
        Value("guaranteed", "被担保人", "Guaranteed", "orange"),
        Value("same_owner", "同一实际控制人", "Same controlling owner", "pink"),
        Value("family", "亲属", "Family", "pink"),
        Value("other", "其他关系", "Other relation", "gray"),
    ],
)
seeds.dictionary(
    "decision_role",
    "决策角色",
    "Role in decisions",
    [
        Value("decides", "决策者", "Decides", "red"),
        Value("influences", "影响者", "Influences", "orange"),
        Value("evaluates", "评估者", "Evaluates", "yellow"),
        Value("uses", "使用者", "Uses", "blue"),
        Value("buys", "采购执行", "Buys", "teal"),
        Value("supports", "支持者", "Supports", "green"),
        Value("guards", "把关人", "Guards the door", "purple"),
        Value("blocks", "反对者", "Blocks", "gray"),
    ],
)
seeds.dictionary(
    "attitude",
    "态度",
    "Attitude",
    [
        Value("champion", "铁杆支持", "Champion", "green"),
        Value("friendly", "友好", "Friendly", "teal"),
        Value("neutral", "中立", "Neutral", "blue"),
        Value("sceptical", "怀疑", "Sceptical", "yellow"),
        Value("hostile", "反对", "Hostile", "red"),
        Value("unknown", "不清楚", "Unknown", "gray"),
    ],
)
seeds.numbering("customers.customer", "number", "C{seq:6}")

seeds.role(
    RoleSeed(
        "service",
        "客服",
        "Service",
        "Sees all records, works on own ones.",
        usual={"view": "all", "create": "own", "change": "own", "share": "own", "reveal": "all"},
    )
)
seeds.role(
    RoleSeed(
        "marketing",
        "市场",
        "Marketing",
        "Sees and exports all records; ways to reach people are masked.",
        usual={"view": "all", "export": "all", "create": "own", "change": "own", "import": "own"},
        masked=True,
    )
)

# -- reports -----------------------------------------------------------------------------------------------------------

CUSTOMERS = "customers.customer"


def _by(key: str, zh: str, en: str, field: str, chart: str, position: int, grain: str = "", top: int = 0) -> None:
    """A report of how many customers there are by one field."""
    row = {"field": field, "grain": grain}
    definition = {"dataset": CUSTOMERS, "rows": [row], "measures": [{"how": "count"}, {"how": "share", "a": 0}]}
    builtin.report(
        key, zh, en, {**definition, "chart": chart, "top": top}, group="customers", position=position,
        about=("您能看到的客户数量及占比。", "How many customers you see, and their share."),
    )  # fmt: skip


_by("customers-by-source", "客户来源分析", "Customers by source", "source", "bar", 20)
_by("customers-by-region", "客户地区分布", "Customers by region", "region", "bar", 30, "top", 20)
_by("customers-by-level", "客户级别分布", "Customers by level", "level", "pie", 40)
_by("customers-by-lifecycle", "客户生命周期分布", "Customers by lifecycle stage", "lifecycle", "funnel", 50)
_by("customers-by-industry", "客户行业分布", "Customers by industry", "industry", "bar", 60, "top", 15)
_by("customers-by-owner", "员工客户数量", "Customers by owner", "owner", "bar", 70, "", 30)
builtin.report(
    "customers-new",
    "每月新增客户",
    "New customers by month",
    {
        "dataset": CUSTOMERS,
        "rows": [{"field": "created_at", "grain": "month"}],
        "measures": [{"how": "count"}, {"how": "running", "a": 0, "label_zh": "累计", "label_en": "Running total"}],
        "date": "created_at",
        "period": "this_year",
        "compare": "year",
        "chart": "column",
    },
    group="customers",
    position=10,
    about=(
        "按月统计新建的客户，并与去年同期比较。",
        "Customers created in each month, beside the same month last year.",
    ),
)
builtin.report(
    "customers-silent",
    "客户沉默时长",
    "Customers by days without contact",
    {
        "dataset": CUSTOMERS,
        "rows": [{"field": "last_contact_at", "grain": "age", "bands": [0, 8, 31, 61, 91, 181]}],
        "columns": [{"field": "level"}],
        "chart": "stacked",
    },
    group="customers",
    position=80,
    about=("距上次联系多少天，按客户级别。", "How long ago customers were last in touch, by level."),
)
builtin.report(
    "customers-by-department",
    "部门客户统计",
    "Customers by department",
    {
        "dataset": CUSTOMERS,
        "rows": [{"field": "owner.department", "grain": "second"}],
        "columns": [{"field": "lifecycle"}],
        "chart": "stacked",
    },
    group="customers",
    position=75,
    about=(
        "各部门（含下级）的客户，按生命周期阶段。",
        "Customers of each department and those below it, by lifecycle stage.",
    ),
)
builtin.board(
    "overview",
    "业务总览",
    "Overview",
    [
        builtin.tile("customers-new", 2),
        builtin.tile("customers-by-level"),
        builtin.tile("customers-by-lifecycle"),
        builtin.tile("customers-by-source"),
        builtin.tile("customers-silent"),
    ],
    about=("客户和跟进的主要数字。", "The main figures of customers and follow-ups."),
    position=10,
)

_MINE = {"field": "owner", "op": "eq", "value": "@me"}
tiles.number("customers-mine", _("My customers"), {"dataset": CUSTOMERS, "filter": _MINE}, order=20, good=0)
tiles.number(
    "customers-mine-new",
    _("New this month, mine"),
    {"dataset": CUSTOMERS, "filter": _MINE, "date": "created_at", "period": "this_month", "compare": "previous"},
    order=22,
)
tiles.number(
    "customers-mine-silent",
    _("Mine, silent for 30 days"),
    {"dataset": CUSTOMERS, "filter": {"all": [_MINE, {"field": "last_contact_at", "op": "older_days", "value": 30}]}},
    order=24,
    good=-1,
)
tiles.number(
    "customers-team-new",
    _("New this month, team"),
    {"dataset": CUSTOMERS, "date": "created_at", "period": "this_month", "compare": "previous"},
    order=60,
    shown=tiles.leads,
)
