"""Fixtures every test may ask for; and emptying the database after a test with real commits, tables without a model too."""

from typing import Any

from django.db.backends.postgresql.operations import DatabaseOperations

from tests.browsing import browser, contexts, people, pytest_collection_modifyitems, pytest_runtest_makereport
from tests.factories.cast import _base_data_committed, base_data, cast, make

__all__ = [
    "_base_data_committed",
    "base_data",
    "browser",
    "cast",
    "contexts",
    "make",
    "people",
    "pytest_collection_modifyitems",
    "pytest_runtest_makereport",
]

_flush = DatabaseOperations.sql_flush


def _flush_all(self: Any, style: Any, tables: Any, **how: Any) -> list[str]:
    """Partitioned tables have no model of their own; what refers to a table that is emptied is emptied with it."""
    return list(_flush(self, style, tables, **{**how, "allow_cascade": True}))


DatabaseOperations.sql_flush = _flush_all  # type: ignore[method-assign]
