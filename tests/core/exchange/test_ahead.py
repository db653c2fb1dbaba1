"""Long imports: rows begun by a process beside, search that follows, and a process killed in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.automation import jobs
from guanxi.core.exchange import ahead, batches, imports
from guanxi.core.exchange import running as runs
from guanxi.core.exchange.options import Options
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.text import sort_key
from guanxi.core.models import AuditEntry, OutboxEvent, SearchDoc, SearchLag
from guanxi.core.models.exchange import ImportOutcome, ImportRun
from guanxi.core.models.search import MatchValue
from guanxi.core.records import drafting, many, matching
from guanxi.core.records.search import index
from guanxi.core.records.search.query import search
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast
from tests.rights import as_owner
from tests.runtime.helpers import ROOT

CUSTOMER = "customers.customer"
TEXT = "客户名称,手机,成立年份,外部编号\n" + "".join(
    f"第{n}号贸易有限公司,1380013{n:04d},{1990 + n % 30 if n % 11 else 'soon'},X{n % 25}\n" for n in range(30)
)


def begun(cast: Cast, text: str = TEXT, **options: Any) -> ImportRun:
    run = imports.import_stage(cast.root, content=text.encode(), name="x.csv", entity=CUSTOMER)
    mapping = {**run.mapping, "columns": {**run.mapping["columns"], "3": {"field": "external_id"}}}
    imports.import_configure(cast.root, run=run, mapping=mapping, options=Options(**options))
    return imports.import_start(cast.root, run=run)


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> list[ahead.Beside]:
    """Imports of four rows count as long; the helpers they start."""
    made: list[ahead.Beside] = []

    class Watched(ahead.Beside):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(ahead, "Beside", Watched)
    monkeypatch.setattr(ahead, "LONG", 4)
    monkeypatch.setattr(runs, "LONG", 4)
    monkeypatch.setattr(ahead, "BATCH", 4)
    return made


@pytest.mark.django_db(transaction=True)
def test_rows_begun_beside_come_out_the_same(cast: Cast, forked: list[ahead.Beside]) -> None:
    run = imports.import_run(cast.root, run=begun(cast, mode="create", unreadable="refuse"))
    assert len(forked) == 1
    assert not forked[0]._process.is_alive()
    assert run.state == "done"
    bad = [n for n in range(30) if n % 11 == 0]
    first = [n for n in range(25) if n not in bad] + [25]  # X0 of row 0 was refused, so that of row 25 is the first
    assert (run.created, run.failed, run.skipped) == (len(first), len(bad), 30 - len(first) - len(bad))
    assert sorted(Customer.objects.values_list("external_id", flat=True)) == sorted(f"X{n % 25}" for n in first)
    assert Customer.objects.get(external_id="X7").phones[0]["value"] == "+8613800130007"


@pytest.mark.django_db(transaction=True)
def test_records_drafted_beside_are_whole(
    cast: Cast, forked: list[ahead.Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    drafted: list[bool] = []

    def watched(*arguments: Any, **options: Any) -> Any:
        drafted.extend(draft is not None for _row, draft in arguments[2])
        return drafting.insert_drafts(*arguments, **options)

    monkeypatch.setattr(batches, "insert_drafts", watched)
    run = imports.import_run(cast.root, run=begun(cast, mode="create"))
    assert drafted == [True] * 25
    made = list(Customer.objects.order_by("pk"))
    assert [one.external_id for one in made] == [f"X{n}" for n in range(25)]
    assert len({one.number for one in made if one.number}) == run.created == 25
    stored = set(MatchValue.objects.filter(entity=CUSTOMER).values_list("kind", "value", "record_id"))
    assert stored == {
        (kind, value, one.pk) for one in made for kind, value, _w in matching.keys_for(entity_of(CUSTOMER), one)
    }
    events = {one.record_id: one.changes for one in OutboxEvent.objects.filter(name="customers.customer.created")}
    for one in made:
        assert (one.owner_id, one.created_by_id, one.sort_key) == (
            cast.root.user_id,
            cast.root.user_id,
            sort_key(one.name),
        )
        assert events[one.pk]["name"] == ["", one.name]
        entry = AuditEntry.objects.get(entity="customers_customer", record_id=one.pk)
        assert (entry.action, entry.actor_id, entry.operation_id) == ("create", cast.root.user_id, run.operation_id)


def test_a_record_whose_rules_ask_the_database_is_not_drafted(cast: Cast) -> None:
    above = Customer.objects.create(name="总公司")
    drafter = drafting.Drafter(cast.root, CUSTOMER)
    with drafter.watching():
        drafter.draft({"name": "甲公司"})  # what is kept of the settings is read now
        assert drafter.draft({"name": "乙公司"}) is not None
        assert drafter.draft({"name": "丙公司", "parent": above.pk}) is None
        assert isinstance(drafter.draft({"name": "丁公司", "founded_year": 3}), Invalid)


@pytest.mark.django_db(transaction=True)
def test_a_helper_that_dies_is_replaced(cast: Cast, forked: list[ahead.Beside]) -> None:
    def kill(now: ImportRun) -> None:
        if now.done == 8:
            os.kill(forked[0]._process.pid or 0, signal.SIGKILL)

    run = imports.import_run(cast.root, run=begun(cast, mode="create"), progress=kill)
    assert (run.state, run.done, run.failed) == ("done", 30, 0)
    assert Customer.objects.count() == run.created == 25
    assert ImportOutcome.objects.filter(run=run).count() == 30


@pytest.mark.django_db(transaction=True)
def test_a_batch_the_database_refuses_is_read_again(
    cast: Cast, forked: list[ahead.Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone: Any = batches.Batcher.run

    def run_one(batcher: batches.Batcher, rows: Any, **options: Any) -> Any:
        if len(rows) > 1:
            raise DatabaseError("not together")
        return alone(batcher, rows, **options)

    monkeypatch.setattr(batches.Batcher, "run", run_one)
    run = imports.import_run(cast.root, run=begun(cast, mode="create"))
    assert (len(forked), run.created, run.skipped, run.failed) == (1, 25, 5, 0)
    assert {one.external_id: one.name for one in Customer.objects.all()} == {
        f"X{n}": f"第{n}号贸易有限公司" for n in range(25)
    }


@pytest.mark.django_db(transaction=True)
def test_search_follows_a_long_import(cast: Cast, forked: list[ahead.Beside]) -> None:
    run = imports.import_run(cast.root, run=begun(cast, mode="create"))
    made = Customer.objects.order_by("pk")
    assert index.lagging(CUSTOMER) >= run.created == 25
    assert search(cast.root, "第3号贸易") == []
    single, gone = made[3], made[4]
    index.index_records(entity_of(CUSTOMER), [single])
    Customer.objects.filter(pk=gone.pk).update(deleted_at=clock.now())
    jobs.search_catch_up.func(0)
    assert index.lagging() == SearchLag.objects.count() == 0
    assert [hit.record_id for hit in search(cast.root, "第3号贸易")] == [single.pk]
    assert [hit.title for hit in search(cast.root, "13800130007")] == ["第7号贸易有限公司"]
    assert SearchDoc.objects.filter(entity=CUSTOMER).count() == 24
    assert not SearchDoc.objects.filter(entity=CUSTOMER, record_id=gone.pk).exists()
    documents = list(
        SearchDoc.objects.filter(entity=CUSTOMER).order_by("record_id").values_list("record_id", "key", "spell", "tsv")
    )
    assert index.reindex(entity_of(CUSTOMER)) == 24
    assert documents == list(
        SearchDoc.objects.filter(entity=CUSTOMER).order_by("record_id").values_list("record_id", "key", "spell", "tsv")
    )
    assert index.catch_up() == 0


@pytest.mark.django_db
def test_documents_of_many_records_leave_nothing_to_be_sorted_in_by_others(cast: Cast, make: Any) -> None:
    rows = [
        {"name": f"测试第{number}号有限公司", "owner": cast.alice.user_id, "kind": "organisation"}
        for number in range(400)
    ]
    _waiting()
    many.insert_many(cast.root, CUSTOMER, rows)
    assert (_waiting(), _limit()) == (0, "64kB")
    many.insert_many(cast.root, CUSTOMER, rows, search_later=True)
    assert index.catch_up() == 400
    assert _waiting() == 0
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL gin_pending_list_limit = '4MB'")
    records.update(cast.root, make(CUSTOMER), {"name": "单独一家"})
    assert _limit() == "64kB"


def _waiting() -> int:
    """Pages that wait to be sorted into the search index, which is done."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list('search_doc_tsv')")
        return int(cursor.fetchone()[0])


def _limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('gin_pending_list_limit')")
        return str(cursor.fetchone()[0])


def test_a_batch_rolled_back_leaves_no_note(
    cast: Cast, forked: list[ahead.Beside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "source_of", lambda _run, batcher: ahead.Alone(batcher.preparer))
    monkeypatch.setattr(runs, "source_of", lambda _run, batcher: ahead.Alone(batcher.preparer))

    def broken(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "store", broken)
    with pytest.raises(KeyboardInterrupt):
        imports.import_run(cast.root, run=begun(cast, mode="create"))
    assert (Customer.objects.count(), SearchLag.objects.count()) == (0, 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@pytest.mark.slow
def test_kill_9_loses_and_doubles_nothing(fresh_database: str, tmp_path: Path) -> None:
    rows = 11_000
    file = tmp_path / "rows.csv"
    file.write_text("客户名称,手机,外部编号\n" + "".join(f"第{n}行科技有限公司,138{n:08d},X{n}\n" for n in range(rows)))
    own = {"DATABASE_URL": fresh_database, "GUANXI_DATA": str(tmp_path / "var"), "PYTHONPATH": str(ROOT / "src")}

    def guanxi(*words: str, failpoint: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **own, **({"GUANXI_FAILPOINT": failpoint} if failpoint else {})}
        command = [
            sys.executable,
            "-m",
            "guanxi",
            "import",
            str(file),
            "--entity",
            "customers",
            "--mode",
            "create",
            *words,
        ]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    with psycopg.connect(fresh_database, autocommit=True) as database:

        def count(what: str) -> int:
            row = database.execute(what).fetchone()
            return int(row[0]) if row else 0

        assert guanxi(failpoint="import.before_commit:kill@3").returncode == -signal.SIGKILL
        assert (
            count("SELECT count(*) FROM customers_customer")
            == count("SELECT position FROM core_importrun")
            == 2 * ahead.BATCH
        )
        run = count("SELECT id FROM core_importrun")
        assert guanxi("--resume", str(run), failpoint="import.after_commit:kill@2").returncode == -signal.SIGKILL
        assert (
            count("SELECT count(*) FROM customers_customer")
            == count("SELECT position FROM core_importrun")
            == 4 * ahead.BATCH
        )
        ended = guanxi("--resume", str(run))
        assert ended.returncode == 0, ended.stderr
        for table in ("customers_customer", "core_importoutcome WHERE outcome = 1", "core_search_doc"):
            assert count(f"SELECT count(*) FROM {table}") == rows
        assert count("SELECT count(DISTINCT external_id) FROM customers_customer") == rows
        assert count("SELECT count(*) FROM core_auditentry WHERE entity = 'customers_customer'") == rows
        assert count("SELECT count(*) FROM core_outboxevent WHERE name = 'customers.customer.created'") == rows
        assert count("SELECT count(*) FROM core_search_lag") == 0
