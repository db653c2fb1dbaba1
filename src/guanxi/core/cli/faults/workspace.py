"""A running workspace that is put to the test: ``guanxi serve`` in a folder of its own, ended as a whole or in parts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from guanxi.core.cli.faults.speaking import Client, to_port
from guanxi.runtime.postgres import running_url
from guanxi.runtime.process import die_with_parent
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_READY_SECONDS = 300
#: So long a part may be between its end and its next start when it is to be killed.
PART_SECONDS = 60


class Workspace:
    """``guanxi serve`` on a folder, started and ended as a whole or in parts."""

    def __init__(self, folder: Path, port: int, *, timing: bool = False) -> None:
        self.folder, self.port = folder, port
        self._process: subprocess.Popen[bytes] | None = None
        self._failpoint = ""
        self._variables = os.environ | {
            "GUANXI_DATA": str(folder),
            "GUANXI_BACKUP_AT": "off",
            "GUANXI_LOG_LEVEL": "error",
            "GUANXI_TIMING": "yes" if timing else "no",
        }
        self._variables.pop("DATABASE_URL", None)

    def start(self, failpoint: str = "") -> float:
        """Start and wait until pages are served; returns the seconds it took."""
        begin, self._failpoint = time.monotonic(), failpoint
        with (self.folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "guanxi", "serve", "--port", str(self.port)],
                env=self._variables | {"GUANXI_FAILPOINT": failpoint},
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call, no lock is taken
            )
        self.wait_ready()
        return time.monotonic() - begin

    def serve(self, failpoint: str = "") -> None:
        """Start anew unless it runs with just this fault, or with none."""
        if failpoint != self._failpoint:
            self.end()
            self.start(failpoint)

    def wait_ready(self) -> float:
        """Wait until pages are served; returns the seconds it took."""
        begin = time.monotonic()
        client = Client(to_port(self.port))
        while time.monotonic() - begin < _READY_SECONDS:
            if self._process is None or self._process.poll() is not None:
                raise Trouble(_("The workspace does not start; see %(log)s.") % {"log": self.folder / "serve.log"})
            answer = client.send("GET", "/readyz", {}, "ready")
            if answer is not None and answer[0] == 200:
                return time.monotonic() - begin
            time.sleep(0.1)
        raise Trouble(_("The workspace is not ready after %(seconds)s s.") % {"seconds": _READY_SECONDS})

    def command(self, *arguments: str) -> str:
        """Run a command on the workspace; returns what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "guanxi", *arguments],
            env=self._variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Trouble(done.stderr.strip())
        return done.stdout

    def begin(self, *arguments: str, failpoint: str = "") -> subprocess.Popen[bytes]:
        """Begin a command on the workspace; with a named fault it ends itself there."""
        return subprocess.Popen(
            [sys.executable, "-m", "guanxi", *arguments],
            env=self._variables | {"GUANXI_FAILPOINT": failpoint},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, what: str) -> None:
        """SIGKILL to one part (web, worker, postgres) or to everything. Raises ``Trouble`` when there is no such part to kill."""
        if what == "everything":
            for pid in [self._process.pid, *self.processes()] if self._process else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self._process:
                self._process.wait(10)
            return
        word, until = (
            "postgres -D" if what == "postgres" else f"guanxi.runtime.child {what}",
            time.monotonic() + PART_SECONDS,
        )
        while time.monotonic() < until:
            for pid in self.processes():
                with contextlib.suppress(OSError):
                    if word in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "):
                        os.kill(pid, signal.SIGKILL)
                        return
            time.sleep(0.1)
        raise Trouble(_("There is no part %(name)s to kill.") % {"name": what})

    def said(self) -> str:
        """What all its processes printed so far."""
        return (self.folder / "serve.log").read_text("utf-8", "replace")

    def end(self) -> None:
        """Stop in order, whatever state it is in."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(25)
            if self._process.poll() is None:
                self.kill("everything")

    def serving(self) -> list[int]:
        """Processes that answer: those of the web and of the database, not the worker."""
        below, worker = self.processes(), []
        for pid in below:
            with contextlib.suppress(OSError):
                if "guanxi.runtime.child worker" in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "):
                    worker.append(pid)
        return [pid for pid in below if pid not in worker]

    def database(self) -> str:
        """Address of its database."""
        url = running_url(self.folder, Path("/tmp"))  # noqa: S108 - the socket folder in it is private
        if url is None:
            raise Trouble(_("The database of %(folder)s does not run.") % {"folder": self.folder})
        return url

    def processes(self) -> list[int]:
        """All of its processes but the supervisor."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        found = [self._process.pid] if self._process else []
        for each in found:
            found += [child for child, parent in parents.items() if parent == each]
        return found[1:]
