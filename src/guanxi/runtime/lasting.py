"""What is written lasts: a new name outlives a loss of power once its folder is on the disk, not only the file."""

from __future__ import annotations

import os
from pathlib import Path


def file(place: Path) -> None:
    """Wait until the content of a file is on the disk."""
    _wait(place, os.O_RDONLY)


def names(*folders: Path) -> None:
    """Wait until the names in these folders are on the disk."""
    for each in folders:
        _wait(each, os.O_RDONLY | os.O_DIRECTORY)


def _wait(place: Path, how: int) -> None:
    descriptor = os.open(place, how)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
