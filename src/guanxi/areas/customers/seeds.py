"""What every workspace starts with: the dictionaries of customers and contacts, their numbering and rights."""

from __future__ import annotations

from pathlib import Path

from guanxi.core.records import seeds
from guanxi.core.records.seeds import RoleSeed, Value

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
    "consent_purpose",
    "同意的用途",
    "Purpose of a consent",
    [
        Value("marketing", "营销信息", "Marketing", "purple"),
        Value("survey", "满意度调查", "Surveys", "azure"),
        Value("sharing", "向第三方提供", "Sharing with others", "orange"),
        Value("sensitive", "处理敏感信息", "Sensitive data", "red"),
        Value("abroad", "向境外提供", "Transfer abroad", "yellow"),
        Value("automated", "自动化决策", "Automated decisions", "indigo"),
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
