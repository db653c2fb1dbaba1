"""The first pipeline by the keys of its stages."""

from __future__ import annotations

import pytest

from guanxi.areas.sales import selectors
from guanxi.areas.sales.models import Stage
from tests.factories.cast import Cast


@pytest.fixture
def stages(cast: Cast) -> dict[str, Stage]:
    """The stages every workspace starts with, by key."""
    return {one.key: one for one in selectors.stages_of(selectors.pipelines()[0].pk)}
