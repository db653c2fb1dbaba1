"""Browsers of the cast."""

from tests.core.web.conftest import browse

__all__ = ["browse"]
