"""Indexes of custom fields are made beside whoever writes, by the owner of the database; where he is not known, they wait for him."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from django.db import connection
from django.utils import translation

from guanxi.core.automation import health
from guanxi.core.cli import migrating
from guanxi.core.models import CustomField, FieldIndex
from guanxi.core.models.stamps import bump, refresh
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import indexes
from guanxi.core.shaping.jobs import index_build
from guanxi.runtime.environment import APPLICATION_ROLE, environment

pytestmark = pytest.mark.django_db(transaction=True)
GADGET = "fakes.gadget"


def _field(key: str) -> FieldIndex:
    CustomField.objects.create(entity=GADGET, key=key, kind="integer", label_zh="等级")
    bump("fields")
    refresh()
    return FieldIndex.objects.create(entity=GADGET, field=key)


@pytest.fixture
def waiting() -> Iterator[FieldIndex]:
    """The index of a field that was asked for; what is made of it is gone afterwards."""
    found = _field("grade")
    yield found
    indexes.drop(entity_of(GADGET), "grade")
    CustomField.objects.all().delete()
    bump("fields")
    refresh()


def _made() -> set[str]:
    present = indexes._present(entity_of(GADGET), "grade")
    return {name[:5] for name, valid in present.items() if valid}


def _told() -> list[str]:
    with translation.override("en"):
        return [one.text for one in health.findings() if one.label == "Indexes"]


def test_a_worker_that_does_not_know_the_owner_leaves_it_to_the_next_migration(
    waiting: FieldIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = environment().database_url.replace("guanxi@", f"{APPLICATION_ROLE}@")
    with monkeypatch.context() as node:
        node.setattr(indexes, "environment", lambda: replace(environment(), database_url=served, owner_database_url=""))
        index_build(GADGET, "grade")
        waiting.refresh_from_db()
        assert (waiting.state, waiting.error, _made()) == ("waiting", FieldIndex.OWNER, set())
        assert _told() == ["1 fields wait for an index, which only the owner of the database can make"]
    migrating._indexes(pytest.fail)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error, _made()) == ("ready", "", {"gx_ix", "gx_dx", "gx_ex", "gx_fx", "gx_nx"})
    assert _told() == []
    assert indexes.complete(waiting)


def test_the_owner_runs_nothing_that_stands_in_a_row(waiting: FieldIndex) -> None:
    """Rows can be written past every form: a key is no statement for the owner, who makes the indexes."""
    key = "x') IS NULL)); ALTER ROLE guanxi_app SUPERUSER; --"
    CustomField.objects.create(entity=GADGET, key=key, kind="integer", label_zh="等级")
    evil = FieldIndex.objects.create(entity=GADGET, field=key)
    refresh()
    indexes.build(evil)
    with psycopg.connect(environment().owner_url) as owner:
        found = owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [APPLICATION_ROLE]).fetchone()
        assert found == (False,)
        left = owner.execute("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%SUPERUSER%'").fetchone()
    assert left == (0,)


def test_what_was_made_of_a_field_out_of_use_stays_as_it_is(waiting: FieldIndex) -> None:
    migrating._indexes(pytest.fail)
    made = _made()
    CustomField.objects.update(active=False)
    bump("fields")
    assert indexes.complete(waiting)
    indexes.build(waiting)
    assert _made() == made


def test_nothing_is_left_of_a_field_that_went_meanwhile(waiting: FieldIndex) -> None:
    FieldIndex.objects.all().delete()
    indexes.build(waiting)
    assert _made() == set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'gx\\_at\\_%'"
            " UNION ALL SELECT stxname FROM pg_statistic_ext WHERE stxname LIKE 'gx\\_st\\_%'"
        )
        assert cursor.fetchall() == []
