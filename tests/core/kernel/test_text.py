"""Names made comparable: exact values, what must hold for any text, and speed."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from guanxi.core.kernel import text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("华为技术有限公司", "华为技术"),
        ("廣東省深圳市華為技術（上海）有限公司", "华为技术"),
        ("华为技术有限公司深圳分公司", "华为技术"),
        ("華為技術 有限公司", "华为技术"),
        ("ＡＢＣ（中国）有限公司", "abc"),
        ("北京银行股份有限公司", "北京银行"),
        ("北京市银行", "北京银行"),
        ("上海市电力公司", "上海电力"),
        ("上海电力股份有限公司", "上海电力"),
        ("四川长虹电器股份有限公司", "长虹电器"),
        ("内蒙古伊利实业集团股份有限公司", "伊利实业"),
        ("伊利实业集团", "伊利实业"),
        ("吉林省吉林市紫鑫药业股份有限公司", "紫鑫药业"),
        ("新疆维吾尔自治区喀什地区维康药业", "维康药业"),
        ("北京市海淀区中关村某某科技有限责任公司", "中关村某某科技"),
        ("宁夏回族自治区人民医院", "宁夏人民医院"),
        ("苏州某某科技合伙企业（有限合伙）", "某某科技"),
        ("阿里巴巴（已注销）", "阿里巴巴"),
        ("小米（原小米通讯）科技", "小米科技"),
        ("苹果电脑贸易（大昌）有限公司", "苹果电脑贸易大昌"),
        ("中国石油天然气集团公司", "中国石油天然气"),
        ("中国移动", "中国移动"),
        ("株式会社日立製作所", "日立制作所"),
        ("乾隆酒业", "乾隆酒业"),
        ("Acme Co., Ltd.", "acme"),
        ("ACME GmbH & Co. KG", "acme"),
        ("The Acme Company, Inc.", "acme"),
        ("Foo S.A. de C.V.", "foo"),
        ("Bar Sp. z o.o.", "bar"),
        ("Siemens (China) Ltd.", "siemens"),
        ("Siemens Ltd., China", "siemens"),
        ("I.B.M. Corp", "ibm"),
        ("McDonald's Corporation", "mcdonalds"),
        ("AT&T Inc.", "atandt"),
        ("L'Oréal S.A.", "loreal"),
        ("AB Volvo", "volvo"),
        ("A.O. Smith (南京)有限公司", "aosmith"),
        ("3M", "3m"),
    ],
)
def test_firms_names_lose_what_does_not_tell_them_apart(name: str, expected: str) -> None:
    assert text.normalize_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("有限公司", "有限公司"),
        ("（上海）", "上海"),
        ("上海市", "上海"),
        ("Inc.", "inc"),
        ("个体工商户", "个体工商户"),
        ("·", "·"),
        ("🙂", "🙂"),
        (" ", " "),
        ("", ""),
    ],
)
def test_nothing_is_stripped_to_nothing(name: str, expected: str) -> None:
    assert text.normalize_name(name) == expected


def test_different_firms_stay_different() -> None:
    names = [
        "北京银行",
        "上海银行",
        "中国银行",
        "上海电力",
        "北京电力",
        "阿里巴巴",
        "Air China",
        "Air France",
        "中国移动",
        "中国联通",
    ]
    assert len({text.normalize_name(name) for name in names}) == len(names)


_FIRM_PARTS = """
    北京市 上海 广东省 深圳市 海淀区 华为 腾讯 银行 电力 科技 集团 股份 有限公司 有限责任公司 分公司 公司 （上海）
    （有限合伙） ( ) （ ） Acme Inc . , & the Co Ltd s.a. 華 為 乾 Ａ １ é ß İ ﷺ 原 中国
"""
_FIRM = st.lists(st.sampled_from([*_FIRM_PARTS.split(), " "]), max_size=8).map("".join)


@given(st.one_of(st.text(max_size=40), _FIRM))
@example("北京上海华为")
@example("foo in c")
@example("薴")
@example("(上海上海)")
def test_normalising_twice_changes_nothing_and_never_empties(name: str) -> None:
    once = text.normalize_name(name)
    assert text.normalize_name(once) == once
    assert bool(once) == bool(name)
    assert bool(text.normalize_person(name)) == bool(name)
    assert bool(text.name_keys(name)) == bool(name)
    assert all(text.name_keys(name))


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(value: str) -> None:
    assert text.fold(text.fold(value)) == text.fold(value)


@given(st.text(max_size=60), st.booleans())
def test_sort_keys_are_short_and_stable(name: str, person: bool) -> None:
    key = text.sort_key(name, person=person)
    assert len(key) <= text.SORT_KEY_LENGTH
    assert key == text.sort_key(text.fold(name), person=person)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ＡＢＣ　１２３", "abc 123"),
        ("  Two\u200b  \t words\n", "two words"),
        ("臺灣 瞭解", "台湾 了解"),
        ("Straße", "strasse"),
        ("Café", "café"),
    ],
)
def test_fold(value: str, expected: str) -> None:
    assert text.fold(value) == expected


def test_unaccent_leaves_other_scripts_alone() -> None:
    assert text.unaccent("Café Žižek ガ 가") == "Cafe Zizek ガ 가"


def test_name_keys_meet_across_scripts_and_word_order() -> None:
    assert text.name_keys("华为") == ("华为", "huawei")
    assert text.name_keys("Huawei Inc") == ("huawei",)
    assert text.name_keys("Baker Street Ltd") == ("bakerstreet",)
    assert text.name_keys("Street Baker") == ("streetbaker", "bakerstreet")
    assert set(text.name_keys("Smith, John", person=True)) & set(text.name_keys("Mr. John Smith", person=True))
    assert text.name_keys("曾国藩", person=True) == ("曾国藩", "zengguofan")
    assert text.name_keys("") == ()


def test_persons_names_lose_titles_only() -> None:
    assert text.normalize_person("張偉 先生") == "张伟"
    assert text.normalize_person("Dr. María-José O'Neil") == "mariajoseoneil"
    assert text.normalize_person("王公司") == "王公司"
    assert text.normalize_person("Dr.") == "dr"


def test_names_sort_by_pinyin_with_english_among_them() -> None:
    names = ["张三", "Zebra", "Apple", "重庆长安", "西安", "先锋", "单田芳", "阿里巴巴", "成都", "3M", "长虹"]
    by_key = sorted(names, key=lambda name: text.sort_key(name, person=name == "单田芳"))
    assert by_key == ["3M", "阿里巴巴", "Apple", "长虹", "成都", "重庆长安", "单田芳", "西安", "先锋", "Zebra", "张三"]
    assert text.sort_key("单田芳", person=True) == "shan tian fang\t单田芳"
    assert text.sort_key("单县农商行").startswith("shan xian nong shang hang\t")


def test_an_import_can_normalise_forty_thousand_names_a_second() -> None:
    marks = "华中腾阿百京美字快拼为兴讯里度东团节手多"
    chinese = [f"{marks[i % 20]}{marks[i // 20 % 20]}{marks[i // 400 % 20]}{i}科技有限公司" for i in range(8000)]
    english = [f"Acme {i} Trading Co., Ltd." for i in range(8000)]
    text.normalize_name("热身公司")
    best = 0.0
    for _attempt in range(3):
        text.normalize_name.cache_clear()
        start = time.process_time()
        for name in (*chinese, *english):
            text.normalize_name(name)
        best = max(best, 16000 / (time.process_time() - start))
    assert best >= 40_000
