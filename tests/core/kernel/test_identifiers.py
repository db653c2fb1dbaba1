"""Identifying numbers: real ones pass, one wrong sign is noticed and named."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from guanxi.core.kernel import identifiers
from guanxi.core.kernel.errors import Invalid


@pytest.mark.parametrize(
    "code", ["914403001922038216", "91110000802100433B", "9144030071526726XG", "91330100799655058B"]
)
def test_credit_codes_of_well_known_firms(code: str) -> None:
    assert identifiers.credit_code_check(code) == code
    assert identifiers.credit_code_check(f" {code[:8].lower()}-{code[8:].lower()} ") == code


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("91440300192203821", "credit_code.length"),
        ("914403001922038217", "credit_code.check_digit"),
        ("91440300192203821O", "credit_code.letter"),
        ("9I4403001922038216", "credit_code.letter"),
        ("91440300192203821*", "credit_code.letter"),
        ("9144030A1922038216", "credit_code.region"),
        ("", "credit_code.length"),
    ],
)
def test_wrong_credit_codes_say_why(code: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        identifiers.credit_code_check(code)
    assert caught.value.code == reason


def test_a_mistaken_letter_is_named() -> None:
    with translation.override("en"), pytest.raises(Invalid) as caught:
        identifiers.credit_code_check("91440300192203821O")
    assert "“O” (place 18); perhaps “0”" in str(caught.value)


@given(st.integers(0, 16), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_changed_sign_is_always_noticed(place: int, sign: str) -> None:
    code = "91110000802100433B"
    changed = code[:place] + sign + code[place + 1 :]
    if changed == code:
        return
    with pytest.raises(Invalid):
        identifiers.credit_code_check(changed)


def test_numbers_from_before_the_credit_code() -> None:
    check = identifiers.business_number_check
    assert check("440301103097413") == ("registration_number", "440301103097413")
    assert check("19220382-1") == ("organisation_code", "19220382-1")
    assert check("192203821") == ("organisation_code", "19220382-1")
    assert check("914403001922038216") == ("credit_code", "914403001922038216")
    for wrong in ("440301103097414", "19220382-2", "12345"):
        with pytest.raises(Invalid):
            check(wrong)


def test_citizen_numbers() -> None:
    check = identifiers.id_card_check
    assert check("11010519491231002x") == ("11010519491231002X", dt.date(1949, 12, 31), "female")
    assert check("440524188001010014") == ("440524188001010014", dt.date(1880, 1, 1), "male")
    assert check("320311770706001") == ("320311197707060018", dt.date(1977, 7, 6), "male")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("110105194912310021", "id_card.check_digit"),
        ("11010519491331002X", "id_card.birthday"),
        ("99010519491231002X", "id_card.region"),
        ("1101051949123100", "id_card.form"),
        ("X10105194912310021", "id_card.form"),
    ],
)
def test_wrong_citizen_numbers_say_why(number: str, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        identifiers.id_card_check(number)
    assert caught.value.code == reason


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Zhang.San@Example.COM", "zhang.san@example.com"),
        ("张三 <zs@例子.中国>", "zs@例子.中国"),
        ("mailto:a+b@x.co.uk", "a+b@x.co.uk"),
        ("ａ＠ｂ.cn", "a@b.cn"),
        (" o'neil@x.ie. ", "o'neil@x.ie"),
    ],
)
def test_emails(written: str, expected: str) -> None:
    assert identifiers.email_normalise(written) == expected


@pytest.mark.parametrize(
    "written", ["", "a", "a@b", "a@@b.cn", "a b@c.cn", "a@b..cn", ".a@b.cn", "a@b.c1", "@b.cn", "a@b.cn,c@d.cn"]
)
def test_no_emails(written: str) -> None:
    with pytest.raises(Invalid):
        identifiers.email_normalise(written)


def test_domains_for_matching() -> None:
    assert identifiers.email_domain("li@mail.huawei.com") == "huawei.com"
    assert identifiers.email_domain("li@x.com.cn") == "x.com.cn"
    assert identifiers.email_domain("li@qq.com") == ""
    assert identifiers.email_domain("li@vip.163.com") == ""
    assert identifiers.email_domain("nothing") == ""
    assert identifiers.site_domain("https://www.huawei.com/cn/") == "huawei.com"
    assert identifiers.site_domain("www.x.com.cn") == "x.com.cn"
    assert identifiers.site_domain("http://10.0.0.1/") == ""
    assert identifiers.email_key("Jo.Hn+news@GoogleMail.com") == "john@gmail.com"
    assert identifiers.email_key("jo.hn+news@x.cn") == "jo.hn@x.cn"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("WWW.Example.com:443/", "https://www.example.com"),
        ("http://foo.cn:80/a?b#c", "http://foo.cn/a?b#c"),
        ("//foo.cn/x", "https://foo.cn/x"),
        ("例子.中国/x", "https://例子.中国/x"),
        ("localhost:8000", "https://localhost:8000"),
    ],
)
def test_web_addresses(written: str, expected: str) -> None:
    assert identifiers.url_normalise(written) == expected
    assert identifiers.url_normalise(expected) == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "foo",
        "javascript:alert(1)",
        "ftp://a.b",
        "https://u@foo.com",
        "a.com:99999",
        "http://a b.com",
        "http://[::1",
    ],
)
def test_no_web_addresses(written: str) -> None:
    with pytest.raises(Invalid):
        identifiers.url_normalise(written)


@given(st.text(max_size=40))
def test_nothing_but_invalid_is_raised(value: str) -> None:
    checks = (
        identifiers.business_number_check,
        identifiers.id_card_check,
        identifiers.email_normalise,
        identifiers.url_normalise,
    )
    for check in checks:
        with contextlib.suppress(Invalid):
            check(value)
