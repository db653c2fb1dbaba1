"""What rules are tried on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.models import Gadget


@pytest.fixture
def gadget(make: Any, cast: Any) -> Gadget:
    return make("fakes.gadget", owner=cast.alice_user, name="泵", price="10")  # type: ignore[no-any-return]
