"""Whose rights a test works with in the database: those of the served product, unless it is marked ``owner`` or says so here."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from guanxi.runtime.environment import APPLICATION_ROLE


@contextmanager
def as_owner() -> Iterator[None]:
    """Within the block the test plays the administrator of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        served = cursor.fetchone() == (APPLICATION_ROLE,)
        if served:
            cursor.execute("SET LOCAL ROLE NONE")
        yield
        if served:
            cursor.execute(f"SET LOCAL ROLE {APPLICATION_ROLE}")
