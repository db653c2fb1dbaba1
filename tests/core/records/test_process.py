"""One gate for every field that is a process: moves, people, fields and checklists on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.kernel.errors import Invalid, RuleBroken
from guanxi.core.models import Process as ProcessRow
from guanxi.core.models.stamps import bump
from guanxi.core.records import process
from guanxi.core.shaping import processes
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def rules(**definition: Any) -> None:
    ProcessRow.objects.update_or_create(entity="fakes.gadget", field="state", defaults={"definition": definition})
    bump("processes")


@pytest.fixture
def gadget(make: Callable[..., Any]) -> Any:
    return make("fakes.gadget", name="钟", state="new")


def test_only_listed_moves_are_allowed(cast: Cast, gadget: Any) -> None:
    rules(moves=[{"source": "new", "target": "used"}])
    with pytest.raises(RuleBroken) as refused:
        records.update(cast.alice, gadget, {"state": "broken"})
    assert refused.value.code == "process.move"
    gadget.refresh_from_db()
    assert gadget.state == "new"
    assert records.update(cast.alice, gadget, {"state": "used"}).state == "used"


def test_a_step_may_be_for_one_role_or_the_owner(cast: Cast, gadget: Any) -> None:
    rules(steps={"used": {"who": ["@owner"]}, "broken": {"who": ["judges"]}})
    with pytest.raises(RuleBroken) as refused:
        records.update(cast.alice, gadget, {"state": "broken"})
    assert refused.value.code == "process.who"
    assert records.update(cast.alice, gadget, {"state": "used"}).state == "used"
    cast.role.key = "judges"
    cast.role.save()
    bump("rights")
    again = cast.actor(cast.alice_user)
    assert records.update(again, gadget, {"state": "broken"}).state == "broken"


def test_fields_are_asked_on_the_way_and_may_come_along(cast: Cast, gadget: Any) -> None:
    rules(steps={"used": {"required": ["price", "note"]}})
    with pytest.raises(Invalid) as refused:
        records.update(cast.alice, gadget, {"state": "used", "note": "抽屉里"})
    assert set(refused.value.errors) == {"price"}
    stored = records.update(cast.alice, gadget, {"state": "used", "note": "抽屉里", "price": "12"})
    assert (stored.state, stored.note) == ("used", "抽屉里")


def test_a_checklist_holds_the_way_onwards_but_not_back(cast: Cast, gadget: Any) -> None:
    lines = [{"key": "oiled", "zh": "已上油", "en": "Oiled"}, {"key": "boxed", "zh": "装盒", "required": False}]
    rules(steps={"used": {"checklist": lines}})
    gadget = records.update(cast.alice, gadget, {"state": "used"})
    with pytest.raises(Invalid) as refused:
        records.update(cast.alice, gadget, {"state": "broken"})
    assert [one.code for one in refused.value.errors["state"]] == ["process.checklist"]
    found = process.process_of("fakes.gadget", "state")
    assert found is not None
    assert [one.key for one in process.gate(cast.alice, gadget, found, "broken").open_items] == ["oiled"]
    assert process.gate(cast.alice, gadget, found, "new").open
    with records.writing(cast.alice):
        process.tick(cast.alice, gadget, found, "used", ["oiled", "unknown"])
    assert process.ticked(gadget, found, "used") == {"oiled"}
    assert records.update(cast.alice, gadget, {"state": "broken"}).state == "broken"


def test_entering_a_step_sets_fields_and_says_so(cast: Cast, gadget: Any) -> None:
    rules(steps={"used": {"sets": {"keeper": "@me", "made_on": "@today", "pieces": "3"}}})
    stored = records.update(cast.alice, gadget, {"state": "used"})
    assert (stored.keeper_id, stored.pieces) == (cast.alice_user.pk, 3)
    assert stored.made_on is not None
    assert {one.field.name for one in records.history.history(cast.alice, stored)[0].fields} >= {"keeper", "pieces"}


def test_entering_a_step_runs_an_action_of_the_entity(cast: Cast, gadget: Any) -> None:
    rules(steps={"used": {"runs": ["break"]}})
    records.update(cast.alice, gadget, {"state": "used"})
    gadget.refresh_from_db()
    assert gadget.state == "broken"


def test_a_new_record_may_start_anywhere_its_fields_allow(cast: Cast) -> None:
    rules(moves=[{"source": "new", "target": "used"}], steps={"broken": {"required": ["note"]}})
    with pytest.raises(Invalid):
        records.create(cast.alice, "fakes.gadget", {"name": "锣", "state": "broken"})
    assert records.create(cast.alice, "fakes.gadget", {"name": "锣", "state": "broken", "note": "裂"}).state == "broken"


def test_many_rows_meet_the_same_gate(cast: Cast, gadget: Any) -> None:
    rules(moves=[{"source": "new", "target": "used"}])
    operation = records.bulk.change(cast.alice, "update", "fakes.gadget", [gadget.pk], {"state": "broken"})
    assert operation.result["failed"] == 1
    assert operation.result["problems"][0]["code"] == "process.move"


def test_an_area_may_keep_its_stages_itself(cast: Cast, gadget: Any) -> None:
    made = process.Process(
        entity="fakes.gadget", field="parent", steps=(process.Step(key=str(gadget.pk), label="钟", who=("nobody",)),)
    )
    process.add_source("fakes.gadget", "parent", lambda _record: made)
    try:
        with pytest.raises(RuleBroken) as refused:
            records.create(cast.alice, "fakes.gadget", {"name": "摆", "parent": gadget.pk})
        assert refused.value.code == "process.who"
    finally:
        process._sources.pop(("fakes.gadget", "parent"))


@pytest.mark.parametrize(
    ("name", "wrong", "right"), [("pieces", "abc", "3"), ("made_on", "soon", "@today"), ("keeper", "nobody", "@me")]
)
def test_a_step_sets_only_what_the_field_can_hold(cast: Cast, name: str, wrong: str, right: str) -> None:
    with pytest.raises(Invalid) as refused:
        processes.process_save(cast.root, "fakes.gadget", "state", {"steps": {"used": {"sets": {name: wrong}}}})
    assert list(refused.value.errors) == ["used.sets"]
    assert not ProcessRow.objects.filter(entity="fakes.gadget").exists()
    kept = processes.process_save(cast.root, "fakes.gadget", "state", {"steps": {"used": {"sets": {name: right}}}})
    assert kept.definition["steps"]["used"]["sets"] == {name: right}
