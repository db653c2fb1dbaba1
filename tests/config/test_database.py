"""A kept connection is asked only when its socket says that something happened."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection, connections
from django.db.utils import OperationalError

from guanxi.core.models.fields import QuickJSONField

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_connection_that_stands_is_not_asked_and_one_the_server_ended_is_made_anew() -> None:
    ours, other = connections.create_connection("default"), connections["default"]
    try:
        ours.ensure_connection()
        with ours.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            number = cursor.fetchone()[0]
        assert ours.is_usable()
        with other.cursor() as cursor:
            cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [number])
            assert "pg_backend_pid" in cursor.fetchone()[0]  # its last statement: the question cost none
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [number])
            assert cursor.fetchone() == (True,)
        assert not ours.is_usable()
        with pytest.raises(OperationalError), ours.cursor() as cursor:
            cursor.execute("SELECT 1")
        ours.close_if_unusable_or_obsolete()
        with ours.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
        ours.connection.close()
        assert not ours.is_usable()
    finally:
        ours.close()


@pytest.mark.parametrize(
    "written",
    ["2026-11-27 08:05:00.1234+00", "2026-11-27 08:05:00+00", "0001-01-01 00:00:00+00", "2026-11-27 16:05+08"],
)
def test_a_moment_is_read_as_the_driver_reads_it(written: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [written])
        [read] = cursor.fetchone()
    told = dt.datetime.fromisoformat(written)
    assert (read, read.tzinfo) == (told, dt.UTC)


def test_json_is_read_as_the_standard_library_reads_it() -> None:
    texts = [
        '[1, 2.50, "a\\u00e9\\n", null]',
        '{"a": {"b": [true]}, "z": 123456789012345678901234567890}',
        '"x"',
        "7",
        "null",
    ]
    field = QuickJSONField()
    with connection.cursor() as cursor:
        cursor.execute("SELECT unnest(%s::text[])::jsonb::text", [texts])
        read = [field.from_db_value(row[0], None, connection) for row in cursor.fetchall()]
    assert read == [json.loads(text) for text in texts]
    assert field.from_db_value("{broken", None, connection) == "{broken"
