"""From deals won to figures on the customer's page: computed once, seen under rights, explained in both languages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.utils import translation

from guanxi.areas.insight import panels, selectors, services, sheets, sources
from guanxi.areas.insight.computing import compute
from guanxi.areas.insight.models import DONE, FAILED, Calculation, CustomerValue
from guanxi.areas.sales.models import Opportunity
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Notification
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def purchases(customers: list[int], today: dt.date) -> list[tuple[int, dt.date, float]]:
    """Two years of purchases: everybody has a rhythm, every third has fallen silent lately."""
    chance, rows = np.random.default_rng(3), []
    for place, key in enumerate(customers):
        every, at = 20 + 5 * (place % 5), int(chance.integers(0, 60))
        stop = 730 - (70 if place % 3 == 0 else 0) - (200 if place % 9 == 0 else 0)
        while at < stop:
            rows.append(
                (key, today - dt.timedelta(days=730 - at), float(100 * (1 + place % 7) + chance.integers(0, 50)))
            )
            at += max(2, round(every * float(chance.uniform(0.8, 1.2))))
    return rows


@pytest.fixture
def deals(make: Any, cast: Cast) -> list[Any]:
    """Sixty customers of Alice with deals won."""
    customers = [make("customers.customer") for _number in range(60)]
    stage = make("sales.stage")
    rows = purchases([one.pk for one in customers], clock.today(cast.root.timezone))
    Opportunity.objects.bulk_create(
        Opportunity(
            name="d", customer_id=key, pipeline=stage.pipeline, stage=stage, category="won", value=Decimal(str(value)), carrier_owner_id=cast.alice.user_id,
            closed_at=dt.datetime.combine(day, dt.time(4), dt.UTC),
        )
        for key, day, value in rows
    )  # fmt: skip
    return customers


@pytest.fixture
def done(deals: list[Any], cast: Cast) -> Calculation:
    calculation = services.calculation_ask(cast.root)
    services.calculation_run(calculation)
    assert (calculation.state, calculation.error) == (DONE, "")
    return calculation


def test_one_calculation_serves_list_card_pages_and_alarms(
    done: Calculation, deals: list[Any], cast: Cast, browse: Any
) -> None:
    assert (done.customers, done.source) == (60, "sales.opportunity")
    # The list speaks the query language, under rights.
    champions = {"field": "segment", "op": "eq", "value": "champion"}
    page = records.select(cast.alice, "insight.customervalue", filter=champions)
    assert page.count == CustomerValue.objects.filter(segment="champion").count() > 0
    assert records.select(cast.charlie, "insight.customervalue").count == 0
    counted = {"count": "insight.customervalue.customer", "where": champions, "op": "gte", "value": 1}
    assert records.select(cast.alice, "customers.customer", filter=counted).count == page.count
    # Money adds up to what was bought.
    whole = sum(row[2] for row in purchases([one.pk for one in deals], clock.today(cast.root.timezone)))
    assert float(sum(one.spent for one in CustomerValue.objects.all())) == pytest.approx(whole)
    # Whoever broke his rhythm is told once.
    silent = CustomerValue.objects.filter(out_of_rhythm=True)
    assert 0 < silent.count() < 30
    assert Notification.objects.filter(sort="insight").count() == silent.count()
    services.calculation_run(services.calculation_ask(cast.root))
    assert Notification.objects.filter(sort="insight").count() == silent.count()
    shown = panels.out_of_rhythm(cast.alice)
    assert shown is not None
    assert len(shown["values"]) == min(8, silent.count())
    for language, word in (("zh-hans", "已静默"), ("en", "silent for")):
        text = browse("alice", language).get(f"/customers/{silent[0].customer_id}/").content.decode()
        assert word in text


def test_pages_open_for_whom_they_are_and_marks_lead_to_their_customers(
    done: Calculation, cast: Cast, browse: Any
) -> None:
    for person, pages in (("root", sheets.PAGES), ("alice", [one for one in sheets.PAGES if not one.whole])):
        for language in ("zh-hans", "en"):
            client = browse(person, language)
            for one in pages:
                answer = client.get(f"/insight/{one.key}/")
                assert answer.status_code == 200, one.key
                assert "<svg" in answer.content.decode() or one.key == "baskets", one.key
    assert browse("alice", "en").get("/insight/forecast/").status_code == 404
    assert browse("dave", "en").get("/insight/").status_code == 404
    exported = browse("root", "en").get("/insight/pareto/?export=csv").content.decode("utf-8-sig")
    assert exported.splitlines()[0] == "Value class,Customers,Bought in all,Share of value"
    assert len(exported.splitlines()) == 4
    drill_leads_to_as_many(cast, browse)
    thresholds_show_their_effect(cast, browse)


def drill_leads_to_as_many(cast: Cast, browse: Any) -> None:
    counts = selectors.grid(cast.root)
    (r, f), n = max(counts.items(), key=lambda one: one[1])
    assert sum(counts.values()) == 60
    found = records.select(
        cast.root,
        "insight.customervalue",
        filter={"all": [{"field": "recency", "op": "eq", "value": r}, {"field": "frequency", "op": "eq", "value": f}]},
    )
    assert found.count == n
    url = sheets.drill(("recency", "eq", r), ("frequency", "eq", f))
    assert browse("root", "en").get(url).status_code == 200


def thresholds_show_their_effect(cast: Cast, browse: Any) -> None:
    found = selectors.concentration(cast.root)
    assert found is not None
    now = found.classes(0.8, 0.95)
    assert {key: n for key, (n, _s, _c) in selectors.by(cast.root, "value_class").items()} == now
    wished = found.classes(0.5, 0.9)
    assert wished["A"] < now["A"]
    text = browse("root", "en").get("/insight/pareto/?class_a=50&class_b=90").content.decode()
    assert f"<strong>{wished['A']}</strong>" in text
    with pytest.raises(Invalid):
        services.settings_set(cast.root, class_a=0.9, class_b=0.5, alarm=5)
    services.calculation_run(services.settings_set(cast.root, class_a=0.5, class_b=0.9, alarm=5))
    assert {key: n for key, (n, _s, _c) in selectors.by(cast.root, "value_class").items()} == wished


def test_without_transactions_the_reason_is_said(cast: Cast, browse: Any) -> None:
    calculation = services.calculation_ask(cast.root)
    services.calculation_run(calculation)
    assert calculation.state == FAILED
    assert "尚无交易" in calculation.error
    assert "Nothing has been computed yet" in browse("root", "en").get("/insight/").content.decode()


def test_a_source_must_lead_to_customer_day_and_amount() -> None:
    for one in sources.KNOWN:
        sources.check(one)
    with pytest.raises(Invalid) as caught:
        sources.check(sources.Source(entity="sales.opportunity", day="name", amount="value"))
    assert caught.value.code == "source.day"


def test_models_that_cannot_answer_say_so_and_the_others_go_on() -> None:
    frame = pd.DataFrame(
        [("1", dt.date(2024, 1, 5), 10.0), ("2", dt.date(2024, 2, 1), 30.0)], columns=["customer", "day", "amount"]
    )
    with translation.override("en"):
        found = compute(
            frame,
            pd.DataFrame(columns=["customer", "basket", "item"]),
            dt.date(2024, 3, 1),
            {"class_a": 0.8, "class_b": 0.95, "alarm": 5.0},
            lambda _percent, _step: None,
        )
    assert found.table.loc["2", "class"] == "A"
    assert {one["where"] for one in found.notes} >= {"clv", "churn", "rhythm"}
