"""The toy tables for every test beside."""

from tests.core.records.search.toy import toys

__all__ = ["toys"]
