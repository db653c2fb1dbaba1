"""Taking back asks for the rights one has now, on each record as it is now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import Collaborator, Operation, RoleRight
from guanxi.core.models.stamps import bump
from guanxi.core.records import bulk
from tests.factories.cast import Cast
from tests.fakes.models import Gadget
from tests.signing import browser

Make = Callable[..., Any]


def given(cast: Cast, *gadgets: Any) -> None:
    for one in gadgets:
        records.update(cast.root, Gadget.objects.get(pk=one.pk), {"owner": cast.charlie_user.pk})


def test_what_went_to_somebody_else_stays(cast: Cast, make: Make) -> None:
    gadget = make("fakes.gadget", name="泵")
    step = records.update(cast.alice, gadget, {"name": "水泵"}).operation_id
    given(cast, gadget)
    assert browser(cast.alice_user).post(f"/operations/{step}/undo/").status_code == 303
    assert Gadget.objects.get(pk=gadget.pk).name == "水泵"
    [left] = Operation.objects.get(undoes=step).result["problems"]
    assert (left["entity"], left["id"], left["reason"]) == ("fakes.gadget", gadget.pk, "It is not yours any more.")


@pytest.mark.parametrize("sort", ["update", "tag", "delete"])
def test_of_many_those_that_went_stay(cast: Cast, make: Make, sort: str) -> None:
    mine, gone = make("fakes.gadget", pieces=1), make("fakes.gadget", pieces=1)
    values = {"update": {"pieces": 7}, "tag": {"tags": [make("core.tag", name="标").pk]}, "delete": {}}[sort]
    step = bulk.change(cast.alice, sort, "fakes.gadget", [mine.pk, gone.pk], values)
    with records.writing(cast.root):
        Gadget.everything.filter(pk=gone.pk).update(owner=cast.charlie_user)
    result = records.undo(cast.alice, step.pk)
    assert (result.undone, [one["id"] for one in result.skipped]) == (1, [gone.pk])
    states = {one.pk: (one.pieces, one.tags, one.deleted_at is None) for one in Gadget.everything.all()}
    assert states[mine.pk] == (1, [], True)
    assert states[gone.pk] != (1, [], True)


def test_what_was_made_and_went_stays(cast: Cast, make: Make) -> None:
    """Also where nothing of it shows in the audit of the record: it is carried by one that went."""
    gadget = make("fakes.gadget")
    with records.writing(cast.alice):
        step = records.operation_begin(cast.alice, "create", "fakes.part")
        part = records.create(
            cast.alice, "fakes.part", {"name": "零件", "gadget": gadget.pk, "owner": cast.bob.user_id}, operation=step
        )
        records.create(cast.alice, "fakes.gadget", {"name": "本人"}, operation=step)
    given(cast, gadget)
    result = records.undo(cast.alice, step.pk)
    assert [one["id"] for one in result.skipped] == [part.pk]
    assert not Gadget.objects.filter(name="本人").exists()


def test_a_share_that_ended_or_a_department_left(cast: Cast, make: Make) -> None:
    bobs = make("fakes.gadget", by=cast.bob_user, name="泵")
    share = Collaborator.objects.create(
        entity="fakes.gadget", record_id=bobs.pk, user=cast.alice_user, level="write", created_by_id=cast.bob_user.pk
    )
    bump("rights")
    alice = cast.actor(cast.alice_user)
    first = records.update(alice, bobs, {"name": "一"})
    second = records.update(alice, first, {"name": "二"})
    assert records.undo(alice, second.operation_id).skipped == []
    share.delete()
    alice = cast.actor(cast.alice_user)
    assert len(records.undo(alice, first.operation_id).skipped) == 1
    assert Gadget.objects.get(pk=bobs.pk).name == "一"


def test_who_handed_over_takes_it_back_until_it_is_passed_on(cast: Cast, make: Make) -> None:
    kept, passed, alone = (make("fakes.gadget") for _ in range(3))
    charlie = {"owner": cast.charlie_user.pk}
    step = bulk.change(cast.alice, "assign", "fakes.gadget", [kept.pk, passed.pk], charlie)
    single = records.update(cast.alice, alone, {**charlie, "name": "连名"})
    records.update(cast.charlie, Gadget.objects.get(pk=passed.pk), {"owner": cast.root_user.pk})
    result = records.undo(cast.alice, step.pk)
    assert (result.undone, [one["id"] for one in result.skipped]) == (1, [passed.pk])
    assert Gadget.objects.get(pk=kept.pk).owner_id == cast.alice_user.pk
    assert records.undo(cast.alice, single.operation_id).skipped == []
    assert Gadget.objects.get(pk=alone.pk).owner_id == cast.alice_user.pk


def test_taking_an_assignment_back_takes_the_right_to_assign(cast: Cast, make: Make) -> None:
    gadget = make("fakes.gadget")
    step = bulk.change(cast.alice, "assign", "fakes.gadget", [gadget.pk], {"owner": cast.charlie_user.pk})
    RoleRight.objects.filter(role=cast.role, entity="fakes.gadget", action="assign").delete()
    bump("rights")
    alice = cast.actor(cast.alice_user)
    assert not records.can_undo(alice, step)
    with pytest.raises(Denied):
        records.undo(alice, step.pk)


def test_what_went_along_goes_back_with_the_records(cast: Cast, make: Make) -> None:
    """A merge takes along what points to the merged ones, also what the merger may not change himself."""
    keep, other = make("fakes.gadget", name="留下"), make("fakes.gadget", name="并入")
    bobs, charlies = (make("fakes.gadget", by=who, parent=other) for who in (cast.bob_user, cast.bob_user))
    step = records.merge(cast.alice, "fakes.gadget", keep.pk, [other.pk])
    given(cast, charlies)
    result = records.undo(cast.alice, step.pk)
    assert [one["id"] for one in result.skipped] == [charlies.pk]
    assert Gadget.objects.get(pk=bobs.pk).parent_id == other.pk
    assert Gadget.objects.get(pk=charlies.pk).parent_id == keep.pk


def test_settings_are_taken_back_by_who_keeps_them(cast: Cast) -> None:
    step = Operation.objects.create(
        sort="value_merge", actor_id=cast.alice.user_id, parameters={"feature": "settings"}, total=1
    )
    with pytest.raises(Denied):
        records.undo(cast.alice, step.pk)
