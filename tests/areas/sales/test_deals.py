"""Opportunities: stages and their gate, what follows from a stage, bad input, states kept by the database."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.sales import selectors, services
from guanxi.areas.sales.models import Opportunity, OpportunityState, Stage
from guanxi.core import records
from guanxi.core.access import allowed, explain, visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Conflict, Invalid, RuleBroken
from guanxi.core.models import Operation, Role
from guanxi.core.records import process
from guanxi.core.web.record import related
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2024, 5, 20, 4, 0, tzinfo=dt.UTC)
Stages = dict[str, Stage]


def _deal(make: Any, **values: Any) -> Opportunity:
    deal: Opportunity = make("sales.opportunity", **{"amount": None, **values})
    return deal


def test_a_new_deal_begins_in_the_first_stage_of_the_usual_pipeline(cast: Cast, make: Any, stages: Stages) -> None:
    customer = make("customers.customer")
    deal = records.create(cast.alice, "sales.opportunity", {"name": "一期", "customer": customer.pk, "amount": "1000"})
    assert (deal.stage_id, deal.pipeline_id) == (stages["contact"].pk, stages["contact"].pipeline_id)
    assert (deal.probability, deal.value, deal.weighted, deal.category) == (10, 1000, Decimal("100.00"), "open")
    assert deal.number.startswith("OP")


def test_how_long_a_deal_may_stand_is_counted_from_the_day_of_the_workspace(
    cast: Cast, make: Any, stages: Stages
) -> None:
    with clock.moved_to(dt.datetime(2024, 5, 19, 23, 30, tzinfo=dt.UTC)):  # the morning of the 20th in Shanghai
        given = {"name": "早", "customer": make("customers.customer").pk}
        deal = records.create(cast.alice, "sales.opportunity", given)
    days = stages["contact"].expected_days or 0
    assert (days > 0, deal.stale_on) == (True, dt.date(2024, 5, 20) + dt.timedelta(days=days))


def test_the_gate_asks_for_what_stages_before_ask_too(cast: Cast, make: Any, stages: Stages) -> None:
    deal = _deal(make)
    with pytest.raises(Invalid) as error:
        records.update(cast.alice, deal, {"stage": stages["proposal"].pk})
    assert set(error.value.errors) == {"amount", "close_on", "contact"}
    assert {one[0].code for one in error.value.errors.values()} == {"process.required"}
    person = make("customers.contact", customer=deal.customer)
    given = {"amount": "50000", "close_on": "2030-01-31", "contact": person.pk}
    moved = records.update(cast.alice, deal, {"stage": stages["proposal"].pk, **given})
    assert (moved.stage_id, moved.probability, moved.forecast) == (stages["proposal"].pk, 50, "best_case")
    assert moved.weighted == 25000


def test_a_checklist_must_be_ticked_before_leaving_forwards(cast: Cast, make: Any, stages: Stages) -> None:
    person = make("customers.contact", customer=make("customers.customer"))
    deal = _deal(make, customer=person.customer, contact=person, amount=10, close_on=dt.date(2030, 1, 1))
    deal = records.update(cast.alice, deal, {"stage": stages["needs"].pk})
    with pytest.raises(Invalid) as error:
        records.update(cast.alice, deal, {"stage": stages["proposal"].pk})
    assert error.value.errors["stage"][0].code == "process.checklist"
    assert selectors.checklist(deal) == [("确认决策人", False), ("确认预算", False)]
    records.update(cast.alice, deal, {"stage": stages["contact"].pk})
    deal = records.update(cast.alice, Opportunity.objects.get(pk=deal.pk), {"stage": stages["needs"].pk})
    with records.writing(cast.alice):
        found = process.process_of("sales.opportunity", "stage", deal)
        assert found is not None
        process.tick(cast.alice, deal, found, str(stages["needs"].pk), ["确认决策人", "确认预算"])
    moved = records.update(cast.alice, deal, {"stage": stages["proposal"].pk})
    assert moved.stage_id == stages["proposal"].pk


def test_winning_and_losing(cast: Cast, make: Any, stages: Stages) -> None:
    person = make("customers.contact", customer=make("customers.customer"))
    values = {"customer": person.customer, "contact": person, "amount": 800, "close_on": dt.date(2030, 1, 1)}
    won, lost = _deal(make, **values), _deal(make, **values)
    with clock.moved_to(NOON):
        won = records.update(cast.alice, won, {"stage": stages["won"].pk})
    assert (won.category, won.probability, won.closed_at, won.weighted) == ("won", 100, NOON, 800)
    with pytest.raises(Invalid) as error:
        records.update(cast.alice, lost, {"stage": stages["lost"].pk})
    assert list(error.value.errors) == ["close_reason"]
    lost = records.update(cast.alice, lost, {"stage": stages["lost"].pk, "close_reason": "price"})
    assert (lost.category, lost.probability, lost.weighted) == ("lost", 0, 0)
    again = services.deal_reopen(cast.alice, lost)
    assert (again.category, again.stage_id, again.closed_at, again.close_reason) == (
        "open", stages["contact"].pk, None, "",
    )  # fmt: skip
    with pytest.raises(RuleBroken):
        services.deal_reopen(cast.alice, again)


def test_routes_and_roles_limit_moves(cast: Cast, make: Any, stages: Stages) -> None:
    person = make("customers.contact", customer=make("customers.customer"))
    deal = _deal(make, customer=person.customer, contact=person, amount=1, close_on=dt.date(2030, 1, 1))
    make("sales.stageroute", stage=stages["contact"], to=stages["needs"])
    with pytest.raises(RuleBroken) as error:
        records.update(cast.alice, deal, {"stage": stages["proposal"].pk})
    assert error.value.code == "process.move"
    director = Role.objects.get(key="director")
    records.update(cast.root, Stage.objects.get(pk=stages["needs"].pk), {"role": director.pk})
    with pytest.raises(RuleBroken) as refused:
        records.update(cast.alice, deal, {"stage": stages["needs"].pk})
    assert refused.value.code == "process.who"
    cast.alice_user.roles.add(director)
    records.update(cast.root, cast.alice_user, {"name": "林爱丽"})
    assert records.update(cast.root, deal, {"stage": stages["needs"].pk}).stage_id == stages["needs"].pk


def test_a_next_step_may_be_required(cast: Cast, make: Any, stages: Stages) -> None:
    deal = _deal(make, amount=1, close_on=dt.date(2030, 1, 1))
    records.update(cast.root, stages["needs"].pipeline, {"next_step_required": True})
    with pytest.raises(Invalid) as error:
        records.update(cast.alice, deal, {"stage": stages["needs"].pk})
    assert list(error.value.errors) == ["next_step"]


def test_two_people_moving_one_card(cast: Cast, make: Any, stages: Stages) -> None:
    deal = _deal(make, amount=1, close_on=dt.date(2030, 1, 1))
    version = deal.version
    records.update(cast.alice, deal, {"stage": stages["needs"].pk}, version=version)
    with pytest.raises(Conflict) as error:
        records.update(
            cast.root, deal, {"stage": stages["lost"].pk, "close_reason": "price"}, version=version,
            original={"stage": stages["contact"].pk, "close_reason": ""},
        )  # fmt: skip
    assert [one.field for one in error.value.clashes] == ["stage"]
    assert Opportunity.objects.get(pk=deal.pk).stage_id == stages["needs"].pk


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"amount": "-1"}, "amount"),
        ({"amount": "9999999999999"}, "amount"),
        ({"rate": "0"}, "rate"),
        ({"probability": "101"}, "probability"),
        ({"close_on": "1890-01-01"}, "close_on"),
        ({"next_step_on": "2190-01-01"}, "next_step_on"),
        ({"stage": "999999"}, "stage"),
        ({"currency": "XXX"}, "currency"),
    ],
)
def test_bad_values_are_refused_at_the_field(cast: Cast, make: Any, values: dict[str, str], field: str) -> None:
    customer = make("customers.customer")
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "sales.opportunity", {"name": "坏", "customer": customer.pk, **values})
    assert list(error.value.errors) == [field]
    assert not Opportunity.objects.filter(name="坏").exists()


def test_a_stage_of_another_pipeline_is_refused(cast: Cast, make: Any, stages: Stages) -> None:
    other = make("sales.stage", name="询盘")
    deal = _deal(make, stage=other, pipeline=other.pipeline)
    assert deal.pipeline_id == other.pipeline_id
    with pytest.raises((Invalid, RuleBroken)):
        records.update(cast.alice, deal, {"stage": stages["needs"].pk, "pipeline": other.pipeline_id})
    moved = records.update(cast.alice, deal, {"pipeline": stages["needs"].pipeline_id})
    assert moved.stage_id == stages["contact"].pk


def test_money_in_other_currencies_counts_at_its_rate(cast: Cast, make: Any) -> None:
    deal = _deal(make, amount="1000.10", currency="USD", rate="7.1234", probability=50)
    assert (deal.value, deal.weighted) == (Decimal("7124.11"), Decimal("3562.06"))


def test_a_currency_without_a_rate_is_refused_at_the_field(cast: Cast, make: Any) -> None:
    customer = make("customers.customer")
    given = {"name": "外币", "customer": customer.pk, "amount": "100", "currency": "EUR"}
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "sales.opportunity", given)
    assert (list(error.value.errors), error.value.errors["currency"][0].code) == (["currency"], "rate.missing")
    records.create(
        cast.root, "core.exchangerate", {"currency": "EUR", "day": dt.date(2024, 1, 1), "rate": Decimal("7.8")}
    )
    deal = records.create(cast.alice, "sales.opportunity", given)
    assert (deal.rate, deal.value) == (Decimal("7.8"), 780)
    back = records.update(cast.alice, deal, {"currency": "CNY"})
    assert (back.rate, back.value) == (1, 100)


def test_states_are_kept_whatever_writes(cast: Cast, make: Any, stages: Stages) -> None:
    with clock.moved_to(NOON):
        deal = _deal(make, amount=5, close_on=dt.date(2030, 1, 1))
    with clock.moved_to(NOON + dt.timedelta(days=3)):
        moved = records.update(cast.alice, deal, {"stage": stages["needs"].pk})
    with clock.moved_to(NOON + dt.timedelta(days=4)):
        records.update(cast.alice, moved, {"description": "无关"})
    rows = OpportunityState.objects.filter(opportunity=deal).order_by("pk").values_list("at", "stage__key", "alive")
    assert list(rows) == [(NOON, "contact", True), (NOON + dt.timedelta(days=3), "needs", True)]
    with clock.moved_to(NOON + dt.timedelta(days=5)):
        records.undo(cast.alice, moved.operation_id)
    assert [row.stage.key for row in OpportunityState.objects.filter(opportunity=deal).order_by("pk")] == [
        "contact", "needs", "contact",
    ]  # fmt: skip
    with clock.moved_to(NOON + dt.timedelta(days=5)):
        visit = selectors.visits(Opportunity.objects.get(pk=deal.pk))[-1]
        assert (visit.stage, visit.days, visit.late) == ("初步接洽", 3, False)
    records.delete(cast.alice, deal)
    assert OpportunityState.objects.filter(opportunity=deal).order_by("-pk").values_list("alive", flat=True)[0] is False


def test_a_used_stage_stays(cast: Cast, make: Any, stages: Stages) -> None:
    _deal(make)
    with pytest.raises(RuleBroken) as error:
        records.delete(cast.root, stages["contact"])
    assert error.value.code == "stage.used"
    assert isinstance(records.delete(cast.root, stages["negotiation"]), Operation)


def test_boards_stand_on_stages(cast: Cast, make: Any, stages: Stages) -> None:
    first = _deal(make, name="看板一", amount=3000, close_on=dt.date(2030, 1, 1))
    _deal(make, name="看板二", amount=20000)
    client = browser(cast.alice_user)
    page = client.get("/opportunities/board/").content.decode()
    assert "First contact" in page
    assert "Negotiation" in page
    totals = client.get(f"/opportunities/board/totals/?board=stage&in={stages['won'].pipeline_id}").json()
    assert totals[str(stages["contact"].pk)] == {"count": "2", "sum": "23K", "weighted": "2.3K"}
    body = {"to": stages["needs"].pk, "version": first.version}
    moved = client.post(f"/opportunities/{first.pk}/move/?board=stage", body)
    assert (moved.status_code, moved.headers.get("X-Gate")) == (204, None)
    asked = client.post(f"/opportunities/{first.pk}/move/?board=stage", {"to": stages["lost"].pk})
    url = f"/opportunities/{first.pk}/gate/stage/{stages['lost'].pk}/"
    assert asked.headers["X-Gate"] == url
    assert "close_reason" in client.get(url).content.decode()
    refused = client.post(url, {"close_reason": ""})
    assert refused.status_code == 422
    lost = client.post(url, {"close_reason": "price", "close_note": "贵"}, headers={"HX-Request": "true"})
    assert lost.status_code == 204
    first.refresh_from_db()
    assert (first.category, first.close_reason, first.close_note) == ("lost", "price", "贵")
    undated = client.get(f"/opportunities/{_deal(make, amount=1).pk}/gate/stage/{stages['won'].pk}/").content.decode()
    assert clock.today("Asia/Shanghai").isoformat() in undated  # won today, unless somebody says another day


def test_the_customers_owner_sees_who_decides_in_a_deal_of_a_colleague(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", owner=cast.alice_user)
    deal = make("sales.opportunity", customer=customer, owner=cast.charlie_user)
    given = {"opportunity": deal, "owner": cast.charlie_user}
    parts = (
        make("sales.opportunityrole", contact=make("customers.contact", customer=customer), **given),
        make("sales.party", customer=customer, **given),
        make("sales.milestone", **given),
    )
    other = make(
        "sales.milestone",
        opportunity=make(
            "sales.opportunity", owner=cast.charlie_user, customer=make("customers.customer", owner=cast.charlie_user)
        ),
        owner=cast.charlie_user,
    )
    for one in parts:
        model = type(one)
        seen = {
            name: set(visible(model.objects.all(), getattr(cast, name)).values_list("pk", flat=True))
            for name in ("alice", "charlie", "dave")
        }
        assert one.pk in seen["alice"] & seen["charlie"]
        assert seen["dave"] == set()
        assert allowed(cast.alice, "change", one) is allowed(cast.alice, "change", deal)
        assert not allowed(cast.dave, "view", one)
        assert any(reason.for_it for reason in explain(cast.alice, one).reasons)
    assert not allowed(cast.alice, "view", other)
    assert other.pk not in set(visible(type(other).objects.all(), cast.alice).values_list("pk", flat=True))


def test_a_new_party_does_not_begin_with_the_customer_and_a_new_quote_does(cast: Cast, make: Any) -> None:
    deal = _deal(make)
    party = related.card(cast.alice, deal, "sales.party.opportunity")
    quote = related.card(cast.alice, deal, "billing.quote.opportunity")
    assert party is not None
    assert quote is not None
    assert "customer=" not in party.create
    assert f"customer={deal.customer_id}" in quote.create
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "sales.party", {"opportunity": deal.pk, "customer": deal.customer_id})
    assert [one.code for one in error.value.errors["role"]] == ["value.required"]
