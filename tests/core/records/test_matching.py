"""Which records may be the same: keys, scores, reasons, groups; recall and precision on known duplicates."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections import defaultdict

import pytest

from guanxi.core.models import MatchValue
from guanxi.core.records import doubles, matching
from guanxi.core.schema.entity import Entity, MatchKey
from tests.core.exchange.shared import DATA, needs_data
from tests.core.records.search.toy import FIRM, MATE, Firm, emails, phones, toys

__all__ = ["toys"]
FEBRL = DATA / "febrl_dedupe"


def _firm(name: str, **values: object) -> Firm:
    firm = Firm.objects.create(name=name, **values)
    matching.index_keys(FIRM, [firm])
    return firm


def test_keys_of_a_firm() -> None:
    values = {
        "name": "深圳市华为技术有限公司",
        "english_name": "Huawei Technologies Co., Ltd.",
        "credit_code": "9144 0300 1922 0382 16",
        "phones": phones("+8675528780808"),
        "emails": [*emails("Li@mail.huawei.com"), *emails("li+x@qq.com")],
    }
    assert matching.keys_for(FIRM, values) == [
        ("identity", "914403001922038216", 100),
        ("name", "huaweitechnologies", 80),
        ("name", "华为技术", 80),
        ("name_words", "huaweitechnologies", 72),
        ("phone", "+8675528780808", 70),
        ("name_pinyin", "huaweijishu", 64),
        ("name_pinyin", "huaweitechnologies", 64),
        ("email", "li@mail.huawei.com", 60),
        ("email", "li@qq.com", 60),
        ("name_sound", "htcnlgs", 48),
        ("email_domain", "huawei.com", 40),
    ]


def test_several_names_in_one_field_are_several_keys() -> None:
    keys = matching.keys_for(FIRM, {"name": "华为公司；鸿蒙公司"})
    assert [value for kind, value, _weight in keys if kind == "name"] == ["华为", "鸿蒙"]


def test_scores_add_up_and_names_count_once() -> None:
    assert matching.score_of({}) == 0
    assert matching.score_of({"name": 80}) == 80
    assert matching.score_of({"name": 80, "name_pinyin": 64}) == 80
    assert matching.score_of({"name": 80, "phone": 70}) == 94
    assert matching.score_of({"identity": 100, "phone": 70}) == 100


@pytest.mark.usefixtures("toys")
@pytest.mark.owner
class TestCandidates:
    def test_surest_first_with_reasons(self) -> None:
        same = _firm("华为技术（上海）有限公司", phones=phones("+8675528780808"))
        phone = _firm("某某贸易", phones=phones("+8675528780808"))
        homophone = _firm("华威技术公司")
        _firm("中兴通讯", phones=phones("+8675500000000"))
        found = matching.candidates(FIRM, {"name": "華為技術有限公司", "phones": phones("+8675528780808")})
        assert found == [
            (same.pk, 94, ("name", "phone")),
            (phone.pk, 70, ("phone",)),
            (homophone.pk, 64, ("name_pinyin",)),
        ]
        assert matching.candidates(FIRM, same, exclude=same.pk)[0].record_id == phone.pk
        assert matching.candidates(FIRM, same, exclude=[same.pk, phone.pk], limit=1)[0].record_id == homophone.pk

    def test_chinese_meets_its_english_name(self) -> None:
        firm = _firm("华为")
        assert matching.candidates(FIRM, {"name": "Huawei Inc."}) == [(firm.pk, 64, ("name_pinyin",))]

    def test_words_in_another_order_and_misspelt(self) -> None:
        firm = _firm("", english_name="Baker Street Trading Ltd")
        assert matching.candidates(FIRM, {"name": "Trading Street Baker"})[0] == (firm.pk, 72, ("name_words",))
        assert matching.candidates(FIRM, {"name": "Bakker Streat Tradding"})[0] == (firm.pk, 48, ("name_sound",))

    def test_free_mail_says_nothing_about_the_firm(self) -> None:
        _firm("甲", emails=emails("a@qq.com"))
        firm = _firm("乙", emails=emails("a@yi.cn"))
        assert matching.candidates(FIRM, {"name": "丙", "emails": emails("b@qq.com")}) == []
        assert matching.candidates(FIRM, {"name": "丙", "emails": emails("b@yi.cn")}) == [
            (firm.pk, 40, ("email_domain",))
        ]

    def test_nothing_to_compare_gives_nothing(self) -> None:
        _firm("甲")
        assert matching.candidates(FIRM, {}) == []
        assert matching.candidates(FIRM, {"name": "", "phones": []}) == []

    def test_keys_follow_the_record(self) -> None:
        firm = _firm("华为", credit_code="914403001922038216")
        firm.name = "腾讯"
        matching.index_keys(FIRM, [firm])
        stored = set(MatchValue.objects.filter(entity=FIRM.key).values_list("kind", "value"))
        assert stored == {("name", "腾讯"), ("name_pinyin", "tengxun"), ("identity", "914403001922038216")}
        matching.remove_keys(FIRM, [firm.pk])
        assert not MatchValue.objects.filter(entity=FIRM.key).exists()

    def test_rebuild(self) -> None:
        firms = [Firm.objects.create(name=f"公司{number}") for number in range(5)]
        MatchValue.objects.create(entity=FIRM.key, kind="name", value="gone", record_id=firms[-1].pk + 9)
        MatchValue.objects.create(entity=FIRM.key, kind="name", value="wrong", record_id=firms[0].pk)
        assert matching.rebuild(FIRM, batch=2) == 5
        assert set(MatchValue.objects.filter(entity=FIRM.key, kind="name").values_list("record_id", flat=True)) == {
            firm.pk for firm in firms
        }
        assert not MatchValue.objects.filter(value__in=["gone", "wrong"]).exists()

    def test_scan_joins_through_different_keys(self) -> None:
        one = _firm("华为技术", phones=phones("+8613800138000"))
        two = _firm("某某", phones=phones("+8613800138000"), credit_code="914403001922038216")
        three = _firm("某某某", credit_code="914403001922038216")
        _firm("单独")
        assert list(doubles.scan(FIRM)) == [((one.pk, two.pk, three.pk), ("identity", "phone"))]
        assert list(doubles.scan(FIRM, least=80)) == [((two.pk, three.pk), ("identity",))]

    def test_scan_does_not_join_by_what_everybody_has(self) -> None:
        for number in range(6):
            _firm(f"甲{number}乙", phones=phones("+8613800138000"))
        assert list(doubles.scan(FIRM, most=5)) == []
        assert len(next(doubles.scan(FIRM, most=6)).record_ids) == 6


PERSON = Entity(
    key="toysearch.mate",
    model=MATE.model,
    label="Person",
    plural="Persons",
    path="toy-persons",
    icon="user",
    match_keys=(
        MatchKey(field="name", how="name", weight=60),
        MatchKey(field="soc_sec_id", how="identity", weight=80),
        MatchKey(field="birth_place", how="exact", weight=60),
        MatchKey(field="address", how="exact", weight=50),
    ),
)


@needs_data
@pytest.mark.parametrize(("number", "recall", "precision"), [(1, 0.98, 0.99), (2, 0.96, 0.88), (3, 0.96, 0.97)])
def test_known_duplicates_are_found(number: int, recall: float, precision: float) -> None:
    """Pairs whose score reaches 60, on generated persons with typing errors (Febrl).

    Set 2 has many persons of one name who are different people: a name alone scores 60.
    """
    with gzip.open(FEBRL / f"dataset{number}.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
    weight: dict[tuple[str, str], int] = {}
    for at, row in enumerate(rows):
        values = {
            "name": f"{row['given_name']} {row['surname']}".strip(),
            "soc_sec_id": row["soc_sec_id"],
            "birth_place": f"{row['date_of_birth']} {row['suburb']}" if row["date_of_birth"] and row["suburb"] else "",
            "address": f"{row['street_number']} {row['address_1']}" if row["address_1"] else "",
        }
        for kind, value, given in matching.keys_for(PERSON, values):
            by_key[kind, value].append(at)
            weight[kind, value] = given
    agreed: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for (kind, value), members in by_key.items():
        for pair in itertools.combinations(members[: matching.PER_KEY], 2):
            agreed[pair][kind] = weight[kind, value]
    found = {pair for pair, weights in agreed.items() if matching.score_of(weights) >= 60}
    people: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        people[row["rec_id"].split("-")[1]].append(at)
    true = {pair for members in people.values() for pair in itertools.combinations(sorted(members), 2)}
    assert len(found & true) / len(true) >= recall
    assert len(found & true) / len(found) >= precision
