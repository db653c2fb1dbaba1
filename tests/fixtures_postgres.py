"""Database fixtures; ``plugin_postgres`` brings them in after pytest-django, so that they win over its own."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from guanxi.runtime.environment import APPLICATION_ROLE
from tests import plugin_postgres


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> None:
    """The database is there and migrated already; base data and the cast are put in it, once for all tests."""
    from tests import afresh  # noqa: PLC0415 - models can be imported only now
    from tests.factories.cast import load  # noqa: PLC0415

    with django_db_blocker.unblock():
        load()
        afresh.keep()


@pytest.fixture
def _django_db_helper(
    request: pytest.FixtureRequest, _django_db_helper: None, django_db_blocker: Any
) -> Iterator[None]:
    """A test whose work is taken back has the rights of the served product, unless it is marked ``owner``."""
    with django_db_blocker.unblock():
        if connection.in_atomic_block and not request.node.get_closest_marker("owner"):
            connection.cursor().execute(f"SET LOCAL ROLE {APPLICATION_ROLE}")
        yield


@pytest.fixture
def fresh_database() -> Iterator[str]:
    """Address of a migrated database without rows of other tests; only this test uses it; removed afterwards."""
    name = f"{plugin_postgres.session_database()}_{time.time_ns()}"
    yield plugin_postgres.clone(name)
    plugin_postgres.drop(name)
