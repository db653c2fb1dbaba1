"""Where the shared sample files lie, and taking one out of its archive."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from functools import cache

from tests.needs import SAMPLES, samples

DATA = SAMPLES
needs_data = samples()


@cache
def members(archive: str) -> dict[str, bytes]:
    """All files of a tar.gz by path; empty when the data are absent."""
    path = DATA / archive
    if not path.exists():
        return {}
    with tarfile.open(path) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar if info.isfile()}  # type: ignore[union-attr]


def files_of(*archives: str) -> Iterator[tuple[str, str]]:
    """(archive, path) of every file, for parametrising."""
    for archive in archives:
        for path in members(archive):
            yield archive, path
