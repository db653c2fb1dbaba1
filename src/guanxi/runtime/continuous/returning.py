"""Bring a moment back from the continuous archive into an empty place."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from guanxi.runtime import binaries
from guanxi.runtime.backup import restoring
from guanxi.runtime.continuous import pieces
from guanxi.runtime.continuous.store import Store, choose, shown
from guanxi.runtime.environment import Environment, embedded_url
from guanxi.runtime.postgres import RESTORING, EmbeddedPostgres
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_WORK, _ASKED = RESTORING, "asked"
#: The server asks for a segment by a file and waits until it is gone; the segment lies beside it then, or there is none.
_COMMAND = f": > {_ASKED}/%f.wanted; while [ -e {_ASKED}/%f.wanted ]; do sleep 0.02; done; mv {_ASKED}/%f %p"


@dataclass(frozen=True)
class Returned:
    """What came back: uploaded contents, and how many of them the archive did not hold."""

    files: int
    missing: int
    store: Path


def bring(
    settings: Environment, archive: Path, moment: dt.datetime, known: set[str], tell: Callable[[str], None]
) -> Returned:
    """Bring database, files and secret as they were at ``moment`` into the empty data folder of ``settings``.

    Raises ``Trouble`` with nothing touched when the moment is outside what the archive holds, the archive is damaged or
    encrypted with another passphrase, or the place is used.
    """
    if not settings.embedded:
        raise Trouble(_("A moment can be brought back into the embedded database only; unset DATABASE_URL."))
    store, span = choose(archive, moment)
    restoring.refuse_newer(archive, span.base.version, span.base.migrations, known)
    work, name = settings.data / _WORK, f"{span.base.stamp} {moment.isoformat()}"
    if restoring.placing(settings, work, name):
        restoring.settle(settings, work, name)
        return Returned(_number_of_contents(settings), 0, store.folder)
    restoring.refuse_used(settings)
    tell(
        _("Bringing back %(moment)s from the copy of %(base)s …") % {"moment": shown(moment), "base": shown(span.begin)}
    )
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, mode=0o755)
    try:
        cluster, user = work / "pg", binaries.server_user(work)
        _unpack(store, span.base.stamp, settings.backup_passphrase, cluster, user)
        own = cluster / "postgresql.auto.conf"
        kept = own.read_bytes()
        _plan(cluster, own, moment, span.base.start[:8], user)
        with _recovered(settings, store, work, cluster, tell) as url, psycopg.connect(url) as connection:
            applied = connection.execute("SELECT app, name FROM django_migrations").fetchall()
            restoring.refuse_newer(archive, span.base.version, [f"{app}.{name}" for app, name in applied], known)
            digests = [str(row[0]) for row in connection.execute("SELECT DISTINCT digest FROM core_file")]
        own.write_bytes(kept)
        shutil.rmtree(cluster / _ASKED, ignore_errors=True)
        missing = _files(store, settings.backup_passphrase, digests, work, tell)
        _secret(store, settings.backup_passphrase, work)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    restoring.bring_register(settings, store.bases_folder)
    restoring.settle(settings, work, name)
    return Returned(len(digests) - missing, missing, store.folder)


def _number_of_contents(settings: Environment) -> int:
    return sum(place.is_file() for place in (settings.data / "files").rglob("*"))


def _unpack(store: Store, stamp: str, passphrase: str, cluster: Path, user: binaries.ServerUser) -> None:
    cluster.mkdir(mode=0o700)
    with (
        pieces.opened(store.base_file(stamp), passphrase) as source,
        tarfile.open(fileobj=source, mode="r|", bufsize=1024 * 1024) as tar,
    ):
        tar.extractall(cluster, filter="data")
    (cluster / _ASKED).mkdir(mode=0o700)
    for folder, folders, files in os.walk(cluster):
        Path(folder).chmod(0o700)
        for name in (*folders, *files) if user.changes else ():
            os.chown(Path(folder) / name, user.uid, user.gid)
    if user.changes:
        os.chown(cluster, user.uid, user.gid)


def _plan(cluster: Path, own: Path, moment: dt.datetime, time_line: str, user: binaries.ServerUser) -> None:
    """What the server shall do: replay the journal of that time line up to the moment, then serve."""
    values = {
        "restore_command": _COMMAND,
        "recovery_target_time": moment.astimezone(dt.UTC).isoformat(),
        "recovery_target_timeline": str(int(time_line, 16)),
        "recovery_target_action": "promote",
    }
    with own.open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in values.items())
    signal = cluster / "recovery.signal"
    signal.touch(mode=0o600)
    if user.changes:
        os.chown(signal, user.uid, user.gid)


@contextlib.contextmanager
def _recovered(
    settings: Environment, store: Store, work: Path, cluster: Path, tell: Callable[[str], None]
) -> Iterator[str]:
    """The address of the server once it has replayed everything; ended afterwards."""
    server = EmbeddedPostgres(
        cluster, settings.data / "logs", run=settings.run, memory_mb=settings.database_memory_mb, tell=tell
    )
    feeder = _Feeder(store, cluster, settings.backup_passphrase)
    feeder.start()
    try:
        try:
            server.start()
            _wait_promoted(server, embedded_url(work, settings.run))
        except Trouble as trouble:
            raise feeder.trouble or trouble from None
        yield embedded_url(work, settings.run)
    finally:
        server.stop()
        feeder.ended.set()
        feeder.join()


def _wait_promoted(server: EmbeddedPostgres, url: str) -> None:
    """The server answers while it still replays; wait until it has reached the moment. There is no limit to how long that may take."""
    while server.pid is not None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(url, connect_timeout=5) as connection:
            if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                return
        time.sleep(0.1)
    raise Trouble(
        _("The journal could not be replayed up to that moment; the server's words are in %(log)s.")
        % {"log": server.log}
    )


class _Feeder(threading.Thread):
    """Gives the server the segments it asks for, and keeps the next one ready."""

    def __init__(self, store: Store, cluster: Path, passphrase: str) -> None:
        super().__init__(daemon=True)
        self._store, self._place, self._passphrase = store, cluster / _ASKED, passphrase
        owner = cluster.stat()
        self._owner = (owner.st_uid, owner.st_gid)
        self.ended = threading.Event()
        self.trouble: Trouble | None = None

    def run(self) -> None:
        """Answer until told to end."""
        while not self.ended.is_set():
            for wanted in self._place.glob("*.wanted"):
                self._answer(wanted)
            time.sleep(0.02)

    def _answer(self, wanted: Path) -> None:
        name = wanted.stem
        source = self._store.journal / name
        if source.is_file():
            target = self._place / name
            try:
                with pieces.opened(source, self._passphrase) as inside, target.open("wb") as out:
                    shutil.copyfileobj(inside, out, 1024 * 1024)
                os.chown(target, *self._owner)
            except Trouble as trouble:
                self.trouble = trouble
                target.unlink(missing_ok=True)
            except OSError as error:
                self.trouble = Trouble(f"{target}: {error.strerror}")
                target.unlink(missing_ok=True)
        wanted.unlink(missing_ok=True)


def _files(store: Store, passphrase: str, digests: list[str], work: Path, tell: Callable[[str], None]) -> int:
    """Bring the uploaded contents back; returns how many the archive does not hold."""
    tell(_("Bringing the files back …"))
    missing = 0
    for digest in digests:
        target = work / "files" / digest[:2] / digest[2:4] / digest
        source = store.content(digest)
        if not source.is_file():
            missing += 1
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with pieces.opened(source, passphrase) as inside, target.open("wb") as out:
            shutil.copyfileobj(inside, out, 1024 * 1024)
        target.chmod(0o600)
    return missing


def _secret(store: Store, passphrase: str, work: Path) -> None:
    with pieces.opened(store.secret, passphrase) as inside:
        content = inside.read()
    if content:
        target = work / "secret"
        target.touch(mode=0o600)
        target.write_bytes(content)
