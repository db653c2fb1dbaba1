"""What was done together is taken back together, except what somebody changed since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guanxi.core import records
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import Comment, Operation
from guanxi.core.records import bulk
from guanxi.core.records.search.query import search
from tests.factories.cast import Cast


def test_bulk_update_reports_and_is_undone_except_what_changed_since(cast: Cast, make: Callable[..., Any]) -> None:
    mine = [make("fakes.gadget", pieces=1) for _ in range(3)]
    bobs = make("fakes.gadget", pieces=1, by=cast.bob_user)
    operation = bulk.change(
        cast.alice, "update", "fakes.gadget", [*(one.pk for one in mine), bobs.pk, 999_999], {"pieces": "7"}
    )
    assert (operation.state, operation.progress) == ("done", 5)
    assert {name: operation.result[name] for name in ("done", "skipped", "failed")} == {
        "done": 3,
        "skipped": 0,
        "failed": 2,
    }
    assert [(one["id"], one["code"]) for one in operation.result["problems"]] == [
        (bobs.pk, "access.denied"), (999_999, "record.not_found"),
    ]  # fmt: skip
    records.update(cast.alice, records.get(cast.alice, "fakes.gadget", mine[0].pk), {"pieces": 9})
    result = records.undo(cast.alice, operation.pk)
    assert result.undone == 2
    assert [(one["entity"], one["id"]) for one in result.skipped] == [("fakes.gadget", mine[0].pk)]
    assert "pieces" in result.skipped[0]["reason"]
    values = [records.get(cast.alice, "fakes.gadget", one.pk).pieces for one in mine]
    assert values == [9, 1, 1]
    with pytest.raises(RuleBroken):
        records.undo(cast.alice, operation.pk)


def test_what_only_one_may_hold_at_a_time_is_handed_back(cast: Cast, make: Callable[..., Any]) -> None:
    names = ("甲", "乙", "丙")
    tags = [make("core.tag", name=name) for name in names]
    step = Operation.objects.create(sort="bulk_update", entity="core.tag", actor_id=cast.root.user_id, total=3)
    for at, name in ((2, "丁"), (1, "丙"), (0, "乙")):
        records.update(cast.root, tags[at], {"name": name}, operation=step)
    assert records.undo(cast.root, step.pk).undone == 3
    assert [records.get(cast.root, "core.tag", one.pk).name for one in tags] == list(names)


def test_undo_asks_as_often_for_many_as_for_few(cast: Cast, make: Callable[..., Any]) -> None:
    counts = []
    for number in (2, 3, 30):  # what is kept from one change to the next is asked for by the first
        ids = [make("fakes.gadget", pieces=1).pk for _ in range(number)]
        step = bulk.change(cast.alice, "update", "fakes.gadget", ids, {"pieces": 2, "owner": cast.alice.user_id})
        with CaptureQueriesContext(connection) as asked:
            assert records.undo(cast.alice, step.pk).undone == number
        counts.append(len(asked))
    assert counts[2] < counts[1] + 5


def test_undo_is_for_who_did_it(cast: Cast, make: Callable[..., Any]) -> None:
    gadget = make("fakes.gadget", pieces=1)
    changed = records.update(cast.alice, gadget, {"pieces": 2})
    with pytest.raises(Denied):
        records.undo(cast.bob, changed.operation_id)
    assert records.get(cast.alice, "fakes.gadget", gadget.pk).pieces == 2
    with pytest.raises(NotFound):
        records.undo(cast.alice, 999_999_999)


def test_bulk_goes_on_after_a_crash(cast: Cast, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    gadgets = [make("fakes.gadget", pieces=1) for _ in range(5)]
    monkeypatch.setattr(bulk, "CHUNK", 2)
    operation = bulk.begin(cast.alice, "update", "fakes.gadget", [one.pk for one in gadgets], {"pieces": 3})
    plain, calls = bulk._chunk, []

    def fails_second(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        plain(*arguments)

    monkeypatch.setattr(bulk, "_chunk", fails_second)
    with pytest.raises(KeyboardInterrupt):
        bulk.run(cast.alice, operation)
    assert Operation.objects.get(pk=operation.pk).progress == 2
    done = bulk.run(cast.alice, operation)
    assert (done.state, done.progress, done.result["done"]) == ("done", 5, 5)


def test_merge_moves_everything_and_undo_brings_it_back(cast: Cast, make: Callable[..., Any]) -> None:
    keep = make("fakes.gadget", name="留下", phones=["13800138000"], pieces=None, note="")
    other = make("fakes.gadget", name="并入", phones=["13900139000", "13800138000"], pieces=4, note="旧")
    part = make("fakes.part", name="零件", gadget=other)
    child = make("fakes.gadget", name="子", parent=other)
    comment = Comment.objects.create(entity="fakes.gadget", record_id=other.pk, author=cast.alice_user, body="x")
    operation = records.merge(cast.alice, "fakes.gadget", keep.pk, [other.pk], {"name": other.pk})
    merged = records.get(cast.alice, "fakes.gadget", keep.pk)
    assert (merged.name, merged.pieces, merged.note) == ("并入", 4, "旧")
    assert [(one["value"], one["primary"]) for one in merged.phones] == [
        ("+8613800138000", True),
        ("+8613900139000", False),
    ]
    assert records.get(cast.alice, "fakes.part", part.pk).gadget_id == keep.pk
    assert records.get(cast.alice, "fakes.gadget", child.pk).parent_id == keep.pk
    comment.refresh_from_db()
    assert comment.record_id == keep.pk
    with pytest.raises(NotFound):
        records.get(cast.alice, "fakes.gadget", other.pk)
    result = records.undo(cast.alice, operation.pk)
    assert result.skipped == []
    back = records.get(cast.alice, "fakes.gadget", keep.pk)
    assert (back.name, back.pieces, back.note, len(back.phones)) == ("留下", None, "", 1)
    assert records.get(cast.alice, "fakes.gadget", other.pk).name == "并入"
    assert records.get(cast.alice, "fakes.part", part.pk).gadget_id == other.pk
    assert records.get(cast.alice, "fakes.gadget", child.pk).parent_id == other.pk
    comment.refresh_from_db()
    assert comment.record_id == other.pk
    assert other.pk in [hit.record_id for hit in search(cast.alice, "并入", entities=["fakes.gadget"])]


def test_merge_needs_the_right_on_every_record(cast: Cast, make: Callable[..., Any]) -> None:
    mine, bobs = make("fakes.gadget"), make("fakes.gadget", by=cast.bob_user)
    with pytest.raises(Denied):
        records.merge(cast.alice, "fakes.gadget", mine.pk, [bobs.pk])
    assert records.get(cast.alice, "fakes.gadget", bobs.pk).version == 1
    with pytest.raises(Invalid):
        records.merge(cast.alice, "fakes.gadget", mine.pk, [mine.pk])


def test_children_go_to_the_trash_and_come_back_together(cast: Cast, make: Callable[..., Any]) -> None:
    gadget = make("fakes.gadget")
    part, lost = make("fakes.part", gadget=gadget), make("fakes.part", gadget=gadget)
    records.delete(cast.alice, lost)
    operation = records.delete(cast.alice, gadget)
    with pytest.raises(NotFound):
        records.get(cast.alice, "fakes.part", part.pk)
    records.undo(cast.alice, operation.pk)
    assert records.get(cast.alice, "fakes.part", part.pk).pk == part.pk
    with pytest.raises(NotFound):
        records.get(cast.alice, "fakes.part", lost.pk)


def test_children_follow_the_owner(cast: Cast, make: Callable[..., Any]) -> None:
    gadget = make("fakes.gadget")
    part = make("fakes.part", gadget=gadget)
    with pytest.raises(NotFound):
        records.get(cast.charlie, "fakes.part", part.pk)
    records.update(cast.alice, gadget, {"owner": cast.charlie_user.pk})
    assert records.get(cast.charlie, "fakes.part", part.pk).carrier_owner_id == cast.charlie_user.pk
