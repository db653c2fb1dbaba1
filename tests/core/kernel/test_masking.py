"""Masked values give away no more than said."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.core.kernel.masking import mask, mask_email, mask_identity, mask_name, mask_phone


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("+8613800138000", "138****8000"),
        ("13800138000", "138****8000"),
        ("+861062345678", "010****5678"),
        ("+8675523456789", "0755****6789"),
        ("+14155552671", "+141****2671"),
        ("+8695588", "****88"),
        ("1234", "****"),
        ("", ""),
    ],
)
def test_phone(value: str, expected: str) -> None:
    assert mask_phone(value) == expected


def test_email_identity_and_name() -> None:
    assert mask_email("zhang.san@example.com") == "z****@example.com"
    assert mask_email("nobody") == "****"
    assert mask_identity("11010519491231002X") == "110***********002X"
    assert mask_identity("12345") == "****5"
    assert mask_identity("123") == "****"
    assert mask_name("张三丰") == "张**"
    assert mask_name("张") == "张*"
    assert mask_name("John Smith") == "J**** S****"


def test_any_shape() -> None:
    phone = {"value": "+8613800138000", "written": "138 0013 8000", "label": "work", "primary": True, "extension": "12"}
    assert mask("phone", [phone]) == [
        {"value": "138****8000", "written": "138****8000", "label": "work", "primary": True}
    ]
    assert mask("email", [{"value": "ann@x.cn", "label": "home", "primary": False}]) == [
        {"value": "a****@x.cn", "label": "home", "primary": False}
    ]
    assert mask("text", "secret") == "****"
    assert mask("money", 12) == "****"
    assert mask("date", dt.date(2020, 1, 1)) == "****"
    assert mask("text", None) is None
    assert mask("boolean", False) == mask("boolean", True) == "****"
    assert mask("phone", []) == []


@given(st.text(alphabet="0123456789+", min_size=9, max_size=16))
def test_at_least_four_digits_of_a_phone_are_gone(value: str) -> None:
    digits = sum(char.isdigit() for char in value)
    assert sum(char.isdigit() for char in mask_phone(value)) <= max(digits - 2, 8)
