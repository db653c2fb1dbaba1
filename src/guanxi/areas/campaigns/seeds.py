"""Base data of the area: kinds of campaigns and costs, numbers, rights."""

from __future__ import annotations

from guanxi.core.records import seeds
from guanxi.core.records.seeds import Value, same_scope

seeds.dictionary(
    "campaign_kind",
    "市场活动类型",
    "Kind of campaign",
    [
        Value("exhibition", "展会", "Exhibition", "purple"),
        Value("webinar", "线上研讨会", "Webinar", "cyan"),
        Value("event", "线下会议", "Event", "blue", default=True),
        Value("mail", "邮件营销", "Mailing", "teal"),
        Value("telephone", "电话营销", "Telephone", "green"),
        Value("advertising", "广告投放", "Advertising", "orange"),
        Value("referral", "老客户转介绍", "Referral", "pink"),
        Value("other", "其他", "Other", "gray"),
    ],
)
seeds.dictionary(
    "campaign_cost_kind",
    "活动支出类型",
    "Kind of campaign cost",
    [
        Value("venue", "场地与展位", "Venue and stand", "purple"),
        Value("building", "搭建与物料", "Building and material", "blue", default=True),
        Value("advertising", "广告与媒体", "Advertising and media", "orange"),
        Value("gifts", "礼品", "Gifts", "pink"),
        Value("hospitality", "餐饮接待", "Hospitality", "yellow"),
        Value("travel", "差旅", "Travel", "cyan"),
        Value("agency", "代理与服务费", "Agency and services", "teal"),
        Value("other", "其他", "Other", "gray"),
    ],
)
seeds.numbering("campaigns.campaign", "number", "MK{yyyy}{seq:4}", reset="year")

OWN = {**same_scope("own", ("create", "change", "delete", "export", "import", "share", "merge")), "view": "all"}
WORK = ("view", "create", "change", "delete", "export", "import", "assign", "share", "merge")
MONEY = ("budget", "cost", "budget_left", "expected_revenue", "won_value", "result")
#: Everybody who sells sees what is going on, so that leads and expenses can name it; money is not a trainee's matter.
seeds.grant("member", "campaigns.campaign", OWN)
seeds.grant("manager", "campaigns.campaign", {**same_scope("department_below", WORK), "view": "all"})
seeds.grant("trainee", "campaigns.campaign", {"view": "all"}, dict.fromkeys(MONEY, "hidden"))
for _entity in ("campaigns.campaign", "campaigns.campaigncost"):
    seeds.grant("marketing", _entity, same_scope("all", WORK))
    seeds.grant("finance", _entity, same_scope("all", ("view", "export")))
