"""Journeys of people through a real browser; the fixtures stand in ``tests/browsing.py``."""

from tests.browsing import PASSWORD

__all__ = ["PASSWORD"]
