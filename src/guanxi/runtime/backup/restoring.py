"""Bring a backup into an empty place, or prove that one could be."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from guanxi.runtime import external, roles
from guanxi.runtime.backup import archive, making, programs, rows
from guanxi.runtime.backup.making import PROVEN
from guanxi.runtime.environment import Environment, embedded_url
from guanxi.runtime.failpoints import reach
from guanxi.runtime.postgres import EmbeddedPostgres
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

Tell = Callable[[str], None]
_WORK = ".restoring"


def check(place: Path, passphrase: str, known: set[str], tell: Tell) -> archive.Manifest:
    """Read the backup whole. Raises ``Trouble`` when it is damaged, foreign, or holds migrations outside ``known``."""
    tell(_("Reading %(file)s …") % {"file": place})
    manifest = archive.verify(place, passphrase)
    refuse_newer(place, manifest.version, manifest.migrations, known)
    return manifest


def refuse_newer(place: Path, version: str, migrations: list[str], known: set[str]) -> None:
    """Raise ``Trouble`` when the data of ``place`` knows migrations that this release does not."""
    newer = sorted(set(migrations) - known)
    if newer:
        raise Trouble(
            _("%(file)s was made by a newer release (%(version)s, migration %(name)s); install that one first.")
            % {"file": place, "version": version, "name": newer[0]}
        )


def restore(settings: Environment, place: Path, passphrase: str, known: set[str], tell: Tell) -> archive.Manifest:
    """Bring the backup into the data folder and database of ``settings``, which must be empty.

    The rows are compared with the sums taken when the backup was made before anything gets its final place.
    Raises ``Trouble`` with nothing touched when the backup or the place will not do.
    """
    manifest = check(place, passphrase, known, tell)
    refuse_used(settings)
    work = settings.data / _WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, mode=0o700)
    try:
        _unpack(place, passphrase, work, tell)
        with _database(settings, work, tell) as target:
            tell(_("Bringing the rows back …"))
            _load(target, work / archive.DATABASE)
            _compare(target, manifest)
            roles.divide(target)
        reach("restore.before_place")
        settle(settings, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return manifest


def drill(settings: Environment, place: Path, passphrase: str, known: set[str], tell: Tell) -> archive.Manifest:
    """Bring the backup's rows into a scratch database of the same server, compare them, remove it, and note the proof."""
    manifest = check(place, passphrase, known, tell)
    name = f"guanxi_drill_{os.getpid()}"
    work = settings.data / f".drill-{os.getpid()}"
    work.mkdir(parents=True, mode=0o700)
    try:
        _unpack(place, passphrase, work, tell, only=archive.DATABASE)
        tell(_("Bringing the rows into a scratch database …"))
        with _scratch(settings, name) as target:
            _load(target, work / archive.DATABASE)
            _compare(target, manifest)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    proof = {"at": dt.datetime.now(dt.UTC).isoformat(), "file": place.name, "made_at": manifest.made_at}
    external.record(settings, PROVEN, json.dumps(proof))
    return manifest


def refuse_used(settings: Environment) -> None:
    """Raise ``Trouble`` when the place holds data already."""
    files = settings.data / "files"
    used = (settings.data / "pg").exists() if settings.embedded else False
    if used or (files.is_dir() and any(files.iterdir())):
        raise Trouble(
            _("%(folder)s holds data already. Name an empty folder in GUANXI_DATA; nothing was changed.")
            % {"folder": settings.data}
        )
    if not settings.embedded:
        external.check(settings)
        with psycopg.connect(settings.owner_url) as connection:
            if not rows.is_empty(connection):
                raise Trouble(
                    _("The database of DATABASE_URL holds tables already. Name an empty one; nothing was changed.")
                )


def _unpack(place: Path, passphrase: str, work: Path, tell: Tell, *, only: str = "") -> None:
    tell(_("Unpacking …"))
    with archive.opened(place, passphrase) as inside:
        for name, stream in inside:
            if name == archive.MANIFEST or (only and name != only):
                continue
            target = _place_of(name, work)
            target.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                shutil.copyfileobj(stream, out, 1024 * 1024)


def _place_of(name: str, work: Path) -> Path:
    """Where a member goes; a name that is none of ours is refused, so nothing is ever written elsewhere."""
    if name in (archive.DATABASE, archive.SECRET):
        return work / name
    digest = name.removeprefix(archive.FILES)
    if len(digest) != 64 or not digest.isalnum():
        raise ValueError(name)
    return work / "files" / digest[:2] / digest[2:4] / digest


@contextlib.contextmanager
def _database(settings: Environment, work: Path, tell: Tell) -> Iterator[Environment]:
    """The settings of an empty database: the external one, or a new embedded one below ``work``."""
    if not settings.embedded:
        yield settings
        return
    server = EmbeddedPostgres(
        work / "pg", settings.data / "logs", run=settings.run, memory_mb=settings.database_memory_mb, tell=tell
    )
    server.start()
    try:
        yield replace(settings, data=work, owner_database_url=embedded_url(work, settings.run))
    finally:
        server.stop()


@contextlib.contextmanager
def _scratch(settings: Environment, name: str) -> Iterator[Environment]:
    with psycopg.connect(settings.owner_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
        try:
            host = connection.info
            given = make_conninfo(settings.owner_url, dbname=name, user=host.user)
            yield replace(settings, owner_database_url=given)
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _load(target: Environment, dump: Path) -> None:
    """All rows or none: pg_restore in one transaction."""
    own = "--dbname=" + str(conninfo_to_dict(target.owner_url).get("dbname", "guanxi"))
    programs.run(
        target, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", own, str(dump)
    )


def _compare(target: Environment, manifest: archive.Manifest) -> None:
    with psycopg.connect(target.owner_url) as connection:
        found = rows.sums(connection)
    other = sorted(
        name for name in found.keys() | manifest.tables.keys() if found.get(name) != manifest.tables.get(name)
    )
    if other:
        raise Trouble(_("The rows of %(tables)s are not those of the backup.") % {"tables": ", ".join(other[:5])})


def bring_register(settings: Environment, place: Path) -> bool:
    """Put the register of erasures that lies beside the backup where this place looks for it; whether there is one."""
    found, own = place.parent / making.ERASURES, making.folder(settings) / making.ERASURES
    if found.is_file() and not own.exists():
        own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copyfile(found, own)
        own.chmod(0o600)
    return own.is_file()


def settle(settings: Environment, work: Path) -> None:
    """Give files, secret and cluster their places; the cluster last, for it is what makes the place used."""
    for name in ("files", archive.SECRET, "pg"):
        source, target = work / name, settings.data / name
        if not source.exists():
            continue
        if name == "files" and target.is_dir():
            target.rmdir()
        source.replace(target)
