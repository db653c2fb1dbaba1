"""A bulk change done together is the one done record by record, in a few statements."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.models import AuditEntry, Operation, OutboxEvent, SearchDoc, Tag
from guanxi.core.models.search import MatchValue
from guanxi.core.records import alike, bulk, cleaning
from guanxi.core.records.search.query import search
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast

Make = Callable[..., Any]
CUSTOMER = "customers.customer"


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on every record is changed by itself."""
    return lambda: monkeypatch.setattr(alike, "suits", lambda _entity: False)


def told(operation: Operation, ids: list[int]) -> list[Any]:
    """All that is left behind of a change, by the place of a record in the list."""
    place: dict[int | None, int] = {number: at for at, number in enumerate(ids)}
    rows = Customer.objects.filter(pk__in=ids).order_by("pk")
    stored = [{name: value for name, value in vars(one).items() if name not in _OWN} for one in rows]
    entries = AuditEntry.objects.filter(operation_id=operation.pk, entity="customers_customer").order_by("record_id")
    events = OutboxEvent.objects.filter(entity=CUSTOMER, name=f"{CUSTOMER}.updated", record_id__in=ids)
    documents = SearchDoc.objects.filter(entity=CUSTOMER, record_id__in=ids).order_by("record_id")
    keys = MatchValue.objects.filter(entity=CUSTOMER, record_id__in=ids).order_by("record_id", "kind", "value")
    return [
        stored,
        [(place[one.record_id], one.action, one.changes, one.actor_id, one.via) for one in entries],
        sorted((place[one.record_id], str(one.changes), one.actor_id, one.origin) for one in events),
        [(place[one.record_id], one.key, one.spell, one.tsv) for one in documents],
        [(place[one.record_id], one.kind, one.value) for one in keys],
        {name: operation.result[name] for name in ("done", "skipped", "failed")},
        [(place.get(one["id"]), one["code"], one["message"]) for one in operation.result["problems"]],
    ]


_OWN = ("_state", "updated_at", "owner_since")


@pytest.mark.parametrize(
    ("sort", "given"),
    [
        ("update", {"source": "exhibition", "employees": "77", "revenue": "12.5"}),
        ("update", {"name": "同名公司", "phones": ["13900139000"], "founded_year": 2001}),
        ("update", {"birthday": "1990-01-02"}),
        ("assign", {"owner": "bob"}),
        ("tag", {"tags": "vip"}),
        ("untag", {"tags": "vip"}),
    ],
)
def test_what_is_left_behind_is_the_same(
    cast: Cast, make: Make, apart: Callable[[], None], sort: str, given: Any
) -> None:
    vip = Tag.objects.create(name="VIP", entity="")
    said = {"bob": cast.bob_user.pk, "vip": [vip.pk]}
    given = {name: said.get(value, value) if isinstance(value, str) else value for name, value in given.items()}
    ids = [
        make(CUSTOMER, name=f"第{at}公司", kind=kind, employees=employees, tags=tags, phones=[f"1380013800{at}"]).pk
        for at, (kind, employees, tags) in enumerate([
            ("organisation", 77, []), ("person", None, [vip.pk]), ("organisation", 5, [vip.pk]), ("organisation", 6, []),
        ])
    ]  # fmt: skip
    found = []
    for _way in range(2):
        with transaction.atomic():
            operation = bulk.change(cast.root, sort, CUSTOMER, [*ids, 999_999], given)
            assert operation.progress == 5
            found.append(told(operation, ids))
            transaction.set_rollback(True)
        apart()
    assert found[0] == found[1]
    assert found[0][5]["done"] > 0
    assert found[0][5]["failed"] > 0


def test_it_takes_few_statements_and_few_more_for_many_records(cast: Cast, make: Make) -> None:
    counts = []
    for number in (2, 5, 50):  # what is kept from one change to the next is asked for by the first
        ids = [make(CUSTOMER).pk for _ in range(number)]
        operation = bulk.begin(cast.root, "update", CUSTOMER, ids, {"source": "exhibition", "owner": cast.bob_user.pk})
        with CaptureQueriesContext(connection) as asked:
            done = bulk.run(cast.root, operation)
        assert done.result["done"] == number
        counts.append(len(asked))
    assert counts[2] < counts[1] + 5 < 60


def test_a_rule_that_asks_about_its_neighbours_is_asked_record_by_record(cast: Cast, make: Make) -> None:
    top, first, second = make(CUSTOMER, name="总公司"), make(CUSTOMER), make(CUSTOMER)
    done = bulk.change(cast.root, "update", CUSTOMER, [first.pk, top.pk, second.pk], {"parent": top.pk})
    assert [(one["id"], one["code"]) for one in done.result["problems"]] == [(top.pk, "parent.circle")]
    assert list(Customer.objects.filter(parent=top).order_by("pk").values_list("pk", "path")) == [
        (first.pk, f"/{top.pk}/"), (second.pk, f"/{top.pk}/"),
    ]  # fmt: skip


@pytest.mark.parametrize("passed_over", [(), Exception])
def test_nothing_is_asked_while_rules_are_held(
    cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch, passed_over: Any
) -> None:
    """A rule that writes must not have written when the record is left to go by itself."""
    gadgets, seen = [make("fakes.gadget", pieces=1) for _ in range(2)], []
    entity = entity_of("fakes.gadget")

    def clean(_actor: Any, record: Any, _changes: Any) -> None:
        with suppress(passed_over):
            Tag.objects.create(name=f"from {record.pk}", entity="")
        seen.append(record.pk)

    monkeypatch.setattr(type(entity), "clean", property(lambda _self: clean), raising=False)
    done = alike.change(
        cast.root, entity, [one.pk for one in gadgets], lambda _record: {"pieces": 2}, Operation(pk=None)
    )
    assert (done, len(seen), Tag.objects.filter(name__startswith="from ").exists()) == (
        {},
        2 if passed_over else 0,
        False,
    )


def test_what_the_database_refuses_is_told_of_the_record_that_is_guilty(cast: Cast, make: Make) -> None:
    first, second = make("core.tag", name="甲"), make("core.tag", name="乙")
    done = bulk.change(cast.root, "update", "core.tag", [first.pk, second.pk], {"name": "丙"})
    assert (done.result["done"], done.result["failed"]) == (1, 1)
    assert (done.result["problems"][0]["id"], done.result["problems"][0]["code"]) == (second.pk, "value.taken")


def test_a_value_too_long_is_refused_and_not_cut(cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = make(CUSTOMER, source="")
    monkeypatch.setattr(alike, "_others", lambda record, _names: {one.name for one in record._meta.concrete_fields})
    monkeypatch.setattr(cleaning, "clean", lambda *_given, **_more: {"short_name": "长" * 5000})
    entity = entity_of(CUSTOMER)
    assert alike.change(cast.root, entity, [customer.pk], lambda _record: {"short_name": ""}, Operation(pk=None)) == {}
    assert Customer.objects.get(pk=customer.pk).short_name == customer.short_name


def test_found_by_the_new_name_and_taken_back(cast: Cast, make: Make) -> None:
    ids = [make(CUSTOMER, name=f"旧名{number}").pk for number in range(3)]
    done = bulk.change(cast.root, "update", CUSTOMER, ids, {"name": "青藤科技"})
    assert {hit.record_id for hit in search(cast.root, "青藤", entities=[CUSTOMER])} == set(ids)
    assert Customer.objects.filter(pk__in=ids, updated_by=cast.root_user, updated_at__lte=clock.now()).count() == 3
    assert records.undo(cast.root, done.pk).undone == 3
    assert {hit.record_id for hit in search(cast.root, "旧名", entities=[CUSTOMER])} == set(ids)
