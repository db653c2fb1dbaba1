"""The programs of PostgreSQL that a backup needs, and how they reach the database without its password on their command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from guanxi.runtime import binaries
from guanxi.runtime.environment import Environment
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}


def run(settings: Environment, program: str, *arguments: str, database: str = "") -> None:
    """Run ``pg_dump`` or ``pg_restore`` on the database of ``settings`` (or another one of its server).

    Raises ``Trouble`` with the program's last words.
    """
    given = conninfo_to_dict(settings.owner_url) | ({"dbname": database} if database else {})
    variables = {_VARIABLES[key]: str(value) for key, value in given.items() if key in _VARIABLES and value is not None}
    place = _place(settings, program)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [str(place), *arguments], env=kept | variables, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        words = [line for line in done.stderr.strip().splitlines() if line.strip()] or ["?"]
        found = next((line for line in words if "error" in line.lower()), words[-1])
        raise Trouble(_("%(program)s failed: %(reason)s") % {"program": program, "reason": found.strip()})


def _place(settings: Environment, program: str) -> Path:
    """The program on this machine's path when it is of the same major version as a server of one's own (it also speaks TLS),
    else the one that came along."""
    own = None if settings.embedded else shutil.which(program)
    if own:
        told = subprocess.run([own, "--version"], capture_output=True, text=True, check=False).stdout
        with psycopg.connect(settings.owner_url, connect_timeout=5) as connection:
            if re.search(rf"\b{connection.info.server_version // 10000}\.", told):
                return Path(own)
    return binaries.programs() / program
