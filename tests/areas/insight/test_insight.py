"""From deals won to figures on the customer's page: computed once, seen under rights, explained in both languages."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from django.db.models import Q
from django.utils import translation

from guanxi.areas.activities.models import FollowUpPlan
from guanxi.areas.insight import (
    jobs,
    panels,
    pictures,
    planning,
    selectors,
    services,
    sheets,
    sheets_customers,
    sheets_firm,
    sources,
    thresholds,
)
from guanxi.areas.insight.computing import compute
from guanxi.areas.insight.models import DONE, FAILED, SEGMENTS, Calculation, CustomerValue
from guanxi.areas.insight.sheet import drill
from guanxi.areas.sales.models import Opportunity
from guanxi.core import records
from guanxi.core.automation.approvals import flows
from guanxi.core.automation.notify import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import (
    AccessEntry,
    AuditEntry,
    Notification,
    Operation,
    OutboxEvent,
    RoleField,
    RoleRight,
    stamps,
)
from guanxi.core.privacy import policy
from guanxi.core.schema import registry
from guanxi.core.shaping import fields, objects
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


#: Lists, and pages that have nothing to draw from deals alone.
WITHOUT_PICTURE = {"baskets", "satisfaction", "accounts", "declining", "winback", "occasions", "runs"}


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


def test_a_run_as_of_an_earlier_day_is_there_to_compare_with(deals: list[Any], cast: Cast, browse: Any) -> None:
    today = clock.today(cast.root.timezone)
    then = today - dt.timedelta(days=91)
    older = services.calculation_ask(cast.root, as_of=then)
    services.calculation_run(older)
    assert (older.state, older.as_of, older.error) == (DONE, then, "")
    assert older.rows == sum(day <= then for _key, day, _amount in purchases([one.pk for one in deals], today))
    assert not CustomerValue.objects.exists(), "of today's values it says nothing"
    assert not Notification.objects.filter(sort="insight").exists()
    assert services.calculation_ask(cast.root).pk != older.pk
    last = services.calculation_ask(cast.root)
    services.calculation_run(last)
    assert last.results["against"] == {"run": older.pk, "as_of": str(then)}
    assert last.rows > older.rows
    services.calculation_run(services.calculation_ask(cast.root, as_of=then - dt.timedelta(days=1)))
    assert selectors.last_calculation() == last, "whatever is computed later of an earlier day"
    page = browse("root").get("/insight/runs/").content.decode()
    assert all(str(day) in page for day in (today, then))


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
    # A rule may wait for another class: told once, with what it was; nothing is told when nothing changed.
    scored = OutboxEvent.objects.filter(name="customers.customer.scored")
    assert not scored.exists()
    one = CustomerValue.objects.exclude(value_class="C").first()
    assert one is not None
    CustomerValue.objects.filter(pk=one.pk).update(value_class="C")
    services.calculation_run(services.calculation_ask(cast.root))
    assert [(row.record_id, row.changes) for row in scored] == [
        (one.customer_id, {"value_class": ["C", one.value_class]})
    ]
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
                assert "<svg" in answer.content.decode() or one.key in WITHOUT_PICTURE, one.key
    assert browse("alice", "en").get("/insight/forecast/").status_code == 404
    assert browse("dave", "en").get("/insight/").status_code == 404
    exported = browse("root", "en").get("/insight/pareto/?export=csv").content.decode("utf-8-sig")
    assert exported.splitlines()[0] == "Value class,Customers,Bought in all,Share of value"
    assert len(exported.splitlines()) == 4
    for line in csv.DictReader(exported.splitlines()):
        assert float(line["Bought in all"]) >= int(line["Customers"]) >= 0  # as programs read them, without thousands
    drill_leads_to_as_many(cast, browse)
    cohort_cells_lead_to_as_many(done, cast, browse)
    thresholds_show_their_effect(cast, browse)


def test_figures_are_for_who_reads_them_all_and_taken_out_by_who_may(
    done: Calculation, cast: Cast, browse: Any
) -> None:
    customer = CustomerValue.objects.filter(owner_of(cast)).order_by("pk").first()
    assert customer is not None
    page, card = "/insight/pareto/", f"/customers/{customer.customer_id}/"
    taken = AccessEntry.objects.filter(sort="export", entity=selectors.VALUE)
    client = browse("alice", "en")
    assert client.get(f"{page}?export=csv").status_code == 200
    assert [(one.actor_name, one.details["format"]) for one in taken] == [("林爱丽", "csv")]
    policy.discretion_set(cast.root, looks="0", rows="1", marked=True, watermark=False)
    assert client.get(f"{page}?export=csv").status_code == 429
    policy.discretion_set(cast.root, looks="0", rows="0", marked=True, watermark=False)
    RoleRight.objects.filter(role=cast.role, entity=selectors.VALUE, action="export").delete()
    stamps.bump("rights")
    assert "?export=csv" not in client.get(page).content.decode()
    assert client.get(f"{page}?export=csv").status_code == 403
    assert taken.count() == 1
    assert "Bought in all" in client.get(card).content.decode()
    RoleField.objects.create(role=cast.role, entity=selectors.VALUE, field="spent", level="masked")
    stamps.bump("rights")
    assert client.get(page).status_code == 404
    text = client.get(card).content.decode()
    assert "Bought in all" not in text
    assert f"/customer-values/{customer.pk}/" in text


def owner_of(cast: Cast) -> Q:
    """The values of Alice's customers."""
    return Q(carrier_owner_id=cast.alice_user.pk)


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
    url = drill(("recency", "eq", r), ("frequency", "eq", f))
    assert browse("root", "en").get(url).status_code == 200


def cohort_cells_lead_to_as_many(done: Calculation, cast: Cast, browse: Any) -> None:
    made, found = sheets_firm.cohorts(cast.root, done, None), done.results["cohorts"]
    seen = 0
    for row, size, shares in zip(made.rows, found["sizes"], found["shares"], strict=True):
        for cell, said in zip((row[0], *row[2:]), (1.0, *shares), strict=True):
            if not cell.url:
                assert not said
                continue
            tree = json.loads(parse_qs(urlsplit(cell.url).query)["f"][0])
            assert records.select(cast.root, "customers.customer", filter=tree).count == round(said * size), cell.url
            seen += 1
    assert seen > 15
    assert browse("root", "en").get(made.rows[0][3].url).status_code == 200
    scores = {str(key): n for key, (n, _s, _c) in selectors.by(cast.root, "monetary").items()}
    block = sheets_customers.rfm(cast.root, done, None).more[0]
    assert {row[0].text: int(row[1].text) for row in block.rows if row[1].text != "0"} == scores
    assert browse("root", "en").get(block.rows[0][0].url).status_code == 200


def thresholds_show_their_effect(cast: Cast, browse: Any) -> None:
    found = selectors.concentration(cast.root)
    assert found is not None
    now = found.classes(0.8, 0.95)
    assert {key: n for key, (n, _s, _c) in selectors.by(cast.root, "value_class").items()} == now
    wished = found.classes(0.5, 0.9)
    assert wished["A"] < now["A"]
    for wrong in ("abc", "50,60", "0", "400"):
        refused = browse("root", "en").get("/insight/pareto/", {"class_a": wrong}).content.decode()
        assert "write a number between" in refused, wrong
    refused = browse("root", "en").get("/insight/rfm/", {"recency": "200,60"}).content.decode()
    assert "up to”: write four ascending numbers" in refused
    text = browse("root", "en").get("/insight/pareto/?class_a=50&class_b=90").content.decode()
    assert f"<strong>{wished['A']}</strong>" in text
    with pytest.raises(Invalid):
        services.settings_set(cast.root, {**thresholds.DEFAULTS, "class_a": 0.9, "class_b": 0.5})
    services.calculation_run(services.settings_set(cast.root, {**thresholds.DEFAULTS, "class_a": 0.5, "class_b": 0.9}))
    assert {key: n for key, (n, _s, _c) in selectors.by(cast.root, "value_class").items()} == wished


def test_pictures_are_drawn_for_the_width_there_is(done: Calculation, browse: Any, cast: Cast) -> None:
    page = browse("root")
    for key in ("rfm", "pareto", "lifetime", "leaving", "stages", "cohorts", "survival", "forecast"):
        narrow = page.get(f"/insight/{key}/?part=0&w=330")
        assert narrow.status_code == 200, key
        wide = float(re.search(r'viewBox="0 0 (\d+)', narrow.content.decode())[1])  # type: ignore[index]
        assert wide <= 480, key
    assert page.get("/insight/rfm/?part=7&w=330").status_code == 404
    assert 'viewBox="0 0 720' in page.get("/insight/pareto/").content.decode()
    assert browse("charlie").get("/insight/cohorts/?part=0").status_code == 404


def test_labels_of_a_network_keep_apart() -> None:
    with pictures.fitting(330):
        drawn = str(pictures.network([f"产品 {n}" for n in range(18)], [(0, 9, 1.0, "x")]))
    for anchor in ("start", "end"):
        heights = sorted(float(one) for one in re.findall(rf'y="([-\d.]+)" text-anchor="{anchor}"', drawn))
        assert all(b - a >= 14.9 for a, b in itertools.pairwise(heights))


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
            thresholds.DEFAULTS,
            lambda _percent, _step: None,
        )
    assert found.table.loc["2", "class"] == "A"
    assert {one["where"] for one in found.notes} >= {"clv", "churn", "rhythm"}


def test_scores_are_columns_filters_and_sort_keys_of_customers(done: Calculation, cast: Cast, browse: Any) -> None:
    first = {"field": "insight.value_class", "op": "eq", "value": "A"}
    found = records.select(cast.alice, "customers.customer", filter=first, sort=("-insight.spent",), limit=200)
    best = CustomerValue.objects.filter(value_class="A").order_by("-spent", "-customer_id")
    assert [one.pk for one in found.items] == [one.customer_id for one in best]
    assert records.select(cast.charlie, "customers.customer", filter=first).count == 0
    page = browse("alice", "en").get("/customers/?cols=name,insight.segment,insight.lifetime_value")
    text = page.content.decode()
    assert "Lifetime value, 12 months" in text
    assert "Champions" in text
    with pytest.raises(Invalid):  # who may see no values may not ask by them either
        records.select(cast.dave, "customers.customer", filter=first)
    # Rules of automation ask the same way, with the eyes of the house.
    house = flows.seeing_all(system_actor("rules"))
    assert records.select(house, "customers.customer", filter=first).count == len(best)


def test_contacts_are_planned_for_their_owners_on_working_days_and_taken_back(
    done: Calculation, deals: list[Any], cast: Cast, browse: Any
) -> None:
    chosen = [one.pk for one in deals[:7]]
    browse("alice", "en").post(
        "/insight/plan/",
        {"customer": chosen, "kind": "visit", "purpose": "see them", "start": "2027-03-06", "a_day": "3", "back": "/insight/declining/"},
    )  # fmt: skip
    plans = FollowUpPlan.objects.filter(customer_id__in=chosen).order_by("planned_at", "pk")
    days = [one.planned_at.astimezone(ZoneInfo(cast.alice.timezone or "Asia/Shanghai")).date() for one in plans]
    assert {(one.owner_id, one.kind, one.subject) for one in plans} == {(cast.alice_user.pk, "visit", "see them")}
    assert [days.count(one) for one in sorted(set(days))] == [3, 3, 1]
    assert min(days) == dt.date(2027, 3, 8), "a Saturday is no working day"
    step = planning.contacts_plan(cast.alice, chosen[:2], kind="call", purpose="", start=days[0], a_day=1)
    assert step.result == {"done": 0, "skipped": 2}
    records.undo(cast.alice, Operation.objects.filter(entity=planning.PLAN).order_by("pk")[0].pk)
    assert not FollowUpPlan.objects.filter(customer_id__in=chosen).exists()
    with pytest.raises(Invalid):
        planning.contacts_plan(cast.alice, [], kind="call", purpose="", start=days[0], a_day=1)


def test_thresholds_say_beforehand_what_the_calculation_finds(done: Calculation, cast: Cast) -> None:
    wished = {**thresholds.DEFAULTS, "method": "fixed", "recency": [20.0, 40.0, 80.0, 160.0], "frequency": [3.0, 6.0, 12.0, 20.0], "alarm": 45.0}  # fmt: skip
    said = {page: thresholds.effect(cast.root, page, wished, None) for page in ("rfm", "leaving")}
    assert said["leaving"] != thresholds.effect(cast.root, "leaving", thresholds.DEFAULTS, None)
    services.calculation_run(services.settings_set(cast.root, wished))
    found = {key: n for key, (n, _s, _c) in selectors.by(cast.root, "segment").items()}
    assert said["rfm"] == {str(label): found.get(key, 0) for key, label in SEGMENTS}
    assert sum(said["leaving"].values()) == CustomerValue.objects.filter(out_of_rhythm=True).count()
    stages = thresholds.effect(cast.root, "stages", wished, None)
    assert sum(stages.values()) == 60
    # The second run stands beside the first; the same customers have not drifted.
    last = selectors.last_calculation()
    assert last is not None
    assert {one["verdict"] for one in last.results["drift"]} == {"stable"}
    assert AuditEntry.objects.filter(entity="insight_customervalue").count() == 0
    assert 2 <= AuditEntry.objects.filter(entity="insight_calculation", record_id=last.pk).count() <= 4


def test_a_calculation_whose_worker_died_begins_anew_and_new_thresholds_are_never_lost(
    deals: list[Any], cast: Cast, browse: Any
) -> None:
    killed = services.calculation_ask(cast.root)
    Calculation.objects.filter(pk=killed.pk).update(state="running", progress=40)
    assert "40%" in browse("root", "en").get("/insight/rfm/").content.decode()
    assert services.calculation_ask(cast.root).pk == killed.pk, "two who ask at once share one"
    wished = {**thresholds.DEFAULTS, "alarm": 45.0}
    after = services.settings_set(cast.root, wished)
    assert after.pk != killed.pk, "the one that runs knows nothing of the new thresholds"
    again = services.settings_set(cast.root, {**wished, "alarm": 40.0})
    assert (again.pk, again.settings["alarm"]) == (after.pk, 40.0), "one that waits takes them"
    held = Calculation.objects.get(pk=killed.pk)
    Calculation.objects.filter(pk=killed.pk).update(settings=wished)
    services.calculation_run(held)
    killed.refresh_from_db()
    assert (killed.state, killed.error) == (DONE, "")
    assert killed.settings == wished, "what was wished after the worker took it up counts"
    assert CustomerValue.objects.exclude(active=None).exists()
    assert not CustomerValue.objects.filter(purchases__lt=2).exclude(active=None).exists(), (
        "one purchase says nothing of that"
    )
    finished = killed.finished_at
    jobs.calculation_do(calculation_id=killed.pk)
    killed.refresh_from_db()
    assert killed.finished_at == finished, "what is done is not done again"


@pytest.fixture
def answers(cast: Cast, deals: list[Any]) -> Iterator[str]:
    """An object of answers with scores, a customer and a day; also money, so that it can be a source of purchases."""
    stamps.refresh()
    objects.object_save(cast.root, "reply", {"name_zh": "答卷", "name_en": "Reply", "parent": "customers.customer"}, new=True)  # fmt: skip
    for key, kind in (("day", "date"), ("nps", "integer"), ("csat", "integer"), ("quality", "integer"), ("paid", "money")):  # fmt: skip
        fields.field_save(cast.root, "custom.reply", key, {"kind": kind, "label_zh": key, "label_en": key}, new=True)
    for place, one in enumerate(deals):
        values = {"custom.day": f"2026-0{1 + place % 9}-15", "custom.nps": place % 11, "custom.csat": 1 + place % 5, "custom.quality": 1 + (place + place // 5) % 5, "custom.paid": 100 + place}  # fmt: skip
        records.create(cast.root, "custom.reply", {"name": "r", "parent": one.pk, **values})
    yield "custom.reply"
    registry.replace_made(())


def test_answers_and_purchases_come_from_any_object(answers: str, done: Calculation, cast: Cast, browse: Any) -> None:
    client = browse("root", "en")
    assert "under Sources" in client.get("/insight/satisfaction/").content.decode()
    client.post("/insight/sources/", {"what": "survey", "entity": answers, "customer": "parent", "day": "custom.day", "nps": "custom.nps", "csat": "custom.csat", "drivers": ["custom.quality"]})  # fmt: skip
    text = client.get("/insight/satisfaction/").content.decode()
    scores = [place % 11 for place in range(60)]
    assert f"{100 * (sum(one >= 9 for one in scores) - sum(one <= 6 for one in scores)) / 60:+.0f}" in text
    assert "Loyalty in heart and deed" in text
    assert "no answers you may see" in browse("bob", "en").get("/insight/satisfaction/").content.decode()
    wrong = client.post("/insight/sources/", {"what": "source", "entity": answers, "customer": "parent", "day": "custom.nps", "amount": "custom.paid"})  # fmt: skip
    assert wrong.status_code == 422
    assert browse("alice", "en").get("/insight/sources/").status_code == 404
    client.post("/insight/sources/", {"what": "source", "entity": answers, "customer": "parent", "day": "custom.day", "amount": "custom.paid"})  # fmt: skip
    source = sources.chosen()
    assert source is not None
    assert sum(row[2] for row in sources.rows(cast.root, source)) == sum(100 + place for place in range(60))
    client.post("/insight/sources/", {"what": "source", "entity": answers, "usual": "1"})
    assert sources.chosen() == sources.KNOWN[1]


def test_the_note_of_drifted_figures_leads_to_the_runs(cast: Cast) -> None:
    notify([cast.root_user.pk], "insight", services.DRIFTED, {"n": 2, "day": "2026-03-01"})
    page = browser(cast.root_user).get("/notifications/").content.decode()
    assert "2 figures of customers have drifted" in page
    note = Notification.objects.get(sort="insight")
    opened = browser(cast.root_user).post(f"/notifications/{note.pk}/")
    assert opened["Location"] == "/insight/runs/"
