"""What is read beyond lists, with exact figures and under rights."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.customers import mapping, panels, selectors
from guanxi.areas.customers.relations import REVERSE, reverse
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.records import dictionaries
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2024, 5, 20, 4, 0, tzinfo=dt.UTC)


@pytest.fixture
def group(make: Any) -> dict[str, Any]:
    top = make("customers.customer", name="招商局集团", revenue="100")
    left = make("customers.customer", name="招商蛇口", parent=top, revenue="20")
    right = make("customers.customer", name="招商香港", parent=top, revenue="7", revenue_currency="HKD")
    low = make("customers.customer", name="招商物业", parent=left, revenue="3")
    for customer, people in ((top, 1), (left, 2), (low, 3)):
        for _number in range(people):
            make("customers.contact", customer=customer)
    return {"top": top, "left": left, "right": right, "low": low}


def test_tree_rolls_up(cast: Cast, group: dict[str, Any]) -> None:
    root = selectors.tree(cast.alice, group["low"])
    assert root.customer.pk == group["top"].pk
    assert (root.contacts, root.all_contacts, root.all_customers) == (1, 6, 4)
    assert root.all_revenue == {"CNY": Decimal("123.00"), "HKD": Decimal("7.00")}
    assert [child.customer.name for child in root.children] == ["招商蛇口", "招商香港"]
    left = root.children[0]
    assert (left.contacts, left.all_contacts, left.all_revenue) == (2, 5, {"CNY": Decimal("23.00")})


def test_tree_leaves_out_what_may_not_be_seen(cast: Cast, group: dict[str, Any], make: Any) -> None:
    hidden = make("customers.customer", name="暗处", parent=group["left"], by=cast.charlie_user, revenue="1000")
    below = make("customers.customer", name="明处", parent=hidden, revenue="5")
    root = selectors.tree(cast.alice, below)
    assert root.all_customers == 5
    assert root.all_revenue["CNY"] == Decimal("128.00")
    names = [child.customer.name for child in root.children[0].children]
    assert sorted(names) == ["招商物业", "明处"]
    stranger = selectors.tree(cast.charlie, hidden)
    assert (stranger.customer.name, stranger.all_customers) == ("暗处", 1)


def test_tree_hides_hidden_revenue(cast: Cast, group: dict[str, Any]) -> None:
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="revenue", level="hidden")
    bump("rights")
    root = selectors.tree(cast.actor(cast.alice_user), group["top"])
    assert root.all_revenue == {}
    assert root.all_contacts == 6


def test_tree_asks_twice(cast: Cast, group: dict[str, Any], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        selectors.tree(cast.alice, group["top"])


def test_people_have_main_and_further_places_once(cast: Cast, make: Any) -> None:
    company, other = make("customers.customer", name="甲"), make("customers.customer", name="乙")
    key = make("customers.contact", name="张总", customer=company, is_key=True, decision_role="decides")
    clerk = make("customers.contact", name="安员工", customer=company)
    guest = make("customers.contact", name="李顾问", customer=other)
    make("customers.affiliation", contact=guest, customer=company, position="顾问")
    make("customers.affiliation", contact=key, customer=company, position="重复")
    left = make("customers.contact", name="王前任", customer=other)
    make("customers.affiliation", contact=left, customer=company, position="原采购", until="2020-01-01")
    places = selectors.people_at(cast.alice, [company.pk])
    assert [(one.contact.name, one.main) for one in places] == [
        ("张总", True),
        ("安员工", True),
        ("李顾问", False),
        ("王前任", False),
    ]
    assert clerk.pk == places[1].contact.pk
    assert places[0].decision_role is not None
    assert places[0].decision_role.key == "decides"
    assert [one.current(dt.date(2024, 1, 1)) for one in places] == [True, True, True, False]
    assert selectors.people_at(cast.charlie, [company.pk]) == []


def test_affiliation_does_not_show_a_hidden_person(cast: Cast, make: Any) -> None:
    mine, foreign = make("customers.customer"), make("customers.customer", by=cast.charlie_user)
    secret = make("customers.contact", name="秘密", customer=foreign, by=cast.charlie_user)
    make("customers.affiliation", contact=secret, customer=mine, by=cast.charlie_user)
    assert selectors.people_at(cast.alice, [mine.pk]) == []
    assert mapping.relationship_graph(cast.alice, mine).as_data()["nodes"] == [
        node for node in mapping.relationship_graph(cast.alice, mine).as_data()["nodes"] if node["center"]
    ]


def test_relations_are_named_from_each_side(cast: Cast, make: Any) -> None:
    maker, trader = make("customers.customer", name="格力"), make("customers.customer", name="苏宁")
    make("customers.customerlink", customer=maker, other=trader, relation="buyer")
    make("customers.customerlink", customer=trader, other=maker, relation="partner")
    assert [
        (one.other.name, one.relation, one.label, one.outgoing) for one in selectors.relations_of(cast.alice, maker)
    ] == [
        ("苏宁", "buyer", "采购方", True),
        ("苏宁", "partner", "合作伙伴", False),
    ]
    assert [(one.relation, one.outgoing) for one in selectors.relations_of(cast.alice, trader)] == [
        ("partner", True),
        ("supplier", False),
    ]


def test_relations_to_a_hidden_customer_do_not_exist(cast: Cast, make: Any) -> None:
    mine = make("customers.customer")
    foreign = make("customers.customer", by=cast.charlie_user)
    make("customers.customerlink", customer=mine, other=foreign, relation="competitor")
    assert selectors.relations_of(cast.alice, mine) == []
    graph = mapping.relationship_graph(cast.alice, mine)
    assert (list(graph.nodes), list(graph.edges)) == ([f"c{mine.pk}"], [])


def test_every_reverse_is_a_value_and_returns(base_data: None) -> None:
    known = {choice.key for choice in dictionaries.values("customer_relation")}
    assert set(REVERSE) <= known
    assert all(reverse(reverse(relation)) == relation for relation in known)


def test_map_draws_companies_people_and_lines(cast: Cast, make: Any, django_assert_max_num_queries: Any) -> None:
    top = make("customers.customer", name="集团")
    company = make("customers.customer", name="本公司", short_name="本", parent=top)
    partner = make("customers.customer", name="伙伴")
    link = make("customers.customerlink", customer=company, other=partner, relation="partner")
    boss = make("customers.contact", name="老板", customer=company, position="总经理", attitude="champion")
    clerk = make("customers.contact", name="员工", customer=company, reports_to=boss)
    place = make("customers.affiliation", contact=boss, customer=partner, position="董事")
    with django_assert_max_num_queries(9):
        graph = mapping.relationship_graph(cast.alice, company)
    assert {node.id: node.label for node in graph.nodes.values()} == {
        f"c{company.pk}": "本",
        f"c{top.pk}": "集团",
        f"c{partner.pk}": "伙伴",
        f"p{boss.pk}": "老板",
        f"p{clerk.pk}": "员工",
    }
    assert graph.nodes[f"c{company.pk}"].center
    assert graph.nodes[f"p{boss.pk}"].attitude == "champion"
    assert {(edge.kind, edge.source, edge.target, edge.record_id) for edge in graph.edges.values()} == {
        ("parent", f"c{top.pk}", f"c{company.pk}", 0),
        ("link", f"c{company.pk}", f"c{partner.pk}", link.pk),
        ("works", f"p{boss.pk}", f"c{company.pk}", 0),
        ("works", f"p{boss.pk}", f"c{partner.pk}", place.pk),
        ("works", f"p{clerk.pk}", f"c{company.pk}", 0),
        ("reports", f"p{clerk.pk}", f"p{boss.pk}", 0),
    }
    assert all(node.editable for node in graph.nodes.values())
    assert not any(node.editable for node in mapping.relationship_graph(cast.bob, company).nodes.values())


def test_duplicates_of_others_are_masked(cast: Cast, make: Any) -> None:
    mine = make("customers.customer", name="深圳市华为技术有限公司", phones=["13800138000"])
    make("customers.customer", name="华为技术(深圳)", phones=["13800138000"], by=cast.charlie_user)
    own = make("customers.customer", name="华为技术股份有限公司")
    found = panels.duplicates(cast.alice, mine)
    assert [(hit.title, hit.visible, hit.owner) for hit in found["hits"]] == [
        ("华****", False, "查理"),
        ("华为技术股份有限公司", True, "林爱丽"),
    ]
    assert found["mergeable"] == [mine.pk, own.pk]
    assert panels.duplicates(cast.bob, mine)["mergeable"] == []


@pytest.mark.parametrize(
    ("born", "calendar", "on", "age", "written"),
    [
        (dt.date(1990, 5, 25), "solar", dt.date(2024, 5, 25), 34, ""),
        (dt.date(1985, 6, 2), "lunar", dt.date(2024, 5, 21), 39, "四月十四"),
    ],
)
def test_birthdays_to_come(
    cast: Cast, make: Any, born: dt.date, calendar: str, on: dt.date, age: int, written: str
) -> None:
    person = make("customers.contact", name="寿星", birthday=born, birthday_calendar=calendar)
    make("customers.contact", name="别的日子", birthday="1990-09-01")
    with clock.moved_to(NOON):
        found = selectors.upcoming_birthdays(cast.alice, days=14)
        assert [(one.record.pk, one.on, one.age, one.lunar_date) for one in found] == [(person.pk, on, age, written)]
        assert selectors.upcoming_birthdays(cast.charlie, days=14) == []
        assert panels.birthdays(cast.charlie) is None


def test_born_on_leap_day_is_not_forgotten(cast: Cast, make: Any) -> None:
    make("customers.customer", name="闰年", kind="person", birthday="1992-02-29")
    with clock.moved_to(dt.datetime(2023, 2, 27, 4, tzinfo=dt.UTC)):
        assert [one.on for one in selectors.upcoming_birthdays(cast.alice, days=3)] == [dt.date(2023, 2, 28)]
    with clock.moved_to(dt.datetime(2024, 2, 28, 4, tzinfo=dt.UTC)):
        assert [one.on for one in selectors.upcoming_birthdays(cast.alice, days=3)] == [dt.date(2024, 2, 29)]


def test_places_of_a_contact_latest_first(cast: Cast, make: Any) -> None:
    now, past = make("customers.customer", name="现在"), make("customers.customer", name="过去")
    board = make("customers.customer", name="兼职")
    person = make("customers.contact", customer=now)
    make("customers.affiliation", contact=person, customer=past, until="2019-06-30")
    make("customers.affiliation", contact=person, customer=board)
    assert [(place.main, customer.name) for place, customer in selectors.places_of(cast.alice, person)] == [
        (True, "现在"),
        (False, "兼职"),
        (False, "过去"),
    ]


def test_a_companys_no_to_marketing_stands_on_the_pages_of_its_people(cast: Cast, make: Any) -> None:
    company = make("customers.customer", name="不要广告公司", owner=cast.alice_user)
    person = make("customers.contact", name="王一", customer=company, owner=cast.alice_user)
    client = browser(cast.alice_user)
    pages = (f"/customers/{company.pk}/", f"/contacts/{person.pk}/")
    assert not any("No marketing" in client.get(page).content.decode() for page in pages)
    records.create(cast.root, "customers.consent", {"customer": company.pk, "state": "withdrawn"})
    assert all("No marketing" in client.get(page).content.decode() for page in pages)
    records.create(cast.root, "customers.consent", {"contact": person.pk, "state": "given"})
    assert ["No marketing" in client.get(page).content.decode() for page in pages] == [True, False]
