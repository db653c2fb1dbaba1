"""Fixtures every test may ask for."""

from tests.browsing import browser, contexts, people, pytest_collection_modifyitems, pytest_runtest_makereport
from tests.factories.cast import base_data, cast, make, nobody

__all__ = [
    "base_data",
    "browser",
    "cast",
    "contexts",
    "make",
    "nobody",
    "people",
    "pytest_collection_modifyitems",
    "pytest_runtest_makereport",
]
