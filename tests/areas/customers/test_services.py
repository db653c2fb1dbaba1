"""Relations, moving people, deleting customers, merging: what they do and what their undo brings back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guanxi.areas.customers import services
from guanxi.areas.customers.models import Affiliation, Contact, Customer, CustomerLink
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
TODAY = dt.date(2024, 5, 20)
NOON = dt.datetime(2024, 5, 20, 4, 0, tzinfo=dt.UTC)


def test_link_is_noted_once_from_either_side(cast: Cast, make: Any) -> None:
    maker, trader = make("customers.customer", name="格力"), make("customers.customer", name="苏宁")
    link = services.link_add(cast.alice, maker, other=trader.pk, relation="buyer", note="华南总代理")
    assert (link.customer_id, link.other_id, link.relation, link.note) == (maker.pk, trader.pk, "buyer", "华南总代理")
    assert link.carrier_owner_id == cast.alice_user.pk
    for one, other, relation in ((maker, trader, "buyer"), (trader, maker, "supplier")):
        with pytest.raises(Invalid) as error:
            services.link_add(cast.alice, one, other=other, relation=relation)
        assert error.value.code == "link.taken"
    services.link_add(cast.alice, trader, other=maker, relation="partner")
    assert CustomerLink.objects.count() == 2


def test_link_needs_the_right_to_change_and_to_see_the_other(cast: Cast, make: Any) -> None:
    mine, foreign = make("customers.customer"), make("customers.customer", by=cast.charlie_user)
    with pytest.raises(Denied):
        services.link_add(cast.bob, mine, other=mine, relation="partner")
    with pytest.raises(Invalid) as error:
        services.link_add(cast.alice, mine, other=foreign, relation="partner")
    assert [one.code for one in error.value.errors["other"]] == ["reference.unknown"]
    with pytest.raises(Invalid) as error:
        services.link_add(cast.alice, mine, other=mine, relation="partner")
    assert error.value.code == "other.self"
    assert not CustomerLink.objects.exists()


def test_link_changes_and_comes_back(cast: Cast, make: Any) -> None:
    link = make("customers.customerlink")
    changed = services.link_change(cast.alice, link, relation="competitor")
    assert changed.relation == "competitor"
    step = services.link_remove(cast.alice, changed)
    assert not CustomerLink.objects.exists()
    records.undo(cast.alice, step.pk)
    assert CustomerLink.objects.get().relation == "competitor"


def test_moving_keeps_the_place_he_leaves(cast: Cast, make: Any) -> None:
    old, new = make("customers.customer", name="华为"), make("customers.customer", name="荣耀")
    boss = make("customers.contact", name="任总", customer=old)
    person = make(
        "customers.contact",
        name="余工",
        customer=old,
        position="产品经理",
        department="终端部",
        decision_role="influences",
        attitude="friendly",
        reports_to=boss,
        since="2020-01-01",
    )
    with clock.moved_to(NOON):
        moved = services.contact_move(cast.alice, person, customer=new.pk, position="总监")
    assert (moved.customer_id, moved.position, moved.department, moved.decision_role, moved.attitude) == (
        new.pk, "总监", "", "", "",
    )  # fmt: skip
    assert (moved.reports_to_id, moved.since) == (None, TODAY)
    place = Affiliation.objects.get()
    assert (place.customer_id, place.position, place.department, place.decision_role, place.attitude) == (
        old.pk, "产品经理", "终端部", "influences", "friendly",
    )  # fmt: skip
    assert (place.reports_to_id, place.since, place.until) == (boss.pk, dt.date(2020, 1, 1), TODAY)


def test_moving_is_one_operation_that_can_be_undone(cast: Cast, make: Any) -> None:
    old, new = make("customers.customer"), make("customers.customer")
    person = make("customers.contact", customer=old, position="采购经理")
    moved = services.contact_move(cast.alice, person, customer=new)
    result = records.undo(cast.alice, moved.operation_id)
    assert result.skipped == []
    back = Contact.objects.get(pk=person.pk)
    assert (back.customer_id, back.position) == (old.pk, "采购经理")
    assert not Affiliation.objects.exists()


def test_moving_to_where_he_is_and_leaving(cast: Cast, make: Any) -> None:
    company = make("customers.customer")
    person = make("customers.contact", customer=company)
    with pytest.raises(Invalid) as error:
        services.contact_move(cast.alice, person, customer=company.pk)
    assert error.value.code == "contact.same_place"
    with pytest.raises(NotFound):
        services.contact_move(cast.charlie, person, customer=None)
    assert Contact.objects.get(pk=person.pk).customer_id == company.pk
    left = services.contact_move(cast.alice, person, customer=None, on="2024-03-01")
    assert left.customer_id is None
    assert Affiliation.objects.get().until == dt.date(2024, 3, 1)


def test_deleting_a_customer_keeps_those_who_work_elsewhere(cast: Cast, make: Any) -> None:
    gone, other = make("customers.customer", name="要删的"), make("customers.customer", name="另一家")
    both = make("customers.contact", name="两头跑", customer=gone, position="董事")
    only = make("customers.contact", name="只在这", customer=gone)
    make("customers.affiliation", contact=both, customer=other, position="顾问")
    step = records.delete(cast.alice, gone)
    assert list(Customer.objects.values_list("name", flat=True)) == ["另一家"]
    kept = Contact.objects.get()
    assert (kept.pk, kept.customer_id, kept.position) == (both.pk, other.pk, "顾问")
    result = records.undo(cast.alice, step.pk)
    assert result.skipped == []
    assert Contact.objects.get(pk=only.pk).customer_id == gone.pk
    again = Contact.objects.get(pk=both.pk)
    assert (again.customer_id, again.position) == (gone.pk, "董事")


def test_stranger_cannot_delete(cast: Cast, make: Any) -> None:
    customer = make("customers.customer")
    with pytest.raises(NotFound):
        records.delete(cast.charlie, customer)
    with pytest.raises(Denied):
        records.delete(cast.bob, customer)
    assert Customer.objects.count() == 1


def test_merge_unites_and_its_undo_restores_children(cast: Cast, make: Any) -> None:
    keep = make("customers.customer", name="小米科技", phones=["13800138000"])
    other = make("customers.customer", name="小米科技有限责任公司", phones=["13900139000"], industry="C39")
    below = make("customers.customer", name="小米汽车", parent=other)
    person = make("customers.contact", name="雷军", customer=other)
    link = make("customers.customerlink", customer=other, relation="partner")
    step = records.merge(cast.alice, "customers.customer", keep.pk, [other.pk])
    merged = Customer.objects.get(pk=keep.pk)
    assert [one["value"] for one in merged.phones] == ["+8613800138000", "+8613900139000"]
    assert merged.industry == "C39"
    assert Customer.objects.get(pk=below.pk).path == f"/{keep.pk}/"
    assert Contact.objects.get(pk=person.pk).customer_id == keep.pk
    assert CustomerLink.objects.get(pk=link.pk).customer_id == keep.pk
    assert not Customer.objects.filter(pk=other.pk).exists()
    assert records.undo(cast.alice, step.pk).skipped == []
    back = Customer.objects.get(pk=other.pk)
    assert [one["value"] for one in back.phones] == ["+8613900139000"]
    assert Contact.objects.get(pk=person.pk).customer_id == other.pk
    assert Customer.objects.get(pk=below.pk).path == f"/{other.pk}/"
    assert [one["value"] for one in Customer.objects.get(pk=keep.pk).phones] == ["+8613800138000"]
