"""Values of an own field apart from the records: as the records are, whatever happens to them, and asked where they tell enough."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guanxi.core import records
from guanxi.core.models import CustomField, FieldIndex, stamps
from guanxi.core.models.apart import apart_drop, apart_make
from guanxi.core.records import apart
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import dictionaries, fields, indexes
from tests.factories.cast import Cast
from tests.fakes.models import Gadget
from tests.rights import as_owner

pytestmark = pytest.mark.django_db
GADGET = "fakes.gadget"
SCORE = "custom.score"


@pytest.fixture
def score(cast: Cast, make: Callable[..., Any]) -> CustomField:
    """A number whose values stand apart; some records were there before."""
    made = fields.field_save(cast.root, GADGET, "score", {"kind": "integer", "label_zh": "评分"}, new=True)
    for number in range(4):
        make(GADGET, owner=cast.alice_user, **{SCORE: number})
    entity = entity_of(GADGET)
    with as_owner():
        apart_make(
            connection.connection, apart.table_of(entity, "score"), entity.table, "score", apart.owners_of(entity)
        )
    FieldIndex.objects.create(entity=GADGET, field="score", state="ready")
    stamps.bump(apart.STAMP)
    return made


def count(actor: Any, *conditions: tuple[str, str, Any], word: str = "all") -> tuple[int | None, bool]:
    """What the list counts, and whether the values apart told it."""
    tree = {word: [{"field": name, "op": op, "value": value} for name, op, value in conditions]}
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = records.select(actor, GADGET, filter=tree, limit=1).count
    assert found == records.queryset(actor, GADGET, filter=tree).count()
    return found, any("gx_at_" in one["sql"] for one in asked.captured_queries)


def test_they_are_as_the_records_are_whatever_happens(cast: Cast, make: Callable[..., Any], score: CustomField) -> None:
    rng = random.Random(11)  # noqa: S311 - a test
    people = [cast.alice_user, cast.bob_user, cast.charlie_user]
    for _turn in range(40):
        there = list(Gadget.objects.order_by("pk"))
        one = rng.choice(there)
        match rng.randrange(6):
            case 0:
                make(GADGET, owner=rng.choice(people), **{SCORE: rng.choice([None, rng.randrange(5)])})
            case 1:
                records.update(cast.root, one, {SCORE: rng.choice([None, rng.randrange(5)])})
            case 2:
                records.update(cast.root, one, {"name": "又", "owner": rng.choice(people).pk})
            case 3 if len(there) > 3:
                done = records.delete(cast.root, one)
                if rng.random() < 0.5:
                    records.undo(cast.root, done.pk)
            case _:
                records.update(cast.root, one, {"name": f"器{rng.random()}"})
        if _turn % 8 == 7:
            for actor in (cast.root, cast.alice, cast.bob):
                wanted = Gadget.objects.filter(custom__score__gte=2)
                found, told = count(actor, (SCORE, "gte", 2))
                assert told or found == 0 or found == 1
                if actor is cast.root:
                    assert found == wanted.count()
    with connection.cursor() as cursor:
        table = apart.table_of(entity_of(GADGET), "score")
        cursor.execute(f'SELECT id, value::text, owner_id FROM "{table}" ORDER BY id')
        held = cursor.fetchall()
    rows = Gadget.objects.filter(custom__has_key="score").order_by("pk")
    assert held == [(one.pk, str(one.custom["score"]), one.owner_id) for one in rows]


def test_they_tell_only_what_they_can(cast: Cast, make: Callable[..., Any], score: CustomField) -> None:
    make(GADGET, owner=cast.bob_user, name="别", **{SCORE: 3})
    mine = ("owner", "eq", "@me")
    assert count(cast.alice, (SCORE, "between", [1, 3])) == (4, True), "Bob is of her department"
    assert count(cast.alice, (SCORE, "between", [1, 3]), mine) == (3, True)
    # What else is asked for, what holds for records without a value, and groups that mix are asked of the records.
    assert count(cast.alice, (SCORE, "gte", 1), ("name", "contains", "别")) == (1, False)
    assert count(cast.root, (SCORE, "ne", 3))[1] is False
    assert count(cast.root, (SCORE, "gte", 1), mine, word="any")[1] is False
    assert count(cast.charlie, (SCORE, "gte", 0))[0] == 0


def test_they_go_with_the_field(cast: Cast, score: CustomField) -> None:
    entity = entity_of(GADGET)
    indexes.drop(entity, score)
    with as_owner():
        apart_drop(connection.connection, apart.table_of(entity, "score"))
    stamps.bump(apart.STAMP)
    assert count(cast.root, (SCORE, "gte", 1)) == (3, False)
    records.update(cast.root, Gadget.objects.first(), {SCORE: 9})
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'gx\\_at\\_%'")
        assert cursor.fetchone() == (0,)


def test_each_of_several_is_a_row(cast: Cast, make: Callable[..., Any]) -> None:
    dictionaries.dictionary_save(cast.root, "trade", {"name_zh": "行当"}, new=True)
    for key in ("a", "b", "c"):
        dictionaries.value_save(cast.root, "trade", key, {"name_zh": key}, new=True)
    given = {"kind": "choices", "label_zh": "行当", "dictionary": "trade"}
    fields.field_save(cast.root, GADGET, "trades", given, new=True)
    entity, name = entity_of(GADGET), "custom.trades"
    before = make(GADGET, owner=cast.alice_user, **{name: ["a", "b"]})
    with as_owner():
        table, owners = apart.table_of(entity, "trades"), apart.owners_of(entity)
        apart_make(connection.connection, table, entity.table, "trades", owners, many=True)
    FieldIndex.objects.create(entity=GADGET, field="trades", state="ready")
    stamps.bump(apart.STAMP)
    other = make(GADGET, owner=cast.charlie_user, **{name: ["b", "c"]})
    make(GADGET, owner=cast.alice_user)
    mine = ("owner", "eq", "@me")

    def told() -> list[tuple[int | None, bool]]:
        asked = ((name, "has_any", ["b"]),), ((name, "has_any", ["a", "b"]),), ((name, "has_any", ["b"]), mine)
        return [count(actor, *one) for one in asked for actor in (cast.root, cast.alice)]

    # A page that holds all there is counts nothing.
    assert told() == [(2, True), (1, False), (2, True), (1, False), (0, False), (1, False)]
    records.update(cast.root, before, {name: ["c"]})
    records.update(cast.root, other, {"owner": cast.alice_user.pk})
    records.update(cast.root, make(GADGET, owner=cast.alice_user, **{name: ["b"]}), {"name": "又"})
    assert told()[1] == (2, True)
    records.delete(cast.root, other)
    assert told()[0] == (1, False)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT value::text FROM "{table}" ORDER BY 1')
        assert cursor.fetchall() == [('"b"',), ('"c"',)]
    assert count(cast.root, (name, "has_all", ["c"]))[1] is False
