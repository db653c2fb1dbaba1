"""The picture of a waterfall: where its bars begin and end."""

from __future__ import annotations

import re
from decimal import Decimal

from guanxi.core.reporting.charts import Part, waterfall
from guanxi.core.reporting.results import Unit

UNIT = Unit("number")


def bars(picture: str) -> list[tuple[float, float]]:
    """Top and height of each bar."""
    return [
        (float(y), float(h))
        for y, h in re.findall(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', picture)
    ]


def test_each_step_begins_where_the_one_before_ended() -> None:
    parts = [
        Part("a", Decimal(100), level=True),
        Part("b", Decimal(50)),
        Part("c", Decimal(-150)),
        Part("d", Decimal(0), level=True),
    ]
    (_a, a_high), (b_top, b_high), (c_top, c_high) = bars(waterfall(parts, UNIT))
    assert (round(a_high / b_high), round(c_high / b_high)) == (2, 3)
    assert c_top == b_top


def test_nothing_has_no_picture_and_names_are_escaped() -> None:
    assert waterfall([Part("a", Decimal(0), level=True)], UNIT) == ""
    assert "<b>" not in waterfall([Part("<b>", Decimal(1), level=True)], UNIT, title="<b>")
