"""Opportunities as of a past day: whatever happened since, each figure is that of the rows as they stood that evening."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from guanxi.areas.sales.models import Opportunity, Stage
from guanxi.areas.sales.selectors import history
from guanxi.core.access import visible
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.records import tallies
from guanxi.core.reporting import engine
from guanxi.core.reporting.spec import read
from guanxi.core.schema.registry import entity_of
from tests.core.reporting.test_past import told_on
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
FIRST = dt.date(2024, 3, 4)
Row = dict[str, Any]
#: What a day's rows are told by: stage (a tally's), type and customer (of the audit).
FIELDS = ("stage_id", "kind", "customer_id", "owner_id", "category", "value", "weighted", "amount", "hot")


def _noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(4), dt.UTC)


class Course:
    """Opportunities and what becomes of them by chance, day by day, with the rows of each evening."""

    def __init__(self, cast: Cast, make: Callable[..., Any], stages: dict[str, Stage]) -> None:
        self.chance = random.Random(11)  # noqa: S311 - a repeatable course
        self.people = [cast.alice_user.pk, cast.bob_user.pk, cast.charlie_user.pk]
        self.make, self.stages, self.last = make, list(stages.values()), 0
        self.customers = [make("customers.customer", by=cast.alice_user) for _each in range(2)]
        self.evenings: dict[dt.date, dict[int, Row]] = {}

    def run(self, days: int) -> None:
        for number in range(days):
            day = FIRST + number * DAY
            with clock.moved_to(_noon(day)):
                self._born(day)
                for each in range(3):
                    self._change(_noon(day) + each * dt.timedelta(minutes=1))
            self.last = told_on(day.isoformat(), self.last)
            self.evenings[day] = {row["pk"]: row for row in Opportunity.objects.values("pk", *FIELDS)}

    def _born(self, day: dt.date) -> None:
        one = self.make(
            "sales.opportunity", customer=self.chance.choice(self.customers), amount=self.chance.randrange(1, 90) * 100
        )
        Opportunity.everything.filter(pk=one.pk).update(
            created_at=_noon(day),
            updated_at=_noon(day) - dt.timedelta(minutes=1),
            owner=self.chance.choice(self.people),
            kind="new",
        )

    def _change(self, moment: dt.datetime) -> None:
        rows = Opportunity.everything.filter(
            pk=self.chance.choice(list(Opportunity.everything.values_list("pk", flat=True)))
        )
        stage = self.chance.choice(self.stages)
        to: dict[str, Callable[[], Any]] = {
            "stage": lambda: rows.update(stage=stage, category=stage.category, updated_at=moment),
            "value": lambda: rows.update(value=F("value") + 70, amount=F("amount") + 70, weighted=(F("value") + 70) * F("probability") / 100, updated_at=moment),
            "kind": lambda: rows.update(kind=self.chance.choice(["new", "renewal", ""]), hot=True),
            "owner": lambda: rows.update(owner=self.chance.choice(self.people), updated_at=moment),
            "trash": lambda: rows.update(deleted_at=moment, updated_at=moment),
            "back": lambda: rows.update(deleted_at=None, updated_at=moment),
            "purge": lambda: rows.filter(deleted_at__isnull=False).delete(),
        }  # fmt: skip
        to[self.chance.choice(["stage", "stage", "stage", "value", "kind", "owner", "trash", "back", "purge"])]()

    def seen(self, day: dt.date, among: set[int] | None) -> list[Row]:
        return [row for pk, row in self.evenings[day].items() if among is None or pk in among]


def _sums(rows: list[Row], field: str, amount: str) -> dict[Any, tuple[int, Decimal]]:
    found: dict[Any, tuple[int, Decimal]] = {}
    for row in rows:
        n, total = found.get(row[field] or None, (0, Decimal(0)))
        found[row[field] or None] = (n + 1, total + (row[amount] or 0))
    return found


def _asked(actor: Actor, day: dt.date, field: str, amount: str, where: Any = None) -> dict[Any, tuple[int, Decimal]]:
    measures = [{"how": "count"}, {"how": "sum", "field": amount}]
    spec = {"dataset": "sales.opportunity", "rows": [{"field": field}], "measures": measures, "as_of": day.isoformat()}
    result = engine.run(actor, read(spec | ({"filter": where} if where else {})))
    return {row.heads[0].key: (row.cells[0].value, row.cells[1].value or Decimal(0)) for row in result.rows}


def test_whatever_happened_since_each_day_is_as_it_was(
    cast: Cast, make: Callable[..., Any], stages: dict[str, Stage]
) -> None:
    course = Course(cast, make, stages)
    course.run(24)
    carrying = Opportunity.objects.exclude(owner=cast.charlie_user).first()
    assert carrying is not None
    shared = replace(cast.charlie, shared={"sales.opportunity": {carrying.pk: "read"}})
    every = Opportunity.everything.all()
    seen = [(actor, {*visible(every, actor).values_list("pk", flat=True)}) for actor in (cast.alice, shared)]
    told = [tallies.tells(actor, entity_of("sales.opportunity")) for actor in (cast.root, cast.alice, shared)]
    assert told == [True, True, False], "a share is answered from the records"
    open_ = {"field": "category", "op": "eq", "value": "open"}
    for actor, among in ((cast.root, None), *seen):
        for day in course.chance.sample(sorted(course.evenings)[:-1], 4):
            rows = course.seen(day, among)
            still = [row for row in rows if row["category"] == "open"]
            found = _asked(actor, day, "stage", "weighted", open_)
            assert found == _sums(still, "stage_id", "weighted"), (day, actor.name)
            assert _asked(actor, day, "kind", "amount") == _sums(rows, "kind", "amount"), (day, actor.name)
            assert _asked(actor, day, "customer", "value") == _sums(rows, "customer_id", "value"), (day, actor.name)
    _waterfall(course, cast.root, {*every.values_list("pk", flat=True)}, stages)
    for actor, among in seen:
        _waterfall(course, actor, among, stages)


def _waterfall(course: Course, actor: Actor, among: set[int], stages: dict[str, Stage]) -> None:
    """Both ends of the course of a pipeline are those evenings, and the steps lead from one to the other."""
    first, last = FIRST + 6 * DAY, FIRST + 15 * DAY
    steps, levels = history.course(actor, stages["won"].pipeline_id, first + DAY, last)
    found = {one.key: (one.count, one.amount) for one in steps}
    for key, day in (("opening", first), ("closing", last)):
        assert found[key] == _sums(course.seen(day, among), "category", "value").get("open", (0, 0)), key
    moved = sum(amount for key, (_count, amount) in found.items() if key not in ("opening", "closing"))
    assert found["opening"][1] + moved == found["closing"][1]
    ends = [_sums(course.seen(day, among), "stage_id", "value") for day in (first, last)]
    for one in levels:
        none = (0, Decimal(0))
        assert (one.count_before, one.value_before) == ends[0].get(one.stage, none)
        assert (one.count, one.value) == ends[1].get(one.stage, none)


def test_a_funnel_of_the_past_reads_the_sums(cast: Cast, make: Callable[..., Any], stages: dict[str, Stage]) -> None:
    """It adds up the tally; of records only those changed since are looked at."""
    course = Course(cast, make, stages)
    course.run(3)
    with CaptureQueriesContext(connection) as asked:
        assert _asked(cast.root, FIRST, "stage", "value") == _sums(course.seen(FIRST, None), "stage_id", "value")
    (grouped,) = [one["sql"] for one in asked if "GROUP BY 1" in one["sql"] and "TEMP" not in one["sql"]]
    assert 'FROM "sales_opportunitytally"' in grouped
    assert '"sales_opportunity"' not in grouped
