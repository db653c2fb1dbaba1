"""The course of an import: tried without writing, corrected, paused, broken off, refused by the database, taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.exchange import ahead, batches, imports, running
from guanxi.core.exchange.options import Options
from guanxi.core.kernel.errors import RuleBroken
from guanxi.core.models import AuditEntry, DictionaryValue, OutboxEvent
from guanxi.core.models.exchange import FAILED, OUTCOMES, ImportOutcome, ImportRun
from guanxi.core.models.search import MatchValue
from guanxi.core.records.copying import behind, copy_lines
from guanxi.core.records.writing import emit
from tests.core.exchange.bringing import CUSTOMER, bring, counts, reasons
from tests.factories.cast import Cast
from tests.rights import as_owner


def test_a_dry_run_writes_nothing(cast: Cast, make: Callable[..., Any]) -> None:
    make(CUSTOMER, name="甲公司", by=cast.root_user)
    run = imports.import_stage(
        cast.root,
        content="名称,成立年份,来源\n甲公司,2000,\n乙公司,x,\n丙公司,,新来源\n".encode(),
        name="x.csv",
        entity=CUSTOMER,
    )
    imports.import_configure(cast.root, run=run, options=Options(create_choices=True, unreadable="refuse"))
    audited, announced = AuditEntry.objects.count(), OutboxEvent.objects.count()
    before = list(Customer.objects.values_list("name", "founded_year", "version"))
    check = imports.import_check(cast.root, run=run)
    assert check.counts == {"created": 1, "updated": 1, "skipped": 0, "failed": 1}
    assert [row.outcome for row in imports.import_preview(cast.root, run=run)] == ["updated", "failed", "created"]
    assert (AuditEntry.objects.count(), OutboxEvent.objects.count()) == (audited, announced)
    assert list(Customer.objects.values_list("name", "founded_year", "version")) == before
    assert not ImportOutcome.objects.exists()
    assert not DictionaryValue.objects.filter(name_zh="新来源").exists()


@pytest.mark.parametrize("mode", ["both", "update", "create"])
def test_a_dry_run_says_what_the_run_does_with_rows_that_mean_the_same(cast: Cast, mode: str) -> None:
    text = "名称,外部编号,成立年份\n甲公司,E1,2001\n甲公司,E1,2002\n甲公司,E1,2002\n,E2,2003\n乙公司,E2,2004\n乙公司,E2,2005\n"
    run = imports.import_stage(cast.root, content=text.encode(), name="x.csv", entity=CUSTOMER)
    imports.import_configure(cast.root, run=run, options=Options(mode=mode))
    told = [row.outcome for row in imports.import_preview(cast.root, run=run)]
    check = imports.import_check(cast.root, run=run)
    imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert told == [
        OUTCOMES[one] for one in ImportOutcome.objects.order_by("position").values_list("outcome", flat=True)
    ]
    assert check.counts == imports.counts_of(run)
    if mode == "both":
        assert told == ["created", "updated", "skipped", "failed", "created", "updated"]
        assert check.problems[0].reasons == "与文件第 2 行相同。"


def test_a_cell_can_be_corrected_before(cast: Cast) -> None:
    run = imports.import_stage(cast.root, content="名称,成立年份\n甲公司,x\n".encode(), name="x.csv", entity=CUSTOMER)
    imports.import_edit(cast.root, run=run, position=1, column=1, value="2001")
    run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert counts(run) == (1, 0, 0, 0)
    with pytest.raises(RuleBroken):
        imports.import_edit(cast.root, run=run, position=1, column=1, value="2002")


def test_undo_puts_everything_back_but_what_changed_since(cast: Cast, make: Callable[..., Any]) -> None:
    known = make(CUSTOMER, name="甲公司", by=cast.root_user, description="旧")
    run = bring(cast.root, "名称,备注\n甲公司,新\n乙公司,x\n丙公司,y\n")
    assert counts(run) == (2, 1, 0, 0)
    touched = Customer.objects.get(name="丙公司")
    records.update(cast.root, touched, {"description": "有人改过"})
    undone = imports.import_undo(cast.root, run=run)
    known.refresh_from_db()
    assert known.description == "旧"
    assert not Customer.objects.filter(name="乙公司").exists()
    assert Customer.objects.get(name="丙公司").description == "有人改过"
    assert [one["id"] for one in undone.skipped] == [touched.pk]
    with pytest.raises(RuleBroken):
        imports.import_undo(cast.root, run=run)


def test_pause_cancel_and_going_on(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "BATCH", 2)
    text = "名称\n" + "".join(f"公司{n}\n" for n in range(7))
    run = imports.import_stage(cast.root, content=text.encode(), name="x.csv", entity=CUSTOMER)
    run = imports.import_start(cast.root, run=run)

    def pause(now: ImportRun) -> None:
        if now.done == 4 and now.state == "running":
            imports.import_pause(cast.root, run=now)

    run = imports.import_run(cast.root, run=run, progress=pause)
    assert (run.state, run.done, Customer.objects.count()) == ("paused", 4, 4)
    run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert (run.state, run.done, Customer.objects.count()) == ("done", 7, 7)
    with pytest.raises(RuleBroken):
        imports.import_cancel(cast.root, run=run)


def test_a_batch_that_breaks_leaves_nothing_and_goes_on_later(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "BATCH", 3)
    text = "名称\n" + "".join(f"公司{n}\n" for n in range(8))
    run = imports.import_start(
        cast.root, run=imports.import_stage(cast.root, content=text.encode(), name="x.csv", entity=CUSTOMER)
    )
    stored = running.store

    def crash(now: ImportRun, outcomes: Any) -> None:
        if now.position == 3:
            raise KeyboardInterrupt
        stored(now, outcomes)

    monkeypatch.setattr(running, "store", crash)
    with pytest.raises(KeyboardInterrupt):
        imports.import_run(cast.root, run=run)
    assert Customer.objects.count() == ImportOutcome.objects.count() == 3
    monkeypatch.setattr(running, "store", stored)
    run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert counts(run) == (8, 0, 0, 0)
    assert Customer.objects.count() == 8


def _no_evil() -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE customers_customer ADD CONSTRAINT no_evil CHECK (name NOT LIKE '坏%')")


def test_the_database_refusing_one_row_spares_the_others(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_evil()
    run = bring(cast.root, "名称\n好公司\n坏公司\n另一家\n")
    assert counts(run) == (2, 0, 0, 1)
    assert reasons(run) == ["row.database"]
    monkeypatch.setattr(ahead, "BATCH", 2)
    run = bring(cast.root, "名称\n第三家\n第四家\n坏公司\n")  # alone in its batch
    assert (counts(run), reasons(run)) == ((2, 0, 0, 1), ["row.database"])


def test_several_rows_the_database_refuses_are_found(cast: Cast) -> None:
    _no_evil()
    bad = {3, 4, 150, 399}
    rows = "".join(f"{'坏' if n in bad else '好'}公司{n},1380013{n:04d}\n" for n in range(400))
    run = bring(cast.root, f"名称,手机\n{rows}")
    assert counts(run) == (396, 0, 0, 4)
    failed = ImportOutcome.objects.filter(run=run, outcome=FAILED).order_by("position")
    assert [one.position - 1 for one in failed] == sorted(bad)
    announced = OutboxEvent.objects.filter(name="customers.customer.created").values_list("record_id", flat=True)
    assert sorted(announced) == sorted(Customer.objects.values_list("pk", flat=True))


def test_choices_of_rows_refused_together_are_made_again(cast: Cast) -> None:
    _no_evil()
    text = "名称,来源\n好公司,\n坏公司,新来源甲\n另一家,新来源乙\n第四家,新来源甲\n"
    run = bring(cast.root, text, create_choices=True)
    assert counts(run) == (3, 0, 0, 1)
    names = dict(DictionaryValue.objects.filter(key__startswith="import_").values_list("key", "name_zh"))
    assert {one.name: names.get(one.source, one.source) for one in Customer.objects.all()} == {
        "好公司": "",
        "另一家": "新来源乙",
        "第四家": "新来源甲",
    }


def test_what_rows_refused_together_announced_is_announced_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    _no_evil()
    plain: Any = batches.Batcher.run

    def announcing(batcher: batches.Batcher, rows: Any, **options: Any) -> Any:
        for row in rows:
            emit(cast.root, "seen", entity=CUSTOMER, record_id=row.position)
        return plain(batcher, rows, **options)

    monkeypatch.setattr(batches.Batcher, "run", announcing)
    bring(cast.root, "名称\n好公司\n坏公司\n另一家\n")
    announced = OutboxEvent.objects.filter(name="customers.customer.seen").order_by("record_id")
    assert list(announced.values_list("record_id", flat=True)) == [1, 3]


def test_undo_says_of_every_record_what_became_of_it(cast: Cast) -> None:
    run = bring(cast.root, "名称\n" + "".join(f"第{n}号公司\n" for n in range(6)), mode="create")
    made = list(Customer.objects.order_by("pk"))
    records.update(cast.root, made[1], {"description": "后来改的"})
    records.delete(cast.root, made[2])
    Customer.everything.filter(pk=made[3].pk).delete()
    before = OutboxEvent.objects.filter(name="customers.customer.deleted").count()
    undone = imports.import_undo(cast.root, run=run)
    assert undone.undone == 4
    told = {one["id"]: one["reason"] for one in undone.skipped}
    assert set(told) == {made[1].pk, made[3].pk}
    assert str(Customer._meta.get_field("description").verbose_name) in told[made[1].pk]
    assert list(Customer.objects.all()) == [made[1]]
    assert Customer.everything.filter(deleted_by=cast.root.user_id).count() == 4
    assert OutboxEvent.objects.filter(name="customers.customer.deleted").count() == before + 3
    trashed = AuditEntry.objects.filter(operation_id=undone.operation.pk, record_id=made[0].pk)
    assert [(one.action, one.actor_id) for one in trashed] == [("update", cast.root.user_id)]
    assert not records.select(cast.root, CUSTOMER, text="第0号").items


def test_what_the_database_refuses_while_writing_behind_is_found_before_the_next_statement(cast: Cast) -> None:
    before = Customer.objects.count()

    def write() -> None:
        with transaction.atomic(), behind():
            copy_lines("customers_customer", ("name",), ["\\N"])
            copy_lines("core_match_key", ("entity", "kind", "value", "record_id"), ["x\tname\ty\t1"])
            Customer.objects.count()

    with pytest.raises(DatabaseError):
        write()
    assert Customer.objects.count() == before
    with transaction.atomic(), behind():
        copy_lines("core_match_key", ("entity", "kind", "value", "record_id"), ["x\tname\ty\t1"])
        assert MatchValue.objects.filter(entity="x").count() == 1
