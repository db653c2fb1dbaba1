"""What stands in the address of static files, so that it changes with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint(folders: Iterable[Path]) -> str:
    """Twelve characters that change when any file in the folders changes; the same on every machine."""
    found = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                found.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode())
                found.update(file.read_bytes())
    return found.hexdigest()[:12]
