"""Base data of the area: where members can stand, and rights."""

from __future__ import annotations

from guanxi.areas.marketing.selectors import RESPONSE, STATES
from guanxi.core.records import seeds
from guanxi.core.records.seeds import Value, same_scope

#: What stands under “responded” counts as a response.
seeds.dictionary(
    STATES,
    "市场活动成员状态",
    "State of a campaign member",
    [
        Value("planned", "计划邀请", "Planned", "gray", default=True),
        Value("sent", "已邀请", "Invited", "blue"),
        Value("unreachable", "未送达", "Not reached", "orange"),
        Value(RESPONSE, "有回应", "Responded", "teal"),
        Value("registered", "已报名", "Registered", "cyan", parent=RESPONSE),
        Value("attended", "已参加", "Attended", "green", parent=RESPONSE),
        Value("interested", "有意向", "Interested", "purple", parent=RESPONSE),
        Value("declined", "谢绝", "Declined", "red"),
        Value("absent", "未到场", "Did not come", "yellow"),
    ],
)
WORK = ("view", "create", "change", "delete", "export", "import", "assign", "share", "merge")
seeds.grant("marketing", "marketing.member", same_scope("all", WORK))
for _role, _scope in (("member", "own"), ("trainee", "own"), ("manager", "department_below"), ("director", "all"),
                      ("marketing", "all"), ("service", "all"), ("reader", "all")):  # fmt: skip
    seeds.grant(
        _role, "marketing.influence", {"view": _scope, "export": _scope} if _role != "trainee" else {"view": _scope}
    )
