"""The same filter as list, board, calendar, funnel and outlook; saved views remember which; every figure leads to its records."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from guanxi.areas.sales.models import Opportunity, Stage
from guanxi.core import records
from guanxi.core.kernel import clock, regional
from guanxi.core.models import Operation, SavedView
from guanxi.core.records import shape
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.lists import calendar, faces, funnel, outlook
from guanxi.core.web.lists.state import ListState
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 5, 20, 4, 0, tzinfo=dt.UTC)
DEAL = "sales.opportunity"
FACES = ("board", "calendar", "funnel", "outlook")


@pytest.fixture
def deals(cast: Cast, make: Any, stages: dict[str, Stage]) -> list[Opportunity]:
    """Six of Alice's: two new, one in proposal, two won, one lost; one of Charlie's."""
    firm = make("customers.customer", owner=cast.alice.user_id)
    person = make("customers.contact", customer=firm)
    rows = (
        ("contact", 100, dt.date(2026, 5, 4)),
        ("contact", 200, dt.date(2026, 7, 9)),
        ("proposal", 400, dt.date(2026, 5, 4)),
        ("won", 800, dt.date(2026, 5, 31)),
        ("won", 1600, dt.date(2025, 1, 1)),
        ("lost", 3200, dt.date(2026, 5, 5)),
    )
    made = [
        make(DEAL, customer=firm, contact=person, owner=cast.alice.user_id, amount=amount, close_on=day, name=f"商机 {key} {amount}",
             stage=stages[key].pk, close_reason="price" if key in ("won", "lost") else "")
        for key, amount, day in rows
    ]  # fmt: skip
    theirs = make("customers.customer", owner=cast.charlie.user_id)
    make(DEAL, customer=theirs, owner=cast.charlie.user_id, amount=9999, close_on=dt.date(2026, 5, 4), name="别人的")
    return made


def _state(filter_: dict[str, Any] | None = None) -> ListState:
    state = ListState(entity=entity_of(DEAL), path="/opportunities/")
    return (
        state
        if not filter_
        else ListState(entity=entity_of(DEAL), path="/opportunities/", now=type(state.now)(filter=filter_))
    )


def _behind(cast: Cast, url: str) -> int:
    """How many records the list at an address holds for Alice."""
    tree = json.loads(parse_qs(urlsplit(url).query)["f"][0])
    return records.queryset(cast.alice, DEAL, filter=tree).count()


def test_the_calendar_shows_each_day_and_leads_to_it(cast: Cast, deals: list[Opportunity]) -> None:
    by = shape.fields_of(DEAL)["close_on"]
    with clock.moved_to(NOON):
        weeks = calendar.days(cast.alice, _state(), by, dt.date(2026, 5, 1))
    found = {day.date: day for week in weeks for day in week}
    assert (weeks[0][0].date, weeks[-1][-1].date, len(weeks)) == (dt.date(2026, 4, 27), dt.date(2026, 5, 31), 5)
    fourth = found[dt.date(2026, 5, 4)]
    assert (fourth.count, fourth.sum, {one.title for one in fourth.entries}) == (
        2,
        "500",
        {"商机 contact 100", "商机 proposal 400"},
    )
    assert _behind(cast, fourth.url) == 2
    assert found[dt.date(2026, 5, 20)].today
    assert sum(day.count for day in found.values()) == 4


def test_weeks_begin_on_the_day_the_reader_is_used_to(cast: Cast, deals: list[Opportunity]) -> None:
    by = shape.fields_of(DEAL)["close_on"]
    for week, first, last in ((7, (2026, 4, 26), (2026, 6, 6)), (6, (2026, 4, 25), (2026, 6, 5))):
        with clock.moved_to(NOON), regional.override(regional.Regional(week=week)):
            weeks = calendar.days(cast.alice, _state(), by, dt.date(2026, 5, 1))
        assert (weeks[0][0].date, weeks[-1][-1].date) == (dt.date(*first), dt.date(*last))
        assert all(one.date.isoweekday() == week for one in (row[0] for row in weeks))


def test_a_record_moves_to_another_day_and_back(cast: Cast, make: Any) -> None:
    deal = make(
        DEAL,
        owner=cast.alice.user_id,
        customer=make("customers.customer", owner=cast.alice.user_id),
        close_on=dt.date(2026, 5, 4),
    )
    client, address = browser(cast.alice_user), f"/opportunities/{deal.pk}/day/?on=close_on"
    assert f'data-move="{address}"' in client.get("/opportunities/calendar/", {"month": "2026-05"}).content.decode()
    answer = client.post(address, {"to": "2026-05-12", "version": deal.version})
    deal.refresh_from_db()
    assert (answer.status_code, deal.close_on) == (204, dt.date(2026, 5, 12))
    assert client.post(address, {"to": "2026-05-13", "version": deal.version - 1}).status_code == 409
    assert client.post(address, {"to": "1066-05-12"}).status_code == 422
    assert client.post(address, {"to": "soon"}).status_code == 422
    assert browser(cast.charlie_user).post(address, {"to": "2026-05-15"}).status_code == 404
    assert browser(cast.bob_user).post(address, {"to": "2026-05-15"}).status_code == 403
    deal.refresh_from_db()
    assert deal.close_on == dt.date(2026, 5, 12)
    records.undo(cast.alice, Operation.objects.filter(entity=DEAL, sort="update").latest("pk").pk)
    deal.refresh_from_db()
    assert deal.close_on == dt.date(2026, 5, 4)


def test_a_moment_keeps_its_time_of_day(cast: Cast, make: Any) -> None:
    lead = make("sales.lead", owner=cast.alice.user_id, next_contact_at=dt.datetime(2026, 5, 4, 1, 30, tzinfo=dt.UTC))
    address = f"/leads/{lead.pk}/day/?on=next_contact_at"
    assert browser(cast.alice_user).post(address, {"to": "2026-05-06", "version": lead.version}).status_code == 204
    lead.refresh_from_db()
    assert lead.next_contact_at == dt.datetime(2026, 5, 6, 1, 30, tzinfo=dt.UTC)


def test_the_funnel_counts_what_came_so_far(cast: Cast, deals: list[Opportunity], stages: dict[str, Stage]) -> None:
    by = shape.fields_of(DEAL)["stage"]
    steps = funnel.steps(cast.alice, _state(), by, stages["contact"].pipeline_id)
    assert [(one.count, one.reached, one.percent) for one in steps] == [
        (2, 5, None),
        (0, 3, 60),
        (1, 3, 100),
        (0, 2, 67),
        (2, 2, 100),
        (1, 0, None),
    ]
    assert [one.ending for one in steps] == ["", "", "", "", "good", "bad"]
    assert [_behind(cast, one.url) for one in steps] == [2, 0, 1, 0, 2, 1]
    narrow = funnel.steps(
        cast.alice, _state({"field": "amount", "op": "gte", "value": 400}), by, stages["contact"].pipeline_id
    )
    assert [one.count for one in narrow] == [0, 0, 1, 0, 2, 1]


def test_the_outlook_adds_up_by_month_and_part(cast: Cast, deals: list[Opportunity]) -> None:
    spec = entity_of(DEAL).outlook
    assert spec is not None
    with clock.moved_to(NOON):
        lines = outlook.months(cast.alice, _state(), spec)
    rows = [(line.count, *(one.amount for one in line.cells)) for line in lines if line.count]
    assert rows == [(1, 1600, None, None, None, None), (4, 800, None, 400, 100, None), (1, None, None, None, 200, None)]
    assert (lines[0].label, [line.now for line in lines].index(True)) == ("更早", 3)
    assert sum((line.weighted or Decimal(0) for line in lines), Decimal(0)) == 10 + 20 + 200 + 800 + 1600
    assert [_behind(cast, one.url) for one in lines[3].cells] == [1, 0, 1, 1, 0]


def test_every_face_keeps_the_filter_and_saved_views_remember_it(cast: Cast, deals: list[Opportunity]) -> None:
    client = browser(cast.alice_user)
    tree = json.dumps({"field": "amount", "op": "gte", "value": 400})
    for kind in FACES:
        page = client.get(f"/opportunities/{kind}/", {"f": tree})
        assert page.status_code == 200
        for other in FACES:
            assert f'href="/opportunities/{other}/?f=' in page.content.decode()
        sent = {"state": f"f={tree}&kind={kind}&on=close_on", "name": f"As {kind}", "visibility": "private"}
        assert client.post("/opportunities/views/new/", sent).status_code == 303
        view = SavedView.objects.get(name=f"As {kind}")
        assert (view.definition["kind"], view.definition["given"]) == (kind, {"on": "close_on"})
        opened = client.get(f"/opportunities/{kind}/", {"view": view.pk})
        assert "Unsaved changes" not in opened.content.decode()
    assert f"/opportunities/outlook/?view={view.pk}" in client.get("/opportunities/").content.decode()
    client.post(f"/opportunities/views/{view.pk}/", {"name": view.name, "visibility": "private", "default": "1"})
    assert client.get("/opportunities/").headers["Location"].startswith(f"/opportunities/outlook/?view={view.pk}")


def test_there_is_no_face_without_its_field(cast: Cast) -> None:
    client = browser(cast.alice_user)
    assert client.get("/competitors/calendar/").status_code == 404
    assert client.get("/competitors/funnel/").status_code == 404
    assert client.get("/customers/outlook/").status_code == 404
    assert client.get("/opportunities/calendar/", {"on": "name"}).status_code == 404
    assert client.get("/opportunities/calendar/", {"month": "9999-99"}).status_code == 200
    assert [one.key for one in faces.faces_of(cast.alice, entity_of(DEAL))] == ["list", *FACES]


def test_a_stage_is_read_by_its_colour_and_leads_nowhere(cast: Cast, deals: list[Opportunity]) -> None:
    page = browser(cast.alice_user).get("/opportunities/").content.decode()
    stage = deals[2].stage
    assert f'<span class="gx-badge gx-c-{stage.color}">' in page
    assert f'href="/stages/{stage.pk}/"' not in page
