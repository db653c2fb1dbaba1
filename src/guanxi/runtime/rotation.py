"""Keeping a log file short, whether or not a program has it open."""

import contextlib
import os
import shutil
from pathlib import Path

LIMIT = 10 * 1024 * 1024
"""Bytes from which a log is set aside at the next start; twice as many while it is being written."""
KEPT = 3


def rotate(log: Path) -> None:
    """Set a long log aside as ``.log.1``, the former ones as ``.log.2`` and so on. Nobody may have it open."""
    if log.exists() and log.stat().st_size > LIMIT:
        for number in range(KEPT, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                log.with_suffix(f".log.{number - 1}").replace(log.with_suffix(f".log.{number}"))
        log.replace(log.with_suffix(".log.1"))


def shorten(log: Path) -> None:
    """Copy and empty a log that grew too long while a program has it open for appending."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > 2 * LIMIT:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)
