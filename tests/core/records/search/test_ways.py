"""Which way a search looks: by what PostgreSQL's statistics tell of tokens and owners, and by what the indexes tell."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from guanxi.core.kernel import clock
from guanxi.core.models import Preference, SearchDoc
from guanxi.core.records.search import asking, candidates, index, probe, tokens
from guanxi.core.records.search.query import filter_by_text, search
from tests.core.records.search.toy import FIRM, MATE, Firm, Mate, actor, make_firm, person, titles_found

pytestmark = [pytest.mark.usefixtures("toys"), pytest.mark.owner]


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
    firms = [make_firm(f"第{number}号科技", owner=alice) for number in range(70)]
    make_firm("别人的科技", owner=bob)
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
    ids = {make_firm(f"第{number}号科技", owner=alice).pk for number in range(5)}
    _told(monkeypatch, {"h科技": 900_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.9})
    found, said = _statements(actor(alice), "科技")
    assert set(found) == ids
    assert "entity || ''" in said


def test_a_frequent_word_seldom_among_the_newest_is_looked_for_a_little_further_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice = person("alice")
    monkeypatch.setattr(candidates, "STEP", 10)
    older = [make_firm(f"第{number}号科技", owner=alice).pk for number in range(40)]
    newest = [make_firm(f"第{n}号{'贸易' if n % 3 else '科技'}", owner=alice).pk for n in range(60)]
    fitting = [pk for n, pk in enumerate(newest) if not n % 3]
    _told(monkeypatch, {"h科技": 900_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.9})
    found, said = _statements(actor(alice), "科技", limit=45)
    assert len(found) == 45
    assert set(fitting) < set(found) < {*fitting, *older}
    assert "entity || ''" not in said


def test_the_lists_of_several_owners_are_not_read_beside_a_rarer_word(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob, charlie = person("alice"), person("bob"), person("charlie")
    ours = {make_firm("甲罕见", owner=alice).pk, make_firm("乙罕见", owner=bob).pk}
    make_firm("丙罕见", owner=charlie)
    _told(monkeypatch, {}, 1_000_000.0, **{f"_{one.pk}": 0.1 for one in (alice, bob)})
    found, said = _statements(actor(alice, owners=(alice.pk, bob.pk)), "罕见")
    assert set(found) == ours
    assert "ts_match_vq" in said
    found, said = _statements(actor(alice), "罕见")
    assert len(found) == 1
    assert "ts_match_vq" not in said, "one owner's list is short"


def test_a_frequent_word_finds_what_is_shared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = person("alice"), person("bob")
    shared = make_firm("共享科技", owner=bob, updated_at=timezone.now() + dt.timedelta(days=1))
    for number in range(60):
        make_firm(f"第{number}号科技", owner=alice)
    _told(monkeypatch, {"h科技": 900_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.9})
    who = dataclasses.replace(actor(alice), shared={FIRM.key: {shared.pk: "read"}})
    found, said = _statements(who, "科技")
    assert found[0] == shared.pk
    assert "entity || ''" not in said


def test_of_a_number_only_what_tells_something_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    firm, other = (
        make_firm("甲", owner=alice, number="KH-2024-0017"),
        make_firm("乙", owner=alice, number="KH-2024-0099"),
    )
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
    ours = {make_firm("术技一", owner=alice).pk, make_firm("术二技", owner=bob).pk}
    make_firm("技三术", owner=charlie)
    shared = make_firm("术四技", owner=charlie)
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
    fit = {make_firm("术技一", owner=alice).pk, make_firm("无关", owner=alice, english_name="技的术").pk}
    make_firm("技二术", owner=person("bob"))
    make_firm("只有技", owner=alice, english_name="只有术")
    tag = tokens.field_tag(FIRM.key, "name")
    found, said = _statements(actor(alice), "技术")
    assert set(found) == fit
    assert said.rindex(f"{tag}h技") < said.rindex(f"{tag}h术")
    _told(monkeypatch, {"h技": 90_000.0, "h术": 50_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.1})
    found, said = _statements(actor(alice), "技术")
    assert set(found) == fit
    assert said.rindex(f"{tag}h术") < said.rindex(f"{tag}h技")


def test_a_frequent_word_beside_others_is_compared_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    fit = {make_firm(name, owner=alice).pk for name in ("Nova Energy 745 Ltd", "745 Ltda Nova")}
    for name in ("Nova Energy 745", "Nova Ltd", "Ltd 745"):
        make_firm(name, owner=alice)
    make_firm("Nova 745 Ltd", owner=person("bob"))
    found, said = _statements(actor(alice), "nova 745 ltd")
    assert set(found) == fit
    assert "ts_match_vq" not in said
    _told(monkeypatch, {"wltd": 200_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.1})
    found, said = _statements(actor(alice), "nova 745 ltd")
    assert set(found) == fit
    assert f"{tokens.field_tag(FIRM.key, 'name')}wltd" in said.partition("ts_match_vq")[2]
    assert (
        f"{tokens.field_tag(FIRM.key, 'name')}wltd"
        not in said.rpartition("ts_match_vq")[0].partition("entity || ''")[2]
    )
    _told(monkeypatch, {"wltd": 200_000.0, "wnova": 30_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.1})
    found, said = _statements(actor(alice), "nova ltd")
    assert set(found) >= fit
    assert "ts_match_vq" not in said  # nothing rarer beside: all are asked for
    _told(monkeypatch, {"wltd": 200_000.0, "wnova": 30_000.0}, 1_000_000.0, **{f"_{alice.pk}": 0.001})
    few, said = _statements(actor(alice), "nova ltd")
    assert set(few) == set(found)
    assert "ts_match_vq" in said  # but of who owns little


def test_two_letters_a_word_begins_with_narrow_what_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = person("alice"), person("bob")
    for number in range(candidates.FIRST):
        SearchDoc.objects.create(entity=FIRM.key, record_id=-number - 1, key=f"no{number:04}", tsv="")
    mine = {make_firm(name, owner=alice).pk for name in ("Nord", "N.O. Zet")}
    make_firm("Norden", owner=bob)
    _told(monkeypatch, {}, 1_000_000.0, **{f"_{alice.pk}": 0.5, f"_{bob.pk}": 0.5})
    found, said = _statements(actor(alice), "no")
    assert set(found) == mine
    tag = tokens.field_tag(FIRM.key, "name")
    assert any("key || ''" in one and f"{tag}wno" in one for one in said.split("\n"))


def test_sorts_of_record_are_looked_through_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    firm = make_firm("华为技术", owner=alice)
    mate = Mate.objects.create(name="华先生", firm=firm, owner=alice)
    index.index_records(MATE, [mate])
    for documents in (0.0, 1_000_000.0):  # sorts with few documents are asked first whether they have any
        monkeypatch.setitem(probe._told, "documents", (time.monotonic(), {FIRM.key: documents, MATE.key: documents}))
        with CaptureQueriesContext(connection) as seen:
            hits = search(actor(alice), "华", entities=[FIRM, MATE])
        assert {(hit.entity, hit.record_id) for hit in hits} == {(FIRM.key, firm.pk), (MATE.key, mate.pk)}
        asked = [one["sql"] for one in seen.captured_queries if "core_search_doc" in one["sql"]]
        rounds = [one for one in asked if "pg_stats" not in one]
        assert len(rounds) == 2 + (documents == 0), rounds


def test_no_search_is_divided_among_several_processes() -> None:
    alice = person("alice")
    make_firm("华为技术", owner=alice)
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


def _made(monkeypatch: pytest.MonkeyPatch, *, told: bool) -> None:
    """Whether all documents are known to say whose they are."""
    monkeypatch.setitem(probe._told, "made", (time.monotonic(), {tokens.MADE_BY: float(told)}))


def test_documents_say_whose_they_are() -> None:
    alice, bob = person("alice"), person("bob")
    firm = make_firm("华为", owner=alice)
    mate = Mate.objects.create(name="华先生", firm=firm, owner=bob, carrier_owner=alice)
    values = {"name": "华先生", "owner_id": bob.pk, "carrier_owner_id": alice.pk}
    [row] = index.search_rows_for(MATE, [(mate.pk, values)])
    assert row[5:] == (bob.pk, alice.pk)
    index.copy_documents(MATE, [(mate.pk, values)])
    owners = SearchDoc.objects.order_by("entity").values_list("owner", "carrier")
    assert set(owners.all()) == {(alice.pk, None), (bob.pk, alice.pk)}
    firm.owner = None
    firm.save()
    index.index_records(FIRM, [firm])
    index.index_records(MATE, [mate])
    assert set(owners.all()) == {(None, None), (bob.pk, alice.pk)}


def test_the_index_of_names_tells_whose_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = person("alice"), person("bob")
    firm = make_firm("华为", owner=alice)
    make_firm("华文", owner=bob)
    mates = [Mate(name="华先生", firm=firm, owner=bob, carrier_owner=alice), Mate(name="华小姐", firm=firm, owner=bob)]
    Mate.objects.bulk_create(mates)
    index.index_records(MATE, mates)
    for told in (False, True):
        _made(monkeypatch, told=told)
        assert (
            sorted(titles_found(actor(alice), "华")) == sorted(titles_found(actor(alice), "hua")) == ["华为", "华先生"]
        )
        with CaptureQueriesContext(connection) as seen:
            search(actor(alice), "hua", entities=[FIRM])
        [said] = [one["sql"] for one in seen.captured_queries if "ORDER BY d.key" in one["sql"]]
        with connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"
            )
            cursor.execute(f"EXPLAIN {said}")
            plan = str(cursor.fetchall())
        assert [f"Index Only Scan using {name}" in plan for name in ("search_doc_key", "search_doc_spell")] == [
            told
        ] * 2


def test_who_owns_little_is_told_all_of_his_that_begin_so(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = person("alice"), person("bob")
    for number in range(candidates.SAMPLE):
        make_firm(f"华{number:02}", owner=bob)
    mine = {make_firm(f"华为{number}", owner=alice).pk for number in range(3)}
    _told(monkeypatch, {}, 1_000_000.0, **{f"_{alice.pk}": 0.001})
    _made(monkeypatch, told=True)
    found, said = _statements(actor(alice), "华")
    assert set(found) == mine
    assert "key || ''" not in said  # his own documents are not looked through
    monkeypatch.setattr(candidates, "NAMES", candidates.SAMPLE + 3)
    found, said = _statements(actor(alice), "华")
    assert set(found) == mine
    assert "key || ''" in said


def test_documents_of_an_earlier_version_are_found_until_they_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = person("alice")
    make_firm("华为", owner=alice)
    SearchDoc.objects.update(owner=None)
    Preference.objects.update_or_create(key=index.MADE_BY, defaults={"value": tokens.VERSION - 1})
    for days, known in enumerate((False, False, True)):
        monkeypatch.delitem(probe._told, "made", raising=False)
        assert probe.owners_told() == known
        assert titles_found(actor(alice), "华") == ["华为"]
        with clock.moved_to(clock.now() + days * index.BESIDE):
            index.renew()
    assert SearchDoc.objects.get(entity=FIRM.key).owner == alice.pk


def test_what_a_former_release_writes_beside_is_found_and_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = person("alice"), person("bob")
    firm = make_firm("华为", owner=alice)
    for number in range(25):
        make_firm(f"华为{number}", owner=bob)
    Preference.objects.update_or_create(key=index.MADE_BY, defaults={"value": tokens.VERSION - 1})
    index.renew()
    firm.owner = bob
    firm.save()
    tsv = tokens.tsvector(tokens.doc_tokens(FIRM, firm))  # it knows no columns of owners
    SearchDoc.objects.filter(entity=FIRM.key, record_id=firm.pk).update(tsv=tsv)
    monkeypatch.delitem(probe._told, "made", raising=False)
    assert titles_found(actor(bob), "华为")[0] == "华为"
    assert titles_found(actor(alice), "华为") == []
    assert index.renew() == 0
    with clock.moved_to(clock.now() + index.BESIDE):
        assert index.renew() > 25
        assert index.renew() == 0
    assert SearchDoc.objects.get(entity=FIRM.key, record_id=firm.pk).owner == bob.pk
    monkeypatch.delitem(probe._told, "made", raising=False)
    assert probe.owners_told()
    assert titles_found(actor(bob), "华为")[0] == "华为"
