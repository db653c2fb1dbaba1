"""Calculations: from which source, with which thresholds, as of which day, and what becomes of one that broke."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from django.utils import translation

from guanxi.areas.insight import (
    jobs,
    selectors,
    services,
    sources,
    thresholds,
)
from guanxi.areas.insight.computing import compute
from guanxi.areas.insight.models import DONE, FAILED, SEGMENTS, Calculation, CustomerValue
from guanxi.core import records
from guanxi.core.automation.notify import notify
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import (
    AuditEntry,
    Notification,
    stamps,
)
from guanxi.core.schema import registry
from guanxi.core.shaping import fields, objects
from tests.areas.insight.conftest import purchases
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


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
