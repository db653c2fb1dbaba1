"""Every write of every entity is audited, announced, found, taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core import records
from guanxi.core.kernel.errors import Conflict, NotFound
from guanxi.core.models import AuditEntry, OutboxEvent
from guanxi.core.records.history import history
from guanxi.core.records.search.query import search
from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.entity import Entity
from tests.contract.conftest import factory_values
from tests.factories.cast import Cast


def words(entity: Entity) -> tuple[str, str]:
    """A plain text field to change, the title if it can be, and a new value."""
    fields = fields_of(entity)
    plain = [field for field in fields.values() if field.kind in ("text", "long_text") and not field.readonly]
    chosen = next((field for field in plain if field.name == entity.title), None) or next(
        field for field in plain if not field.unique and field.name not in ("currency", "timezone")
    )
    return chosen.name, "改过的值"


def test_creation_is_audited_and_announced(entity: Entity, sample: Any) -> None:
    entry = AuditEntry.objects.get(entity=entity.table, record_id=sample.pk, action="create")
    assert entry.actor_name == "管理员"
    assert OutboxEvent.objects.filter(name=f"{entity.key}.created", record_id=sample.pk).count() == 1


def test_change_bumps_the_version_and_says_before_and_after(entity: Entity, sample: Any, cast: Cast) -> None:
    name, value = words(entity)
    before = getattr(sample, name)
    changed = records.update(cast.root, sample, {name: value})
    assert getattr(changed, name) == value
    assert changed.version == sample.version + 1
    newest = history(cast.root, changed)[0]
    assert [(one.field.name, one.before or "", one.after) for one in newest.fields if one.field.name == name] == [
        (name, before or "", value)
    ]
    event = OutboxEvent.objects.filter(name=f"{entity.key}.updated", record_id=sample.pk).latest("id")
    assert event.changes[name] == [before, value]


def test_change_is_undone(entity: Entity, sample: Any, cast: Cast) -> None:
    name, value = words(entity)
    before = getattr(sample, name)
    changed = records.update(cast.root, sample, {name: value})
    result = records.undo(cast.root, changed.operation_id)
    assert (result.undone, result.skipped) == (1, [])
    assert getattr(records.get(cast.root, entity, sample.pk), name) == before


def test_two_people_changing_one_field_clash(entity: Entity, sample: Any, cast: Cast) -> None:
    name, value = words(entity)
    seen = getattr(sample, name)
    records.update(cast.root, sample, {name: value})
    with pytest.raises(Conflict) as caught:
        records.update(cast.root, sample, {name: "别的值"}, version=sample.version)
    clash = caught.value.clashes[0]
    assert (clash.field, clash.mine, clash.theirs, clash.original or "") == (name, "别的值", value, seen or "")
    assert getattr(records.get(cast.root, entity, sample.pk), name) == value


def test_trash_and_back(entity: Entity, sample: Any, cast: Cast) -> None:
    records.delete(cast.root, sample)
    with pytest.raises(NotFound):
        records.get(cast.root, entity, sample.pk)
    records.restore(cast.root, entity, [sample.pk])
    assert records.get(cast.root, entity, sample.pk).version >= sample.version + 2
    actions = [change.action for change in history(cast.root, sample)]
    assert actions[0] == "restore"
    assert "trash" in actions


def test_search_finds_by_name_under_rights(entity: Entity, sample: Any, cast: Cast) -> None:
    if entity.search is None or not entity.search.names:
        return
    name = str(getattr(sample, entity.search.names[0]))
    assert sample.pk in [
        hit.record_id
        for hit in search(cast.alice, name, entities=[entity.key]) or search(cast.root, name, entities=[entity.key])
    ]
    if entity.access.owner and not entity.access.public:
        assert [hit.record_id for hit in search(cast.charlie, name, entities=[entity.key])] == []
    records.delete(cast.root, sample)
    assert sample.pk not in [hit.record_id for hit in search(cast.root, name, entities=[entity.key])]


def test_api_creates_what_the_factory_describes(
    entity: Entity, cast: Cast, make: Callable[..., Any], api: Callable[[str], Client]
) -> None:
    given = factory_values(entity.key, 987_654, make)
    client = api("root")
    answer = client.post(
        f"/api/v1/{entity.path}", given, content_type="application/json", headers={"Idempotency-Key": "k1"}
    )
    assert answer.status_code == 201, answer.content
    body = answer.json()
    again = client.post(
        f"/api/v1/{entity.path}", given, content_type="application/json", headers={"Idempotency-Key": "k1"}
    )
    assert (again.status_code, again.json()["id"], again["Idempotency-Replayed"]) == (201, body["id"], "true")
    other = client.post(
        f"/api/v1/{entity.path}",
        {**given, "version": 9},
        content_type="application/json",
        headers={"Idempotency-Key": "k1"},
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.mismatch")
    read = client.get(answer["Location"])
    assert read.json() == body
    assert client.get(answer["Location"], headers={"If-None-Match": read["ETag"]}).status_code == 304
    late = client.patch(answer["Location"], {}, content_type="application/json", headers={"If-Match": '"1-99"'})
    assert (late.status_code, late.json()["code"]) == (412, "record.outdated")


def test_unknown_fields_are_named(entity: Entity, sample: Any, api: Callable[[str], Client]) -> None:
    answer = api("root").patch(
        f"/api/v1/{entity.path}/{sample.pk}", {"no_such_field": 1}, content_type="application/json"
    )
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("no_such_field", "field.unknown")]
