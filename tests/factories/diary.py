"""Work reports and expenses for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.factories import Make, factory


@factory("diary.workreport")
def work_report(number: int, _make: Make) -> dict[str, Any]:
    """A daily report of a day nobody else has taken."""
    return {"period": "day", "day": dt.date(1980, 1, 1) + dt.timedelta(days=number % 16787), "summary": f"工作{number}"}


@factory("diary.expense")
def expense(number: int, _make: Make) -> dict[str, Any]:
    """A taxi."""
    return {"name": f"打车{number}", "spent_on": dt.date(2026, 1, 5), "amount": "35.50", "kind": "travel"}
