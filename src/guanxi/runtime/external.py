"""Asking a PostgreSQL server, ours or another's, with psycopg alone: no Django is loaded."""

import hashlib
import importlib.metadata
from pathlib import Path

import psycopg

from guanxi.runtime.environment import Environment
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

OLDEST = 15
#: The table of what is recorded about a database, beside what is in it.
NOTES = "guanxi_runtime"
_PACKAGES = ("django", "procrastinate", "django-allauth", "django-pgtrigger")
_SOURCE = Path(__file__).resolve().parent.parent


def check(settings: Environment) -> str:
    """Check that the database can be used; returns the server's version. Raises ``Trouble`` with the way out."""
    try:
        with psycopg.connect(settings.owner_url, connect_timeout=5) as connection:
            number = connection.info.server_version
            encoding = connection.info.parameter_status("server_encoding")
            shown = connection.info.parameter_status("server_version") or str(number)
            row = connection.execute(
                "SELECT has_schema_privilege(current_schema(), 'CREATE')"
                " OR coalesce(has_table_privilege(to_regclass('public.django_migrations'), 'SELECT'), false)"
            ).fetchone()
    except (psycopg.Error, UnicodeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Trouble(
            _(
                "The database of DATABASE_URL cannot be reached: %(reason)s. Correct the address, start that server, "
                "or unset DATABASE_URL to use the embedded one."
            )
            % {"reason": reason.rstrip(".")}
        ) from None
    if number < OLDEST * 10000:
        raise Trouble(
            _("The database server is PostgreSQL %(found)s; Guanxi needs %(needed)s or newer.")
            % {"found": shown, "needed": OLDEST}
        )
    if encoding != "UTF8":
        raise Trouble(
            _("The database is encoded as %(found)s; make one with: CREATE DATABASE guanxi ENCODING 'UTF8'.")
            % {"found": encoding}
        )
    if row is None or not row[0]:
        raise Trouble(
            _(
                "The user of DATABASE_URL may not make tables in that database. Make it the owner, for example with: "
                "ALTER DATABASE guanxi OWNER TO guanxi."
            )
        )
    return shown


def may_change(settings: Environment) -> bool:
    """Whether this process may change the shape of the database: it knows the owner's address, or there is one role only."""
    with psycopg.connect(settings.owner_url, connect_timeout=5) as connection:
        return connection.execute("SELECT has_schema_privilege('public', 'CREATE')").fetchone() == (True,)


def fingerprint() -> str:
    """A hash of what a database is made from: our migrations and base data, and the packages that bring migrations."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        digest.update(f"{package}={importlib.metadata.version(package)};".encode())
    for place in sorted(
        [*_SOURCE.glob("**/migrations/*.py"), *_SOURCE.glob("**/seeds.py"), *_SOURCE.glob("**/data/*")]
    ):
        if not place.is_file():
            continue
        digest.update(str(place.relative_to(_SOURCE)).encode())
        digest.update(place.read_bytes())
    return digest.hexdigest()


def recorded(settings: Environment, key: str) -> str:
    """What was recorded under ``key`` in the database's own notes, or an empty text."""
    try:
        with psycopg.connect(settings.owner_url, connect_timeout=5) as connection:
            row = connection.execute("SELECT value FROM guanxi_runtime WHERE key = %s", [key]).fetchone()
    except psycopg.errors.UndefinedTable:
        return ""
    return str(row[0]) if row else ""


def record(settings: Environment, key: str, value: str) -> None:
    """Write ``value`` under ``key`` into the database's own notes; an empty value removes it."""
    with psycopg.connect(settings.owner_url, connect_timeout=5, autocommit=True) as connection:
        if connection.execute("SELECT to_regclass('guanxi_runtime') IS NULL").fetchone() == (True,):
            connection.execute("CREATE TABLE IF NOT EXISTS guanxi_runtime (key text PRIMARY KEY, value text NOT NULL)")
        connection.execute("DELETE FROM guanxi_runtime WHERE key = %s AND %s = ''", [key, value])
        connection.execute(
            "INSERT INTO guanxi_runtime SELECT %s, %s WHERE %s <> '' "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [key, value, value],
        )
