"""The continuous archive: any moment comes back to the row; what is outside it, damaged, locked or used is refused untouched."""

import datetime as dt
import errno
import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from guanxi.runtime.backup import making, rows
from guanxi.runtime.backup.rows import Sums
from guanxi.runtime.continuous import keeping, pieces, returning, store, watching
from guanxi.runtime.environment import Environment, embedded_url, environment
from guanxi.runtime.postgres import EmbeddedPostgres
from guanxi.runtime.trouble import Trouble

CONTENT = "合同正文".encode() * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KNOWN = {"core.0001_initial"}


def quiet(_text: str) -> None:
    """Say nothing."""


@dataclass
class Kept:
    """An archive of a workspace that is gone, the sums of its rows at two moments, and the settings to bring it back with."""

    settings: Environment
    archive: Path
    early: dt.datetime
    early_sums: Sums
    late: dt.datetime
    late_sums: Sums
    told: str


def _workspace(url: str, data: Path) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE django_migrations (app text, name text)")
        connection.execute("INSERT INTO django_migrations VALUES ('core', '0001_initial')")
        connection.execute("CREATE TABLE core_file (id int, digest text)")
        connection.execute("INSERT INTO core_file VALUES (1, %s)", [DIGEST])
        connection.execute("CREATE TABLE customers (id int, name text, at timestamptz)")
    place = data / "files" / DIGEST[:2] / DIGEST[2:4] / DIGEST
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    (data / "secret").write_text("the-key\n")


def _turn_until(keeper: keeping.Keeper, done: Callable[[], bool]) -> None:
    begin = time.monotonic()
    while not done():
        assert time.monotonic() - begin < 60
        keeper.turn()
        time.sleep(0.05)


def _moment(connection: psycopg.Connection) -> dt.datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    moment: dt.datetime = row[0]
    return moment


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """500 customers at the early moment, 900 at the late one, then all of them deleted; the machine lost."""
    home = tmp_path_factory.mktemp("continuous")
    data, archive = home / "data", home / "archive"
    settings = replace(
        environment(), data=data, database_url=embedded_url(data, environment().run), archive_folder=archive,
        backup_folder=None, backup_passphrase="口令 1", database_memory_mb=64, sources={"DATABASE_URL": "embedded"},
    )  # fmt: skip
    server = EmbeddedPostgres(data / "pg", data / "logs", run=settings.run, memory_mb=64)
    server.start()
    keeper = keeping.Keeper(settings, archive, beat_seconds=0.3)
    try:
        _workspace(settings.database_url, data)
        _turn_until(keeper, lambda: bool(watching.spans(settings)))
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            add = "INSERT INTO customers SELECT n, '客户 ' || n, now() FROM generate_series(%s::int, %s::int) n"
            connection.execute(add, [1, 500])
            early_sums, early = rows.sums(connection), _moment(connection)
            time.sleep(0.05)
            connection.execute(add, [501, 900])
            late_sums, late = rows.sums(connection), _moment(connection)
            time.sleep(0.05)
            connection.execute("DELETE FROM customers")
            gone = _moment(connection)
        _turn_until(keeper, lambda: any(span.end > gone for span in watching.spans(settings)))
        told = watching.state(settings, dt.datetime.now(dt.UTC)).text
        stale = watching.state(settings, dt.datetime.now(dt.UTC) + dt.timedelta(minutes=6))
        assert not stale.good
        assert "nothing was added since" in stale.text
        last = max(span.end for span in watching.spans(settings))
        keeper.close()
        assert max(span.end for span in watching.spans(settings)) > last
    finally:
        keeper.end()
        server.stop()
    shutil.rmtree(data)
    return Kept(settings, archive, early, early_sums, late, late_sums, told)


def _without_notes(sums: Sums) -> Sums:
    return {name: each for name, each in sums.items() if name != "guanxi_runtime"}


@pytest.mark.slow
def test_a_moment_comes_back_to_the_row_and_nothing_later(kept: Kept, tmp_path: Path) -> None:
    for moment, expected, number in ((kept.early, kept.early_sums, 500), (kept.late, kept.late_sums, 900)):
        place = tmp_path / str(number)
        settings = replace(kept.settings, data=place, database_url=embedded_url(place, kept.settings.run))
        came = returning.bring(settings, kept.archive, moment, KNOWN, quiet)
        assert (came.files, came.missing) == (1, 0)
        server = EmbeddedPostgres(place / "pg", place / "logs", run=settings.run, memory_mb=64)
        server.start()
        try:
            with psycopg.connect(settings.database_url) as connection:
                assert _without_notes(rows.sums(connection)) == _without_notes(expected)
                assert connection.execute("SELECT count(*), max(id) FROM customers").fetchone() == (number, number)
                assert connection.execute("SHOW restore_command").fetchone() == ("",)
        finally:
            server.stop()
        assert (place / "files" / DIGEST[:2] / DIGEST[2:4] / DIGEST).read_bytes() == CONTENT
        assert (place / "secret").read_text() == "the-key\n"
        assert sorted(each.name for each in place.iterdir()) == ["files", "logs", "pg", "pg.lock", "secret"]


def test_what_cannot_come_back_is_refused_and_touches_nothing(kept: Kept, tmp_path: Path) -> None:
    place = tmp_path / "empty"
    settings = replace(kept.settings, data=place, database_url=embedded_url(place, kept.settings.run))

    def refused(moment: dt.datetime, archive: Path = kept.archive, **other: object) -> str:
        with pytest.raises(Trouble) as caught:
            returning.bring(replace(settings, **other), archive, moment, KNOWN, quiet)  # type: ignore[arg-type]
        assert not place.exists() or [each.name for each in place.iterdir() if each.name != "logs"] == []
        return str(caught.value)

    hour = dt.timedelta(hours=1)
    assert "the archive reaches from" in refused(kept.early - hour)
    assert "the archive reaches from" in refused(kept.late + hour)
    assert "There is no archive" in refused(kept.early, tmp_path)
    assert "is encrypted" in refused(kept.early, backup_passphrase="")
    assert "the passphrase is wrong" in refused(kept.early, backup_passphrase="other")
    assert "embedded database only" in refused(kept.early, sources={"DATABASE_URL": "environment"})
    with pytest.raises(Trouble, match=r"newer release .* migration core\.0001_initial"):
        returning.bring(settings, kept.archive, kept.early, set(), quiet)
    (place / "pg").mkdir(parents=True)
    with pytest.raises(Trouble, match="holds data already"):
        returning.bring(settings, kept.archive, kept.early, KNOWN, quiet)


def test_a_gap_and_a_damaged_segment_are_told(kept: Kept, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(kept.archive, archive)
    (own,) = store.Store.all(archive)
    (base,) = own.bases()
    names = sorted(name for name in own.names() if name >= base.start)
    damaged = own.journal / names[0]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    place = tmp_path / "empty"
    settings = replace(kept.settings, data=place, database_url=embedded_url(place, kept.settings.run))
    with pytest.raises(Trouble, match=names[0]):
        returning.bring(settings, archive, kept.late, KNOWN, quiet)
    assert [each.name for each in place.iterdir()] == ["logs"]
    damaged.unlink()
    with pytest.raises(Trouble, match="not whole yet"):
        returning.bring(settings, archive, kept.late, KNOWN, quiet)


def test_the_archive_is_sealed_and_says_what_it_reaches(kept: Kept) -> None:
    assert "any moment from" in kept.told
    for each in kept.archive.rglob("*"):
        if each.is_file() and each.suffix not in (".json",):
            assert CONTENT[:30] not in each.read_bytes()
            assert pieces.facts_of(each)["sealed"]["kdf"] == "scrypt"


def test_old_copies_and_segments_go_but_what_the_window_needs_stays(tmp_path: Path) -> None:
    own = store.Store.of(tmp_path, "1")
    now = dt.datetime.now(dt.UTC)
    for day, number in ((9, 1), (8, 3), (6, 5), (1, 7)):
        stamp = f"2026010{10 - day}T000000Z"
        own.base_file(stamp).write_bytes(b"x")
        ended = (now - dt.timedelta(days=day)).isoformat()
        own.add_base(store.Base(stamp, ended, f"00000001{0:08X}{number:08X}", 2**24, "0.1.0", []))
    for number in range(1, 9):
        (own.journal / f"00000001{0:08X}{number:08X}").write_bytes(b"x")
    own.tidy(now - dt.timedelta(days=7))
    assert [int(each.start[16:], 16) for each in own.bases()] == [3, 5, 7]
    assert sorted(int(name[16:], 16) for name in own.names()) == [3, 4, 5, 6, 7, 8]
    assert store.following("00000001000000000000" + "00FF", 2**24) == "000000010000000100000000"


@pytest.fixture
def beside(fresh_database: str, tmp_path: Path) -> keeping.Keeper:
    """A keeper beside a database that names one uploaded content."""
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    settings = replace(environment(), data=tmp_path, database_url=fresh_database, backup_folder=None)
    _workspace(fresh_database, tmp_path)
    return keeping.Keeper(settings, tmp_path / "archive")


def test_an_archive_that_takes_no_contents_does_not_fill_the_disk_with_journal(
    beside: keeping.Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "WAITING_MB", 2)
    own = store.Store.of(beside.folder, "1")
    (own.folder / "files").touch()  # no content finds a place
    place = keeping.incoming(beside.settings)
    place.mkdir()
    (place / ("0" * 24)).write_bytes(bytes(2 * 1024 * 1024))
    with psycopg.connect(beside.settings.owner_url, autocommit=True) as connection:
        with pytest.raises(OSError, match="files"):
            beside._publish(connection, own)
        assert place.exists()
        (place / ("1" * 24)).write_bytes(bytes(2 * 1024 * 1024))
        with pytest.raises(OSError, match="files"):
            beside._publish(connection, own)
    assert not place.exists()


def test_a_full_archive_keeps_the_register_of_erasures_it_has(
    beside: keeping.Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = store.Store.of(beside.folder, "1")
    register = making.folder(beside.settings) / making.ERASURES
    register.parent.mkdir()
    with psycopg.connect(beside.settings.owner_url, autocommit=True) as connection:
        register.write_text("one\ntwo\n")
        beside._beat(connection, own)
        register.write_text("one\ntwo\nthree\n")

        def full(_source: Path, target: Path) -> None:
            target.write_text("on")
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as given:
            given.setattr(shutil, "copyfile", full)
            with pytest.raises(OSError, match="No space"):
                beside._beat(connection, own)
        assert (own.folder / making.ERASURES).read_text() == "one\ntwo\n"
        beside._beat(connection, own)
    assert (own.folder / making.ERASURES).read_text() == "one\ntwo\nthree\n"
    assert not (own.folder / f".{making.ERASURES}").exists()


def test_what_was_being_written_at_a_stop_goes_with_the_next_start_and_each_tidying(beside: keeping.Keeper) -> None:
    with psycopg.connect(beside.settings.owner_url, autocommit=True) as connection:
        own = beside._ready(connection)
        left = [own.bases_folder / ".20260101T000000Z.base-0a1b2c3d", own.journal / f".{'0' * 24}-0a1b2c3d"]
        left.append(own.folder / ".secret-0a1b2c3d")
        for tidied in (False, True):
            for each in left:
                each.write_bytes(b"x")
            if tidied:
                own.tidy(dt.datetime.now(dt.UTC))
            else:
                keeping.Keeper(beside.settings, beside.folder)._ready(connection)
            assert [each for each in left if each.exists()] == []
    assert (own.folder / "archive.json").is_file()
