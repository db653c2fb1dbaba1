"""Whose a cluster is: a file lock beside it, held as long as its server may run, and in the file who holds it."""

import contextlib
import fcntl
import os
from pathlib import Path

from guanxi.runtime import process
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _


def _file(cluster: Path) -> Path:
    return cluster.with_name(cluster.name + ".lock")


def owned(cluster: Path) -> bool:
    """Whether the process that took the cluster is there."""
    with contextlib.suppress(OSError, ValueError):
        return process.alive(int(_file(cluster).read_text("ascii")))
    return False


class Ownership:
    """The right of this process to run the server of a cluster; the kernel gives it back when the process ends."""

    def __init__(self, cluster: Path) -> None:
        self._cluster = cluster
        self._held: int | None = None

    def take(self) -> None:
        """Take the cluster. Raises Trouble naming whoever has it."""
        if self._held is not None:
            raise RuntimeError("the server was started already")
        descriptor = os.open(_file(self._cluster), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Trouble(
                _(
                    "The data folder %(folder)s is in use by another Guanxi (process %(pid)s). "
                    "Stop that one first, or name another folder in GUANXI_DATA."
                )
                % {"folder": self._cluster.parent, "pid": owner or "?"}
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._held = descriptor

    def leave(self) -> None:
        """Give it back."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
