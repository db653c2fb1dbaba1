"""pytest plugin: a throw-away PostgreSQL, migrated once, with a database of its own for each xdist worker.

Loaded with ``-p tests.plugin_postgres`` (see pyproject.toml), so that it runs before Django reads its settings.

* A prepared cluster holding the migrated database ``guanxi_template`` is kept in ``var/test-cache``, named after a hash
  of everything it is made from. A session copies it, so that it pays neither initdb nor migrate.
* Every session runs a server of its own in memory or ``var/test-runs``, without fsync; it ends with the session,
  however that ends.
* ``DATABASE_URL`` names a clone of the template. ``guanxi_template`` itself is never connected to.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import django
import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
if str(SOURCE) not in sys.path:
    sys.path.insert(0, str(SOURCE))

from guanxi.runtime import roles  # noqa: E402 - needs the path above
from guanxi.runtime.environment import APPLICATION_ROLE, read  # noqa: E402
from guanxi.runtime.messages import compile_catalogues  # noqa: E402 - needs the path above
from guanxi.runtime.postgres import INITDB_ARGUMENTS, EmbeddedPostgres  # noqa: E402
from guanxi.runtime.process import working_in  # noqa: E402

TEMPLATE = "guanxi_template"
CACHE = ROOT / "var" / "test-cache"
KEPT = 4
_SERVER_VARIABLE = "GUANXI_TEST_SERVER"
_FOLDER_VARIABLE = "GUANXI_TEST_FOLDER"
_PASSED_ON = {"GUANXI_BROWSER", _SERVER_VARIABLE, _FOLDER_VARIABLE}


def _runs() -> Path:
    """Where sessions live: in memory where there is plenty (a copy takes 0.1 s instead of up to 1.5), else on disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder named after us is made in it
    with contextlib.suppress(OSError):
        if shutil.disk_usage(memory).free > 4 * 1024**3 and os.access(memory, os.W_OK):
            mark = hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:8]
            return memory / f"guanxi-tests-{os.geteuid()}-{mark}"
    return ROOT / "var" / "test-runs"


def server_url(database: str) -> str:
    """Address of a database in this session's server."""
    return f"postgresql://guanxi@/{database}?host={os.environ[_SERVER_VARIABLE]}"


def clone(name: str) -> str:
    """Make the database ``name`` as a copy of the migrated template (about 40 ms) and return its address."""
    with psycopg.connect(server_url("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY FILE_COPY')
    return server_url(name)


def drop(name: str) -> None:
    """Remove a database made with ``clone``, whoever is still connected."""
    with psycopg.connect(server_url("postgres"), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


# -- the prepared cluster ----------------------------------------------------------------------------------------------


def _key() -> str:
    """A hash of everything the prepared cluster is made from."""
    digest = hashlib.sha256(repr((INITDB_ARGUMENTS, 2)).encode())
    for package in sorted(place.name for place in Path(django.__file__).parents[1].glob("*.dist-info")):
        digest.update(package.encode())
    places = [*SOURCE.rglob("migrations/**/*"), SOURCE / "guanxi" / "config" / "settings.py"]
    places += [SOURCE / "guanxi" / "core" / "models" / "trigger_switch.py", SOURCE / "guanxi" / "runtime" / "roles.py"]
    places += [*(ROOT / "tests" / "fakes").rglob("migrations/**/*"), ROOT / "tests" / "settings.py"]
    for place in sorted(places):
        if place.is_file() and "__pycache__" not in place.parts:
            digest.update(str(place.relative_to(ROOT)).encode())
            digest.update(place.read_bytes())
    return digest.hexdigest()[:16]


def _copy(source: Path, target: Path) -> None:
    """Copy a cluster with owners and modes; copy-on-write where the file system can."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)


def _prepared(cache: Path = CACHE) -> Path:
    """The prepared cluster for the present migrations, made if it is not there. Returns the folder holding ``pg``."""
    cache.mkdir(parents=True, exist_ok=True)
    key = _key()
    target = cache / key
    with (cache / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "pg").is_dir():
            _prepare(target)
    os.utime(target)
    _forget_old(cache, key)
    return target


def _prepare(target: Path) -> None:
    draft = target.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    server = EmbeddedPostgres(draft / "pg", draft / "logs", fsync=False)
    server.start()
    try:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "guanxi" RENAME TO "{TEMPLATE}"')
        _migrate(server.url(TEMPLATE), draft)
        _divide(server.url(TEMPLATE))
    finally:
        server.stop()
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)


def _migrate(url: str, folder: Path) -> None:
    variables = _clean_variables() | {
        "DATABASE_URL": url,
        "GUANXI_DATA": str(folder / "data"),
        "PYTHONPATH": os.pathsep.join([str(SOURCE), str(ROOT)]),
    }
    variables |= {"GUANXI_SECRET_KEY": "tests", "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0", "--skip-checks"]
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise pytest.UsageError(f"The migrations fail on an empty database:\n{done.stdout}{done.stderr}")


def _divide(url: str) -> None:
    """Give the application's role what is its own, as the product does after each migration; tests themselves are the owner."""
    given = {"GUANXI_OWNER_DATABASE_URL": url, "DATABASE_URL": url.replace("guanxi@", f"{APPLICATION_ROLE}@")}
    roles.divide(read({**given, "GUANXI_SECRET_KEY": "tests"}))


def _forget_old(cache: Path, key: str) -> None:
    """Keep the clusters used last; remove others that nobody is copying or making now."""
    folders = sorted((p for p in cache.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime, reverse=True)
    for folder in folders[KEPT:]:
        if folder.name.startswith(key) or time.time() - folder.stat().st_mtime < 600:
            continue
        lock_file = cache / f"{folder.name.removesuffix('.new')}.lock"
        with lock_file.open("w") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            lock_file.unlink(missing_ok=True)


# -- this session ------------------------------------------------------------------------------------------------------


def _clean_variables() -> dict[str, str]:
    """The environment without settings of the person who runs the tests."""
    ours = {"DATABASE_URL", "EMAIL_URL"}
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or (name not in ours and not name.startswith(("GUANXI_", "PG")))
    }


def _sweep() -> None:
    """Remove what killed sessions left: their server ended with them, their folder did not."""
    runs = _runs()
    for folder in runs.iterdir() if runs.is_dir() else ():
        try:
            lock = (folder / "session.lock").open("r+")
        except OSError:
            if time.time() - folder.stat().st_mtime > 600:
                shutil.rmtree(folder, ignore_errors=True)
            continue
        with lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not working_in(folder / "pg", "postgres"):
                shutil.rmtree(folder, ignore_errors=True)


class _Session:
    """The server and folder of this pytest session."""

    def __init__(self) -> None:
        _sweep()
        self.folder = _runs() / f"{os.getpid()}-{time.time_ns()}"
        self.folder.mkdir(parents=True)
        self._lock = (self.folder / "session.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        _copy(_prepared() / "pg", self.folder / "pg")
        self.server = EmbeddedPostgres(self.folder / "pg", self.folder / "logs", fsync=False)
        self.server.start()

    def close(self) -> None:
        self.server.stop()
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


_session: _Session | None = None


def session_database() -> str:
    """Name of the database of this pytest process."""
    return f"guanxi_{os.environ.get('PYTEST_XDIST_WORKER') or 'main'}"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the server and point the settings at a fresh clone, before Django is set up."""
    global _session
    known = early_config.known_args_namespace
    if not (known.help or known.version):
        kept = _clean_variables()
        for name in set(os.environ) - set(kept):
            del os.environ[name]
        if _SERVER_VARIABLE not in os.environ:
            compile_catalogues()
            _session = _Session()
            os.environ[_SERVER_VARIABLE] = str(_session.server.socket)
            os.environ[_FOLDER_VARIABLE] = str(_session.folder)
        name = session_database()
        os.environ["DATABASE_URL"] = clone(name)
        data = Path(os.environ[_FOLDER_VARIABLE]) / name
        os.environ |= {"GUANXI_DATA": str(data), "GUANXI_SECRET_KEY": "tests", "GUANXI_LOG_LEVEL": "error"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    try:
        return (yield)
    except BaseException:
        _close()
        raise


def _close() -> None:
    global _session
    if _session is not None:
        _session.close()
        _session = None


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Bring the fixtures in after pytest-django's, so that they win over those of the same name there."""
    config.pluginmanager.import_plugin("tests.fixtures_postgres")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server with the session."""
    _close()
