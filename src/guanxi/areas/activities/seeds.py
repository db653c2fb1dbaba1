"""Base data of the area: types and results of follow-ups."""

from __future__ import annotations

from guanxi.core.records import seeds
from guanxi.core.records.seeds import Value

seeds.dictionary(
    "follow_up_kind",
    "跟进方式",
    "Type of follow-up",
    [
        Value("call", "电话", "Call", "blue", default=True),
        Value("visit", "拜访", "Visit", "green"),
        Value("meeting", "会议", "Meeting", "purple"),
        Value("message", "消息", "Message", "cyan"),
        Value("email", "邮件", "E-mail", "azure"),
        Value("meal", "宴请", "Meal", "orange"),
        Value("gift", "赠礼", "Gift", "pink"),
        Value("note", "记录", "Note", "gray"),
    ],
)
seeds.dictionary(
    "follow_up_result",
    "跟进结果",
    "Result of follow-up",
    [
        Value("reached", "已联系上", "Reached", "blue"),
        Value("no_answer", "未接通", "No answer", "gray"),
        Value("interested", "有意向", "Interested", "green"),
        Value("needs_material", "需要资料", "Wants material", "cyan"),
        Value("appointment", "已约见", "Appointment made", "teal"),
        Value("considering", "考虑中", "Considering", "yellow"),
        Value("not_interested", "无意向", "Not interested", "orange"),
        Value("wrong_number", "号码错误", "Wrong number", "red"),
    ],
)
