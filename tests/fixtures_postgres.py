"""Database fixtures; ``plugin_postgres`` brings them in after pytest-django, so that they win over its own."""

import time
from collections.abc import Iterator

import pytest

from tests import plugin_postgres


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None) -> None:
    """The database is there and migrated already."""


@pytest.fixture
def fresh_database() -> Iterator[str]:
    """Address of a migrated database without rows of other tests; only this test uses it; removed afterwards."""
    name = f"{plugin_postgres.session_database()}_{time.time_ns()}"
    yield plugin_postgres.clone(name)
    plugin_postgres.drop(name)
