"""The bench: its data follow every rule, its figures are put down, two runs are compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import connection

from guanxi.areas.activities.models import Activity
from guanxi.areas.customers.models import Contact, Customer
from guanxi.areas.sales.models import OpportunityState
from guanxi.config.bench import data, measure, report
from guanxi.core.cli import guanxi
from guanxi.core.models import AuditEntry, MatchValue, Preference, SearchDoc, SearchLag, User
from guanxi.runtime.timing import counted, drawing

#: What each table has; parts of an index on a partitioned table are named anew when it is made again.
INDEXES = (
    "SELECT tablename, substring(indexdef FROM ' USING .*') FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
)
SIZE = data.Size("T", 40, 80, 20, 120, 20)


@pytest.mark.owner
def test_data_of_a_size_follow_the_rules(base_data: None, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    for past_transactions in ("_analyse", "_index_score"):
        monkeypatch.setattr(data, past_transactions, lambda: None)
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
    data.build(SIZE, "a long password for the bench", lambda what, done: told.append(f"{what} {done}"))
    assert (Customer.objects.count(), Contact.objects.count(), Activity.objects.count()) == (40, 80, 120)
    assert User.objects.filter(username__startswith="bench").count() == 100
    assert SearchLag.objects.count() == 0
    for key, table, count in (
        ("customers.customer", "customers_customer", 40),
        ("customers.contact", "customers_contact", 80),
    ):
        assert SearchDoc.objects.filter(entity=key).count() == count
        assert AuditEntry.objects.filter(entity=table, action="create").count() == count
        assert MatchValue.objects.filter(entity=key).values("record_id").distinct().count() == count
    assert OpportunityState.objects.values("opportunity").distinct().count() == 20
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        assert cursor.fetchall() == indexes
    first = Customer.objects.order_by("pk").first()
    assert first is not None
    assert isinstance(first.custom["score"], int)
    assert first.sort_key
    # The second half repeats the first: its contacts hang on its own customers and are carried by their owners.
    half = Customer.objects.order_by("pk")[20].pk
    late = Contact.objects.order_by("-pk")[0]
    assert late.customer_id is not None
    assert late.customer_id >= half
    assert late.carrier_owner_id == Customer.objects.get(pk=late.customer_id).owner_id
    new = Customer.objects.create(name="后来的")
    assert new.pk == Customer.objects.order_by("-pk")[0].pk
    assert Preference.objects.get(key=data.MEMORY).value == "T"
    data.build(SIZE, "", lambda _what, _done: None)
    assert Customer.objects.count() == 41
    with pytest.raises(ValueError, match="holds data of size T"):
        data.build(data.SIZES["S"], "", lambda _what, _done: None)


def answer(ms: float, **told: Any) -> measure.Answer:
    return measure.Answer(200, b"", ms, 1000, **told)


def test_figures_of_a_page() -> None:
    page = measure.Page("list", lambda _browser, _n: answer(1))
    page.answers = [answer(float(n), sql=2.0, queries=7, render=3.0) for n in range(1, 102)]
    page.cpu_ms = 12.34
    assert page.figures() == {
        "p50_ms": 51.0, "p95_ms": 96.0, "p99_ms": 100.0, "cpu_ms": 12.3, "queries": 7.0, "sql_ms": 2.0, "render_ms": 3.0,
        "bytes": 1000, "requests": 101,
    }  # fmt: skip


def test_two_runs_are_compared(tmp_path: Path) -> None:
    def run(name: str, **cpu: float) -> str:
        pages = {key: {"cpu_ms": value, "p50_ms": value * 2} for key, value in cpu.items()}
        (tmp_path / name).write_text(json.dumps({"pages": pages}))
        return str(tmp_path / name)

    old = run("a.json", home=20, list=10, gone=5)
    worse = CliRunner().invoke(guanxi, ["bench", "compare", old, run("b.json", home=30, list=10.5, fresh=1)])
    assert worse.exit_code == 1
    assert "| home | 20 | 30 | +50 % | 40 | 60 | slower |" in worse.output
    assert "| list | 10 | 10.5 | +5 % | 20 | 21.0 |  |" in worse.output
    assert "No longer measured: gone" in worse.output
    assert CliRunner().invoke(guanxi, ["bench", "compare", old, run("c.json", home=10, list=10)]).exit_code == 0


def test_two_sizes_tell_what_grows(tmp_path: Path) -> None:
    def run(size: str, **p95: float) -> str:
        pages = {key: {"cpu_ms": 1, "p50_ms": 1, "p95_ms": value} for key, value in p95.items()}
        (tmp_path / size).write_text(json.dumps({"size": size, "pages": pages}))
        return str(tmp_path / size)

    small = run("S", home=20, list=10, search=12)
    grown = CliRunner().invoke(guanxi, ["bench", "compare", small, run("M", home=40, list=31, search=12)])
    assert grown.exit_code == 1
    assert [line.split(" | ")[0] for line in grown.output.splitlines()[2:5]] == ["| list", "| home", "| search"]
    assert "| list | 10 | 31 | 3.1 | ✗ |" in grown.output
    assert "p95 at M is at most 2 times p95 at S for 2 of 3 pages; most for list: 3.1 times." in grown.output
    even = CliRunner().invoke(guanxi, ["bench", "compare", small, run("M", home=40, list=20, search=1)])
    assert (even.exit_code, even.output.splitlines()[-1]) == (
        0,
        "p95 at M is at most 2 times p95 at S for 3 of 3 pages.",
    )


def test_a_budget_that_is_missed_is_marked() -> None:
    figures = dict.fromkeys(report.COLUMNS, 20.0)
    found = {
        "size": "S", "date": "2026-01-01", "machine": report.machine(), "postgres": "18", "load_after": 1, "rows": {},
        "pages": {"list · own": figures, "home · own": figures},
        "throughput": {"clients": 16, "requests_per_second": 1, "errors": 0, "p50_ms": 1, "p95_ms": 1},
    }  # fmt: skip
    text = report.page(found)
    assert "| list · own | 15 ✗ | 20.0 |" in text
    assert "| home · own | 40 | 20.0 |" in text


@pytest.mark.django_db
def test_an_answer_says_what_it_cost(client: Any, settings: Any) -> None:
    assert "Server-Timing" not in client.get("/account/login/").headers
    settings.TIMING = True
    told = client.get("/account/login/").headers["Server-Timing"]
    assert measure._TIMING.search(told), told
    with counted() as cost, connection.execute_wrapper(cost.execute), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        with drawing():
            cursor.execute("SELECT pg_sleep(0.02)")
    assert cost.queries == 2
    assert cost.sql > 20 > cost.render
