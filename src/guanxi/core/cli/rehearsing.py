"""Try an upgrade on a copy of the database: all its rows, all missing migrations; the database itself is only read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from guanxi.runtime.backup import programs, restoring
from guanxi.runtime.environment import Environment
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _


@dataclass(frozen=True)
class Rehearsed:
    """How many migrations were applied to the copy, and in how many seconds."""

    applied: int
    seconds: float


def rehearse(settings: Environment, tell: Callable[[str], None]) -> Rehearsed:
    """Copy, migrate the copy, remove it. Raises ``Trouble`` with what the migration said when it fails there."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".rehearsal-", dir=settings.data) as work:
        dump = Path(work) / "database.dump"
        tell(_("Copying the database …"))
        programs.run(
            settings, "pg_dump", "--format=custom", "--compress=1", "--no-owner", "--no-privileges", f"--file={dump}"
        )
        with restoring.scratch(settings, "rehearsal") as copy:
            restoring.load(copy, dump)
            dump.unlink()
            tell(_("Bringing the copy up to date …"))
            begin = time.monotonic()
            name = conninfo_to_dict(copy.owner_url)["dbname"]
            address = urlsplit(settings.owner_url)._replace(path=f"/{name}").geturl()
            own = {"DATABASE_URL": address, "GUANXI_OWNER_DATABASE_URL": address, "GUANXI_DATA": work}
            done = subprocess.run(
                [sys.executable, "-m", "guanxi", "migrate", "--json"],
                env=os.environ | own | {"GUANXI_SECRET_KEY": settings.secret_key},
                capture_output=True,
                text=True,
                check=False,
            )
            seconds = time.monotonic() - begin
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise Trouble(_("On a copy of the database: %(reason)s Nothing was changed.") % {"reason": reason})
    return Rehearsed(int(json.loads(done.stdout)["applied"]), round(seconds, 1))
