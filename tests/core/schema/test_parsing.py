"""What is typed into fields becomes a value, or is told in the words of its kind."""

from __future__ import annotations

import pytest

from guanxi.core.kernel.errors import Invalid
from guanxi.core.schema import parsing
from guanxi.core.schema.fields import Field


@pytest.mark.parametrize(
    ("kind", "typed", "code"),
    [
        ("date", "03/04/2024", "date.ambiguous"),
        ("date", "32.13.2026", "date.format"),
        ("date", "31.02.2026", "date.format"),
        ("datetime", "03/04/2024 10:00", "date.ambiguous"),
        ("datetime", "32.13.2026 99:00", "datetime.format"),
        ("datetime", "2026-12-03 99:00", "datetime.format"),
        ("datetime", "soon", "datetime.format"),
    ],
)
def test_what_is_no_day_or_moment_is_told_so(kind: str, typed: str, code: str) -> None:
    with pytest.raises(Invalid) as told:
        getattr(parsing, kind)(typed, Field(name="at", kind=kind, label="At"))
    assert told.value.code == code


def test_no_text_keeps_signs_that_turn_it_around_or_halves_of_characters() -> None:
    field = Field(name="name", kind="text", label="Name")
    assert parsing.text("gnp.\u202eexe\u2069\ud800\x07", field) == "gnp.exe"
    assert parsing.long_text("one\n\u202btwo", field) == "one\ntwo"


def test_html_of_more_tags_than_anybody_writes_is_its_text() -> None:
    crowd = "<b>" * parsing.MOST_TAGS + "1 &lt; 2<script>x</script>"
    assert parsing.sanitised(crowd).split() == ["1", "&lt;", "2", "x"]
    assert parsing.bare(crowd).split() == ["1", "&lt;", "2", "x"]
    few = "<b>" * 50 + "bold" + "</b>" * 50
    assert parsing.sanitised(few) == few
