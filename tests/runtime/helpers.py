"""Starting Guanxi as an operator would, and looking at what runs."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from guanxi.runtime.process import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
LONG = "关系 客户管理 with spaces " + "長" * 40
"""A folder name with spaces, Chinese letters and far more than 100 bytes."""


def variables(**own: str) -> dict[str, str]:
    """The environment of an operator: none of the test session's settings, English text."""
    settings = ("GUANXI_", "PG", "DATABASE_", "DJANGO_", "EMAIL_", "LC_", "LANG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    return kept | {"PYTHONPATH": str(ROOT / "src"), "LANG": "C.UTF-8"} | own


def guanxi(*arguments: str, timeout: float = 60, **own: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "guanxi", *arguments]
    return subprocess.run(
        command, env=variables(**own), cwd="/", capture_output=True, text=True, timeout=timeout, check=False
    )


def free_ports() -> int:
    """The first of two neighbouring free ports, below those the kernel gives to connections: a server that starts
    again there finds them free again.
    """
    for _try in range(200):
        port = random.randrange(20_000, 32_000, 2)  # noqa: S311 - no secret
        with socket.socket() as one, socket.socket() as two, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            two.bind(("127.0.0.1", port + 1))
            return port
    raise AssertionError("no two free ports")


def get(url: str) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and text of a page; status 0 when nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()
    except OSError:
        return 0, {}, ""


class Server:
    """``guanxi serve`` in the background."""

    def __init__(self, log: Path, *arguments: str, **own: str) -> None:
        self.port = free_ports()
        self.log = log
        command = [sys.executable, "-m", "guanxi", "serve", "--port", str(self.port), *arguments]
        with log.open("a") as out:
            self.process = subprocess.Popen(
                command,
                env=variables(**own),
                cwd="/",
                stdout=out,
                stderr=out,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call, no lock is taken
            )

    def wait_ready(self, seconds: float) -> float:
        """Wait until ``/readyz`` is 200; returns how long it took."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            if self.get("/readyz")[0] == 200:
                return time.monotonic() - begin
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"not ready after {seconds} s:\n{self.log.read_text()}")

    def get(self, path: str) -> tuple[int, Mapping[str, str], str]:
        """Ask for a page."""
        return get(f"http://127.0.0.1:{self.port}{path}")

    def family(self) -> list[int]:
        """Every process below this one, itself included."""
        return descendants(self.process.pid)

    def end(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Send a signal and wait; returns how long the end took."""
        begin = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(25)
        return time.monotonic() - begin


def descendants(root: int) -> list[int]:
    """``root`` and all processes below it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [root]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def processor_seconds(pids: list[int]) -> float:
    """Processor time these processes and their collected children have used; the wall clock tells of other work too."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def running(pids: list[int]) -> list[int]:
    """Those that still run; one that only waits to be collected does not."""
    left = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                left.append(pid)
    return left


def wait_gone(pids: list[int], seconds: float = 5) -> list[int]:
    """Wait until they are gone; returns those that are not."""
    deadline = time.monotonic() + seconds
    while running(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return running(pids)


@contextlib.contextmanager
def listening(port: int = 0) -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        yield int(server.getsockname()[1])


def let_through(folder: Path) -> None:
    """Let other users pass to a folder of a test: pytest's own folders are closed. Nothing is taken from any mode."""
    for place in (folder, *folder.parents):
        if place.stat().st_uid == 0 and place.is_relative_to("/tmp"):  # noqa: S108 - pytest's own folders
            place.chmod(place.stat().st_mode | 0o011)


#: The kernel's right to mount: root has it, unless it was taken from him, as in most containers.
CAP_SYS_ADMIN = 1 << 21


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system of its own of that size; the test is left out where nobody may mount one."""
    may = int(re.findall(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text())[0], 16) & CAP_SYS_ADMIN
    if not may:
        pytest.skip("nobody here may mount a file system")
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)
