"""Patterns people write fit the texts that regular expressions fit, and none of them takes for ever."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.core.kernel.patterns import PatternError, pattern

_ONE = [
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    r"\d",
    r"\w",
    "1",
    r"\b",
    "^",
    "$",
    "(a|b)",
    "(ab|a)",
    "(?:a|)",
    "(b*)",
    r"\s",
    " ",
    r"\.",
    "中",
]
_TIMES = ["", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?"]
_PARTS = st.tuples(st.sampled_from(_ONE), st.sampled_from(_TIMES)).map("".join)
_PATTERNS = st.lists(_PARTS, min_size=1, max_size=5).map("".join)


@given(
    st.one_of(_PATTERNS, _PATTERNS.map("({})*".format), st.tuples(_PATTERNS, _PATTERNS).map("|".join)),
    st.text("ab1 .\n中", max_size=9),
)
@settings(max_examples=400, deadline=None)
def test_it_fits_what_a_regular_expression_fits(written: str, text: str) -> None:
    try:
        wanted = re.compile(written).search(text) is not None
        found = pattern(written).within(text)
    except (re.error, PatternError):
        return
    assert found == wanted


@pytest.mark.parametrize(
    ("written", "text", "fits"),
    [
        ("^[A-Z]{2}[0-9]{6}$", "AB123456", True),
        ("^[A-Z]{2}[0-9]{6}$", "AB12345", False),
        (r"^1[3-9]\d{9}$", "13800138000", True),
        (r"[\u4e00-\u9fff]{2,}公司$", "华为公司", True),
        (r"^\S+@\S+\.\S+$", "a@b.cn", True),
        ("a{0}b", "b", True),
        (r"^\u4e2d\x41$", "中A", True),
    ],
)
def test_ordinary_ones_are_read(written: str, text: str, fits: bool) -> None:
    assert pattern(written).within(text) is fits


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("(a|aa)+$", "a" * 500 + "b"),
        ("(a+)+$", "a" * 500 + "b"),
        (".*.*.*.*.*.*x", "a" * 500),
        ("(a?){30}a{30}$", "a" * 500 + "b"),
        ("(.|a)*(.|b)*(.|c)*d$", "a" * 500),
    ],
)
def test_none_takes_for_ever(written: str, text: str) -> None:
    begun = time.process_time()
    assert not pattern(written).within(text)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "written",
    ["(a", "a)", "[a", "a**", "(?=a)", "(?!a)", "(?P<x>a)", r"(a)\1", "a{3,1}", "\\", "(a{50}){50}", "*", r"\p{L}", "a" * 201, "(" * 30 + ")" * 30],
)  # fmt: skip
def test_what_is_no_pattern_of_ours_is_refused(written: str) -> None:
    with pytest.raises(PatternError):
        pattern(written)
