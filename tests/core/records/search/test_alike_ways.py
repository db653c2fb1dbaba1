"""Every way a search may go finds the same: whatever statistics say, however much is somebody's, whether documents tell whose they are."""

from __future__ import annotations

import dataclasses
import itertools
import random
import time
from typing import Any

import pytest

from guanxi.core.kernel.actor import Actor
from guanxi.core.records.search import asking, candidates, index, probe, tokens
from guanxi.core.records.search.query import search
from tests.core.records.search.toy import FIRM, MATE, Firm, Mate, actor, emails, person, phones

pytestmark = [pytest.mark.usefixtures("toys"), pytest.mark.owner]

_WORDS = (
    *("华为", "华文", "技术", "科技", "术", "行", "长", "重庆", "有限公司"),
    *("Nova", "No", "Ltd", "Energy", "O'Neil", "a\\b", "745"),
)
_ASKED = (
    *("华", "华为", "华为 ltd", "科技 华", "技术", "术技", "科术", "有限公司", "华为有限", "重庆 745"),
    *("hua", "hw", "h", "keji", "kj", "jishu", "cq", "zhongqing", "chongqing", "hang", "xing"),
    *("no", "n", "nova ltd", "ltd nova 745", "no nova", "ltd ltd energy", "o'neil", "a\\b"),
    *("1380", "13800", "38001", "0013", "ltd 1380", "kh-20", "KH-2024-001", "2024"),
    *("nova@", "a@b.cn", "anna@nova.cn", "anna"),
)
_FREQUENT = (
    *("wltd", "wnova", "wenergy", "h华", "h技", "h术", "h技术", "h科技", "h华为", "phuawei", "phua", "ihw"),
    *("d1380", "#202", "#024", "#h20"),
)

#: Whether looks are over before the names that begin so, what each owns of all, whether documents tell whose they are, how many
#: hold a frequent word.
HOW: tuple[tuple[bool, float | None, bool, float], ...] = (
    (False, None, False, 0.0),
    (False, None, True, 0.0),
    (False, 0.0, True, 0.0),
    (False, 0.1, True, 50_000.0),
    (False, 0.9, False, 50_000.0),
    (True, None, True, 0.0),
    (True, 0.0, False, 50_000.0),
    (True, 0.0, True, 0.0),
    (True, 0.1, False, 0.0),
    (True, 0.1, True, 50_000.0),
)


def _name(rng: random.Random) -> str:
    return rng.choice(("", " ")).join(rng.choice(_WORDS) for _word in range(rng.randint(1, 4)))


def _firm(rng: random.Random, people: list[Any]) -> Firm:
    return Firm(
        name=_name(rng),
        english_name=_name(rng) if rng.random() < 0.3 else "",
        number=f"KH-20{rng.randint(23, 25)}-{rng.randint(0, 200):04}",
        phones=phones(f"+86138001{rng.randint(0, 60):05}") if rng.random() < 0.5 else [],
        emails=emails(
            f"{rng.choice(('anna', 'bert.no'))}@{rng.choice(('nova', 'b', '163'))}.{rng.choice(('cn', 'com'))}"
        ),
        note=_name(rng) if rng.random() < 0.3 else "",
        owner=rng.choice([*people, None]),
    )


def _fill(rng: random.Random, people: list[Any]) -> None:
    firms = [_firm(rng, people) for _number in range(200)]
    Firm.objects.bulk_create(firms)
    index.index_records(FIRM, firms)
    mates = []
    for _number in range(60):
        firm, owner = rng.choice([*firms, None]), rng.choice([*people, None])
        mates.append(Mate(name=_name(rng), firm=firm, owner=owner, carrier_owner_id=firm and firm.owner_id))
    Mate.objects.bulk_create(mates)
    index.index_records(MATE, mates)


def _told(monkeypatch: pytest.MonkeyPatch, people: list[Any], share: float | None, often: float, *, told: bool) -> None:
    """Statistics as of large tables of which each owns a share; without one, as of small tables."""
    now, tags = time.monotonic(), [tokens.field_tag(MATE.key, name) for name in ("name", "phones")]
    tags += [
        tokens.field_tag(FIRM.key, name) for name in ("name", "english_name", "number", "phones", "emails", "note")
    ]
    known = {
        "words": {tag + word: often for tag in tags for word in _FREQUENT} if often else {},
        "documents": {} if share is None else {FIRM.key: 1_000_000.0, MATE.key: 1_000_000.0},
        "made": {tokens.MADE_BY: float(told)},
        ("shares", FIRM.key): {} if share is None else {one.pk: share for one in people},
        ("shares", MATE.key): {} if share is None else {one.pk: share for one in people},
    }
    for place, values in known.items():
        monkeypatch.setitem(probe._told, place, (now, values))


def _found(who: Actor, text: str, limit: int) -> list[tuple[str, int]]:
    return [(hit.entity, hit.record_id) for hit in search(who, text, entities=[FIRM, MATE], limit=limit)]


def test_all_ways_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)  # noqa: S311 - data, not secrets
    people = [person(name) for name in ("alice", "bob", "charlie", "dora")]
    _fill(rng, people)
    alice, bob, charlie, _dora = people
    given = {
        FIRM.key: {one.pk: "read" for one in Firm.objects.filter(owner=charlie)[:4]},
        MATE.key: {one.pk: "read" for one in Mate.objects.filter(owner=charlie)[:1]},
    }
    own, team = actor(alice), actor(alice, owners=(alice.pk, bob.pk))
    whos = [own, team, *(dataclasses.replace(one, shared=given) for one in (own, team)), actor(alice, everyone=True)]
    every: dict[Any, set[Any]] = {}
    first: dict[Any, list[Any]] = {}
    for small, share, told, often in HOW:
        if small:  # the looks are over sooner than the names that begin so
            for name, value in (("FIRST", 6), ("SAMPLE", 3), ("NAMES", 20)):
                monkeypatch.setattr(candidates, name, value)
            monkeypatch.setattr(asking, "MANY", 100)
        _told(monkeypatch, people, share, often, told=told)
        for (number, who), text in itertools.product(enumerate(whos), _ASKED):
            if small and number in (2, 3) and (len(text) == 1 or "@" in text):
                continue  # of what is shared, the first of the alphabet are found by what is no token of a name
            how = (small, share, told, often, number, text)
            found = _found(who, text, 400)
            assert set(found) == every.setdefault((number, text), set(found)), how
            if not small and not often:  # of a frequent word the newest are found
                found = _found(who, text, 20)
                assert found == first.setdefault((number, text), found), how
