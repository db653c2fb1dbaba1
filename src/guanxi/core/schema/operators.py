"""The operators of the query language, by kind of value. Their compilation is in ``records.query``."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEXT = ("contains", "not_contains", "eq", "ne", "starts", "ends", "in", "empty", "not_empty")
LONG_TEXT = ("contains", "not_contains", "empty", "not_empty")
NUMBER = ("eq", "ne", "lt", "lte", "gt", "gte", "between", "empty", "not_empty")
DATE = (
    "eq",
    "lt",
    "lte",
    "gt",
    "gte",
    "between",
    "within",
    "last_days",
    "next_days",
    "older_days",
    "empty",
    "not_empty",
)
CHOICE = ("eq", "ne", "in", "not_in", "empty", "not_empty")
TREE = ("under", "not_under", *CHOICE)
BOOLEAN = ("eq",)
REFERENCE = ("eq", "ne", "in", "not_in", "empty", "not_empty")
SET = ("has_any", "has_all", "has_none", "empty", "not_empty")
ENTRIES = ("contains", "eq", "starts", "empty", "not_empty")
PRESENCE = ("empty", "not_empty")

LABELS: dict[str, Promise | str] = {
    "contains": _("contains"),
    "not_contains": _("does not contain"),
    "eq": _("is"),
    "ne": _("is not"),
    "starts": _("begins with"),
    "ends": _("ends with"),
    "in": _("is one of"),
    "not_in": _("is none of"),
    "empty": _("is empty"),
    "not_empty": _("is filled"),
    "lt": _("less than"),
    "lte": _("at most"),
    "gt": _("more than"),
    "gte": _("at least"),
    "between": _("between"),
    "within": _("in the period"),
    "last_days": _("within the last days"),
    "next_days": _("within the next days"),
    "older_days": _("more than days ago"),
    "under": _("in or under"),
    "not_under": _("not in or under"),
    "has_any": _("has any of"),
    "has_all": _("has all of"),
    "has_none": _("has none of"),
}

#: Operators that take no value.
VALUELESS = frozenset({"empty", "not_empty"})

#: Values of ``within``: calendar periods around today in the actor's time zone; weeks begin on the reader's first day.
PERIODS: dict[str, Promise | str] = {
    "today": _("today"),
    "yesterday": _("yesterday"),
    "tomorrow": _("tomorrow"),
    "this_week": _("this week"),
    "last_week": _("last week"),
    "next_week": _("next week"),
    "this_month": _("this month"),
    "last_month": _("last month"),
    "next_month": _("next month"),
    "this_quarter": _("this quarter"),
    "last_quarter": _("last quarter"),
    "next_quarter": _("next quarter"),
    "this_year": _("this year"),
    "last_year": _("last year"),
    "next_year": _("next year"),
}

#: Values that stand for something of the asking person.
TOKENS: dict[str, Promise | str] = {
    "@me": _("me"),
    "@my_department": _("my department"),
    "@my_departments": _("my department and those below"),
    "@today": _("today"),
    "@now": _("now"),
}
