"""Child processes that never outlive us, and what ``/proc`` says about processes."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_LINUX = sys.platform == "linux"
_LIBC = ctypes.CDLL(None, use_errno=True) if _LINUX else None
_PR_SET_PDEATHSIG = 1


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """A ``preexec_fn``: the kernel sends ``death_signal`` to the child when the thread that started it ends.

    Start such children from a thread that lives as long as they may: in practice the main thread.
    ``subprocess`` changes the user before it calls this, which matters: changing the user would forget the signal.
    """
    parent = os.getpid()

    def prepare() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def alive(pid: int) -> bool:
    """Whether a process of that number exists (a zombie does not count)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b")")[2].split()[:1] == [b"Z"]


def working_in(folder: Path, program: str) -> list[int]:
    """Processes whose working folder is ``folder`` and whose executable is called ``program``.

    A number in a pid file proves nothing: the machine may have given it to somebody else. This does.
    """
    try:
        wanted = folder.stat()
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir() if _LINUX else ():
        if not entry.name.isdecimal():
            continue
        try:
            if not os.path.samestat((entry / "cwd").stat(), wanted):
                continue
            name = (entry / "exe").readlink().name
        except OSError:
            continue
        if name.removesuffix(" (deleted)") == program and alive(int(entry.name)):
            found.append(int(entry.name))
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def wait_gone(pids: Iterable[int], seconds: float) -> list[int]:
    """Wait until the processes are gone, at most ``seconds``. Returns those that are still there."""
    deadline = time.monotonic() + seconds
    left = [pid for pid in pids if alive(pid)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [pid for pid in left if alive(pid)]
    return left
