"""Reports, boards and figures of the home page about follow-ups, plans and tasks."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.core.reporting import builtin, tiles

FOLLOW_UPS = "activities.activity"
_CONTACTS = {"field": "kind", "op": "ne", "value": "note"}

builtin.report(
    "activities-volume",
    "跟进量趋势",
    "Follow-ups by week",
    {
        "dataset": FOLLOW_UPS,
        "rows": [{"field": "occurred_at", "grain": "week"}],
        "columns": [{"field": "kind"}],
        "filter": _CONTACTS,
        "date": "occurred_at",
        "period": "last:90",
        "chart": "stacked",
    },
    group="activities",
    position=10,
    about=(
        "每周各种跟进的次数（记录除外）。",
        "How many follow-ups of each type there were in each week; notes do not count.",
    ),
)
builtin.report(
    "activities-ranking",
    "跟进排行",
    "Follow-ups by person",
    {
        "dataset": FOLLOW_UPS,
        "rows": [{"field": "owner"}],
        "measures": [
            {"how": "count"},
            {
                "how": "count",
                "where": {"field": "kind", "op": "eq", "value": "visit"},
                "label_zh": "其中拜访",
                "label_en": "of them visits",
            },
            {"how": "distinct", "field": "customer", "label_zh": "跟进客户数", "label_en": "Customers reached"},
        ],
        "filter": _CONTACTS,
        "date": "occurred_at",
        "period": "this_month",
        "compare": "previous",
        "top": 30,
        "sort": "value",
        "chart": "bar",
    },
    group="activities",
    position=20,
    about=("每人的跟进次数、拜访次数和跟进的客户数。", "Follow-ups, visits and customers reached by each person."),
)
builtin.report(
    "activities-results",
    "跟进结果",
    "Results of follow-ups",
    {
        "dataset": FOLLOW_UPS,
        "rows": [{"field": "result"}],
        "columns": [{"field": "kind"}],
        "filter": _CONTACTS,
        "date": "occurred_at",
        "period": "this_quarter",
        "chart": "stacked",
    },
    group="activities",
    position=30,
    about=("各跟进方式得到的结果。", "What came of follow-ups, by type."),
)
builtin.report(
    "activities-by-department",
    "部门跟进统计",
    "Follow-ups by department",
    {
        "dataset": FOLLOW_UPS,
        "rows": [{"field": "occurred_at", "grain": "month"}],
        "columns": [{"field": "owner.department", "grain": "second"}],
        "filter": _CONTACTS,
        "date": "occurred_at",
        "period": "this_year",
        "chart": "stacked",
    },
    group="activities",
    position=40,
    about=(
        "各部门（含下级）每月的跟进次数；标“（本级）”的只计该部门本身。",
        "Follow-ups of each department and those below it, by month. “(own)” marks a department that counts only itself, as those below it have rows of their own.",
    ),
)
builtin.report(
    "tasks-open",
    "未完成任务",
    "Open tasks by person",
    {
        "dataset": "activities.task",
        "rows": [{"field": "owner"}],
        "measures": [
            {"how": "count"},
            {
                "how": "count",
                "where": {"field": "due_at", "op": "lt", "value": "@now"},
                "label_zh": "已逾期",
                "label_en": "overdue",
            },
        ],
        "filter": {"field": "status", "op": "in", "value": ["open", "started"]},
        "sort": "value",
        "top": 30,
        "chart": "bar",
    },
    group="activities",
    position=50,
    about=("每人未完成和逾期的任务。", "Unfinished and overdue tasks of each person."),
)
builtin.report(
    "plans-kept",
    "跟进计划完成情况",
    "Follow-up plans kept",
    {
        "dataset": "activities.followupplan",
        "rows": [{"field": "owner"}],
        "measures": [
            {"how": "count", "label_zh": "计划", "label_en": "Planned"},
            {
                "how": "count",
                "where": {"field": "status", "op": "eq", "value": "done"},
                "label_zh": "已完成",
                "label_en": "Done",
            },
            {"how": "ratio", "a": 1, "b": 0, "unit": "percent", "label_zh": "完成率", "label_en": "Kept"},
        ],
        "date": "planned_at",
        "period": "this_month",
        "sort": "value",
        "top": 30,
        "chart": "bar",
    },
    group="activities",
    position=60,
    about=("本期计划的联系有多少已完成。", "How many of the contacts planned for the period took place."),
)
builtin.add_tiles("overview", builtin.tile("activities-volume", 2), builtin.tile("activities-results"))
builtin.board(
    "team",
    "团队看板",
    "Team",
    [
        builtin.tile("activities-ranking", 2),
        builtin.tile("tasks-open"),
        builtin.tile("activities-by-department", 2),
        builtin.tile("plans-kept"),
        builtin.tile("customers-by-owner"),
        builtin.tile("customers-by-department", 2),
    ],
    roles=("manager", "director"),
    about=("团队的跟进、任务和客户。", "Follow-ups, tasks and customers of the team."),
    position=20,
)

_MINE = {"field": "owner", "op": "eq", "value": "@me"}
tiles.number(
    "activities-mine",
    _("My follow-ups this week"),
    {
        "dataset": FOLLOW_UPS,
        "filter": {"all": [_MINE, _CONTACTS]},
        "date": "occurred_at",
        "period": "this_week",
        "compare": "previous",
    },
    order=10,
)
tiles.number(
    "tasks-late-mine",
    _("My overdue tasks"),
    {
        "dataset": "activities.task",
        "filter": {
            "all": [
                _MINE,
                {"field": "status", "op": "in", "value": ["open", "started"]},
                {"field": "due_at", "op": "lt", "value": "@now"},
            ]
        },
    },
    order=12,
    good=-1,
)
tiles.number(
    "activities-team",
    _("Team follow-ups this week"),
    {"dataset": FOLLOW_UPS, "filter": _CONTACTS, "date": "occurred_at", "period": "this_week", "compare": "previous"},
    order=62,
    shown=tiles.leads(FOLLOW_UPS),
)
