"""What the tests of the area share."""

from __future__ import annotations

from tests.core.web.conftest import browse

__all__ = ["browse"]
