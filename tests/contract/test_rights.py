"""Rights hold on every entity for everyone: as SQL, in Python, and through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from guanxi.core import records
from guanxi.core.access import allowed, explain, visible
from guanxi.core.models import AuditEntry
from guanxi.core.schema.entity import Entity
from tests.contract.conftest import may
from tests.factories.cast import Cast


def test_sql_and_python_agree_with_the_promise(entity: Entity, sample: Any, person: str, cast: Cast) -> None:
    actor = getattr(cast, person)
    for action in ("view", "change", "delete", "export"):
        expected = may(actor, entity, sample, action)
        assert allowed(actor, action, sample) is expected, action
        assert visible(entity.model._default_manager.filter(pk=sample.pk), actor, action).exists() is expected, action
        assert explain(actor, sample, action=action).allowed is expected, action


def test_list_shows_exactly_what_may_be_seen(
    entity: Entity, sample: Any, person: str, cast: Cast, api: Callable[[str], Client]
) -> None:
    client, expected = api(person), may(getattr(cast, person), entity, sample)
    answer = client.get(f"/api/v1/{entity.path}", {"filter": f'{{"field": "id", "op": "eq", "value": {sample.pk}}}'})
    if answer.status_code == 403:
        assert not expected
        return
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert [one["id"] for one in body["items"]] == ([sample.pk] if expected else [])
    assert body["count"] == int(expected)
    assert body["count_exact"] is True


def test_detail_exists_only_for_those_who_may_see_it(
    entity: Entity, sample: Any, person: str, cast: Cast, api: Callable[[str], Client]
) -> None:
    client, expected = api(person), may(getattr(cast, person), entity, sample)
    answer = client.get(f"/api/v1/{entity.path}/{sample.pk}")
    absent = client.get(f"/api/v1/{entity.path}/999999999")
    assert absent.status_code == 404
    assert answer.status_code == (200 if expected else 404)
    if not expected:
        hidden, gone = answer.json(), absent.json()
        assert {**hidden, "instance": "", "request_id": ""} == {**gone, "instance": "", "request_id": ""}


def test_changes_are_refused_and_change_nothing(
    entity: Entity, sample: Any, person: str, cast: Cast, api: Callable[[str], Client]
) -> None:
    actor = getattr(cast, person)
    if may(actor, entity, sample, "change"):
        return
    client = api(person)
    before = entity.model._base_manager.filter(pk=sample.pk).values().get()
    entries = AuditEntry.objects.filter(entity=entity.table, record_id=sample.pk).count()
    title = entity.title.split(".")[0]
    one = f"/api/v1/{entity.path}/{sample.pk}"
    for answer in (client.patch(one, {title: "x"}, content_type="application/json"), client.delete(one)):
        assert answer.status_code in ((403, 422) if may(actor, entity, sample) else (404,)), answer.content
    many = {"action": "delete", "ids": [sample.pk]}
    answer = client.post(f"/api/v1/{entity.path}/bulk", many, content_type="application/json")
    assert answer.status_code in (200, 403), answer.content
    if answer.status_code == 200:
        assert (answer.json()["result"]["done"], answer.json()["result"]["failed"]) == (0, 1)
    assert entity.model._base_manager.filter(pk=sample.pk).values().get() == before
    assert AuditEntry.objects.filter(entity=entity.table, record_id=sample.pk).count() == entries


def test_a_share_is_enough_to_see_and_only_to_see(entity: Entity, sample: Any, cast: Cast) -> None:
    from guanxi.core.models import Collaborator  # noqa: PLC0415

    if not entity.access.owner or entity.access.public:
        return
    Collaborator.objects.create(entity=entity.key, record_id=sample.pk, user=cast.charlie_user, level="read")
    charlie = cast.actor(cast.charlie_user)
    assert records.get(charlie, entity, sample.pk).pk == sample.pk
    assert allowed(charlie, "change", sample) is False
    Collaborator.objects.update(level="write")
    assert allowed(cast.actor(cast.charlie_user), "change", sample) is True
    Collaborator.objects.update(until="2020-01-01")
    assert allowed(cast.actor(cast.charlie_user), "view", sample) is False
