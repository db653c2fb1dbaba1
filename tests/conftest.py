"""Fixtures every test may ask for."""

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
