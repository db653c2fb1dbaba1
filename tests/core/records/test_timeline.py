"""The timeline: what stands on it, in which order, page by page, and for whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import AuditEntry, Comment, RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.records import files, together
from guanxi.core.records.timeline import TimelineEntry, kinds_of, timeline
from tests.factories.cast import Cast
from tests.rights import as_owner

Make = Callable[..., Any]
NOON = dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC)  # 12:00 in Shanghai
MINUTE = dt.timedelta(minutes=1)


def brief(entries: tuple[TimelineEntry, ...]) -> list[tuple[str, str]]:
    return [(entry.kind, entry.title or entry.body or entry.action) for entry in entries]


def forget_audit(keep: str = "") -> None:
    """Entries of making the records; a test's own way round what the database refuses."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL guanxi.audit_upkeep = 'on'")
        AuditEntry.objects.exclude(entity=keep).delete()
        cursor.execute("SET LOCAL guanxi.audit_upkeep = 'off'")


def audited(record: Any, at: dt.datetime, *, by: int | None, changes: dict[str, Any], action: str = "update") -> None:
    """An audit entry as the trigger would have written it at that moment."""
    AuditEntry.objects.create(
        at=at, entity=record._meta.db_table, record_id=record.pk, action=action, changes=changes,
        actor_id=by, actor_name="", via="web", request_id="", address="",
    )  # fmt: skip


@pytest.fixture
def gadget(make: Make) -> Any:
    """A gadget of Alice's whose history so far is forgotten."""
    found = make("fakes.gadget", name="水泵")
    forget_audit()
    return found


def test_everything_is_in_one_order(cast: Cast, make: Make, gadget: Any) -> None:
    with clock.moved_to(NOON):
        together.comment_add(cast.bob, gadget, "zweitens")
    with clock.moved_to(NOON + 2 * MINUTE):
        together.file_add(cast.alice, gadget, files.as_upload("viertens.txt", b"x"))
    make("fakes.part", name="drittens", gadget=gadget, fitted_at=NOON + MINUTE)
    make("fakes.part", name="nirgends", gadget=gadget)
    make("fakes.part", name="woanders", fitted_at=NOON)
    audited(gadget, NOON - MINUTE, by=cast.alice_user.pk, changes={"note": ["", "erstens"]})
    page = timeline(cast.bob, gadget)
    assert brief(page.entries) == [
        ("file", "viertens.txt"),
        ("fakes.part", "drittens"),
        ("comment", "<p>zweitens</p>"),
        ("change", "update"),
    ]
    assert page.next == ""
    assert [entry.by_name for entry in page.entries] == ["林爱丽", "林爱丽", "鲍勃", "林爱丽"]
    assert [entry.own for entry in page.entries] == [False, False, True, False]
    (line,) = page.entries[3].changes
    assert (line.field.name, line.before, line.after) == ("note", "", "erstens")
    with pytest.raises(NotFound):
        timeline(cast.charlie, gadget)


def test_pages_neither_repeat_nor_lose_anything(cast: Cast, make: Make, gadget: Any) -> None:
    """Many entries of all sources at the same few moments, in pages of every size."""
    for n in range(4):
        at = NOON + n * 10 * MINUTE
        for m in range(3):
            make("fakes.part", name=f"part {n} {m}", gadget=gadget, fitted_at=at)
            with clock.moved_to(at):
                together.comment_add(cast.alice, gadget, f"comment {n} {m}")
        audited(gadget, at, by=cast.alice_user.pk, changes={"note": [f"{n}", f"{n + 1}"]})
        audited(gadget, at, by=cast.bob_user.pk, changes={"pieces": [n, n + 1]})
        audited(gadget, at + MINUTE, by=cast.root_user.pk, changes={"note": ["x", "y"]})
        audited(gadget, at + 2 * MINUTE, by=cast.root_user.pk, changes={"note": ["y", "x"]})  # comes to nothing
    forget_audit("fakes_gadget")
    whole = [(entry.kind, entry.id) for entry in timeline(cast.alice, gadget, limit=200).entries]
    assert len(whole) == len(set(whole)) == 4 * 8
    for size in (1, 2, 3, 5, 7, 31, 32):
        found: list[tuple[str, int]] = []
        position = ""
        while True:
            page = timeline(cast.alice, gadget, before=position, limit=size)
            found += [(entry.kind, entry.id) for entry in page.entries]
            position = page.next
            if not position:
                break
            assert len(page.entries) == size
        assert found == whole, size


def test_changes_of_one_person_and_moment_are_one_line(cast: Cast, gadget: Any) -> None:
    alice, bob = cast.alice_user.pk, cast.bob_user.pk
    audited(gadget, NOON, by=alice, changes={"note": ["a", "b"], "state": ["new", "used"]})
    audited(gadget, NOON + MINUTE, by=bob, changes={"pieces": [1, 2]})
    audited(gadget, NOON + 2 * MINUTE, by=alice, changes={"note": ["b", "c"], "keeper_id": [None, bob]})
    audited(gadget, NOON + 6 * MINUTE, by=alice, changes={"note": ["c", "d"]})
    lines = [
        (entry.by_name, {line.field.name: (line.before, line.after) for line in entry.changes})
        for entry in timeline(cast.alice, gadget).entries
    ]
    assert lines == [
        ("林爱丽", {"note": ("c", "d")}),
        ("林爱丽", {"note": ("a", "c"), "state": ("New", "Used"), "keeper": ("", "鲍勃")}),
        ("鲍勃", {"pieces": ("1", "2")}),
    ]


def test_hidden_fields_are_not_told_and_masked_ones_masked(cast: Cast, gadget: Any) -> None:
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="secret", level="hidden")
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="phone", level="masked")
    bump("rights")
    bob = cast.actor(cast.bob_user)
    audited(gadget, NOON, by=1, changes={"secret": ["", "42"]})
    audited(gadget, NOON + 10 * MINUTE, by=1, changes={"secret": ["42", "43"], "phone": ["", "+8613800138000"]})
    audited(gadget, NOON + 20 * MINUTE, by=1, changes={"updated_by_id": [1, 2]})
    told = [
        [(line.field.name, line.before, line.after) for line in entry.changes]
        for entry in timeline(bob, gadget).entries
    ]
    assert told == [[("phone", "", "138****8000")]]
    assert [len(entry.changes) for entry in timeline(cast.root, gadget).entries] == [2, 1]


def test_made_trashed_and_restored_have_no_fields(cast: Cast, gadget: Any) -> None:
    audited(gadget, NOON, by=1, changes={"name": [None, "水泵"]}, action="create")
    audited(gadget, NOON + MINUTE, by=1, changes={"note": ["", "x"]})
    audited(gadget, NOON + 10 * MINUTE, by=1, changes={"deleted_at": [None, "2026-03-02T04:10:00+00:00"]})
    audited(gadget, NOON + 20 * MINUTE, by=1, changes={"deleted_at": ["2026-03-02T04:10:00+00:00", None]})
    told = [(entry.action, entry.changes) for entry in timeline(cast.alice, gadget).entries]
    assert told == [("restore", ()), ("trash", ()), ("create", ())]


def test_filters(cast: Cast, make: Make, gadget: Any) -> None:
    with clock.moved_to(NOON):
        together.comment_add(cast.bob, gadget, "Angebot geschickt")
        together.comment_add(cast.alice, gadget, "zurückgerufen")
        together.file_add(cast.alice, gadget, files.as_upload("Angebot.pdf", b"x"))
    make("fakes.part", name="Angebotsteil", gadget=gadget, fitted_at=NOON, by=cast.bob_user)
    audited(gadget, NOON, by=cast.bob_user.pk, changes={"note": ["", "Angebot"]})

    def found(**wish: Any) -> list[str]:
        return sorted(kind for kind, _text in brief(timeline(cast.alice, gadget, **wish).entries))

    assert found(kinds=["comment"]) == ["comment", "comment"]
    assert found(kinds=["fakes.part", "file"]) == ["fakes.part", "file"]
    assert found(kinds=["change"]) == ["change"]
    assert found(kinds=["nonsense"]) == []
    assert found(people=[cast.bob_user.pk]) == ["change", "comment", "fakes.part"]
    assert found(text="angebot") == ["comment", "fakes.part", "file"]
    assert found(text="angebot", people=[cast.bob_user.pk], kinds=["comment"]) == ["comment"]
    with translation.override("en"):
        keys = [(kind.key, kind.label) for kind in kinds_of(cast.alice, gadget)]
    own = [("comment", "Comments"), ("file", "Files"), ("change", "Changes")]
    assert keys == [("fakes.part", "Parts"), ("approval", "Approvals"), ("message", "Messages"), *own]


def test_jumping_to_a_day_begins_with_its_last_entry(cast: Cast, gadget: Any) -> None:
    for day in (1, 2, 3):
        for hour in (15, 17):  # 23:00 that day and 01:00 the next in Shanghai
            moment = dt.datetime(2026, 3, day, hour, 0, tzinfo=dt.UTC)
            with clock.moved_to(moment):
                together.comment_add(cast.alice, gadget, f"{day} {hour}")
    page = timeline(cast.alice, gadget, jump_to=dt.date(2026, 3, 2), kinds=["comment"], limit=2)
    assert [entry.body for entry in page.entries] == ["<p>2 15</p>", "<p>1 17</p>"]
    rest = timeline(cast.alice, gadget, before=page.next, kinds=["comment"], limit=2)
    assert [entry.body for entry in rest.entries] == ["<p>1 15</p>"]


@pytest.mark.parametrize("wrong", ["x", "2026-03-02|1|2", "2026-03-02T04:00:00+00:00|a|2", "||", "1|2|3|4"])
def test_a_wrong_position_is_refused(cast: Cast, gadget: Any, wrong: str) -> None:
    with pytest.raises(Invalid):
        timeline(cast.alice, gadget, before=wrong)


def test_deleted_ones_are_gone(cast: Cast, make: Make, gadget: Any) -> None:
    part = make("fakes.part", name="weg", gadget=gadget, fitted_at=NOON)
    comment = together.comment_add(cast.alice, gadget, "weg")
    file = together.file_add(cast.alice, gadget, files.as_upload("weg.txt", b"x"))
    records.delete(cast.alice, part)
    together.comment_delete(cast.alice, comment.pk)
    together.file_delete(cast.alice, file.pk)
    assert brief(timeline(cast.alice, gadget).entries) == []
    assert Comment.objects.count() == 1


def test_a_page_costs_the_same_few_queries_however_long_the_history(cast: Cast, make: Make, gadget: Any) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            timeline(cast.bob, gadget, limit=50)
        return len(queries)

    make("fakes.part", name="one", gadget=gadget, fitted_at=NOON)
    together.comment_add(cast.alice, gadget, "one")
    audited(gadget, NOON, by=cast.alice_user.pk, changes={"keeper_id": [None, cast.bob_user.pk]})
    cost()  # what a process looks up once (names of choices, fields) is no part of the cost of a page
    few = cost()
    for n in range(30):
        make("fakes.part", name=f"{n}", gadget=gadget, fitted_at=NOON + n * MINUTE)
        together.comment_add(cast.alice, gadget, f"{n}")
        audited(gadget, NOON + n * 9 * MINUTE, by=cast.alice_user.pk, changes={"keeper_id": [n, cast.bob_user.pk]})
    assert min(cost(), cost()) <= few + 1 <= 10  # a kind of which there was nothing before is asked for too


def test_there_is_no_day_after_the_last_one(cast: Cast, gadget: Any) -> None:
    with pytest.raises(Invalid):
        timeline(cast.alice, gadget, jump_to=dt.date.max)
