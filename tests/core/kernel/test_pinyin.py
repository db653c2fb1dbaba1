"""Readings of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.core.kernel import pinyin


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("中国工商银行", "zhong guo gong shang yin hang"),
        ("重庆长安", "chong qing chang an"),
        ("重工", "zhong gong"),
        ("成长科技", "cheng zhang ke ji"),
        ("长虹电器", "chang hong dian qi"),
        ("厦门大厦", "xia men da sha"),
        ("六安市", "lu an shi"),
        ("番禺", "pan yu"),
        ("会计师", "kuai ji shi"),
        ("朝阳区", "chao yang qu"),
        ("绿地", "lv di"),
        ("战略", "zhan lue"),
        ("A股", "A gu"),
    ],
)
def test_firms_are_read_as_phrases(name: str, expected: str) -> None:
    assert " ".join(pinyin.syllables(name)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("单田芳", "shan tian fang"),
        ("曾国藩", "zeng guo fan"),
        ("仇英", "qiu ying"),
        ("解缙", "xie jin"),
        ("查良镛", "zha liang yong"),
        ("区天健", "ou tian jian"),
        ("朴树", "piao shu"),
        ("任正非", "ren zheng fei"),
        ("尉迟恭", "yu chi gong"),
        ("万俟卨", "mo qi xie"),
        ("乐嘉", "yue jia"),
        ("张三", "zhang san"),
    ],
)
def test_persons_are_read_by_surname(name: str, expected: str) -> None:
    assert " ".join(pinyin.syllables(name, person=True)) == expected


def test_a_character_may_have_several_readings() -> None:
    assert pinyin.readings("重") == ("zhong", "chong", "tong")
    assert set(pinyin.readings("单")) == {"dan", "chan", "shan"}
    assert "zeng" in pinyin.readings("曾")
    assert pinyin.readings("华") == ("hua",)
    assert pinyin.readings("A") == ()


def test_initials() -> None:
    assert pinyin.initials("重庆长安汽车") == "cqcaqc"
    assert pinyin.joined("重庆") == "chongqing"


@given(st.text(max_size=30), st.booleans())
def test_one_entry_per_character(value: str, person: bool) -> None:
    assert len(pinyin.syllables(value, person=person)) == len(value)
    assert all(pinyin.syllables(value, person=person))


def test_every_character_of_daily_use_has_a_reading() -> None:
    daily = [
        bytes((row, cell)).decode("gb2312")
        for row in range(0xB0, 0xF8)
        for cell in range(0xA1, 0xFF)
        if (row, cell) < (0xD7, 0xFA) or row > 0xD7
    ]
    assert len(daily) == 6763
    assert [char for char in daily if not pinyin.readings(char)] == []
