"""Base data of the area: kinds of expenses, who decides about them."""

from __future__ import annotations

from guanxi.core.records import seeds
from guanxi.core.records.seeds import Value, same_scope

seeds.dictionary(
    "expense_kind",
    "费用类型",
    "Kind of expense",
    [
        Value("travel", "交通", "Travel", "blue", default=True),
        Value("hotel", "住宿", "Hotel", "purple"),
        Value("meal", "餐饮招待", "Meals", "orange"),
        Value("gift", "礼品", "Gifts", "pink"),
        Value("communication", "通讯", "Communication", "cyan"),
        Value("material", "资料与样品", "Material and samples", "teal"),
        Value("other", "其他", "Other", "gray"),
    ],
)
USUAL = ("view", "create", "change", "delete", "export", "import", "assign", "share", "merge", "reveal", "approve")
seeds.grant("manager", "diary.expense", same_scope("department_below", USUAL))
seeds.grant("director", "diary.expense", same_scope("all", (*USUAL, "pay")))
