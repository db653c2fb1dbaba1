"""Patterns people write are those of RE2, and none of them takes for ever."""

from __future__ import annotations

import time

import pytest

from guanxi.core.kernel.patterns import PatternError, pattern


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
        (r"^\\u4e2d$", "\\u4e2d", True),
        (r"^\p{Han}+$", "华为", True),
    ],
)
def test_ordinary_ones_are_read(written: str, text: str, fits: bool) -> None:
    assert (pattern(written).search(text) is not None) is fits


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
    assert pattern(written).search(text) is None
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "written",
    ["(a", "a)", "[a", "a**", "(?=a)", "(?!a)", r"(a)\1", "a{3,1}", "\\", "(a{50}){50}", "*", "[\ud800]", "a" * 201],
)  # fmt: skip
def test_what_is_no_pattern_of_ours_is_refused(written: str) -> None:
    with pytest.raises(PatternError):
        pattern(written)
