"""Backups: what is written comes back to the row and byte; what is damaged, foreign, cut or newer is refused untouched."""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from guanxi.runtime.backup import archive, making, restoring, rows, sealing
from guanxi.runtime.environment import Environment
from guanxi.runtime.postgres import EmbeddedPostgres
from guanxi.runtime.trouble import Trouble
from tests.runtime.backed import CONTENT, DIGEST, KNOWN, home, quiet
from tests.runtime.helpers import guanxi, small_disk

__all__ = ["home"]


def test_a_sealed_backup_comes_back_to_the_row_and_byte(home: Environment, tmp_path: Path) -> None:
    made = making.make(home, passphrase="口令 1", tell=quiet)
    assert (made.rows, made.files) == (2003, 1)
    assert made.place.parent == home.data / "backups"
    assert made.place.stat().st_mode & 0o777 == 0o600
    assert "客户".encode() not in made.place.read_bytes()

    other = replace(home, data=tmp_path / "other", database_url=home.database_url)
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        before = rows.sums(connection)
        connection.execute("DROP TABLE odd, core_file, django_migrations, guanxi_runtime")
    restoring.restore(other, made.place, "口令 1", KNOWN, quiet)
    with psycopg.connect(home.database_url) as connection:
        after = rows.sums(connection)
    assert {name: after[name] for name in ("odd", "core_file")} == {name: before[name] for name in ("odd", "core_file")}
    assert (other.data / "files" / DIGEST[:2] / DIGEST[2:4] / DIGEST).read_bytes() == CONTENT
    assert (other.data / "secret").read_text() == "the-key\n"
    assert sorted(each.name for each in other.data.iterdir()) == ["files", "secret"]


def test_a_used_place_is_refused_and_stays_as_it_is(home: Environment) -> None:
    made = making.make(home, passphrase="", tell=quiet)
    with psycopg.connect(home.database_url) as connection:
        before = rows.sums(connection)
    with pytest.raises(Trouble, match="holds data already"):
        restoring.restore(home, made.place, "", KNOWN, quiet)
    with pytest.raises(Trouble, match="holds tables already"):
        restoring.restore(replace(home, data=home.data / "empty"), made.place, "", KNOWN, quiet)
    with psycopg.connect(home.database_url) as connection:
        assert rows.sums(connection) == before


def test_what_a_killed_drill_left_goes_with_the_next(home: Environment) -> None:
    made = making.make(home, passphrase="", tell=quiet)
    old, young = home.data / ".drill-1", home.data / ".drill-2"
    for place in (old, young):
        place.mkdir()
        (place / "database.dump").write_bytes(b"x")
    os.utime(old, (0, 0))
    others = "guanxi_drill_77_999999"  # of another workspace on this server
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        (own,) = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone() or (0,)
        killed, working = f"guanxi_rehearsal_{own}_999999", f"guanxi_drill_{own}_999998"

        def there() -> set[str]:
            return {name for (name,) in connection.execute("SELECT datname FROM pg_database")} & {
                others,
                killed,
                working,
            }

        try:
            for name in (others, killed):
                connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
            restoring.drill(home, made.place, "", KNOWN, quiet)
            assert there() == {others}
            assert (old.exists(), young.exists()) == (False, True)
            connection.execute(f"CREATE DATABASE {working}")  # type: ignore[arg-type]
            connection.execute(
                "SELECT pg_advisory_lock_shared(%s)", [restoring._SCRATCH_LOCK]
            )  # as one at work holds it
            restoring.drill(home, made.place, "", KNOWN, quiet)
            assert there() == {others, working}
        finally:
            for name in (others, killed, working):
                connection.execute(f"DROP DATABASE IF EXISTS {name}")  # type: ignore[arg-type]


class Killed(BaseException):
    """In the place of SIGKILL: nothing is tidied up after it."""


def _killed_at(name: str, home: Environment, backup: Path, given: pytest.MonkeyPatch) -> None:
    def reach(place: str) -> None:
        if place == name:
            raise Killed

    with given.context() as changed:
        changed.setattr(restoring, "reach", reach)
        changed.setattr(restoring.shutil, "rmtree", lambda *_of, **_named: None)
        with pytest.raises(Killed):
            restoring.restore(home, backup, "", KNOWN, quiet)


@pytest.mark.parametrize("at", ["restore.before_place", "restore.before_last"])
def test_a_killed_restore_goes_on_when_it_is_called_again(
    home: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    first = making.make(home, target=tmp_path / "first.guanxi", passphrase="", tell=quiet)
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM odd WHERE b > 200")
    made = making.make(home, target=tmp_path / "made.guanxi", passphrase="", tell=quiet)
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        before = rows.sums(connection)
        connection.execute("DROP TABLE odd, core_file, django_migrations, guanxi_runtime")
    other = replace(home, data=tmp_path / "other")
    _killed_at(at, other, made.place, monkeypatch)
    assert (other.data / "files").exists() is (at == "restore.before_last")

    with pytest.raises(Trouble, match="already"):
        restoring.restore(other, first.place, "", KNOWN, quiet)  # another one has nothing to go on with
    restoring.restore(other, made.place, "", KNOWN, quiet)
    with psycopg.connect(home.database_url) as connection:
        after = rows.sums(connection)
    assert {name: after[name] for name in ("odd", "core_file")} == {name: before[name] for name in ("odd", "core_file")}
    assert (other.data / "files" / DIGEST[:2] / DIGEST[2:4] / DIGEST).read_bytes() == CONTENT
    assert (other.data / "secret").read_text() == "the-key\n"
    assert sorted(each.name for each in other.data.iterdir()) == ["files", "secret"]
    with pytest.raises(Trouble, match="already"):
        restoring.restore(other, made.place, "", KNOWN, quiet)


def test_a_restore_beside_a_register_of_erasures_says_that_they_are_due(home: Environment, tmp_path: Path) -> None:
    made = making.make(home, passphrase="", tell=quiet)
    (made.place.parent / making.ERASURES).write_text("{}\n")
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE odd, core_file, django_migrations, guanxi_runtime")
    other = replace(home, data=tmp_path / "other")
    restoring.restore(other, made.place, "", KNOWN, quiet)
    assert (other.data / restoring.ERASE_AGAIN).exists(), "until it is done: a start in between does it"
    assert (other.data / "backups" / making.ERASURES).read_text() == "{}\n"


def test_a_killed_restore_does_not_go_on_over_what_somebody_wrote_since(
    home: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = making.make(home, passphrase="", tell=quiet)
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE odd, core_file, django_migrations, guanxi_runtime")
    other = replace(home, data=tmp_path / "other")
    _killed_at("restore.before_place", other, made.place, monkeypatch)
    with psycopg.connect(home.database_url, autocommit=True) as connection:
        connection.execute("UPDATE odd SET a = 'changed' WHERE b = (SELECT min(b) FROM odd)")
    with pytest.raises(Trouble, match="holds tables already"):
        restoring.restore(other, made.place, "", KNOWN, quiet)
    assert not (other.data / "files").exists()


def test_beside_an_interrupted_restore_no_empty_database_is_made(tmp_path: Path) -> None:
    (tmp_path / ".restoring").mkdir()
    (tmp_path / ".restoring" / "step").write_text("placing 2026-11-27")
    with pytest.raises(Trouble, match=r"was interrupted\. Call it again"):
        EmbeddedPostgres(tmp_path / "pg", tmp_path / "logs").start()
    assert not (tmp_path / "pg").exists()


def test_a_drill_proves_the_newest_backup_and_leaves_no_database(home: Environment) -> None:
    made = making.make(home, passphrase="", tell=quiet)
    restoring.drill(home, made.place, "", KNOWN, quiet)
    with psycopg.connect(home.database_url) as connection:
        left = connection.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'guanxi_drill%'").fetchone()
        proof = connection.execute("SELECT value FROM guanxi_runtime WHERE key = 'backup_proven'").fetchone()
    assert left == (0,)
    assert proof is not None
    assert json.loads(proof[0])["file"] == made.place.name


def test_what_is_damaged_cut_foreign_newer_or_locked_is_refused(home: Environment, tmp_path: Path) -> None:
    whole = making.make(home, passphrase="", tell=quiet).place
    sealed = making.make(home, target=tmp_path / "sealed.guanxi", passphrase="right", tell=quiet).place
    empty = replace(home, data=tmp_path / "empty")

    def refused(content: bytes, passphrase: str = "") -> str:
        place = tmp_path / "bad.guanxi"
        place.write_bytes(content)
        with pytest.raises(Trouble) as caught:
            restoring.restore(empty, place, passphrase, KNOWN, quiet)
        assert not empty.data.exists()
        return str(caught.value)

    for content, passphrase in ((whole.read_bytes(), ""), (sealed.read_bytes(), "right")):
        for length in (len(archive.MAGIC) + 5, 400, len(content) // 2, len(content) - 12_000):
            assert "bad.guanxi" in refused(content[:length], passphrase), length
        middle = len(content) // 2
        assert "damaged" in refused(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :], passphrase)
    assert "is not a backup of Guanxi" in refused(b"PK\x03\x04 something else")
    assert "is encrypted" in refused(sealed.read_bytes())
    assert "the passphrase is wrong" in refused(sealed.read_bytes(), "wrong")
    head, _line, rest = whole.read_bytes()[len(archive.MAGIC) :].partition(b"\n")
    newer = json.dumps(json.loads(head) | {"format": 2}).encode()
    assert "newer release" in refused(archive.MAGIC + newer + b"\n" + rest)
    with pytest.raises(Trouble, match=r"migration core\.0001_initial"):
        restoring.restore(empty, whole, "", set(), quiet)


def test_a_member_with_another_name_is_never_written(home: Environment, tmp_path: Path) -> None:
    place = tmp_path / "sly.guanxi"
    with place.open("wb") as out:
        out.write(archive.MAGIC + json.dumps({"format": 1, "sealed": None}).encode() + b"\n")
        with tarfile.open(fileobj=out, mode="w|") as tar:
            info = tarfile.TarInfo("files/../../evil")
            info.size = 4
            tar.addfile(info, io.BytesIO(b"evil"))
    with pytest.raises(Trouble, match="damaged"):
        restoring._unpack(place, "", tmp_path / "out", quiet)
    assert not (tmp_path / "evil").exists()


def test_a_missing_file_stops_the_backup_and_leaves_nothing(home: Environment) -> None:
    (home.data / "files" / DIGEST[:2] / DIGEST[2:4] / DIGEST).unlink()
    with pytest.raises(Trouble, match="is missing"):
        making.make(home, passphrase="", tell=quiet)
    assert list((home.data / "backups").iterdir()) == []


def test_a_full_disk_stops_the_backup_and_leaves_nothing(home: Environment, tmp_path: Path) -> None:
    with small_disk(tmp_path / "backups-disk", "32k") as small:
        with pytest.raises(Trouble, match="No space"):
            making.make(home, target=small / "one.guanxi", passphrase="", tell=quiet)
        assert list(small.iterdir()) == []


def test_what_a_killed_backup_left_goes_after_a_day(home: Environment) -> None:
    old, young = home.data / "backups" / ".backup-old", home.data / "backups" / ".backup-young"
    for place in (old, young):
        place.mkdir(parents=True)
        (place / "draft").write_bytes(b"x")
    os.utime(old, (0, 0))
    making.make(home, passphrase="", tell=quiet)
    assert not old.exists()
    assert young.exists()


def test_the_oldest_backups_go(home: Environment) -> None:
    folder = home.data / "backups"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"guanxi-2026110{day}T030000Z.guanxi").write_bytes(b"")
    making.keep(home)
    assert [place.name[7:15] for place in making.backups(home)] == ["20261102", "20261103"]


@pytest.mark.parametrize("size", [0, 1, sealing.CHUNK, sealing.CHUNK + 1, 3 * sealing.CHUNK])
def test_sealed_bytes_open_again_whatever_their_number(size: int) -> None:
    clear = os.urandom(size)
    found, out = sealing.parameters(), io.BytesIO()
    with sealing.SealingWriter(out, "p", found) as writer:
        for start in range(0, size, 700_000):
            writer.write(clear[start : start + 700_000])
    assert sealing.OpeningReader(io.BytesIO(out.getvalue()), "p", found).read() == clear
    if size > sealing.CHUNK:
        whole_chunks = out.getvalue()[: sealing.CHUNK + 16]
        with pytest.raises(sealing.Unsealable):
            sealing.OpeningReader(io.BytesIO(whole_chunks), "p", found).read()


@pytest.mark.slow
def test_the_commands_bring_a_workspace_into_an_empty_folder(fresh_database: str, tmp_path: Path) -> None:
    own = {"DATABASE_URL": fresh_database, "GUANXI_DATA": str(tmp_path / "one")}
    assert guanxi("migrate", **own).returncode == 0
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'fakes'")  # known to tests only
    assert guanxi("user", "create", "alice", "--email", "a@example.com", "--role", "manager", **own).returncode == 0
    done = guanxi("backup", "--json", **own)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert guanxi("backup", "verify", **own).returncode == 0

    other = {"GUANXI_DATA": str(tmp_path / "关系 two")}
    back = guanxi("restore", made["file"], "--json", **other)
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["rows"] == made["rows"]
    listed = json.loads(guanxi("user", "list", "--json", **other).stdout)
    assert [each["username"] for each in listed] == ["alice"]
    again = guanxi("restore", made["file"], **other)
    assert again.returncode == 1
    assert "holds data already" in again.stderr
