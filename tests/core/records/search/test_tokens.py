"""What a document is found by."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.core.records.search import judge, terms, tokens
from guanxi.core.records.search.terms import Fields
from tests.core.records.search.toy import FIRM, emails, phones


def test_a_firms_name() -> None:
    assert tokens.name_tokens("华为技术有限公司") == {
        *("h华", "h为", "h技", "h术", "h华为", "h为技", "h技术"),
        *("phuaweijishu", "pweijishu", "pjishu", "pshu"),
        *("ihw", "iwj", "ijs"),
        *("l有限公司", "l公司", "fh"),
    }


def test_the_first_character_may_be_read_otherwise() -> None:
    found = tokens.name_tokens("重庆")
    assert {"pchongqing", "pzhongqing", "icq", "izq", "fc", "fz"} <= found
    assert {"pzengli", "pcengli"} <= tokens.name_tokens("曾丽")


def test_words_and_mixtures() -> None:
    assert tokens.name_tokens("Café Micro-Soft 3M") == {
        "wcafe",
        "wmicro",
        "wsoft",
        "w3m",
        "wmicrosoft",
        "wcafemicro",
        "wsoft3m",
    }
    assert {"wabc", "h科技", "pkeji"} <= tokens.name_tokens("ＡＢＣ科技")


def test_long_names_stay_bounded() -> None:
    found = tokens.name_tokens("长" * 500)
    assert all(len(token) <= 13 for token in found)
    assert len(tokens.name_key("长" * 500)) == tokens.KEY_LENGTH


def test_phones_emails_numbers_and_text() -> None:
    assert tokens.phone_tokens("+8613800138000") == {
        "d8613", "d6138", "d1380", "d3800", "d8001", "d0013", "d0138", "d8000"
    }  # fmt: skip
    assert {"d0106", "d1062", "d5678", "d8610"} <= tokens.phone_tokens("+861062345678")
    assert {"mzhang.san", "mzhang", "msan", "nhuawei", "e@hu", "ecom"} <= tokens.email_tokens("Zhang.San@huawei.com")
    assert "nqq" not in tokens.email_tokens("a@qq.com")
    assert tokens.number_tokens("KH-01") == {"#kh0", "#h01", "wkh01"}
    assert tokens.text_tokens("喜欢喝茶 Tea") == {"h喜欢", "h欢喝", "h喝茶", "wtea"}


def test_tokens_carry_their_field() -> None:
    found = tokens.doc_tokens(FIRM, {"name": "李", "phones": phones("+8613800138000"), "emails": emails("a@b.cn")})
    by_tag = {token[:3] for token in found}
    assert by_tag == {tokens.field_tag(FIRM.key, field) for field in ("name", "phones", "emails")}


def test_a_tsvector_is_quoted() -> None:
    assert tokens.tsvector(["a'b", "c\\d"]) == "'a''b' 'c\\\\d'"


@given(st.text(max_size=60))
def test_any_text_makes_tokens_postgresql_can_hold(text: str) -> None:
    for token in tokens.name_tokens(text) | tokens.text_tokens(text) | tokens.number_tokens(text):
        assert 0 < len(token.encode()) < 2046
        assert "\x00" not in token


_ALL = Fields(FIRM.key, ("name", "english_name"), ("phones",), ("emails",), ("number", "credit_code"), ("note",))
_NAMES = st.text("华为技术重庆长安单曾科技有限公司 Acme Ab3", min_size=1, max_size=12)


@given(_NAMES, st.data())
def test_every_part_of_a_name_is_a_fitting_query(name: str, data: st.DataObject) -> None:
    key = tokens.name_key(name)
    if not key:
        return
    start = data.draw(st.integers(0, len(key) - 1))
    part = key[start : data.draw(st.integers(start + 1, len(key)))]
    query = terms.parse(part)
    assert query is not None
    if part == key or tokens.pinyin.is_han(part[0]):
        assert judge.judge(query, _ALL, {"name": name}).rank > 0


@pytest.mark.parametrize(
    ("typed", "name", "rank"),
    [
        ("华为技术有限公司", "华为技术有限公司", 100),
        ("华为技术", "华为技术有限公司", 95),
        ("华为", "华为技术有限公司", 85),
        ("华为有限公司", "华为技术有限公司", 85),
        ("华为技术有限", "华为技术有限公司", 95),
        ("技术", "华为技术有限公司", 70),
        ("术", "华为技术有限公司", 70),
        ("華為", "华为技术有限公司", 85),
        ("huawei", "华为", 90),
        ("huawei", "华为技术有限公司", 80),
        ("hw", "华为", 78),
        ("hwjs", "华为技术有限公司", 75),
        ("jishu", "华为技术有限公司", 62),
        ("js", "华为技术有限公司", 60),
        ("zhongqing", "重庆长安", 80),
        ("zcl", "曾长林", 78),
        ("acme", "Acme Trading Ltd", 85),
        ("trad", "Acme Trading Ltd", 72),
        ("acme ltd", "Acme Trading Ltd", 49),
        ("cafe", "Café Zürich", 85),
        ("为华", "华为", 40),
        ("nothing", "华为", 0),
    ],
)
def test_ranks_of_names(typed: str, name: str, rank: int) -> None:
    query = terms.parse(typed)
    assert query is not None
    assert judge.judge(query, _ALL, {"name": name}).rank == rank


@pytest.mark.parametrize(
    ("typed", "rank", "field"),
    [
        ("13800138000", 98, "phones"),
        ("138 0013 8000", 98, "phones"),
        ("+86 138-0013-8000", 98, "phones"),
        ("8000", 76, "phones"),
        ("0013", 66, "phones"),
        ("01062345678", 98, "phones"),
        ("010-6234", 66, "phones"),
        ("zhang.san@huawei.com", 98, "emails"),
        ("zhang.s", 80, "emails"),
        ("san@hua", 64, "emails"),
        ("huawei.com", 64, "emails"),
        ("huawei", 64, "emails"),
        ("zhang", 80, "emails"),
        ("KH-2024-001", 98, "number"),
        ("kh2024", 82, "number"),
        ("2024-001", 64, "number"),
        ("914403001922038216", 98, "credit_code"),
        ("喝茶", 30, "note"),
        ("tea", 30, "note"),
        ("9999", 0, ""),
    ],
)
def test_ranks_of_other_fields(typed: str, rank: int, field: str) -> None:
    values = {
        "name": "李",
        "phones": phones("+8613800138000", "+861062345678"),
        "emails": emails("zhang.san@huawei.com"),
        "number": "KH-2024-001",
        "credit_code": "914403001922038216",
        "note": "喜欢喝茶 Tea",
    }
    query = terms.parse(typed)
    assert query is not None
    verdict = judge.judge(query, _ALL, values)
    assert (verdict.rank, verdict.field) == (rank, field)


@pytest.mark.parametrize("typed", ["", "  ", "()", "——", "'", "&|!:*"])
def test_nothing_to_look_for(typed: str) -> None:
    assert terms.parse(typed) is None


def test_documents_are_made_fast_enough_for_an_import() -> None:
    rows = [
        {
            "name": f"深圳市腾讯{i}计算机系统有限公司",
            "phones": phones(f"+86138{i:08d}"),
            "emails": emails(f"a{i}@x{i}.cn"),
        }
        for i in range(2000)
    ]
    tokens.doc_tokens(FIRM, rows[0])
    start = time.process_time()
    for row in rows:
        tokens.tsvector(tokens.doc_tokens(FIRM, row))
    assert 2000 / (time.process_time() - start) >= 5_000
