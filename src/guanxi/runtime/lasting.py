"""What is written lasts: a new name outlives a loss of power once its folder is on the disk, not only the file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def file(place: Path) -> None:
    """Wait until the content of a file is on the disk."""
    _wait(place, os.O_RDONLY)


def names(*folders: Path) -> None:
    """Wait until the names in these folders are on the disk."""
    for each in folders:
        _wait(each, os.O_RDONLY | os.O_DIRECTORY)


def copy(source: Path, target: Path) -> None:
    """Copy a small file; whatever goes wrong, ``target`` is the former one or the whole new one. Readable by its owner only."""
    draft = target.with_name(f".{target.name}")
    try:
        draft.touch(mode=0o600)
        shutil.copyfile(source, draft)
        file(draft)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    names(target.parent)


def _wait(place: Path, how: int) -> None:
    descriptor = os.open(place, how)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
