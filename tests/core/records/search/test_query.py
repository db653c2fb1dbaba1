"""Searching in the database: everything that must be found, and nothing an actor may not see."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guanxi.core.models import Preference, SearchDoc
from guanxi.core.records.search import asking, candidates, index, probe, tokens
from guanxi.core.records.search.query import filter_by_text, search
from guanxi.core.schema.entity import Entity
from tests.core.records.search.toy import FIRM, MATE, Firm, Mate, actor, emails, person, phones

pytestmark = [pytest.mark.usefixtures("toys"), pytest.mark.owner]


def _firm(name: str, **values: object) -> Firm:
    firm = Firm.objects.create(name=name, **values)
    index.index_records(FIRM, [firm])
    return firm


def _found(who: object, text: str, **options: object) -> list[str]:
    return [hit.title for hit in search(who, text, **{"entities": [FIRM.key, MATE.key], **options})]


_FINDS = """
    华|为|华为|技术|技术有|华为技术有限公司|華為技術|为华|华为 有限公司|huawei|HuaWei|huawe|weijishu|hwjs|wj|hw|h
    telecom|tele|Huawei Tele|13800138000|138 0013 8000|8000|0013|01380|0755-2345|075523456789|sales@huawei.com
    sales@|les@hua|huawei.com|KH-2024-001|2024-001|kh2024|914403001922038216|9144|喝茶|Oolong|华为 8000
    huawei kh2024|shenzhen huawei
"""


@pytest.mark.parametrize("typed", [typed.strip() for typed in _FINDS.strip().replace("\n", "|").split("|")])
def test_a_firm_is_found_by(typed: str) -> None:
    alice = person("alice")
    _firm("阿里巴巴", owner=alice)
    if typed == "shenzhen huawei":
        firm = _firm("深圳华为技术有限公司", owner=alice, english_name="Huawei Telecom")
    else:
        firm = _firm(
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
    _firm(
        "华为技术有限公司",
        owner=alice,
        phones=phones("+8613800138002"),
        emails=emails("sales@huawei.com"),
        number="KH-2024-001",
    )
    assert _found(actor(alice), typed) == []


def test_better_fits_come_first_and_newer_ones_among_equals() -> None:
    alice = person("alice")
    now = timezone.now()
    for days, name in enumerate(["上海长江实业", "长江商学院", "长江", "长江有限公司", "长江科技"]):
        _firm(name, owner=alice, updated_at=now - dt.timedelta(days=days))
    assert _found(actor(alice), "长江") == ["长江", "长江有限公司", "长江商学院", "长江科技", "上海长江实业"]
    assert _found(actor(alice), "changjiang", limit=2) == ["长江", "长江商学院"]


def test_hits_say_what_and_why() -> None:
    alice = person("alice", "爱丽丝")
    _firm("华为", owner=alice, number="KH-1", phones=phones("+8613800138000"))
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
    mine = _firm("华为一", owner=alice)
    _firm("华为二", owner=bob)
    _firm("华为三")
    assert _found(actor(alice), "华为") == ["华为一"]
    assert sorted(_found(actor(alice, everyone=True), "huawei")) == ["华为一", "华为三", "华为二"]
    mate = Mate.objects.create(name="华先生", firm=mine, owner=bob, carrier_owner=alice)
    index.index_records(MATE, [mate])
    assert sorted(_found(actor(alice), "华")) == ["华为一", "华先生"]
    stranger = actor(person("charlie"))
    assert _found(stranger, "华") == []
    assert list(filter_by_text(stranger, Firm.objects.all(), FIRM, "华")) != []  # rights are the caller's there


def test_a_reference_in_the_subtitle_obeys_rights() -> None:
    alice, bob = person("alice"), person("bob")
    firm = _firm("秘密公司", owner=bob)
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
    _firm("华为", owner=alice, phones=phones("+8613800138000"))
    assert _found(actor(alice), typed) == ["华为"]
    limited = actor(alice, phones=level)
    assert _found(limited, typed) == []
    assert not filter_by_text(limited, Firm.objects.all(), FIRM, typed).exists()


def test_a_masked_name_neither_finds_nor_shows() -> None:
    alice = person("alice")
    _firm("华为技术", owner=alice, number="KH-777")
    limited = actor(alice, name="masked")
    assert _found(limited, "华为") == []
    assert _found(limited, "huawei") == []
    assert _found(limited, "KH-777") == ["华***"]
    assert _found(actor(alice, name="hidden"), "KH-777")[0].startswith("#")


def test_lists_use_the_same_words() -> None:
    alice = person("alice")
    first, second = _firm("华为技术", owner=alice), _firm("重庆长安", owner=alice, phones=phones("+8613800138000"))

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
    firm = _firm("华为", owner=alice)
    firm.name = "腾讯"
    firm.save()
    index.index_records(FIRM, [firm])
    assert _found(actor(alice), "华为") == []
    assert _found(actor(alice), "腾讯") == ["腾讯"]
    firm.deleted_at = timezone.now()
    firm.save()
    index.index_records(FIRM, [firm])
    assert not SearchDoc.objects.filter(entity=FIRM.key).exists()


def test_an_unchanged_document_is_not_written() -> None:
    firm = _firm("华为")
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
    assert len(_found(actor(alice), "公司")) == 7


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


def test_a_new_workspace_has_nothing_to_make_anew() -> None:
    assert index.renew() == 0
    assert Preference.objects.get(key=index.MADE_BY).value == tokens.VERSION


def test_documents_nobody_says_the_version_of_are_made_anew() -> None:
    firm = _firm("华为")
    SearchDoc.objects.filter(entity=FIRM.key, record_id=firm.pk).update(key="旧")
    index.renew()
    assert SearchDoc.objects.get(entity=FIRM.key, record_id=firm.pk).key == "华为"


def test_rows_for_copy_are_what_is_stored() -> None:
    firm = _firm("华为", phones=phones("+8613800138000"))
    [row] = index.search_rows_for(FIRM, [(firm.pk, {"name": "华为", "phones": firm.phones})])
    stored = SearchDoc.objects.get(entity=FIRM.key, record_id=firm.pk)
    assert row[:4] == (FIRM.key, firm.pk, stored.key, stored.spell) == (FIRM.key, firm.pk, "华为", "huawei")
    assert index.COLUMNS == ("entity", "record_id", "key", "spell", "tsv")
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


def _told(monkeypatch: pytest.MonkeyPatch, words: dict[str, float], documents: float, **owners: float) -> None:
    """Statistics as PostgreSQL would tell them of a large table."""
    now = time.monotonic()
    monkeypatch.setitem(
        probe._told, "words", (now, {tokens.field_tag(FIRM.key, "name") + key: n for key, n in words.items()})
    )
    monkeypatch.setitem(probe._told, "documents", (now, {FIRM.key: documents}))
    monkeypatch.setitem(
        probe._told, ("shares", FIRM.key), (now, {int(owner[1:]): share for owner, share in owners.items()})
    )


@pytest.mark.parametrize(
    ("condition", "documents"),
    [
        ("'ah科技'", 900.0),
        ("('ah科技' & 'ah技术')", 40.0),
        ("('ah科技' | 'ah技术')", 940.0),
        ("(('ah科技' & 'ah技术') | 'awo''neil' | 'aw\\\\x')", 47.0),
        ("('ah科技' & 'ah罕见')", 0.0),
        ("('ah科技' | 'ah罕见')", 900.0),
        ("'ah科技':*", 0.0),
        ("", 0.0),
    ],
)
def test_statistics_say_how_many_documents_fit(
    condition: str, documents: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"ah科技": 900.0, "ah技术": 40.0, "awo'neil": 5.0, "aw\\x": 2.0}
    monkeypatch.setitem(probe._told, "words", (time.monotonic(), known))
    assert asking.holding(condition) == documents


def _statements(who: object, text: str, limit: int = 60) -> tuple[list[int], str]:
    with CaptureQueriesContext(connection) as seen:
        hits = search(who, text, entities=[FIRM], limit=limit)
    return [hit.record_id for hit in hits], "\n".join(one["sql"] for one in seen.captured_queries)


def test_a_frequent_word_is_found_among_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = person("alice"), person("bob")
    firms = [_firm(f"第{number}号科技", owner=alice) for number in range(70)]
    _firm("别人的科技", owner=bob)
    newest = {firm.pk for firm in firms[-60:]}
    whole, mine = actor(alice, everyone=True), actor(alice)
    _told(monkeypatch, {"h科技": 900_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.9})
    ids, said = _statements(mine, "科技")
    assert set(ids) == newest
    assert "entity || ''" not in said  # the whole list of the word is not asked for
    ids, said = _statements(whole, "科技")
    assert len(newest & set(ids)) == 59  # and the other one's
    assert "entity || ''" not in said


def test_a_word_less_frequent_than_thought_is_found_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    ids = {_firm(f"第{number}号科技", owner=alice).pk for number in range(5)}
    _told(monkeypatch, {"h科技": 900_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.9})
    found, said = _statements(actor(alice), "科技")
    assert set(found) == ids
    assert "entity || ''" in said


def test_a_frequent_word_finds_what_is_shared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = person("alice"), person("bob")
    shared = _firm("共享科技", owner=bob, updated_at=timezone.now() + dt.timedelta(days=1))
    for number in range(60):
        _firm(f"第{number}号科技", owner=alice)
    _told(monkeypatch, {"h科技": 900_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.9})
    who = dataclasses.replace(actor(alice), shared={FIRM.key: {shared.pk: "read"}})
    found, said = _statements(who, "科技")
    assert found[0] == shared.pk
    assert "entity || ''" not in said


def test_of_a_number_only_what_tells_something_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    firm, other = _firm("甲", owner=alice, number="KH-2024-0017"), _firm("乙", owner=alice, number="KH-2024-0099")
    _told(monkeypatch, {}, 1_000_000.0, **{f"_{alice.pk}": 0.9})
    tag = tokens.field_tag(FIRM.key, "number")
    common = {tag + piece: 990_000.0 for piece in ("#kh2", "#h20", "#202", "#024")}
    monkeypatch.setitem(probe._told, "words", (time.monotonic(), common))
    found, said = _statements(actor(alice), "KH-2024-0017")
    assert found == [firm.pk]
    assert f"{tag}#017" in said
    assert f"{tag}#202" not in said
    found, said = _statements(actor(alice), "2024-00")
    assert set(found) == {firm.pk, other.pk}
    found, said = _statements(actor(alice), "KH-2024")  # nothing but common pieces: the last one is asked for
    assert set(found) == {firm.pk, other.pk}
    assert f"{tag}#024" in said
    listed = filter_by_text(actor(alice), Firm.objects.all(), FIRM, "KH-2024-0017")
    assert f"{tag}#202" in str(listed.query)


def test_characters_in_any_order_are_found_for_several_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, charlie = person("alice"), person("bob"), person("charlie")
    ours = {_firm("术技一", owner=alice).pk, _firm("术二技", owner=bob).pk}
    _firm("技三术", owner=charlie)
    shared = _firm("术四技", owner=charlie)
    _told(monkeypatch, {}, 1_000_000.0, **{f"_{one.pk}": 0.1 for one in (alice, bob)})
    several = actor(alice, owners=(alice.pk, bob.pk))
    found, said = _statements(several, "技术")
    assert set(found) == ours
    assert "ts_match_vq" in said  # owners are compared, not looked up
    both = dataclasses.replace(several, shared={FIRM.key: {shared.pk: "read"}})
    assert set(_statements(both, "技术")[0]) == {*ours, shared.pk}
    assert _statements(actor(person("stranger"), owners=(0, -1)), "技术")[0] == []


def test_words_in_many_documents_are_asked_one_by_one_the_rarest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    fit = {_firm("术技一", owner=alice).pk, _firm("无关", owner=alice, english_name="技的术").pk}
    _firm("技二术", owner=person("bob"))
    _firm("只有技", owner=alice, english_name="只有术")
    tag = tokens.field_tag(FIRM.key, "name")
    found, said = _statements(actor(alice), "技术")
    assert set(found) == fit
    assert said.rindex(f"{tag}h技") < said.rindex(f"{tag}h术")
    _told(monkeypatch, {"h技": 90_000.0, "h术": 50_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.1})
    found, said = _statements(actor(alice), "技术")
    assert set(found) == fit
    assert said.rindex(f"{tag}h术") < said.rindex(f"{tag}h技")


def test_two_letters_a_word_begins_with_narrow_what_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = person("alice"), person("bob")
    for number in range(candidates.FIRST):
        SearchDoc.objects.create(entity=FIRM.key, record_id=-number - 1, key=f"no{number:04}", tsv="")
    mine = {_firm(name, owner=alice).pk for name in ("Nord", "N.O. Zet")}
    _firm("Norden", owner=bob)
    _told(monkeypatch, {}, 1_000_000.0, **{f"_{alice.pk}": 0.5, f"_{bob.pk}": 0.5})
    found, said = _statements(actor(alice), "no")
    assert set(found) == mine
    tag = tokens.field_tag(FIRM.key, "name")
    assert any("key || ''" in one and f"{tag}wno" in one for one in said.split("\n"))


def test_sorts_of_record_are_looked_through_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    firm = _firm("华为技术", owner=alice)
    mate = Mate.objects.create(name="华先生", firm=firm, owner=alice)
    index.index_records(MATE, [mate])
    for documents in (0.0, 1_000_000.0):  # sorts with few documents are asked first whether they have any
        monkeypatch.setitem(probe._told, "documents", (time.monotonic(), {FIRM.key: documents, MATE.key: documents}))
        with CaptureQueriesContext(connection) as seen:
            hits = search(actor(alice), "华", entities=[FIRM, MATE])
        assert {(hit.entity, hit.record_id) for hit in hits} == {(FIRM.key, firm.pk), (MATE.key, mate.pk)}
        rounds = [one["sql"] for one in seen.captured_queries if "core_search_doc" in one["sql"]]
        assert len(rounds) == 2 + (documents == 0), rounds


def test_no_search_is_divided_among_several_processes() -> None:
    alice = person("alice")
    _firm("华为技术", owner=alice)
    with connection.cursor() as cursor:
        for setting in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
            cursor.execute(f"SET LOCAL {setting} = 0")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        with CaptureQueriesContext(connection) as seen:
            search(actor(alice, everyone=True), "为技", entities=[FIRM])
        [said] = [one["sql"] for one in seen.captured_queries if "entity || ''" in one["sql"]]
        cursor.execute(f"EXPLAIN {said}")
        assert "Gather" not in str(cursor.fetchall())
        cursor.execute(f"EXPLAIN {said[said.index('UNION ALL SELECT') + 9 :]}")  # without what forbids it
        assert "Gather" in str(cursor.fetchall())
