"""Fixtures every test may ask for."""

from tests.factories.cast import _base_data_committed, base_data, cast, make

__all__ = ["_base_data_committed", "base_data", "cast", "make"]
