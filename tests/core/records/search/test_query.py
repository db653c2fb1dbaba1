"""Searching in the database: everything that must be found, and nothing an actor may not see."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone, translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guanxi.core.kernel import clock
from guanxi.core.models import Preference, SearchDoc
from guanxi.core.records.search import index, tokens
from guanxi.core.records.search.query import filter_by_text, search
from guanxi.core.schema.entity import Entity
from tests.core.records.search.toy import FIRM, MATE, Firm, Mate, actor, emails, make_firm, person, phones, titles_found

pytestmark = [pytest.mark.usefixtures("toys"), pytest.mark.owner]


_FINDS = """
    华|为|华为|技术|技术有|华为技术有限公司|華為技術|为华|华为 有限公司|huawei|HuaWei|huawe|weijishu|hwjs|wj|hw|h
    telecom|tele|Huawei Tele|13800138000|138 0013 8000|8000|0013|01380|0755-2345|075523456789|sales@huawei.com
    sales@|les@hua|huawei.com|KH-2024-001|2024-001|kh2024|914403001922038216|9144|喝茶|Oolong|华为 8000
    huawei kh2024|shenzhen huawei
"""


@pytest.mark.parametrize("typed", [typed.strip() for typed in _FINDS.strip().replace("\n", "|").split("|")])
def test_a_firm_is_found_by(typed: str) -> None:
    alice = person("alice")
    make_firm("阿里巴巴", owner=alice)
    if typed == "shenzhen huawei":
        firm = make_firm("深圳华为技术有限公司", owner=alice, english_name="Huawei Telecom")
    else:
        firm = make_firm(
            "华为技术有限公司",
            owner=alice,
            english_name="Huawei Telecom",
            number="KH-2024-001",
            credit_code="914403001922038216",
            phones=phones("+8613800138000", "+8675523456789"),
            emails=emails("sales@huawei.com"),
            note="老板喜欢喝茶, Oolong",
        )
    hits = search(actor(alice), typed, entities=[FIRM.key])
    assert [hit.record_id for hit in hits] == [firm.pk]


@pytest.mark.parametrize(
    "typed", ["华文", "jiwei", "telex", "8009", "138001380001", "sales@ali", "KH-2025", "饮茶", "有限 腾讯", "%", "_"]
)
def test_a_firm_is_not_found_by(typed: str) -> None:
    alice = person("alice")
    make_firm(
        "华为技术有限公司",
        owner=alice,
        phones=phones("+8613800138002"),
        emails=emails("sales@huawei.com"),
        number="KH-2024-001",
    )
    assert titles_found(actor(alice), typed) == []


def test_better_fits_come_first_and_newer_ones_among_equals() -> None:
    alice = person("alice")
    now = timezone.now()
    for days, name in enumerate(["上海长江实业", "长江商学院", "长江", "长江有限公司", "长江科技"]):
        make_firm(name, owner=alice, updated_at=now - dt.timedelta(days=days))
    assert titles_found(actor(alice), "长江") == ["长江", "长江有限公司", "长江商学院", "长江科技", "上海长江实业"]
    assert titles_found(actor(alice), "changjiang", limit=2) == ["长江", "长江商学院"]


def test_hits_say_what_and_why() -> None:
    alice = person("alice", "爱丽丝")
    make_firm("华为", owner=alice, number="KH-1", phones=phones("+8613800138000"))
    with translation.override("en"):
        [hit] = search(actor(alice), "0013", entities=[FIRM])
    assert (hit.entity, hit.title, hit.subtitle, hit.reason, hit.rank) == (
        FIRM.key,
        "华为",
        "KH-1 · 爱丽丝",
        "phones: 138 0013 8000",
        66,
    )
    [hit] = search(actor(alice), "华", entities=[FIRM])
    assert hit.reason == ""
    with translation.override("en"):
        [hit] = search(actor(alice), "KH-1", entities=[FIRM])
    assert (hit.subtitle, hit.reason) == ("爱丽丝", "number: KH-1")  # said once


def test_only_visible_records_are_found() -> None:
    alice, bob = person("alice"), person("bob")
    mine = make_firm("华为一", owner=alice)
    make_firm("华为二", owner=bob)
    make_firm("华为三")
    assert titles_found(actor(alice), "华为") == ["华为一"]
    assert sorted(titles_found(actor(alice, everyone=True), "huawei")) == ["华为一", "华为三", "华为二"]
    mate = Mate.objects.create(name="华先生", firm=mine, owner=bob, carrier_owner=alice)
    index.index_records(MATE, [mate])
    assert sorted(titles_found(actor(alice), "华")) == ["华为一", "华先生"]
    stranger = actor(person("charlie"))
    assert titles_found(stranger, "华") == []
    assert list(filter_by_text(stranger, Firm.objects.all(), FIRM, "华")) != []  # rights are the caller's there


def test_a_reference_in_the_subtitle_obeys_rights() -> None:
    alice, bob = person("alice"), person("bob")
    firm = make_firm("秘密公司", owner=bob)
    mate = Mate.objects.create(name="张三", firm=firm, owner=alice)
    index.index_records(MATE, [mate])
    assert [hit.subtitle for hit in search(actor(alice), "张三", entities=[MATE])] == [""]
    assert [hit.subtitle for hit in search(actor(bob, owners=(alice.pk, bob.pk)), "张三", entities=[MATE])] == [
        "秘密公司"
    ]


@pytest.mark.parametrize("level", ["masked", "hidden"])
@pytest.mark.parametrize("typed", ["13800138000", "0013", "8000"])
def test_a_phone_one_may_not_see_finds_nothing(level: str, typed: str) -> None:
    alice = person("alice")
    make_firm("华为", owner=alice, phones=phones("+8613800138000"))
    assert titles_found(actor(alice), typed) == ["华为"]
    limited = actor(alice, phones=level)
    assert titles_found(limited, typed) == []
    assert not filter_by_text(limited, Firm.objects.all(), FIRM, typed).exists()


def test_a_masked_name_neither_finds_nor_shows() -> None:
    alice = person("alice")
    make_firm("华为技术", owner=alice, number="KH-777")
    limited = actor(alice, name="masked")
    assert titles_found(limited, "华为") == []
    assert titles_found(limited, "huawei") == []
    assert titles_found(limited, "KH-777") == ["华***"]
    assert titles_found(actor(alice, name="hidden"), "KH-777")[0].startswith("#")


def test_lists_use_the_same_words() -> None:
    alice = person("alice")
    first, second = (
        make_firm("华为技术", owner=alice),
        make_firm("重庆长安", owner=alice, phones=phones("+8613800138000")),
    )

    def listed(text: str) -> list[int]:
        return list(filter_by_text(actor(alice), Firm.objects.order_by("pk"), FIRM, text).values_list("pk", flat=True))

    assert listed("hua") == [first.pk]
    assert listed("ca") == [second.pk]
    assert listed("0013") == [second.pk]
    assert listed("") == [first.pk, second.pk]
    assert listed("(") == []
    assert listed("腾讯") == []


def test_documents_follow_the_record() -> None:
    alice = person("alice")
    firm = make_firm("华为", owner=alice)
    firm.name = "腾讯"
    firm.save()
    index.index_records(FIRM, [firm])
    assert titles_found(actor(alice), "华为") == []
    assert titles_found(actor(alice), "腾讯") == ["腾讯"]
    firm.deleted_at = timezone.now()
    firm.save()
    index.index_records(FIRM, [firm])
    assert not SearchDoc.objects.filter(entity=FIRM.key).exists()


def test_an_unchanged_document_is_not_written() -> None:
    firm = make_firm("华为")
    with_place = SearchDoc.objects.extra(select={"place": "ctid::text"}).filter(record_id=firm.pk, entity=FIRM.key)
    before = with_place.get().place
    index.index_records(FIRM, [firm])
    assert with_place.get().place == before


def test_reindex_makes_everything_anew() -> None:
    alice = person("alice")
    firms = [Firm.objects.create(name=f"公司{number}", owner=alice) for number in range(7)]
    gone = Firm.objects.create(name="公司九", deleted_at=timezone.now())
    index._upsert(FIRM, [index.search_row(FIRM, gone.pk, gone), index.search_row(FIRM, firms[-1].pk + 1000, gone)])
    steps: list[int] = []
    assert index.reindex(FIRM, batch=3, progress=steps.append) == 7
    assert steps == [3, 6, 7]
    assert set(SearchDoc.objects.filter(entity=FIRM.key).values_list("record_id", flat=True)) == {
        firm.pk for firm in firms
    }
    assert len(titles_found(actor(alice), "公司")) == 7


def test_making_all_anew_goes_on_where_it_was_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        Firm.objects.create(name=f"公司{number}")
    monkeypatch.setattr(index, "entities", lambda: [MATE, FIRM])
    monkeypatch.setattr(index, "PART", 2)
    Preference.objects.update_or_create(key=index.MADE_BY, defaults={"value": tokens.VERSION - 1})
    plain, given = index.index_records, []

    def ended_by_force(entity: Entity, records: list[Firm]) -> None:
        if entity is FIRM and len(given) == 2:
            raise InterruptedError
        plain(entity, records)
        given.extend(record.pk for record in records)

    monkeypatch.setattr(index, "index_records", ended_by_force)
    with pytest.raises(InterruptedError):
        index.renew()
    monkeypatch.setattr(index, "index_records", plain)
    assert Preference.objects.get(key=index.MADE_BY).value["ended"] == {MATE.key: -1, FIRM.key: given[-1]}
    assert index.renew() == 3
    assert SearchDoc.objects.filter(entity=FIRM.key).count() == 5
    assert index.renew() == 0
    with clock.moved_to(clock.now() + index.BESIDE):  # once more for what a former release wrote beside
        assert index.renew() == 5
        assert index.renew() == 0


def test_a_new_workspace_has_nothing_to_make_anew() -> None:
    assert index.renew() == 0
    assert Preference.objects.get(key=index.MADE_BY).value == tokens.VERSION


def test_documents_nobody_says_the_version_of_are_made_anew() -> None:
    firm = make_firm("华为")
    SearchDoc.objects.filter(entity=FIRM.key, record_id=firm.pk).update(key="旧")
    index.renew()
    assert SearchDoc.objects.get(entity=FIRM.key, record_id=firm.pk).key == "华为"
    assert Preference.objects.get(key=index.MADE_BY).value == tokens.VERSION


def test_rows_for_copy_are_what_is_stored() -> None:
    firm = make_firm("华为", phones=phones("+8613800138000"))
    [row] = index.search_rows_for(FIRM, [(firm.pk, {"name": "华为", "phones": firm.phones})])
    stored = SearchDoc.objects.get(entity=FIRM.key, record_id=firm.pk)
    assert row[:4] == (FIRM.key, firm.pk, stored.key, stored.spell) == (FIRM.key, firm.pk, "华为", "huawei")
    assert index.COLUMNS == ("entity", "record_id", "key", "spell", "tsv", "owner", "carrier")
    assert sorted(row[4].split(" ")) == sorted(stored.tsv.split(" "))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=30))
def test_no_text_breaks_the_search(text: str) -> None:
    who = person(f"u{_unused()}")
    assert isinstance(search(actor(who), text, entities=[FIRM]), list)
    assert filter_by_text(actor(who), Firm.objects.all(), FIRM, text).count() >= 0


_counter = iter(range(10_000))


def _unused() -> int:
    """A number not used before."""
    return next(_counter)
