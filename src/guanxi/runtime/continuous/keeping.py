"""The process that fills the continuous archive beside the embedded server, and what is known of its state.

``pg_receivewal`` streams the journal into ``incoming`` of the data folder through a slot, so the server keeps what was not
received. Every minute a new segment is begun; finished ones are compressed, sealed and put into the archive. What a segment
names of uploaded contents is put there before the segment itself.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import psycopg

from guanxi import __version__
from guanxi.runtime import binaries, external, lasting
from guanxi.runtime.backup import making
from guanxi.runtime.continuous import pieces
from guanxi.runtime.continuous.store import Base, Store, row
from guanxi.runtime.environment import Environment, environment
from guanxi.runtime.process import die_with_parent
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

logger = logging.getLogger("guanxi.archive")

SLOT = "guanxi_archive"
KEPT, FAILED = "archive_kept", "archive_failed"
BEAT_SECONDS, _BASE_EVERY = 60.0, dt.timedelta(hours=24)
#: So much journal may wait for an archive that cannot be written; then the archive begins anew rather than fill the disk.
WAITING_MB = 4096
_OVERLAP = 1000
_CLOSE_SECONDS = 3.0


def incoming(settings: Environment) -> Path:
    """Where the journal arrives before it is archived."""
    return settings.data / "journal"


@dataclass
class Keeper:
    """One process keeps one archive. ``turn`` is called every second or so; it raises what went wrong, to be tried again."""

    settings: Environment
    folder: Path
    beat_seconds: float = BEAT_SECONDS
    _store: Store | None = None
    _receiver: subprocess.Popen[bytes] | None = None
    _copying: threading.Thread | None = None
    _copy_error: list[Exception] = field(default_factory=list)
    _next_beat: float = 0.0
    _beats: dict[str, str] = field(default_factory=dict)
    _last_file: int = 0
    _all_files: bool = True
    _look_again: bool = True

    def turn(self) -> None:
        """One look: the receiver runs, what arrived is archived, a base is made when due, the time is marked."""
        with psycopg.connect(self.settings.owner_url, connect_timeout=5, autocommit=True) as connection:
            store = self._ready(connection)
            self._receive(connection)
            now = time.monotonic()
            if now >= self._next_beat:
                self._next_beat = now + self.beat_seconds
                self._beat(connection, store)
            self._publish(connection, store)
            if self._copied() and self._look_again:
                self._base(connection, store)

    def close(self) -> None:
        """Archive everything up to now, if that takes no longer than a moment, and end."""
        with (
            contextlib.suppress(OSError, Trouble, psycopg.Error),
            psycopg.connect(self.settings.owner_url, connect_timeout=2, autocommit=True) as connection,
        ):
            store, begin = self._ready(connection), time.monotonic()
            self._beat(connection, store)
            while self._beats and time.monotonic() - begin < _CLOSE_SECONDS:
                time.sleep(0.05)
                self._publish(connection, store)
        self.end()

    def end(self) -> None:
        """Let the receiver end in order."""
        if self._receiver and self._receiver.poll() is None:
            self._receiver.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._receiver.wait(5)

    # -- receiving -------------------------------------------------------------------------------------------------

    def _ready(self, connection: psycopg.Connection) -> Store:
        if self._store is None:
            found = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
            store = Store.of(self.folder, str(found[0]) if found else "")
            store.forget_drafts()
            self._store = store
        return self._store

    def _receive(self, connection: psycopg.Connection) -> None:
        if self._receiver and self._receiver.poll() is None:
            return
        place = incoming(self.settings)
        slot = connection.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [SLOT]).fetchone()
        if self._receiver and slot and self._receiver.returncode:
            logger.warning("the receiver of the journal ended", extra={"code": self._receiver.returncode})
        if slot and slot[0] in ("lost", "unreserved"):
            connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
            slot = None
        if slot is None:
            shutil.rmtree(place, ignore_errors=True)
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._receiver = subprocess.Popen(
            [str(binaries.programs() / "pg_receivewal"), "-D", str(place), f"--slot={SLOT}", "--synchronous",
             "--no-loop", "--dbname", self.settings.owner_url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - one system call, no lock is taken
        )  # fmt: skip

    def _beat(self, connection: psycopg.Connection, store: Store) -> None:
        """Mark the time in the journal and begin a new segment, so that the archive reaches up to now."""
        found = connection.execute("SELECT clock_timestamp()").fetchone()
        now = found[0].isoformat() if found else ""
        external.record(self.settings, "archive_beat", now)
        done = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        if done:
            self._beats[str(done[0])] = now
        self._look_again = True
        register = making.folder(self.settings) / making.ERASURES
        if register.is_file():
            lasting.copy(register, store.folder / making.ERASURES)

    # -- archiving -------------------------------------------------------------------------------------------------

    def _publish(self, connection: psycopg.Connection, store: Store) -> None:
        """Archive the segments that are whole, their uploaded contents first."""
        place = incoming(self.settings)
        finished = sorted(each for each in place.iterdir() if each.suffix != ".partial")
        if not finished:
            return
        try:
            self._contents(connection, store)
            for each in finished:
                self._segment(store, each)
        except OSError:
            self._give_up_waiting(connection, place)
            raise

    def _segment(self, store: Store, arrived: Path) -> None:
        until = self._beats.get(arrived.name, "")
        with arrived.open("rb") as source:
            facts = {"until": until, "bytes": arrived.stat().st_size}
            self._write(store, store.journal / arrived.name, source, facts)
        arrived.unlink()
        self._beats.pop(arrived.name, None)
        if until:
            external.record(self.settings, KEPT, json.dumps({"until": until}))
            external.record(self.settings, FAILED, "")

    def _give_up_waiting(self, connection: psycopg.Connection, place: Path) -> None:
        """What waits may not fill the disk the database lives on."""
        waiting = sum(each.stat().st_size for each in place.iterdir()) // (1024 * 1024)
        if waiting > WAITING_MB or shutil.disk_usage(place).free < 256 * 1024 * 1024:
            self.end()
            with contextlib.suppress(psycopg.Error):
                connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
            shutil.rmtree(place, ignore_errors=True)
            self._beats.clear()

    def _contents(self, connection: psycopg.Connection, store: Store) -> None:
        there = connection.execute("SELECT to_regclass('core_file') IS NOT NULL").fetchone()
        if not there or not there[0]:
            return
        since = 0 if self._all_files else self._last_file - _OVERLAP
        for number, digest in connection.execute("SELECT id, digest FROM core_file WHERE id > %s ORDER BY id", [since]):
            target = store.content(digest)
            if target.exists():
                if self._all_files:
                    os.utime(target)
            else:
                own = self.settings.data / "files" / digest[:2] / digest[2:4] / digest
                with contextlib.suppress(FileNotFoundError), own.open("rb") as source:
                    self._write(store, target, source, {})
            self._last_file = max(self._last_file, int(number))
        self._all_files = False

    def _write(self, store: Store, place: Path, source: IO[bytes], facts: dict[str, object]) -> None:
        pieces.write(place, source, passphrase=self.settings.backup_passphrase, salt=store.salt, facts=facts)

    # -- base copies -----------------------------------------------------------------------------------------------

    def _base(self, connection: psycopg.Connection, store: Store) -> None:
        """Make a base, in a thread of its own, when none of the day stands on a journal without a gap."""
        found = connection.execute(
            "SELECT clock_timestamp(), pg_walfile_name(pg_current_wal_lsn()),"
            " pg_size_bytes(current_setting('wal_segment_size'))"
        ).fetchone()
        now, start, size = found or (dt.datetime.now(dt.UTC), "", 0)
        self._look_again = False
        if not self._base_due(store, now, str(start)):
            return
        self._all_files = True
        self._contents(connection, store)
        store.tidy(now - dt.timedelta(days=self.settings.archive_days))
        there = connection.execute("SELECT to_regclass('django_migrations') IS NOT NULL").fetchone()
        applied = connection.execute("SELECT app, name FROM django_migrations").fetchall() if there and there[0] else []
        migrations = sorted(f"{app}.{name}" for app, name in applied)
        base = Base(f"{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}", "", str(start), int(size), __version__, migrations)
        self._copying = threading.Thread(target=self._copy, args=(store, base), daemon=True)
        self._copying.start()

    def _copied(self) -> bool:
        """Whether no base is being made. Raises what went wrong with the last one."""
        if self._copying and self._copying.is_alive():
            return False
        self._copying = None
        if self._copy_error:
            raise self._copy_error.pop()
        return True

    def _base_due(self, store: Store, now: dt.datetime, current: str) -> bool:
        """No base yet, the newest a day old or of another time line, or a gap in the journal since."""
        bases = store.bases()
        if not bases or now - bases[-1].moment > _BASE_EVERY or bases[-1].start[:8] != current[:8]:
            return True
        arrived = {each.name.removesuffix(".partial") for each in incoming(self.settings).iterdir()}
        names = {name for name in arrived | store.names() if name[:8] == current[:8] and name >= bases[-1].start}
        return len(list(row(bases[-1], names))) < len(names)

    def _copy(self, store: Store, base: Base) -> None:
        try:
            secret = (self.settings.data / "secret").read_bytes() if (self.settings.data / "secret").is_file() else b""
            self._write(store, store.secret, io.BytesIO(secret), {})
            command = [str(binaries.programs() / "pg_basebackup"), "-D", "-", "--format=tar", "--wal-method=none",
                       "--checkpoint=fast", "--no-manifest", "--dbname", self.settings.owner_url]  # fmt: skip
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as program:
                output = _Checked(program)
                self._write(store, store.base_file(base.stamp), cast("IO[bytes]", output), {"version": __version__})
            with psycopg.connect(self.settings.owner_url, connect_timeout=5) as connection:
                found = connection.execute("SELECT clock_timestamp()").fetchone()
            ended = found[0].isoformat() if found else ""
            store.add_base(Base(base.stamp, ended, base.start, base.segment_bytes, base.version, base.migrations))
            self._next_beat = 0.0
        except Exception as error:  # noqa: BLE001 - told by the next turn, whatever it is
            self._copy_error.append(error)


class _Checked:
    """The output of a program, whose end counts only when the program ended well."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program
        self._words: list[bytes] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        if self._program.stderr:
            self._words.extend(self._program.stderr.readlines())

    def read(self, size: int) -> bytes:
        """The next bytes; raises ``Trouble`` at the end when the program failed."""
        found = self._program.stdout.read(size) if self._program.stdout else b""
        if not found and self._program.wait() != 0:
            self._listener.join(5)
            reason = (self._words or [b"?"])[-1].decode("utf-8", "replace").strip()
            raise Trouble(_("%(program)s failed: %(reason)s") % {"program": "pg_basebackup", "reason": reason})
        return found


def main() -> None:
    """Keep the archive until a signal ends this process; trouble is noted, told once in the log, and tried again."""
    settings = environment()
    if settings.archive_folder is None:
        return
    keeper, ending = Keeper(settings, settings.archive_folder), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_arguments: ending.set())
    told = ""
    while not ending.is_set():
        reason = ""
        try:
            keeper.turn()
        except (OSError, Trouble, psycopg.Error) as error:
            reason = str(error).strip() or type(error).__name__
            with contextlib.suppress(psycopg.Error):
                note = {"at": dt.datetime.now(dt.UTC).isoformat(), "reason": reason}
                external.record(settings, FAILED, json.dumps(note))
        if reason != told:
            logger.error("the continuous archive: %s", reason or "works again")
            told = reason
        ending.wait(5.0 if reason else 1.0)
    keeper.close()


def forget_slot(url: str) -> None:
    """Where no archive is kept, the server must not hold its journal back for one."""
    with contextlib.suppress(psycopg.Error), psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active",
            [SLOT],
        )
