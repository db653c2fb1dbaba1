"""The objects of each industry pack keep the contract of every entity: a sample of its faces, for those who may and may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from guanxi.core import records
from guanxi.core.exchange import packs
from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import CustomObject, Role, User, stamps
from guanxi.core.records import dictionaries, objects, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of
from tests.contract import test_rights, test_verbs, test_web, test_writing
from tests.contract.conftest import may
from tests.contract.test_matrix import Doors, doors  # noqa: F401 - a fixture
from tests.core.web.conftest import browse  # noqa: F401 - a fixture
from tests.factories.cast import Cast

PACKS = ("insurance", "securities", "logistics", "exhibition")


@pytest.fixture
def base_data(base_data: None, request: pytest.FixtureRequest) -> Iterator[None]:
    """Base data and the pack, before the cast is given rights on everything there is."""
    stamps.refresh()
    User.objects.create(username="first", name="首位管理员").roles.add(Role.objects.get(key="administrator"))
    packs.apply(system_actor("tests", via="test"), request.node.callspec.params["pack"], with_samples=False)
    stamps.refresh()
    yield
    CustomObject.objects.all().delete()
    objects.sync()


def filled(entity: Entity, make: Callable[..., Any], cast: Cast) -> dict[str, Any]:
    """A title, what must be filled, and what the record belongs to."""
    found: dict[str, Any] = {entity.title: f"样本{entity.key}"}
    for name, one in shape.fields_of(entity).items():
        if one.readonly or name == entity.title or not (one.required or name == "parent"):
            continue
        if one.kind == "reference":
            found[name] = sample_of(entity_of(one.target), make, cast).pk
        elif one.kind == "choice":
            found[name] = next(each.key for each in dictionaries.choices_of(one))
        elif one.kind in ("date", "datetime"):
            found[name] = timezone.localdate() if one.kind == "date" else timezone.now()
        elif one.kind in ("text", "long_text"):
            found[name] = "样本"
        elif one.kind in ("integer", "decimal", "money", "percent"):
            found[name] = 1
    return found


def sample_of(entity: Entity, make: Callable[..., Any], cast: Cast) -> Any:
    """A record of Alice's."""
    if not entity.key.startswith("custom."):
        return make(entity.key)
    values = filled(entity, make, cast)
    if entity.access.owner and not entity.access.carried_by:
        values[entity.access.owner] = cast.alice_user.pk
    return records.create(cast.root, entity, values, trusted=True)


@pytest.mark.parametrize("pack", PACKS)
def test_objects_of_a_pack_keep_the_contract(
    pack: str,
    cast: Cast,
    make: Callable[..., Any],
    browse: Callable[..., Client],  # noqa: F811
    doors: Doors,  # noqa: F811
) -> None:
    keys = [f"custom.{row['key']}" for row in packs.pack_of(pack).settings["objects"]]
    assert len(keys) >= 3
    for key in keys:
        entity = entity_of(key)
        sample = sample_of(entity, make, cast)
        write: dict[str, Any] = {"entity": entity, "sample": sample, "cast": cast}
        look: dict[str, Any] = {**write, "browse": browse}
        checks: list[Callable[[], None]] = [
            lambda w=write: test_writing.test_creation_is_audited_and_announced(w["entity"], w["sample"]),
            lambda w=write: test_writing.test_change_is_undone(**w),
            lambda w=write: test_writing.test_two_people_changing_one_field_clash(**w),
            lambda w=write: test_writing.test_trash_and_back(**w),
            lambda w=write: test_writing.test_search_finds_by_name_under_rights(**w),
            lambda o=look: test_web.test_forms_open_for_those_who_may_write(**o, person="alice"),
            lambda o=look: test_web.test_the_record_page_and_its_relatives(**o, person="bob"),
            lambda o=look: test_web.test_the_list_shows_exactly_what_may_be_seen(**o, person="alice"),
            lambda o=look: test_web.test_the_board(**o, person="alice"),
        ]
        checks += [
            lambda w=write, p=person: test_rights.test_sql_and_python_agree_with_the_promise(**w, person=p)
            for person in ("alice", "bob", "charlie", "dave")
        ]
        if not may(cast.charlie, entity, sample):
            checks.append(
                lambda e=entity, s=sample: test_verbs.alike(
                    doors, browse("charlie"), e, s, lambda number: test_verbs.page_requests(e, number, 0)
                )
            )
        for check in checks:
            point = transaction.savepoint()
            try:
                check()
            except Exception as error:
                error.add_note(f"{key} of {pack}")
                raise
            finally:
                transaction.savepoint_rollback(point)
                stamps.refresh()
                sample.refresh_from_db()
