"""Reports as of a day of the past: what the audit rebuilds is what was there, for whoever may see it today."""

from __future__ import annotations

import datetime as dt
import html
import random
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records import segments
from guanxi.core.reporting import engine, past, rebuilding
from guanxi.core.reporting.spec import read
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping.segments import SegmentDraft, segment_delete, segment_save
from tests.core.reporting.conftest import ask, table
from tests.factories.cast import Cast
from tests.rights import as_owner
from tests.signing import browser

pytestmark = pytest.mark.django_db
STATE = [{"field": "state"}]


@pytest.fixture
def now() -> Any:
    """It is 27 November 2026, noon in Shanghai."""
    with clock.moved_to(dt.datetime(2026, 11, 27, 4, tzinfo=dt.UTC)):
        yield


def told_on(day: str, since: int) -> int:
    """Date the audit's entries after ``since`` on a day (noon in Shanghai); returns the newest entry."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL guanxi.audit_upkeep = 'on'")
        moment = f"{day} 04:00:00+00"
        cursor.execute("UPDATE core_auditentry SET at = %s WHERE id > %s", [moment, since])
        cursor.execute("SELECT coalesce(max(id), 0) FROM core_auditentry")
        return int(cursor.fetchone()[0])


def born(gadgets: list[Any], day: str) -> None:
    """Say that gadgets were made on a day."""
    type(gadgets[0]).objects.filter(pk__in=[one.pk for one in gadgets]).update(created_at=f"{day} 02:00:00+00")


@pytest.fixture
def story(now: None, cast: Cast, make: Callable[..., Any]) -> list[Any]:
    """Five gadgets of June; in July one is used up, one trashed, one given away, one destroyed; a sixth is made in August."""
    made = [make("fakes.gadget", by=cast.alice_user, state="new", price="10.00") for _number in range(4)]
    made.append(make("fakes.gadget", by=cast.charlie_user, state="new", price="7.00"))
    born(made, "2026-06-01")
    last = told_on("2026-06-01", 0)
    records.update(cast.root, made[0], {"state": "used", "price": "99.00"})
    records.delete(cast.root, made[1])
    records.update(cast.root, made[2], {"owner": cast.charlie_user.pk})
    type(made[3]).everything.filter(pk=made[3].pk).delete()
    last = told_on("2026-07-10", last)
    late = make("fakes.gadget", by=cast.alice_user, state="broken", price="1.00")
    born([late], "2026-08-01")
    told_on("2026-08-01", last)
    return [*made, late]


def test_the_state_of_a_day_is_what_it_was(cast: Cast, story: Any) -> None:
    money = {"rows": STATE, "measures": [{"how": "count"}, {"how": "sum", "field": "price"}]}
    june = ask(cast.root, as_of="2026-06-30", **money)
    assert table(june) == {"New": 5}
    assert june.total.cells[1].value == Decimal("47.00")
    assert table(ask(cast.root, as_of="2026-07-31", **money)) == {"New": 2, "Used": 1}
    assert table(ask(cast.root, as_of="2026-08-01", **money)) == {"New": 2, "Used": 1, "Broken": 1}
    assert table(ask(cast.root, **money)) == {"New": 2, "Used": 1, "Broken": 1}


def test_it_is_of_what_one_may_see_today(cast: Cast, story: Any) -> None:
    """Alice sees what is hers today: not the one given to Charlie since, nor the one that is no more."""
    rows = {"rows": [{"field": "owner"}]}
    assert ask(cast.alice, as_of="2026-06-30", **rows).total.cells[0].value == 2
    charlie = ask(cast.charlie, as_of="2026-06-30", **rows)
    assert sorted(table(charlie).values()) == [1, 1], "one was Alice's then"


def test_a_day_is_compared_with_an_earlier_one(cast: Cast, story: Any) -> None:
    result = ask(cast.root, rows=STATE, as_of="2026-08-31", compare="previous")
    assert {row.heads[0].label: (row.cells[0].value, row.cells[0].before) for row in result.rows} == {
        "New": (2, 2), "Used": (1, 1), "Broken": (1, 0),
    }  # fmt: skip
    assert (result.day, result.day_before) == (dt.date(2026, 8, 31), dt.date(2026, 7, 31))
    with pytest.raises(Invalid, match="history begins"):
        ask(cast.root, rows=STATE, as_of="2026-08-31", compare="year")


def test_periods_are_those_of_the_day(cast: Cast, story: Any) -> None:
    """Asked as of 31 August, “this month” is August."""
    assert ask(cast.root, period="this_month", as_of="2026-08-31").total.cells[0].value == 1
    assert ask(cast.root, period="this_month", as_of="2026-06-30").total.cells[0].value == 5


def test_what_came_later_with_an_earlier_day_is_said(cast: Cast, story: Any, make: Callable[..., Any]) -> None:
    born([make("fakes.gadget", by=cast.alice_user, state="used")], "2026-06-02")
    result = ask(cast.root, rows=STATE, as_of="2026-06-30")
    assert table(result) == {"New": 5, "Used": 1}
    assert result.notes == (
        "1 records came into the system later with an earlier day of creation; they count as they came.",
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"as_of": "2026-11-27"}, "a day that is over"),
        ({"as_of": "2026-05-31"}, "history begins on 2026-06-01"),
        ({"as_of": "2026-06-30", "rows": [{"field": "updated_at", "grain": "month"}]}, "No history is kept"),
        ({"as_of": "2026-06-30", "filter": {"count": "fakes.part.gadget", "op": "gte", "value": 1}}, "as of today"),
        ({"as_of": "30.6."}, "is no day"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_refused(asked: Any, said: str, cast: Cast, story: Any) -> None:
    with pytest.raises(Invalid, match=said):
        engine.run(cast.root, read({"dataset": "fakes.gadget", **asked}))


def test_a_segment_is_asked_for_as_it_was_or_refused(cast: Cast, story: Any) -> None:
    for key, condition in (
        ("new", {"field": "state", "op": "eq", "value": "new"}),
        ("parted", {"count": "fakes.part.gadget", "op": "gte", "value": 1}),
        ("either", {"field": "@segment", "op": "has_any", "value": ["new", "parted"]}),
    ):
        segment_save(cast.root, None, SegmentDraft(key=key, name_zh=key, entity="fakes.gadget", condition=condition))
    asked = {"field": "@segment", "op": "has_any"}
    june = ask(cast.root, rows=STATE, as_of="2026-06-30", filter={**asked, "value": ["new"]})
    assert table(june) == {"New": 5}
    for wrong in ({**asked, "value": ["either"]}, {"not": {"field": "@segment", "op": "empty"}}):
        with pytest.raises(Invalid, match="as of today"):
            ask(cast.root, rows=STATE, as_of="2026-06-30", filter=wrong)
    by_segment = [{"field": "@segment"}]
    with pytest.raises(Invalid, match="as of today"):
        ask(cast.root, rows=by_segment, as_of="2026-06-30")
    for key in ("either", "parted"):
        segment_delete(cast.root, segments.every()[key])
    assert table(ask(cast.root, rows=by_segment, as_of="2026-06-30"))["new"] == 5


def test_any_course_of_changes_is_rebuilt(now: None, cast: Cast, make: Callable[..., Any]) -> None:
    """Forty steps by chance; the state of each day is what was counted on it."""
    chance, last, living = random.Random(5), 0, []  # noqa: S311 - a repeatable course
    seen: dict[dt.date, Counter[str]] = {}
    day = dt.date(2026, 3, 1)
    for _step in range(40):
        act = chance.choice(["make", "make", "state", "state", "trash", "back"])
        if act == "make" or not living:
            living.append(make("fakes.gadget", by=cast.alice_user, state="new"))
            born(living[-1:], day.isoformat())
        one = chance.choice(living)
        one.refresh_from_db()
        if act == "state" and one.deleted_at is None:
            records.update(cast.root, one, {"state": chance.choice(["new", "used", "broken"])})
        elif act == "trash" and one.deleted_at is None:
            records.delete(cast.root, one)
        elif act == "back" and one.deleted_at is not None:
            records.restore(cast.root, "fakes.gadget", [one.pk])
        last = told_on(day.isoformat(), last)
        seen[day] = Counter(type(one).objects.values_list("state", flat=True))
        day += dt.timedelta(days=chance.randint(1, 4))
    names = {"New": "new", "Used": "used", "Broken": "broken"}
    for moment in chance.sample(sorted(seen), 12):
        found = table(ask(cast.root, rows=STATE, as_of=moment.isoformat()))
        assert {names[name]: count for name, count in found.items()} == dict(seen[moment]), moment


@pytest.mark.parametrize(
    ("day", "how", "expected"),
    [
        ("2026-06-30", "previous", "2026-05-31"), ("2026-03-31", "previous", "2026-02-28"),
        ("2026-03-30", "previous", "2026-02-28"), ("2026-06-15", "previous", "2026-05-15"),
        ("2024-02-29", "year", "2023-02-28"), ("2026-12-31", "year", "2025-12-31"), ("2026-01-10", "previous", "2025-12-10"),
    ],
)  # fmt: skip
def test_the_day_before(day: str, how: str, expected: str) -> None:
    assert past.before(dt.date.fromisoformat(day), how).isoformat() == expected


def test_the_page_leads_to_the_records_as_they_were(cast: Cast, story: Any) -> None:
    client = browser(cast.root_user)
    page = client.get(
        "/reports/new/", {"d": '{"dataset":"fakes.gadget","rows":[{"field":"state"}],"as_of":"2026-06-30"}'}
    ).content.decode()
    (address,) = {
        html.unescape(one)
        for one in re.findall(r'<th scope="row">New</th>\s*<td class="gx-num"><a href="([^"]+)"', page)
    }
    rows = client.get(address).content.decode()
    assert rows.count('<th scope="row">') == 5
    assert rows.count("(gone since)") == 2
    assert f'/gadgets/{story[0].pk}/"' in rows
    assert "99.00" not in rows
    own = browser(cast.alice_user).get(address).content.decode()
    assert own.count('<th scope="row">') == 2


def test_columns_of_whose_past_nothing_is_known_are_left_out(
    cast: Cast, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "/reports/past/?dataset=gadgets&asof=2026-06-30"
    assert ">Price</th>" in browser(cast.root_user).get(address).content.decode()
    monkeypatch.setitem(
        rebuilding._states, "fakes.gadget", rebuilding.States("fakes_gadget", "id", (), unknown=("price",))
    )
    assert past.unknown(entity_of("fakes.gadget")) >= {"price", "version"}
    assert {"stage_since", "stale_on"} <= past.unknown(entity_of("sales.opportunity"))


def test_a_question_that_fails_says_why_and_leaves_the_table_as_it_is(cast: Cast, story: Any) -> None:
    entity = entity_of("fakes.gadget")

    def asked() -> None:
        with past.state(cast.root, entity, dt.date(2026, 6, 30)), connection.cursor() as cursor:
            assert entity.model._base_manager.count() == 5
            cursor.execute("SELECT 1/0")

    with pytest.raises(DataError, match="division by zero"):
        asked()
    assert max(entity.model._base_manager.values_list("price", flat=True)) == Decimal("99.00")
