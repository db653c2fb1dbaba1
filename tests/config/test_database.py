"""A kept connection is asked only when its socket says that something happened."""

from __future__ import annotations

import pytest
from django.db import connections
from django.db.utils import OperationalError

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
