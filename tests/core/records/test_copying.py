"""Values in PostgreSQL's text format."""

import datetime as dt
from zoneinfo import ZoneInfo

from guanxi.core.records import copying


def test_the_two_moments_of_a_doubled_hour_are_two() -> None:
    first = dt.datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York"))
    assert [copying.plain(one) for one in (first, first.replace(fold=1))] == [
        "2026-11-01T01:30:00-04:00",
        "2026-11-01T01:30:00-05:00",
    ]
