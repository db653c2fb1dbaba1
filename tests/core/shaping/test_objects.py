"""Custom objects: there at once on every face, belonging to others, retired and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from guanxi.core import records
from guanxi.core.exchange import imports
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import AuditEntry, CustomObject, RoleRight, stamps
from guanxi.core.records import children
from guanxi.core.records import objects as synchronised
from guanxi.core.schema import registry
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.shaping import fields, objects
from tests.factories.cast import Cast
from tests.rights import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit(cast: Cast) -> Iterator[Any]:
    """An object 巡检 of gadgets, carried by the gadget it belongs to."""
    stamps.refresh()
    given = {"name_zh": "巡检", "name_en": "Inspection", "parent": "fakes.gadget", "options": {"timeline": True}}
    yield objects.object_save(cast.root, "", given, new=True)
    registry.replace_made(())


def test_one_whose_address_begins_like_a_page_without_a_sign_in_asks_for_one(
    cast: Cast, browse: Callable[..., Client]
) -> None:
    stamps.refresh()
    given = {"name_zh": "指标", "name_en": "Figures", "path": "metrics-of-us"}
    objects.object_save(cast.root, "figure", given, new=True)
    try:
        assert Client().get("/metrics-of-us/").headers["Location"] == "/account/login/?next=%2Fmetrics-of-us%2F"
        assert browse("root").get("/metrics-of-us/").status_code == 200
    finally:
        registry.replace_made(())


def test_it_is_an_entity_at_once(cast: Cast, visit: CustomObject, make: Callable[..., Any]) -> None:
    assert (visit.key, visit.path) == ("inspection", "inspection")
    entity = entity_of("custom.inspection")
    fields.field_save(cast.root, entity, "", {"kind": "money", "label_zh": "费用", "label_en": "fee"}, new=True)
    gadget = make("fakes.gadget", name="钟")
    one = records.create(
        cast.root, entity, {"name": "春检", "parent": gadget.pk, "custom.fee": "12.5", "owner": cast.alice_user.pk}
    )
    assert "custom.fee" in entity_of("custom.inspection").columns
    assert records.select(cast.root, entity, filter={"field": "parent.name", "op": "eq", "value": "钟"}).items == [one]
    assert AuditEntry.objects.filter(entity="core_object_inspection", record_id=one.pk).count() == 1
    changed = records.update(cast.root, one, {"name": "秋检"})
    assert [change.action for change in records.history.history(cast.root, changed)] == ["update", "create"]
    operation = records.delete(cast.root, changed)
    with pytest.raises(NotFound):
        records.get(cast.root, entity, one.pk)
    records.undo(cast.root, operation.pk)
    assert records.get(cast.root, entity, one.pk).name == "秋检"


@pytest.mark.parametrize(
    "path", ["bad path!", "Devices", "7-days", "设备", "dashboards", "settings", "gadgets", "static"]
)
def test_an_address_no_page_would_answer_is_refused(cast: Cast, path: str) -> None:
    stamps.refresh()
    with pytest.raises(Invalid) as refused:
        objects.object_save(cast.root, "", {"name_zh": "设备", "name_en": "Device", "path": path}, new=True)
    assert list(refused.value.errors) == ["path"]
    assert not CustomObject.objects.filter(name_zh="设备").exists()


def test_who_sees_the_carrier_sees_it(cast: Cast, visit: CustomObject, make: Callable[..., Any]) -> None:
    gadget = make("fakes.gadget", name="钟")
    one = records.create(
        cast.system, "custom.inspection", {"name": "春检", "parent": gadget.pk, "owner": cast.charlie_user.pk}
    )
    assert one.carrier_owner_id == cast.alice_user.pk
    operation = records.delete(cast.root, gadget)
    assert not records.select(cast.root, "custom.inspection").items
    records.undo(cast.root, operation.pk)
    assert [row.pk for row in records.select(cast.root, "custom.inspection").items] == [one.pk]


def test_the_roles_of_the_base_data_get_their_usual_rights(cast: Cast, visit: CustomObject) -> None:
    given = RoleRight.objects.filter(entity="custom.inspection").values_list("role__key", flat=True)
    assert {"director", "manager"} <= set(given)


def test_pages_and_api(
    cast: Cast, visit: CustomObject, browse: Callable[..., Client], make: Callable[..., Any]
) -> None:
    gadget = make("fakes.gadget", name="钟")
    records.create(cast.root, "custom.inspection", {"name": "春检", "parent": gadget.pk})
    client = browse("root", "zh-hans")
    assert "春检" in client.get("/inspection/").content.decode()
    assert "巡检" in client.get(f"/gadgets/{gadget.pk}/").content.decode()
    found = client.get("/api/v1/inspection").json()
    assert [one["name"] for one in found["items"]] == ["春检"]
    made = client.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/inspection" in made
    stranger = Client()
    assert "/api/v1/inspection" not in stranger.get("/api/v1/openapi.json").json()["paths"]
    assert "巡检" not in stranger.get("/api/v1/docs").content.decode()
    assert client.get("/api/v1/unheard-of").status_code == 404


def test_a_retired_object_is_gone_and_comes_back(cast: Cast, visit: CustomObject) -> None:
    records.create(cast.root, "custom.inspection", {"name": "春检"})
    objects.object_retire(cast.root, "inspection")
    assert not is_registered("custom.inspection")
    objects.object_retire(cast.root, "inspection", active=True)
    assert len(records.select(cast.root, "custom.inspection").items) == 1


def test_only_an_empty_unused_object_is_removed(cast: Cast, visit: CustomObject) -> None:
    one = records.create(cast.root, "custom.inspection", {"name": "春检"})
    with pytest.raises(RuleBroken):
        objects.object_delete(cast.root, "inspection")
    records.delete(cast.root, one)
    with pytest.raises(RuleBroken):
        objects.object_delete(cast.root, "inspection")
    entity_of("custom.inspection").model._base_manager.all().delete()
    row = fields.field_save(
        cast.root,
        "fakes.gadget",
        "last",
        {"kind": "reference", "label_zh": "巡检", "target": "custom.inspection"},
        new=True,
    )
    with pytest.raises(RuleBroken):
        objects.object_delete(cast.root, "inspection")
    fields.field_delete(cast.root, "fakes.gadget", row.key)
    objects.object_delete(cast.root, "inspection")
    assert not is_registered("custom.inspection")


def test_addresses_are_unique(cast: Cast, visit: CustomObject) -> None:
    for path in ("gadgets", "settings", "inspection"):
        with pytest.raises(Invalid) as refused:
            objects.object_save(cast.root, "", {"name_zh": "甲", "path": path}, new=True)
        assert set(refused.value.errors) == {"path"}
    with pytest.raises(Denied):
        objects.object_save(cast.alice, "", {"name_zh": "甲"}, new=True)


def test_another_process_sees_it_with_the_stamp(cast: Cast, visit: CustomObject) -> None:
    registry.replace_made(())
    stamps._followed.pop("objects", None)
    stamps.refresh()
    assert is_registered("custom.inspection")


def test_a_page_opened_before_and_after_knows_what_belongs_to_it(
    cast: Cast, visit: CustomObject, browse: Callable[..., Client], make: Callable[..., Any]
) -> None:
    """What a process keeps of "all that points here" follows an object that comes and one that goes."""
    gadget = make("fakes.gadget", name="钟")
    one = records.create(cast.root, "custom.inspection", {"name": "春检", "parent": gadget.pk})
    client = browse("root", "zh-hans")
    made = registry.made_entities()
    registry.replace_made(())
    assert "春检" not in client.get(f"/gadgets/{gadget.pk}/").content.decode()
    registry.replace_made(made)
    assert children.present(gadget) == {("custom.inspection", "parent")}
    records.delete(cast.root, one)
    registry.replace_made(())
    with as_owner(), connection.cursor() as cursor:
        cursor.execute('ALTER TABLE "core_object_inspection" RENAME TO core_object_gone')
    assert children.present(gadget) == frozenset()
    assert client.get(f"/gadgets/{gadget.pk}/").status_code == 200


def test_a_file_without_a_named_kind_is_recognised_beside_objects_made_here(cast: Cast, visit: CustomObject) -> None:
    """What a file holds is guessed among all kinds, objects made in the workspace among them."""
    run = imports.import_stage(cast.root, content="说明,费用\n春检,12\n".encode(), name="巡检.csv")
    assert (run.entity, run.file_name) == ("", "巡检.csv")  # nothing fits: the next step asks


def test_other_threads_do_not_take_away_an_object_that_is_being_made(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another request reads the stamps before the object is stored for good: to it there is no such row."""
    stamps.refresh()
    seen: list[bool] = []
    granted = objects.seeds.grant_new

    def meanwhile() -> None:
        other = Thread(target=synchronised.sync)
        other.start()
        other.join(20)
        seen.append(is_registered("custom.sample"))
        granted()

    monkeypatch.setattr(objects.seeds, "grant_new", meanwhile)
    objects.object_save(cast.root, "", {"name_zh": "样机", "name_en": "Sample"}, new=True)
    assert seen == [True]

    def fails() -> None:
        raise RuleBroken

    monkeypatch.setattr(objects.seeds, "grant_new", fails)
    with pytest.raises(RuleBroken):
        objects.object_save(cast.root, "", {"name_zh": "展品", "name_en": "Exhibit"}, new=True)
    assert is_registered("custom.sample")
    assert not is_registered("custom.exhibit")
    registry.replace_made(())


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name_zh": "巡检", "name_en": "Patrol"}, "name_zh"),
        ({"name_zh": "查勘", "name_en": "inspection"}, "name_en"),
        ({"name_zh": "客户", "name_en": "Buyer"}, "name_zh"),
    ],
)
def test_no_two_sorts_of_records_are_called_the_same(
    cast: Cast, visit: CustomObject, given: dict[str, str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        objects.object_save(cast.root, "", given, new=True)
    assert {name: one[0].code for name, one in refused.value.errors.items()} == {field: "object.name"}
    assert objects.object_save(cast.root, "inspection", {"name_zh": "巡检"}).name_zh == "巡检"
    objects.object_retire(cast.root, "inspection")
    if given["name_zh"] != "客户":
        assert objects.object_save(cast.root, "", given, new=True).pk


def test_a_card_nobody_arranged_shows_the_first_columns_of_the_list(
    cast: Cast, visit: CustomObject, make: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    entity = entity_of("custom.inspection")
    choice = {"kind": "choice", "label_zh": "进度", "label_en": "step", "dictionary": "currency"}
    fields.field_save(cast.root, entity, "", choice, new=True)
    fields.field_save(cast.root, entity, "", {"kind": "money", "label_zh": "费用", "label_en": "fee"}, new=True)
    objects.object_save(cast.root, "inspection", {"name_zh": "巡检", "options": {"board": "step"}})
    gadget = make("fakes.gadget", name="落地钟")
    given = {"name": "春检", "parent": gadget.pk, "custom.fee": "12.5", "custom.step": "EUR"}
    records.create(cast.root, entity, given)
    board = browse("root").get("/inspection/board/").content.decode()
    assert "落地钟" in board
    assert "12.5" in board


def test_an_object_of_the_longest_name_is_watched_by_each_verb(cast: Cast) -> None:
    """Its functions would have one name, cut at 63, if the verb came at the end of it."""
    key = "a" * 40
    given = {"name_zh": "巡检", "parent": "fakes.gadget"}
    objects.object_save(cast.root, key, given, new=True)
    counting = {"rollup": {"relation": f"custom.{key}.parent", "how": "count"}}
    rollup = {"kind": "rollup", "label_zh": "巡检数", "options": counting}
    fields.field_save(cast.root, "fakes.gadget", "checks", rollup, new=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT tgfoid) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE 'guanxi\\_due\\_%%'",
            [f"core_object_{key}"],
        )
        assert cursor.fetchone() == (3,)
