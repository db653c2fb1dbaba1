"""Targets, forecast, and the pipeline rebuilt as it was."""

from __future__ import annotations

import datetime as dt
import html
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guanxi.areas.sales import panels
from guanxi.areas.sales.models import ForecastEntry, Opportunity, OpportunitySnapshot, OpportunityState, Stage, Target
from guanxi.areas.sales.panels import home
from guanxi.areas.sales.selectors import history
from guanxi.areas.sales.selectors import targets as read
from guanxi.areas.sales.services import targets
from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.records import figures
from guanxi.core.reporting import stored
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.spec import read as read_spec
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2024, 5, 20, 4, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
ZONE = "Asia/Shanghai"


def _course(cast: Cast, make: Any, stages: dict[str, Stage]) -> list[Any]:
    """Five deals: one grows, one is won, one lost, one deleted, one comes later."""
    close = dt.date(2024, 6, 20)
    person = make("customers.contact", customer=make("customers.customer"))
    values = {"customer": person.customer, "contact": person, "close_on": close}
    with clock.moved_to(NOON):
        deals = [make("sales.opportunity", amount=amount, **values) for amount in (1000, 2000, 3000, 4000)]
    with clock.moved_to(NOON + 5 * DAY):
        records.update(cast.alice, deals[0], {"amount": "1500"})
        records.update(cast.alice, deals[1], {"stage": stages["won"].pk})
        records.update(cast.alice, deals[2], {"stage": stages["lost"].pk, "close_reason": "price"})
        records.delete(cast.alice, deals[3])
        deals.append(make("sales.opportunity", amount=700, **values))
    return deals


def test_the_waterfall_adds_up_and_equals_the_snapshot(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    _course(cast, make, stages)
    pipeline = stages["won"].pipeline_id
    with clock.moved_to(NOON + 8 * DAY):
        steps, levels = history.course(cast.root, pipeline, dt.date(2024, 5, 21), dt.date(2024, 5, 27))
        found = {one.key: (one.count, one.amount) for one in steps}
        assert found == {
            "opening": (4, 10000), "new": (1, 700), "reopened": (0, 0), "grown": (1, 500), "shrunk": (0, 0),
            "won": (1, -2000), "lost": (1, -3000), "gone": (1, -4000), "closing": (2, 2200),
        }  # fmt: skip
        moved = sum(amount for key, (_count, amount) in found.items() if key not in ("opening", "closing"))
        assert found["opening"][1] + moved == found["closing"][1]
        assert [(one.count_before, one.count) for one in levels if one.label == "赢单"] == [(0, 1)]
        assert targets.snapshot_keep(dt.date(2024, 5, 28)) == 4
        assert targets.snapshot_keep(dt.date(2024, 5, 28)) == 0
    with clock.moved_to(NOON + 30 * DAY):
        records.update(cast.root, _course(cast, make, stages)[0], {"amount": "99999"})
    kept = {
        one.opportunity_id: (one.stage_id, one.category, one.value, one.owner_id)
        for one in OpportunitySnapshot.objects.filter(day=dt.date(2024, 5, 28))
    }
    states = OpportunityState.objects.filter(at__lte=NOON + 8 * DAY).order_by("at", "id")
    rebuilt = {one.opportunity_id: (one.stage_id, one.category, one.value, one.owner_id) for one in states}
    assert {key: rebuilt[key] for key in kept} == kept


def test_the_waterfall_knows_what_comes_back_and_what_is_settled_between(
    cast: Cast, make: Any, stages: dict[str, Stage]
) -> None:
    deals = _course(cast, make, stages)
    start = Opportunity.objects.get(pk=deals[0].pk).stage_id
    with clock.moved_to(NOON + 9 * DAY):
        records.update(cast.alice, deals[0], {"amount": "1200"})
        records.update(cast.alice, deals[2], {"stage": start})
        records.update(cast.alice, deals[4], {"amount": "900"})
        quick = make(
            "sales.opportunity",
            amount=50,
            customer=deals[0].customer,
            contact=deals[0].contact,
            close_on=dt.date(2024, 6, 20),
        )
    with clock.moved_to(NOON + 10 * DAY):
        records.update(cast.alice, deals[4], {"stage": stages["lost"].pk, "close_reason": "price"})
        records.update(cast.alice, quick, {"stage": stages["won"].pk})
    with clock.moved_to(NOON + 12 * DAY):
        span = (stages["won"].pipeline_id, dt.date(2024, 5, 28), dt.date(2024, 6, 1))
        steps, levels = history.course(cast.alice, *span)
        assert {one.key: (one.count, one.amount) for one in steps} == {
            "opening": (2, 2200), "new": (1, 50), "reopened": (1, 3000), "grown": (1, 200), "shrunk": (1, -300),
            "won": (1, -50), "lost": (1, -900), "gone": (0, 0), "closing": (2, 4200),
        }  # fmt: skip
        assert [(one.count_before, one.count) for one in levels if one.stage == stages["won"].pk] == [(1, 2)]
        assert history.course(cast.root, *span) == (steps, levels)
        for one in steps:  # each step, and each end, names the opportunities that make it up
            named = history.behind(cast.alice, *span, one.key)
            assert (len(named), sum(amount for _deal, amount in named)) == (one.count, one.amount)
        assert [deal.pk for deal, _amount in history.behind(cast.alice, *span, "won")] == [quick.pk]
        assert history.behind(cast.charlie, *span, "won") == []
        nothing, empty = history.course(cast.charlie, *span)
        assert {(one.count, one.amount) for one in nothing} == {(0, 0)}
        assert {(one.count_before, one.count) for one in empty} == {(0, 0)}


def test_the_months_of_a_target_add_up(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    target = make("sales.target", year=2024, base=1000, stretch=1100)
    assert sum(Decimal(one["base"]) for one in target.months) == 1000
    assert [one["base"] for one in target.months[:2]] == ["83.33", "83.33"]
    assert target.months[11]["base"] == "83.37"
    with pytest.raises(Invalid) as error:
        records.update(cast.root, target, {"season": "given", "months": [{"month": 1, "base": "999"}]})
    assert list(error.value.errors) == ["months"]
    own = [
        {**row, "base": "900" if row["month"] == 1 else "100" if row["month"] == 2 else "0"} for row in target.months
    ]
    written = records.update(cast.root, target, {"months": own})
    assert (written.season, written.months[0]["base"]) == ("given", "900.00")
    for values, field in (
        ({"year": 1800}, "year"),
        ({"base": "-5"}, "base"),
        ({"stretch": "10"}, "stretch"),
        ({"scope": "department"}, "department"),
    ):
        with pytest.raises(Invalid) as error:
            records.create(
                cast.root, "sales.target", {"year": 2025, "base": "100", "owner": cast.alice_user.pk, **values}
            )
        assert list(error.value.errors) == [field]


def test_targets_are_reached_by_person_and_department(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    _course(cast, make, stages)
    mine = make("sales.target", year=2024, base=24000)
    south = make(
        "sales.target", year=2024, base=12, measure="count", scope="department", department=cast.south, note=""
    )
    east = make("sales.target", year=2024, base=9000, scope="department", department=cast.east, owner=cast.charlie_user)
    whole = make("sales.target", year=2024, base=48000, scope="company", owner=cast.root_user, note="")
    with clock.moved_to(NOON + 11 * DAY):
        may = read.progress(Target.objects.get(pk=mine.pk), 5, 5)
        assert (may.base, may.reached, may.due, may.percent, may.behind) == (2000, 2000, 2000, 100, False)
        assert read.progress(south, 1, 12).reached == 1
        assert read.progress(east, 1, 12).reached == 0
        assert read.progress(whole, 4, 6).reached == 2000
        assert read.progress(whole, 7, 9).reached == 0
        spans = [(1, 12), (4, 6), (5, 5), (7, 9)]
        for one in (mine, south, whole):
            assert read.course(one, spans) == [read.progress(one, *span) for span in spans]
    assert browser(cast.alice_user).get(f"/targets/{mine.pk}/").status_code == 200
    page = browser(cast.root_user)
    shown = page.get(f"/targets/{whole.pk}/").content.decode()
    assert all(word in shown for word in (f"/targets/{east.pk}/", "9,000", "39,000"))
    assert f"/targets/{mine.pk}/" not in shown.partition("gx-mini")[2]
    with CaptureQueriesContext(connection) as asked:
        listed = page.get("/targets/").content.decode()
    assert all(
        name in listed for name in ("2024 · Company · 管理员 · Won amount", f"2024 · Department · {cast.south.name}")
    )
    assert "Target #" not in listed
    assert sum('FROM "core_department"' in one["sql"] and "IN (" in one["sql"] for one in asked) <= 2


def test_last_year_gives_the_season(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    _course(cast, make, stages)
    target = make("sales.target", year=2025, base=6000, season="last_year")
    assert {one["month"]: one["base"] for one in target.months if Decimal(one["base"])} == {5: "6000.00"}


def test_forecasts_are_submitted_over_time(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    _course(cast, make, stages)
    with clock.moved_to(NOON + 6 * DAY):
        june = dt.date(2024, 6, 1)
        assert read.sums(cast.alice_user.pk, june)["pipeline"] == 2200
        assert read.sums(cast.alice_user.pk, dt.date(2024, 5, 1))["closed"] == 2000
        first = targets.forecast_submit(cast.alice, owner=cast.alice_user.pk, month=june, adjusted="1800", comment="稳")
        with pytest.raises(Denied):
            targets.forecast_submit(cast.bob, owner=cast.alice_user.pk, month=june)
        with pytest.raises(Invalid) as error:
            targets.forecast_submit(cast.alice, owner=cast.alice_user.pk, month=dt.date(2024, 4, 1))
        assert error.value.code == "month.closed"
        second = targets.forecast_submit(cast.root, owner=cast.alice_user.pk, month=june, adjusted="1500")
        [line] = read.foreseen(cast.alice, june)
        assert line.last is not None
        assert (line.expected, line.last.pk, line.pipeline) == (1500, second.pk, 2200)
        assert line.own is not None
        assert (line.own.pk, line.adjusted) == (first.pk, True)
        assert (first.adjusted, first.pipeline) == (1800, 2200)


def test_the_last_forecast_of_a_month_is_held_against_what_was_won(
    cast: Cast, make: Any, stages: dict[str, Stage]
) -> None:
    alice, june = cast.alice_user.pk, dt.date(2024, 6, 1)
    deals = _course(cast, make, stages)
    with clock.moved_to(NOON + 6 * DAY):
        for amount in ("900", "1800"):
            targets.forecast_submit(cast.alice, owner=alice, month=june, adjusted=amount)
        thrown = targets.forecast_submit(cast.root, owner=alice, month=june, adjusted="1500")
        records.delete(cast.root, thrown)
    with clock.moved_to(dt.datetime(2024, 6, 10, 4, 0, tzinfo=dt.UTC)):
        records.update(cast.alice, deals[0], {"stage": stages["won"].pk})
        outbox.deliver_all()
        spec = read_spec(stored.setup(cast.alice, "report", "forecast-kept").definition)
        [row] = [one for one in run(cast.alice, spec).rows if one.cells[0].value]
        assert (row.heads[0].label, [one.value for one in row.cells]) == ("2024-06", [1800, 1500, Decimal("83.3333")])
        records.update(cast.root, deals[0], {"owner": cast.bob_user.pk})
        outbox.deliver_all()
        assert set(ForecastEntry.objects.values_list("latest", "outcome")) == {(False, 0), (True, 0)}


def test_the_people_with_a_target_are_foreseen_too(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    make("sales.target", year=2024, base=24000, stretch=None)
    [line] = read.foreseen(cast.alice, dt.date(2024, 6, 1))
    assert (line.user, line.target, line.expected, line.gap) == (cast.alice_user, 2000, 0, 2000)


def test_the_pages_show_and_submit(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    person = make("customers.contact", customer=make("customers.customer"))
    today = clock.today(ZONE)
    make("sales.opportunity", customer=person.customer, contact=person, amount=12345, close_on=today)
    page = browser(cast.alice_user)
    month = f"{today:%Y-%m}"
    assert "12,345" in page.get("/forecast/").content.decode()
    sent = page.post(f"/forecast/?month={month}", {"owner": cast.alice_user.pk, "adjusted": "9,000", "comment": "fine"})
    assert sent.status_code == 303
    assert "9,000" in page.get(f"/forecast/?month={month}").content.decode()
    assert page.post(f"/forecast/?month={month}", {"owner": cast.alice_user.pk, "adjusted": "-1"}).status_code == 422
    shown = page.get("/pipeline-course/").content.decode()
    assert "12,345" in shown
    assert (
        f'href="/opportunities/{Opportunity.objects.get().pk}/"'
        in page.get("/pipeline-course/?step=new").content.decode()
    )
    assert 'class="gx-chart"' in shown
    for far in ("/pipeline-course/?from=0001-01-01&to=9999-12-31", "/opportunities/calendar/?month=0001-01", "/opportunities/calendar/?month=9999-12"):  # fmt: skip
        assert page.get(far).status_code == 200, far
    saved = page.get("/pipeline-course/?save=svg")
    assert saved["Content-Type"] == "image/svg+xml"
    assert ".svg" in saved["Content-Disposition"]
    assert "12,345" in saved.content.decode()
    assert 'viewBox="0 0 332 ' in page.get("/pipeline-course/?save=fit&w=332").content.decode(), "for a phone"
    assert browser(cast.dave_user).get("/forecast/").status_code == 403


def _list(client: Any, page: str, text: str) -> list[int]:
    """The opportunities a link of the page leads to."""
    address = re.search(rf'href="([^"]*)">{re.escape(text)}<', page)
    assert address is not None, text
    shown = client.get(html.unescape(address[1])).content.decode()
    return sorted({int(one) for one in re.findall(r'data-id="(\d+)"', shown)})


def test_ends_and_totals_lead_to_the_records_they_count(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    first, second, third = (make("customers.contact", customer=make("customers.customer")) for _number in range(3))
    today = clock.today(ZONE)
    whose = ((first, cast.alice_user, 1111), (second, cast.bob_user, 2222), (third, cast.charlie_user, 4444))
    deals = [
        make("sales.opportunity", customer=one.customer, contact=one, owner=owner, amount=amount, close_on=today)
        for one, owner, amount in whose
    ]
    records.update(cast.root, deals[1], {"forecast": "omitted"})
    root = browser(cast.root_user)
    page = root.get("/forecast/").content.decode().partition("gx-total")[2]
    assert _list(root, page, "5,555") == [deals[0].pk, deals[2].pk]  # in the pipeline
    weighted = read.totals(read.foreseen(cast.root, today.replace(day=1)))["weighted"]
    assert _list(root, page, figures.money(weighted)) == [deals[0].pk, deals[2].pk]
    alice = browser(cast.alice_user)
    page = alice.get("/forecast/").content.decode().partition("gx-total")[2]
    assert _list(alice, page, "1,111") == [deals[0].pk], "of her department, what counts into it"
    course = root.get("/pipeline-course/").content.decode()
    closing = re.search(r'<td>Open at the end</td><td[^>]*><a href="([^"]*)">3</a>', course)
    assert closing is not None
    shown = root.get(html.unescape(closing[1])).content.decode()
    assert {int(one) for one in re.findall(r'data-id="(\d+)"', shown)} == {one.pk for one in deals}
    tomorrow = today + dt.timedelta(days=1)
    with clock.moved_to(clock.now() + 2 * DAY):
        past = (
            browser(cast.root_user)
            .get(f"/pipeline-course/?from={tomorrow}&to={tomorrow}&step=opening")
            .content.decode()
        )
    behind = past.partition('id="behind"')[2].partition("</table>")[0]
    assert all(f"/opportunities/{one.pk}/" in behind for one in deals)
    assert "7,777" in behind


def test_products_are_judged_by_the_deals_they_were_in(cast: Cast, make: Any, stages: dict[str, Stage]) -> None:
    pump, valve = make("catalog.product", name="泵"), make("catalog.product", name="阀")
    close = dt.date(2024, 6, 20)
    person = make("customers.contact", customer=make("customers.customer"))
    line = {"quantity": 1, "tax_class": "0", "unit": "piece"}

    def deal(stage: str, *lines: tuple[Any, int, bool]) -> None:
        with clock.moved_to(NOON):
            rows = [
                {**line, "product": one.pk, "name": one.name, "price": price, "optional": optional}
                for one, price, optional in lines
            ]
            made = make("sales.opportunity", customer=person.customer, contact=person, close_on=close, lines=rows)
        with clock.moved_to(NOON + 4 * DAY):
            records.update(cast.alice, made, {"stage": stages[stage].pk, "close_reason": "price"})

    deal("won", (pump, 100, False), (pump, 50, False), (valve, 7, False))
    deal("lost", (pump, 300, False), (valve, 9, True))
    with clock.moved_to(NOON + 8 * DAY):
        spec = read_spec(stored.setup(cast.alice, "report", "sales-by-product").definition)
        found = {row.heads[0].label: [one.value for one in row.cells] for row in run(cast.alice, spec).rows}
    assert found == {"泵": [150, 1, 1, 50, 4], "阀": [7, 1, 0, 100, 4]}


def test_sums_hidden_from_a_role_are_told_by_no_page_card_or_badge(
    cast: Cast, make: Any, stages: dict[str, Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = make("customers.contact", customer=make("customers.customer", owner=cast.alice_user))
    make("sales.opportunity", customer=person.customer, contact=person, amount=300, stage=stages["contact"].pk)
    Opportunity.objects.update(hot=True)
    monkeypatch.setattr(home, "answers", lambda _actor: True)
    page, pages = browser(cast.alice_user), ("/", "/forecast/", "/pipeline-course/")
    assert [page.get(one).status_code for one in pages] == [200, 200, 200]
    assert home.team(cast.alice) is not None
    assert panels.hot(cast.alice, person.customer) is not None
    for field in ("value", "hot"):
        RoleField.objects.create(role=cast.role, entity="sales.opportunity", field=field, level="hidden")
    bump("rights", "fields")
    assert [page.get(one).status_code for one in pages] == [200, 403, 403]
    alice = cast.actor(cast.alice_user)
    assert (home.team(alice), panels.hot(alice, person.customer)) == (None, None)


def test_who_answers_for_others_has_their_funnel_and_month_on_his_home(
    cast: Cast, make: Any, stages: dict[str, Stage]
) -> None:
    make("sales.target", year=clock.today(ZONE).year, base=24000)
    person = make("customers.contact", customer=make("customers.customer", owner=cast.alice_user))
    firm, today = person.customer, clock.today(ZONE)
    assert home.team(cast.root) is None
    for amount, stage in ((300, "contact"), (100, "needs"), (50, "needs"), (9, "won")):
        make("sales.opportunity", customer=firm, contact=person, amount=amount, close_on=today, stage=stages[stage].pk)
    card = home.team(cast.root)
    assert card is not None
    assert [(count, value, share) for _label, count, value, share, _url in card["stages"]] == [
        (1, 300, 100),
        (2, 150, 50),
    ]
    assert (card["totals"]["expected"], card["totals"]["target"], card["totals"]["gap"]) == (9, 2000, 1991)
    shown = browser(cast.root_user).get("/").content.decode()
    assert "Funnel and forecast of the team" in shown
    assert home.team(cast.alice) is None
