"""One process in the foreground that keeps the database, the web, the worker and the events process alive.

Children die with it (the kernel sees to that), crashed ones are started again with growing pauses, and a signal ends
everything within 20 seconds: the children first, the database last.
"""

import contextlib
import ctypes
import errno
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from guanxi.runtime import process
from guanxi.runtime.environment import Environment
from guanxi.runtime.postgres import EmbeddedPostgres
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_STOP_SECONDS = 8.0
_TICK = 0.2
_LONGEST_PAUSE = 30.0
_HEALTHY_SECONDS = 60.0
_TRIES_BEFORE_READY = 4
_PAGES_FIRST_SECONDS = 15.0
_BALLAST_MB = 32
_SPARE_MB = 16
_PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Child:
    """A child process and when it may be started again."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = field(default=0.0)


#: So long a port may still be held by what is left of an instance that was killed: it ends by itself.
_RELEASE_SECONDS = 5.0


def _refused(place: tuple[Any, ...]) -> OSError | None:
    """Why nobody can listen there now, if so."""
    with socket.socket(*place[:3]) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place[4])
        except OSError as error:
            return error
    return None


def check_port(host: str, port: int, option: str, use: str = "") -> None:
    """Raise ``Trouble`` when nothing can listen on ``host:port``; ``option`` names the way to choose another, ``use``
    says what the port is for where that is not plain.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise Trouble(
            _("The host %(host)s is not known: %(reason)s. Correct GUANXI_HOST.")
            % {"host": host, "reason": error.strerror}
        ) from None
    until = time.monotonic() + _RELEASE_SECONDS
    while (why := _refused(found[0])) and why.errno == errno.EADDRINUSE and time.monotonic() < until:
        time.sleep(0.2)
    if why is None:
        return
    if isinstance(why, PermissionError):
        reason = _("this user may not listen on port %(port)s of %(host)s")
    elif why.errno == errno.EADDRINUSE:
        reason = _("port %(port)s of %(host)s is taken by another program")
    else:
        reason = (why.strerror or "?").replace("%", "%%") + " (%(host)s:%(port)s)"
    reason = reason % {"port": port, "host": host}
    raise Trouble(
        _("Guanxi cannot start: %(reason)s. Choose another port with %(option)s.")
        % {"reason": f"{reason} ({use})" if use else reason, "option": option}
    )


class Supervisor:
    """Runs the named parts (web, events, worker) over ``database`` until a signal ends them.

    ``tell`` prints a sentence for the operator; ``ready`` is called once, when pages are served (or at once when no web
    part runs). ``database`` is ``None`` when it is not ours; the caller has started it and this class ends it.
    """

    def __init__(
        self,
        settings: Environment,
        parts: Sequence[str],
        database: EmbeddedPostgres | None,
        *,
        tell: Callable[[str], None],
        ready: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._tell = tell
        self._on_ready = ready
        self._is_ready = "web" not in parts
        self._ending = False
        self._database_not_before = 0.0
        self._database_failures = 0
        self._next_look = 0.0
        self._begun = time.monotonic()
        command = [sys.executable, "-m", "guanxi.runtime.child"]
        self._children = [Child(name, [*command, name]) for name in parts]

    def run(self) -> int:
        """Supervise until a signal; returns the exit code. Raises ``Trouble`` when the web part cannot be started."""
        self._adopt_orphans()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._end)
        if self._is_ready:
            self._on_ready()
        try:
            while not self._ending:
                self._tick()
                time.sleep(_TICK if self._is_ready else _TICK / 4)
        finally:
            self.stop()
        return 0

    def stop(self) -> None:
        """End the children, then the database. At most about 20 seconds."""
        self._ending = True
        running = [child.process for child in self._children if child.process and child.process.poll() is None]
        for each in running:
            each.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for each in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                each.wait(max(deadline - time.monotonic(), 0.05))
        for child in self._children:
            self._kill_group(child)
        if self._database is not None:
            self._database.stop()

    # -- the loop --------------------------------------------------------------------------------------------------

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    @staticmethod
    def _adopt_orphans() -> None:
        """Grandchildren that lose their parent come to us, so that they can be ended and their remains collected."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def _tick(self) -> None:
        if not self._database_alive():
            return
        now = time.monotonic()
        for child in self._children:
            if self._ending:
                return
            # Pages first: what loads beside them takes the processor from them.
            if child.name == "web" or self._is_ready or now > self._begun + _PAGES_FIRST_SECONDS:
                self._look_after(child)
        self._collect()
        if now >= self._next_look:
            self._next_look = now + (0.1 if not self._is_ready else 10.0)
            if not self._is_ready:
                self._look_for_pages()
            else:
                self._keep_ballast()

    def _database_alive(self) -> bool:
        """Start a dead database again; on failure try later, with growing pauses, and say why once each time."""
        if self._database is None or time.monotonic() < self._database_not_before:
            return self._database is None
        try:
            if self._database.watch(lambda: not self._ending):
                self._tell(_("The database had stopped and was started again."))
        except Trouble as trouble:
            self._database_failures += 1
            pause = min(2.0**self._database_failures, _LONGEST_PAUSE)
            self._database_not_before = time.monotonic() + pause
            self._release_ballast()
            self._tell(f"{trouble} " + _("Trying again in %(seconds)s s.") % {"seconds": int(pause)})
            return False
        self._database_failures = 0
        return not self._ending

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.not_before:
                self._start(child)
            return
        if child.process.poll() is None:
            if child.failures and now - child.started > _HEALTHY_SECONDS:
                child.failures = 0
            return
        code = child.process.returncode
        self._kill_group(child)
        child.process = None
        child.failures += 1
        if not self._is_ready and child.name == "web" and child.failures >= _TRIES_BEFORE_READY:
            raise Trouble(_("The web process does not start; its last words are printed above."))
        pause = min(0.5 * 2 ** (child.failures - 1), _LONGEST_PAUSE)
        child.not_before = now + pause
        self._tell(
            _("The process %(name)s ended (%(code)s); it starts again in %(seconds)s s.")
            % {"name": child.name, "code": code, "seconds": pause}
        )

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        child.process = subprocess.Popen(
            child.arguments,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=process.die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one system call, no lock is taken
        )

    @staticmethod
    def _kill_group(child: Child) -> None:
        """End what is left of a child's process group."""
        if child.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(2)

    def _collect(self) -> None:
        """Collect the remains of adopted processes, leaving our own children to ``subprocess``."""
        if not hasattr(os, "waitid"):
            return
        own = {child.process.pid for child in self._children if child.process}
        if self._database is not None and self._database.pid is not None:
            own.add(self._database.pid)
        for _each in range(50):
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None or found.si_pid in own or self._is_database(found.si_pid):
                return
            with contextlib.suppress(ChildProcessError):
                os.waitpid(found.si_pid, os.WNOHANG)

    def _is_database(self, pid: int) -> bool:
        return self._database is not None and self._database.owns(pid)

    def _look_for_pages(self) -> None:
        if ready_status(self._settings) == 200:
            self._is_ready = True
            self._on_ready()

    # -- room on the disk ------------------------------------------------------------------------------------------

    @property
    def _ballast(self) -> Path:
        return self._settings.data / "ballast"

    def _keep_ballast(self) -> None:
        """Hold some room back, to give to the database when the disk is full."""
        if self._database is None:
            return
        free = shutil.disk_usage(self._settings.data).free // (1024 * 1024)
        if self._ballast.exists():
            if free < _SPARE_MB:
                self._release_ballast()
        elif free > 20 * _BALLAST_MB:
            with contextlib.suppress(OSError), self._ballast.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, _BALLAST_MB * 1024 * 1024)
                else:
                    file.writelines(bytes(1024 * 1024) for _each in range(_BALLAST_MB))

    def _release_ballast(self) -> None:
        with contextlib.suppress(OSError):
            if shutil.disk_usage(self._settings.data).free // (1024 * 1024) < _SPARE_MB and self._ballast.exists():
                self._ballast.unlink()
                self._tell(
                    _(
                        "The disk of %(folder)s is almost full; the reserve of %(size)s MB was given free. "
                        "Make room now."
                    )
                    % {"folder": self._settings.data, "size": _BALLAST_MB}
                )


def ready_status(settings: Environment) -> int:
    """HTTP status of ``/readyz`` on this machine; 0 when nothing answers."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(settings.host, settings.host)  # noqa: S104 - compared only
    connection = http.client.HTTPConnection(host, settings.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
