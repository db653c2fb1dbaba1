"""Write a backup while Guanxi runs: database, files and sums of one moment."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from guanxi import __version__
from guanxi.runtime import external, lasting
from guanxi.runtime.backup import archive, programs, rows
from guanxi.runtime.environment import Environment
from guanxi.runtime.failpoints import reach
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

#: Held (shared) while contents of files are read; whoever removes contents takes it for himself alone.
FILES_LOCK = 0x67786669
MADE, PROVEN, FAILED = "backup_made", "backup_proven", "backup_failed"


@dataclass(frozen=True)
class Made:
    """A finished backup: its place, bytes, rows and files."""

    place: Path
    size: int
    rows: int
    files: int


#: The register of erasures, beside the backups: what a restored database must forget again.
ERASURES = "erasures.jsonl"


def folder(settings: Environment) -> Path:
    """Where backups lie."""
    return settings.backup_folder or settings.data / "backups"


def backups(settings: Environment) -> list[Path]:
    """Those in the folder, oldest first (their names tell the moment)."""
    with contextlib.suppress(OSError):
        return sorted(folder(settings).glob(f"guanxi-*{archive.SUFFIX}"))
    return []


def make(settings: Environment, *, target: Path | None = None, passphrase: str, tell: Callable[[str], None]) -> Made:
    """Write a backup into ``target`` (else a new file in the folder), read it again, and return what it holds.

    Encrypted when there is a ``passphrase``. The file has its name only when it is whole and proven readable.
    Raises ``Trouble`` when there is no room, a file is missing, or a program fails; nothing is left then.
    """
    now = dt.datetime.now(dt.UTC)
    place = target or folder(settings) / f"guanxi-{now:%Y%m%dT%H%M%SZ}{archive.SUFFIX}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if place.exists():
            raise Trouble(_("%(file)s is there already; name another file.") % {"file": place})
        _forget_interrupted(place.parent, now)
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=place.parent) as work:
            draft = Path(work) / "draft"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                _write(settings, out, Path(work), now, passphrase, tell)
                out.flush()
                os.fsync(out.fileno())
            tell(_("Reading it again …"))
            manifest = archive.verify(draft, passphrase)
            reach("backup.before_name")
            draft.rename(place)
        lasting.names(place.parent)
    except OSError as error:
        reason = {"file": place, "reason": os.strerror(error.errno or 0)}
        raise Trouble(_("The backup %(file)s cannot be written: %(reason)s.") % reason) from None
    total = sum(number for number, _sum in manifest.tables.values())
    external.record(
        settings, MADE, json.dumps({"at": now.isoformat(), "file": place.name, "bytes": place.stat().st_size})
    )
    external.record(settings, FAILED, "")
    return Made(place, place.stat().st_size, total, manifest.of_files())


def _forget_interrupted(folder: Path, now: dt.datetime) -> None:
    """Room that a backup took when it was killed is given free after a day."""
    for place in folder.glob(".backup-*"):
        with contextlib.suppress(OSError):
            if now.timestamp() - place.stat().st_mtime > 86_400:
                shutil.rmtree(place)


def keep(settings: Environment) -> list[Path]:
    """Remove the oldest backups of the folder beyond ``GUANXI_BACKUP_KEEP``; returns those removed."""
    old = backups(settings)[: -settings.backup_keep]
    for place in old:
        place.unlink(missing_ok=True)
    return old


def _write(
    settings: Environment, out: IO[bytes], work: Path, now: dt.datetime, passphrase: str, tell: Callable[[str], None]
) -> None:
    writer = archive.Writer(out, passphrase, {"version": __version__, "made_at": now.isoformat()})
    try:
        with _moment(settings) as (connection, snapshot):
            tell(_("Writing the database …"))
            _add_database(settings, writer, work / archive.DATABASE, snapshot)
            tables, head = rows.sums(connection), _audit_head(connection)
            migrations = [
                f"{app}.{name}" for app, name in connection.execute("SELECT app, name FROM django_migrations")
            ]
            tell(_("Writing the files …"))
            for digest in _digests(connection):
                _add_content(settings, writer, digest)
        secret = settings.data / "secret"
        if secret.is_file():
            writer.add(archive.SECRET, secret)
        shown = external.check(settings)
        manifest = archive.Manifest(__version__, now.isoformat(), shown, sorted(migrations), tables, audit_head=head)
        writer.finish(manifest)
    except BaseException:
        writer.abandon()
        raise


def _audit_head(connection: psycopg.Connection) -> str:
    there = connection.execute("SELECT to_regclass('core_auditseal') IS NOT NULL").fetchone()
    if not there or not there[0]:
        return ""
    row = connection.execute(
        "SELECT digest FROM core_auditseal WHERE entries IS NOT NULL ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return str(row[0]) if row else ""


def _add_database(settings: Environment, writer: archive.Writer, dump: Path, snapshot: str) -> None:
    plain = ("--format=custom", "--compress=3", "--no-owner", "--no-privileges")
    programs.run(settings, "pg_dump", *plain, f"--snapshot={snapshot}", f"--file={dump}")
    writer.add(archive.DATABASE, dump)
    dump.unlink()


def _add_content(settings: Environment, writer: archive.Writer, digest: str) -> None:
    place = settings.data / "files" / digest[:2] / digest[2:4] / digest
    try:
        writer.add(archive.FILES + digest, place)
    except FileNotFoundError:
        raise Trouble(
            _("The uploaded file %(file)s is missing, so the backup would not be whole. Run guanxi doctor.")
            % {"file": place}
        ) from None


def _digests(connection: psycopg.Connection) -> list[str]:
    return [str(digest) for (digest,) in connection.execute("SELECT DISTINCT digest FROM core_file ORDER BY digest")]


@contextlib.contextmanager
def _moment(settings: Environment) -> Iterator[tuple[psycopg.Connection, str]]:
    """A transaction that sees the database as it is now, its snapshot's name, and contents of files held in place."""
    with psycopg.connect(settings.owner_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_advisory_lock_shared(%s)", [FILES_LOCK]
        )  # before the snapshot, or it would be older
        connection.autocommit = False
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield connection, str(row[0]) if row else ""
        connection.rollback()
