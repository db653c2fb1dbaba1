"""Fixtures every test may ask for; and emptying the database after a test with real commits, tables without a model too."""

import time
from typing import Any

from django.db import OperationalError
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


_execute = DatabaseOperations.execute_sql_flush


def _execute_all(self: Any, sql_list: Any) -> None:
    """A page that is still being answered by the test's server may hold what is emptied: it is waited for."""
    for attempt in range(5):
        try:
            _execute(self, sql_list)
            return
        except OperationalError as error:
            if attempt == 4 or "deadlock" not in str(error):
                raise
            time.sleep(0.5)


DatabaseOperations.sql_flush = _flush_all  # type: ignore[method-assign]
DatabaseOperations.execute_sql_flush = _execute_all  # type: ignore[method-assign]
