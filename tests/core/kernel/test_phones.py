"""Phone numbers as people write them."""

from __future__ import annotations

import time

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.core.kernel import phones
from guanxi.core.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("written", "e164", "extension", "kind"),
    [
        ("13800138000", "+8613800138000", "", "mobile"),
        (" 138 0013 8000 ", "+8613800138000", "", "mobile"),
        ("138-0013-8000", "+8613800138000", "", "mobile"),
        ("+86 13800138000", "+8613800138000", "", "mobile"),
        ("008613800138000", "+8613800138000", "", "mobile"),
        ("(86)13800138000", "+8613800138000", "", "mobile"),
        ("１３８００１３８０００", "+8613800138000", "", "mobile"),
        ("手机：13800138000", "+8613800138000", "", "mobile"),
        ("010-62345678", "+861062345678", "", "landline"),
        ("01062345678", "+861062345678", "", "landline"),
        ("(0755)23456789", "+8675523456789", "", "landline"),
        ("+86-755-23456789", "+8675523456789", "", "landline"),
        ("0755-2345 6789转801", "+8675523456789", "801", "landline"),
        ("0755-23456789转分机801", "+8675523456789", "801", "landline"),
        ("0755-23456789-801", "+8675523456789", "801", "landline"),
        ("0755-23456789 ext. 801", "+8675523456789", "801", "landline"),
        ("0755-23456789x801", "+8675523456789", "801", "landline"),
        ("0912-3456789", "+869123456789", "", "landline"),
        ("400-820-8820", "+864008208820", "", "service"),
        ("4008208820转2", "+864008208820", "2", "service"),
        ("800-810-1234", "+868008101234", "", "service"),
        ("95588", "+8695588", "", "service"),
        ("10086", "+8610086", "", "service"),
        ("+1 (415) 555-2671 ext. 12", "+14155552671", "12", "other"),
        ("00852 2123 4567", "+85221234567", "", "landline"),
        ("+44 (0)20 7946 0958", "+442079460958", "", "landline"),
        ("+886 912 345 678", "+886912345678", "", "mobile"),
    ],
)
def test_reads(written: str, e164: str, extension: str, kind: str) -> None:
    assert phones.parse_phone(written) == phones.Phone(e164, written.strip(), extension, kind)


def test_reads_national_numbers_of_another_region() -> None:
    assert phones.parse_phone("(503) 223-1234", "US").e164 == "+15032231234"
    assert phones.parse_phone("020 7946 0958", "GB").e164 == "+442079460958"
    assert phones.parse_phone("2123 4567", "HK").e164 == "+85221234567"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "phone.empty"),
        ("电话：", "phone.empty"),
        ("abc", "phone.unreadable"),
        ("123", "phone.invalid"),
        ("62345678", "phone.area_code"),
        ("138001380001", "phone.invalid"),
        ("021-6234567", "phone.invalid"),
        ("+86 12345", None),
        ("+999 1234 5678", "phone.unreadable"),
    ],
)
def test_refuses_with_a_reason(written: str, code: str | None) -> None:
    if code is None:
        assert phones.parse_phone(written).kind == "service"
        return
    with pytest.raises(Invalid) as caught:
        phones.parse_phone(written)
    assert caught.value.code == code


def test_keeps_what_it_cannot_read_when_told_so() -> None:
    assert phones.parse_phone("62345678", strict=False) == phones.Phone("", "62345678", "", "unknown")
    with pytest.raises(Invalid):
        phones.parse_phone("abc", strict=False)


@given(st.text(max_size=30))
def test_never_fails_otherwise(written: str) -> None:
    for strict in (True, False):
        try:
            found = phones.parse_phone(written, strict=strict)
        except Invalid:
            continue
        assert found.kind == "unknown" or (found.e164[0] == "+" and found.e164[1:].isdigit())


@given(st.from_regex(r"0(10|2[0-57-9]|3[157][0-9]|5[1357][0-9]|7[1579][0-9]|8[37][0-9])[2-8][0-9]{7}", fullmatch=True))
def test_the_expressions_agree_with_the_number_plan(written: str) -> None:
    expected = phonenumbers.format_number(phonenumbers.parse(written, "CN"), phonenumbers.PhoneNumberFormat.E164)
    assert phones.parse_phone(written).e164 == expected


@given(st.from_regex(r"\+861[3-9][0-9]{9}", fullmatch=True))
def test_reading_what_was_formatted_gives_the_same_number(e164: str) -> None:
    assert phones.parse_phone(phones.format_phone(e164)).e164 == e164


def test_formats_for_reading() -> None:
    assert phones.format_phone("+8613800138000") == "138 0013 8000"
    assert phones.format_phone("+861062345678") == "010-62345678"
    assert phones.format_phone("+8675523456789") == "0755-23456789"
    assert phones.format_phone("+864008208820") == "400-820-8820"
    assert phones.format_phone("+8695588") == "95588"
    assert phones.format_phone("+14155552671") == "+1 415-555-2671"
    assert phones.format_phone("call me") == "call me"


def test_splits_several_in_one_cell() -> None:
    assert phones.split_phones("13800138000/010-62345678；+86 139 0000 0000、4001234567") == [
        "13800138000",
        "010-62345678",
        "+86 139 0000 0000",
        "4001234567",
    ]
    assert phones.split_phones("13800138000 or 13900139000") == ["13800138000", "13900139000"]
    assert phones.split_phones("0755-2345/6789") == ["0755-2345/6789"]
    assert phones.split_phones(" - ") == []


def test_an_import_is_not_held_up_by_chinese_numbers() -> None:
    numbers = [f"1{30000000000 + i}"[:11] for i in range(5000)] + [f"0755-2{i:07d}" for i in range(5000)]
    start = time.process_time()
    for number in numbers:
        phones.parse_phone(number)
    assert 10_000 / (time.process_time() - start) >= 60_000
