"""Bring a backup into an empty place, or prove that one could be."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from guanxi.runtime import external, lasting, roles
from guanxi.runtime.backup import archive, making, programs, rows, watching
from guanxi.runtime.environment import Environment, embedded_url
from guanxi.runtime.failpoints import reach
from guanxi.runtime.postgres import RESTORING, EmbeddedPostgres
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

Tell = Callable[[str], None]
#: What gets its place at the end, in this order: the cluster is what makes a place used.
_PARTS = ("files", archive.SECRET, "pg")
#: Held (shared) while a scratch database is in use.
_SCRATCH_LOCK, _DAY_SECONDS = 0x67787363, 86_400
#: Those of this database, by the number in their names.
_SCRATCHES: LiteralString = """
SELECT s.datname FROM pg_database s, pg_database o
WHERE o.datname = current_database() AND s.datname ~ ('^guanxi_(drill|rehearsal)_' || o.oid || '_[0-9]+$')
"""
#: The steps of a restore that a killed one goes on from.
_LOADING, _PLACING = "loading", "placing"
#: Lies in the data folder as long as what was erased since the backup has not been erased again.
ERASE_AGAIN = "erase-again"


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
    Raises ``Trouble`` with nothing touched when the backup or the place will not do. One that was killed goes on, called again for
    the same backup, from the last step that cannot be undone.
    """
    manifest = check(place, passphrase, known, tell)
    work = settings.data / RESTORING
    if placing(settings, work, manifest.made_at):
        settle(settings, work, manifest.made_at)
        return manifest
    loaded = _loaded(settings, work, manifest)
    if not loaded:
        refuse_used(settings)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True, mode=0o700)
    bring_register(settings, place)
    try:
        if not loaded:
            _unpack(place, passphrase, work, tell)
        with _database(settings, work, tell) as target:
            if not loaded:
                tell(_("Bringing the rows back …"))
                _note(work, _LOADING, manifest.made_at)
                load(target, work / archive.DATABASE)
                _compare(target, manifest)
            roles.divide(target)
        reach("restore.before_place")
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    settle(settings, work, manifest.made_at)
    return manifest


def _note(work: Path, step: str, name: str) -> None:
    """Note in the working folder how far the restore called ``name`` came, on the disk when this returns."""
    draft = work / ".step"
    draft.write_text(f"{step} {name}")
    lasting.file(draft)
    draft.replace(work / "step")
    lasting.names(work, work.parent)


def _noted(work: Path) -> tuple[str, str]:
    try:
        step, _space, name = (work / "step").read_text().partition(" ")
    except OSError:
        return "", ""
    return step, name


def placing(settings: Environment, work: Path, name: str) -> bool:
    """Whether the restore called ``name`` was killed while its parts got their places, and nobody has begun anew there since."""
    left = [part for part in _PARTS if (work / part).exists()]
    begun = settings.embedded and (settings.data / "pg").exists()
    begun = begun or ("files" in left and _holds(settings.data / "files"))
    return _noted(work) == (_PLACING, name) and bool(left) and not begun


def _holds(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _loaded(settings: Environment, work: Path, manifest: archive.Manifest) -> bool:
    """Whether a restore of this backup into a database that is not ours was killed with the rows in it.

    They come in one transaction. The database is taken for that one's when all rows are there and the same, so nothing of anybody else
    is ever touched. An embedded database lies in the working folder and is made again.
    """
    if settings.embedded or _noted(work) not in ((_LOADING, manifest.made_at), (_PLACING, manifest.made_at)):
        return False
    with psycopg.connect(settings.owner_url) as connection:
        found = {} if rows.is_empty(connection) else rows.sums(connection)
    compared = (found | manifest.tables).keys() - {external.NOTES}
    return bool(found) and all(found.get(name) == manifest.tables.get(name) for name in compared)


def drill(settings: Environment, place: Path, passphrase: str, known: set[str], tell: Tell) -> archive.Manifest:
    """Bring the backup's rows into a scratch database of the same server, compare them, remove it, and note the proof."""
    manifest = check(place, passphrase, known, tell)
    work = settings.data / f".drill-{os.getpid()}"
    work.mkdir(parents=True, mode=0o700)
    try:
        _unpack(place, passphrase, work, tell, only=archive.DATABASE)
        tell(_("Bringing the rows into a scratch database …"))
        with scratch(settings, "drill") as target:
            load(target, work / archive.DATABASE)
            _compare(target, manifest)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    watching.proven(settings, dt.datetime.now(dt.UTC), place.name, manifest.made_at)
    return manifest


def refuse_used(settings: Environment) -> None:
    """Raise ``Trouble`` when the place holds data already."""
    files = settings.data / "files"
    used = (settings.data / "pg").exists() if settings.embedded else False
    if used or _holds(files):
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
def scratch(settings: Environment, use: str) -> Iterator[Environment]:
    """The settings of an empty database on the same server, for a ``drill`` or a ``rehearsal``; it is removed afterwards."""
    with psycopg.connect(settings.owner_url, autocommit=True) as connection:
        _forget_killed(settings, connection)
        own = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
        name = f"guanxi_{use}_{own[0] if own else 0}_{os.getpid()}"
        try:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
            )
        except psycopg.errors.InsufficientPrivilege:
            raise Trouble(
                _(
                    "The role %(role)s may not make a database beside its own. As the server's administrator run: ALTER ROLE %(role)s CREATEDB;"
                )
                % {"role": connection.info.user}
            ) from None
        try:
            host = connection.info
            given = make_conninfo(settings.owner_url, dbname=name, user=host.user)
            yield replace(settings, owner_database_url=given)
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _forget_killed(settings: Environment, connection: psycopg.Connection) -> None:
    """Remove the scratch databases and folders of drills and rehearsals that were killed; those at work hold the lock until they end."""
    alone = connection.execute("SELECT pg_try_advisory_lock(%s)", [_SCRATCH_LOCK]).fetchone() == (True,)
    if alone:
        for (name,) in connection.execute(_SCRATCHES).fetchall():
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute("SELECT pg_advisory_unlock(%s)", [_SCRATCH_LOCK])
        for place in (*settings.data.glob(".drill-*"), *settings.data.glob(".rehearsal-*")):
            if dt.datetime.now(dt.UTC).timestamp() - place.stat().st_mtime > _DAY_SECONDS:
                shutil.rmtree(place, ignore_errors=True)
    connection.execute("SELECT pg_advisory_lock_shared(%s)", [_SCRATCH_LOCK])


def load(target: Environment, dump: Path) -> None:
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
        lasting.copy(found, own)
    return own.is_file()


def settle(settings: Environment, work: Path, name: str) -> None:
    """Give files, secret and cluster their places and remove the working folder. Killed on the way, ``placing`` tells so to the next."""
    if _noted(work) != (_PLACING, name):
        if (making.folder(settings) / making.ERASURES).is_file():
            (settings.data / ERASE_AGAIN).touch()
        os.sync()  # thousands of files and their folders at once
        _note(work, _PLACING, name)
    for part in _PARTS:
        source, target = work / part, settings.data / part
        if part == "pg":
            reach("restore.before_last")
        if not source.exists():
            continue
        if part == "files" and target.is_dir():
            target.rmdir()
        source.replace(target)
        lasting.names(settings.data)
    shutil.rmtree(work, ignore_errors=True)
