"""The first pipeline by the keys of its stages, pages in the browser's stead, and English words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils.translation import override

from tests.areas.sales.conftest import stages
from tests.core.web.conftest import browse

__all__ = ["browse", "stages"]


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Texts are compared in English."""
    with override("en"):
        yield
