"""What a test needs of the machine."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(what: str) -> NoReturn:
    """Leave the test out for want of something; with ``GUANXI_BROWSER=required``, as where changes land, it fails."""
    if os.environ.get("GUANXI_BROWSER") == "required":
        pytest.fail(f"{what} is required and was not found")
    pytest.skip(f"no {what}")
