"""From deals won to figures on the customer's page: computed once, seen under rights, explained in both languages."""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Q

from guanxi.areas.activities.models import FollowUpPlan
from guanxi.areas.insight import (
    panels,
    pictures,
    planning,
    selectors,
    services,
    sheets,
    sheets_customers,
    sheets_firm,
    thresholds,
)
from guanxi.areas.insight.models import Calculation, CustomerValue
from guanxi.areas.insight.sheet import drill
from guanxi.core import records
from guanxi.core.automation.approvals import flows
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import (
    AccessEntry,
    Notification,
    Operation,
    OutboxEvent,
    RoleField,
    RoleRight,
    stamps,
)
from guanxi.core.privacy import policy
from tests.areas.insight.conftest import purchases
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


#: Lists, and pages that have nothing to draw from deals alone.
WITHOUT_PICTURE = {"baskets", "satisfaction", "accounts", "declining", "winback", "occasions", "runs"}


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


def test_a_file_is_made_of_customers_one_may_export(done: Calculation, make: Any, cast: Cast, browse: Any) -> None:
    theirs = CustomerValue.objects.filter(spent__gt=0).order_by("-spent", "pk").select_related("customer").first()
    assert theirs is not None
    records.update(cast.root, theirs.customer, {"owner": cast.bob_user.pk})
    client, page = browse("alice", "en"), "/insight/accounts/"
    assert theirs.customer.name in client.get(page).content.decode()
    told = client.get(f"{page}?export=csv").content.decode("utf-8-sig")
    assert len(told.splitlines()) > 2
    assert theirs.customer.name not in told
    counted = [
        browse(one, "en").get("/insight/pareto/?export=csv").content.decode("utf-8-sig") for one in ("alice", "root")
    ]
    mine, all_of_them = (sum(int(one["Customers"]) for one in csv.DictReader(text.splitlines())) for text in counted)
    assert mine == all_of_them - 1
    RoleRight.objects.filter(role=cast.role, entity=selectors.VALUE, action="view").update(scope="all")
    stamps.bump("rights")
    whole = "/insight/forecast/"
    assert "?export=csv" not in client.get(whole).content.decode()
    refused = client.get(f"{whole}?export=csv")
    assert (refused.status_code, "part of them only" in refused.content.decode()) == (403, True)


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
