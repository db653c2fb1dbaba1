"""The real data sets, when they are there."""

import functools
from pathlib import Path

import pandas as pd
import pytest

from tests.needs import SAMPLES


def shared(name: str) -> Path:
    """The path of a data set; the test is skipped where it is absent."""
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return path


@functools.cache
def table(name: str) -> pd.DataFrame:
    """A data set as text."""
    return pd.read_csv(shared(name), dtype=str, keep_default_na=False)
