"""What pages ask less often for: queries of one shape, references that lead nowhere, sorts of record without a hit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.test.utils import CaptureQueriesContext

from guanxi.core import records
from guanxi.core.access import field_level
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.kernel.memo import remembering
from guanxi.core.models import CustomField, SavedView, User
from guanxi.core.models.fixed import Fixed
from guanxi.core.models.stamps import bump
from guanxi.core.people.shares import share_set
from guanxi.core.records import shape, steady
from guanxi.core.records.children import leads
from guanxi.core.records.search import probe
from guanxi.core.records.search.query import search
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast

Make = Callable[..., Any]


def test_a_fixed_query_gives_what_the_query_gives(cast: Cast) -> None:
    fixed = Fixed(lambda pk: User.objects.select_related("department").filter(pk=pk, is_active=True), [-1])
    for user in (cast.alice_user, cast.bob_user):
        (found,) = fixed.rows(user.pk)
        plain = User.objects.select_related("department").get(pk=user.pk)
        assert found == plain
        assert found.preferences == plain.preferences
        with CaptureQueriesContext(connection) as seen:
            assert found.department == plain.department
        assert not seen.captured_queries
    assert fixed.rows(0) == []
    cast.alice_user.is_active = False
    cast.alice_user.save(update_fields=["is_active"])
    assert fixed.rows(cast.alice_user.pk) == []


def test_a_stand_in_within_a_list_is_filled_too(cast: Cast) -> None:
    fixed = Fixed(lambda pk: SavedView.objects.filter(pinned_by__contains=[pk]), [-1])
    mine = SavedView.objects.create(
        entity="core.tag", name="x", user=cast.alice_user, pinned_by=[cast.alice_user.pk, cast.bob_user.pk]
    )
    assert fixed.rows(cast.bob_user.pk) == [mine]
    assert fixed.rows(cast.charlie_user.pk) == []


def test_a_fixed_query_of_values_and_lists(cast: Cast) -> None:
    fixed = Fixed(
        lambda name, pk: User.objects.filter(username=name).exclude(pk=pk).values_list("pk", "username"), ["\0", -1]
    )
    assert fixed.rows("alice", 0) == [(cast.alice_user.pk, "alice")]
    assert fixed.rows("alice", cast.alice_user.pk) == []
    with pytest.raises(ValueError, match="stand-ins"):
        Fixed(lambda _pk: User.objects.all(), [-1]).rows(1)


def test_references_that_lead_nowhere_are_known_before_they_are_asked_for(make: Make) -> None:
    customer, other = make("customers.customer"), make("customers.customer")
    make("customers.contact", customer=customer)
    key = "customers.customer"
    with remembering():
        assert leads(key, customer.pk, "customers.contact", "customer")
        assert not leads(key, other.pk, "customers.contact", "customer")
        assert not leads(key, customer.pk, key, "parent")
        assert leads(key, other.pk, "nobody.knows", "customer")
    assert leads(key, other.pk, "customers.contact", "customer")


def test_a_search_asks_for_the_sorts_that_have_a_hit(cast: Cast, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = make("customers.customer", name="海潮仪器有限公司", owner=cast.alice_user)
    contact = make("customers.contact", name="海潮", customer=customer)
    monkeypatch.delitem(probe._told, "documents", raising=False)
    search(cast.alice, "海潮")  # what is known of a table's rows is asked once in a while
    with CaptureQueriesContext(connection) as seen:
        found = search(cast.alice, "海潮")
    assert {(one.entity, one.record_id) for one in found} == {
        ("customers.customer", customer.pk),
        ("customers.contact", contact.pk),
    }
    assert len(seen.captured_queries) <= 10
    with CaptureQueriesContext(connection) as seen:
        assert search(cast.alice, "无此名字") == []
    assert len(seen.captured_queries) <= 2
    assert search(cast.charlie, "海潮") == []


def test_levels_follow_the_fields_as_they_are_now(cast: Cast) -> None:
    customer = entity_of("customers.customer")
    assert "custom.salary" not in shape.readable(cast.alice, customer)
    CustomField.objects.create(entity="customers.customer", key="salary", kind="text", personal="identity")
    bump("fields")
    assert shape.readable(cast.alice, customer)["custom.salary"].custom
    assert field_level(cast.alice, customer, "custom.salary") == "masked"
    assert "custom.salary" not in shape.writable(cast.alice, customer)
    held = shape.readable(cast.alice, customer)
    held.clear()
    assert shape.readable(cast.alice, customer)


def test_a_query_of_a_shape_follows_the_rights_of_who_asks(cast: Cast, make: Make) -> None:
    customer = make("customers.customer", owner=cast.alice_user)
    for _each in range(3):
        assert records.get(cast.alice, "customers.customer", customer.pk) == customer
        with pytest.raises(NotFound):
            records.get(cast.charlie, "customers.customer", customer.pk)
    share_set(cast.root, customer, cast.charlie_user)
    assert records.get(cast.actor(cast.charlie_user), "customers.customer", customer.pk) == customer


def test_the_first_page_of_a_list_is_the_same_however_often_it_is_asked(cast: Cast, make: Make) -> None:
    mine = [make("customers.customer", owner=cast.alice_user, level="a") for _each in range(3)]
    make("customers.customer", owner=cast.charlie_user, level="a")
    tree = {"field": "level", "op": "eq", "value": "a"}
    for filter_, number in ((None, 3), (tree, 3), ({"all": [tree]}, 3), (tree | {"value": "b"}, 0)):
        for _each in range(2):
            page = records.select(cast.alice, "customers.customer", filter=filter_, limit=2)
            assert (len(page.items), page.count, bool(page.next)) == (min(number, 2), number, number > 2)
    contact = make("customers.contact", customer=mine[0])
    for customer, expected in ((mine[0], [contact]), (mine[1], [])):
        page = records.select(cast.alice, "customers.contact", of=("customer", customer.pk))
        assert page.items == expected


@pytest.mark.parametrize("tree", [{"field": []}, {"all": [{"field": "level", "op": []}]}, {"all": 3}])
def test_a_filter_that_is_none_stays_invalid(cast: Cast, tree: Any) -> None:
    with pytest.raises(Invalid):
        records.select(cast.alice, "customers.customer", filter=tree)


def test_a_statement_is_prepared_once_and_told_with_its_values(cast: Cast) -> None:
    fixed = Fixed(lambda name: User.objects.filter(username=name).values_list("pk"), ["\0"])
    with CaptureQueriesContext(connection) as seen:
        assert fixed.rows("alice") == fixed.rows("alice") == [(cast.alice_user.pk,)]
    assert len(seen.captured_queries) == 2
    assert all("'alice'" in one["sql"] for one in seen.captured_queries)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%core_user%%username%%'")
        assert cursor.fetchone() == (1,)


def test_a_filter_that_speaks_of_days_is_kept_for_the_day_and_the_person(cast: Cast, make: Make) -> None:
    entity = entity_of("customers.customer")
    tree = {
        "all": [{"field": "owner", "op": "eq", "value": "@me"}, {"field": "created_at", "op": "eq", "value": "@today"}]
    }
    mine = make("customers.customer", owner=cast.alice_user)
    assert steady.key_of(cast.alice, entity, tree) == steady.key_of(cast.alice, entity, tree)
    assert steady.key_of(cast.alice, entity, tree) != steady.key_of(cast.charlie, entity, tree)
    assert steady.key_of(cast.alice, entity, {"field": "created_at", "op": "lt", "value": "@now-1h"}) is None
    assert steady.key_of(cast.alice, entity, {"field": "name", "op": "contains", "value": "x"}) is None
    for _again in range(2):
        assert records.select(cast.alice, entity, filter=tree).items == [mine]
        assert records.select(cast.charlie, entity, filter=tree).items == []
    with clock.moved_to(clock.now() + dt.timedelta(days=1)):
        assert records.select(cast.alice, entity, filter=tree).items == []


def test_kept_figures_are_those_of_the_rows(cast: Cast, make: Make) -> None:
    entity = entity_of("customers.customer")
    key = steady.key_of(cast.alice, entity, None)

    def asked() -> tuple[QuerySet[Any], dict[str, Any]]:
        rows = records.queryset(cast.alice, entity)
        return rows, {"rows_n": Count("*"), "people": Sum("employees", filter=Q(level="a"))}

    for employees in (3, 4):
        make("customers.customer", owner=cast.alice_user, level="a", employees=employees)
        make("customers.customer", owner=cast.charlie_user, level="a", employees=100)
        kept = steady.figures(cast.alice, key, ("rows_n", "people"), asked)
        rows, figures = asked()
        assert kept == rows.aggregate(**figures)
    assert kept == {"rows_n": 2, "people": 7}


def test_who_asks_for_the_records_of_owners_in_his_reach_is_limited_by_nothing_else(cast: Cast, make: Make) -> None:
    entity = entity_of("customers.customer")
    mine, others = (
        make("customers.customer", owner=cast.alice_user),
        make("customers.customer", owner=cast.charlie_user),
    )

    def asked(*values: Any) -> tuple[list[Any], str]:
        node = {"field": "owner", "op": "in", "value": list(values)}
        rows = records.queryset(cast.alice, entity, filter={"all": [node]})
        return list(rows), str(rows.query)

    found, sql = asked("@me")
    assert (found, sql.count('"owner_id" = ')) == ([mine], 1)
    for values in (("@me", cast.charlie_user.pk), (cast.charlie_user.pk,)):
        found, sql = asked(*values)
        assert others not in found
        assert sql.count('"owner_id" = ') == 2


def test_an_instance_of_a_fixed_query_is_as_django_makes_it(cast: Cast, make: Make) -> None:
    note = make("customers.customer", owner=cast.alice_user)
    (found,) = Fixed(lambda pk: type(note).objects.filter(pk=pk).defer("updated_at"), [-1]).rows(note.pk)
    plain = type(note).objects.defer("updated_at").get(pk=note.pk)
    held, wanted = dict(vars(found)), dict(vars(plain))
    state, other = held.pop("_state"), wanted.pop("_state")
    assert (held, state.adding, state.db) == (wanted, other.adding, other.db)
    assert found.get_deferred_fields() == {"updated_at"}
    assert (found.updated_at, found.owner.pk) == (note.updated_at, cast.alice_user.pk)
    found.save()
