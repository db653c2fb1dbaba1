"""The calendars every workspace starts with: the usual week with China's statutory holidays, and round the clock."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from guanxi.core.models import CalendarDay, WorkCalendar
from guanxi.core.records import worktime

DATA = Path(__file__).parent / "data" / "holidays_cn.txt"
OFFICE = [["09:00", "12:00"], ["13:00", "18:00"]]


def holidays() -> list[tuple[dt.date, bool, str, str]]:
    """The known statutory days: day, whether one works, Chinese and English name."""
    lines = DATA.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return [(dt.date.fromisoformat(day), sort == "work", zh, en) for day, sort, zh, en in rows]


def load(known: dict[str, str] | None) -> tuple[dict[str, str], int]:
    """Enter calendars and days that were not known before; what an administrator changed or removed stays so."""
    known = known or {}
    entered = 0
    if "standard" not in known:
        _row, made = WorkCalendar.objects.get_or_create(
            key="standard",
            defaults={
                "name_zh": "标准工作时间",
                "name_en": "Standard week",
                "pattern": [OFFICE] * 5 + [[], []],
                "is_default": not WorkCalendar.objects.filter(is_default=True).exists(),
            },
        )
        entered += made
    if "always" not in known:
        _row, made = WorkCalendar.objects.get_or_create(
            key="always",
            defaults={"name_zh": "全天候", "name_en": "Round the clock", "pattern": [[["00:00", "24:00"]]] * 7},
        )
        entered += made
    standard = WorkCalendar.objects.filter(key="standard").first()
    fresh = [one for one in holidays() if one[0].isoformat() > known.get("standard", "")]
    if standard is not None and fresh:
        CalendarDay.objects.bulk_create(
            [
                CalendarDay(calendar=standard, day=day, works=works, name_zh=zh, name_en=en)
                for day, works, zh, en in fresh
            ],
            ignore_conflicts=True,
        )
        entered += len(fresh)
    last = max((one[0].isoformat() for one in holidays()), default="")
    if entered:
        worktime.forget()
    return {**known, "always": "1", "standard": max(last, known.get("standard", ""))}, entered
