"""Values of an own field apart from the records: as the records are, whatever happens to them, and asked where they tell enough."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from guanxi.core import records
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import CustomField, FieldIndex, stamps, trouble
from guanxi.core.models.apart import apart_make
from guanxi.core.records import apart
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import converting, dictionaries, fields, indexes, objects
from tests.factories.cast import Cast
from tests.fakes.models import Gadget
from tests.rights import as_owner

pytestmark = pytest.mark.django_db
GADGET = "fakes.gadget"
SCORE = "custom.score"


def set_apart(entity_key: str, key: str, *, many: bool = False) -> None:
    """What the job makes of a field beyond its indexes."""
    entity = entity_of(entity_key)
    with as_owner():
        table, owners = apart.table_of(entity, key), apart.owners_of(entity)
        apart_make(connection.connection, table, entity.table, key, owners, many=many)
    FieldIndex.objects.create(entity=entity_key, field=key, state="ready")
    stamps.bump(apart.STAMP)


def left_over() -> list[str]:
    """Tables of values, their functions and triggers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'gx\\_at\\_%' UNION ALL SELECT tgname FROM pg_trigger"
            " WHERE tgname LIKE 'gx\\_at\\_%' UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'gx\\_at\\_%'"
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def score(cast: Cast, make: Callable[..., Any]) -> CustomField:
    """A number whose values stand apart; some records were there before."""
    made = fields.field_save(cast.root, GADGET, "score", {"kind": "integer", "label_zh": "评分"}, new=True)
    for number in range(4):
        make(GADGET, owner=cast.alice_user, **{SCORE: number})
    set_apart(GADGET, "score")
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
    assert left_over()
    fields.field_delete(cast.root, GADGET, "score")
    assert left_over() == []
    again = {"kind": "text", "label_zh": "评分"}
    fields.field_save(cast.root, GADGET, "score", again, new=True)
    records.update(cast.root, Gadget.objects.first(), {SCORE: "九"})
    assert count(cast.root, (SCORE, "in", ["九", "八"])) == (1, False)
    assert indexes.wanted(entity_of(GADGET), SCORE) is not None, "it is asked for anew"
    assert FieldIndex.objects.get().state == "waiting"


def test_they_go_when_the_field_becomes_another_kind(cast: Cast, make: Callable[..., Any]) -> None:
    fields.field_save(cast.root, GADGET, "mark", {"kind": "text", "label_zh": "分"}, new=True)
    for given in ("a", "b", "c"):
        make(GADGET, owner=cast.alice_user, **{"custom.mark": given})
    set_apart(GADGET, "mark")
    assert count(cast.root, ("custom.mark", "in", ["a", "b"])) == (2, True)
    text = "".join(random.Random(3).choices("的一是在不了有和人这中大为上个国", k=30_000))  # noqa: S311 - no index holds that much
    with pytest.raises(OperationalError) as refused, transaction.atomic():
        make(GADGET, owner=cast.alice_user, **{"custom.mark": text})
    assert getattr(trouble.told(refused.value), "code", "") == "value.too_long"
    converting.kind_change(cast.root, entity_of(GADGET), "mark", "long_text")
    assert left_over() == []
    assert not FieldIndex.objects.exists()
    assert make(GADGET, owner=cast.alice_user, **{"custom.mark": text}).custom["mark"] == text


def test_they_go_with_the_object(cast: Cast) -> None:
    for owned in (True, False):
        given = {"name_zh": "巡检", "owned": owned, "parent": GADGET}
        objects.object_save(cast.root, "inspection", given, new=True)
        key, name = "custom.inspection", "custom.grade"
        fields.field_save(cast.root, key, "grade", {"kind": "integer", "label_zh": "级"}, new=True)
        set_apart(key, "grade")
        above = records.create(cast.root, GADGET, {"name": "泵"})
        for number in range(3):
            records.create(cast.root, key, {"name": f"检{number}", "parent": above.pk, name: number})
        tree = {"field": name, "op": "gte", "value": 1}
        found = records.select(cast.root, key, filter=tree, limit=1)
        assert found.count == 2
        entity_of(key).model._base_manager.all().delete()
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        objects.object_delete(cast.root, "inspection")
        assert left_over() == []


GIVEN: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "decimal": (["1.5", "2.5", "-3"], {"lt": 2, "between": [1, 2], "gt": -4}),
    "date": (["2026-01-05", "2026-02-01"], {"gte": "2026-01-06", "within": "last_year", "older_days": 0}),
    "datetime": (
        ["2026-01-05T08:00:00Z", "2026-02-01T00:00:00Z"],
        {"lte": "2026-01-06", "between": ["2026-01-01", ""]},
    ),
    "time": (["08:00", "17:30"], {"lt": "12:00", "eq": "08:00"}),
    "text": (["甲", "乙", "甲 乙"], {"in": ["甲", "乙"], "eq": "甲"}),
    "region": (["CN44", "CN4403"], {"in": ["CN44", "CN4403"]}),
    "user": ([0, 1], {"in": ["@me"], "eq": ["@my_department"]}),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_they_tell_the_same_of_each_kind(cast: Cast, make: Callable[..., Any], kind: str) -> None:
    held, asked = GIVEN[kind]
    people = [cast.alice_user.pk, cast.bob_user.pk]
    fields.field_save(cast.root, GADGET, "score", {"kind": kind, "label_zh": "值"}, new=True)
    for one in [*held, *held, None]:
        make(GADGET, owner=cast.alice_user, **{SCORE: people[one] if kind == "user" and one is not None else one})
    set_apart(GADGET, "score")
    for op, value in asked.items():
        assert op in apart.POSITIVE
        tree = {"all": [{"field": SCORE, "op": op, "value": value}]}
        assert apart.told_by(cast.alice, entity_of(GADGET), tree) == "score"
        told = apart.rows(entity_of(GADGET), cast.alice, tree, "score").count()
        assert told == records.queryset(cast.alice, GADGET, filter=tree).count(), op


@pytest.mark.parametrize(
    "tree",
    [
        None,
        {},
        {"all": None},
        {"all": [None]},
        {"all": []},
        {"any": [[]]},
        {"field": SCORE},
        {"field": SCORE, "op": []},
        {"field": SCORE, "op": {}, "value": 1},
        {"field": SCORE, "op": "gte"},
        {"field": SCORE, "op": "gte", "value": {}},
        {"field": SCORE, "op": "between", "value": 1},
        {"field": [SCORE], "op": "has_any", "value": 1},
        {"all": [{"field": SCORE, "op": "has_any", "value": []}]},
        {"all": [{"field": SCORE, "op": "in", "value": [{}]}], "any": []},
        {"all": [{"field": "owner", "op": [], "value": 1}, {"field": SCORE, "op": "gte", "value": 1}]},
        {"all": [{"field": {}, "op": "gte", "value": 1}, {"field": SCORE, "op": "gte", "value": 1}]},
    ],
)
def test_what_means_nothing_is_refused_as_ever(cast: Cast, score: CustomField, tree: Any) -> None:
    """A page that is asked for with a filter of no sense says so, whether or not its field has its values apart."""

    def outcome() -> Any:
        try:
            return records.select(cast.alice, GADGET, filter=tree, limit=1).count
        except Invalid as error:
            return error.code

    apart_told = outcome()
    FieldIndex.objects.all().delete()
    stamps.bump(apart.STAMP)
    assert apart_told == outcome()


def test_each_of_several_is_a_row(cast: Cast, make: Callable[..., Any]) -> None:
    dictionaries.dictionary_save(cast.root, "trade", {"name_zh": "行当"}, new=True)
    for key in ("a", "b", "c"):
        dictionaries.value_save(cast.root, "trade", key, {"name_zh": key}, new=True)
    given = {"kind": "choices", "label_zh": "行当", "dictionary": "trade"}
    fields.field_save(cast.root, GADGET, "trades", given, new=True)
    entity, name = entity_of(GADGET), "custom.trades"
    before = make(GADGET, owner=cast.alice_user, **{name: ["a", "b"]})
    set_apart(GADGET, "trades", many=True)
    table = apart.table_of(entity, "trades")
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
