"""What a test needs of the machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from guanxi.config.bench import balancers

#: Where the sample data lie that are shared beside a checkout.
SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "data"


def lacking(what: str) -> NoReturn:
    """Leave the test out for want of something; with ``GUANXI_BROWSER=required``, as where changes land, it fails."""
    if os.environ.get("GUANXI_BROWSER") == "required":
        pytest.fail(f"{what} is required and was not found")
    pytest.skip(f"no {what}")


def balancer(name: str) -> str:
    """Where nginx or HAProxy lies."""
    return balancers.program(name) or lacking(name)


def samples(*names: str) -> pytest.MarkDecorator:
    """Leaves tests out where these sample data, or without names all of them, are not beside the checkout."""
    missing = [name for name in names or ("",) if not (SAMPLES / name).exists()]
    return pytest.mark.skipif(bool(missing), reason=f"no sample data: {', '.join(missing) or SAMPLES}")
