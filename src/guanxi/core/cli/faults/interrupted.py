"""Commands killed in the middle: what they leave behind is nothing, and done again they succeed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from guanxi.core.cli.faults.atwork import Everybody
from guanxi.runtime.words import say as _

Told = Callable[[str], None]


class Commands:
    """Runs commands on folders below ``folder``; ``workspace`` is the data folder of a workspace that serves ``people``."""

    def __init__(self, folder: Path, workspace: Path, people: Everybody, told: Told) -> None:
        self._folder, self._workspace, self._people, self._told = folder, workspace, people, told
        self.faults: list[str] = []

    def run(self) -> list[str]:
        """Kill a backup, a restore and a migration; returns what was not as promised."""
        self._backup_and_restore()
        self._migration()
        return self.faults

    def _expect(self, holds: bool, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    def _command(self, data: Path, *arguments: str, failpoint: str = "") -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "GUANXI_DATA": str(data), "GUANXI_FAILPOINT": failpoint}
        variables.pop("DATABASE_URL", None)
        command = [sys.executable, "-m", "guanxi", *arguments]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    def _backup_and_restore(self) -> None:
        backups = self._workspace / "backups"
        before = set(backups.glob("guanxi-*"))
        done = self._command(self._workspace, "backup", failpoint="backup.before_name:kill")
        self._expect(
            done.returncode == -signal.SIGKILL, f"backup: ended with {done.returncode} instead of being killed"
        )
        self._expect(set(backups.glob("guanxi-*")) == before, "backup: a killed one left a file with a name")
        self._told(_("A backup was killed; nothing of it has a name."))
        self._people.begin()  # it is made of a workspace in use
        done = self._command(self._workspace, "backup", "--json")
        self._people.finish()
        self._expect(done.returncode == 0, f"backup: {done.stderr.strip()}")
        if done.returncode != 0:
            return
        made, target = json.loads(done.stdout), self._folder / "restored"
        done = self._command(target, "restore", made["file"], failpoint="restore.before_place:kill")
        self._expect(
            done.returncode == -signal.SIGKILL, f"restore: ended with {done.returncode} instead of being killed"
        )
        self._expect(
            not (target / "pg").exists() and not (target / "files").exists(), "restore: a killed one gave places"
        )
        done = self._command(target, "restore", made["file"], failpoint="restore.before_last:kill")
        self._expect(
            done.returncode == -signal.SIGKILL, f"restore: ended with {done.returncode} instead of being killed"
        )
        self._expect(
            (target / "files").exists() and not (target / "pg").exists(),
            "restore: killed before or after its last step",
        )
        done = self._command(target, "serve", "--port", "1")
        self._expect(
            done.returncode == 1 and not (target / "pg").exists(), "restore: an empty workspace took its place"
        )
        done = self._command(target, "restore", made["file"], "--json")
        self._expect(done.returncode == 0, f"restore: {done.stderr.strip()}")
        if done.returncode == 0:
            self._expect(json.loads(done.stdout)["rows"] == made["rows"], "restore: other rows than the backup's")
            self._proven(target)
        self._told(_("A restore was killed twice and done again; all rows are the same."))

    def _proven(self, target: Path) -> None:
        """What was restored can be backed up in its turn, and that backup be brought back."""
        for command in ("", "drill"):
            done = self._command(target, "backup", *filter(None, [command]))
            self._expect(done.returncode == 0, f"backup {command} of what was restored: {done.stderr.strip()}")

    def _migration(self) -> None:
        data, number = self._folder / "migrated", random.randint(5, 60)  # noqa: S311 - not for secrets
        done = self._command(data, "migrate", failpoint=f"migrate.after_one:kill@{number}")
        self._expect(
            done.returncode == -signal.SIGKILL, f"migrate: ended with {done.returncode} instead of being killed"
        )
        variables = {**os.environ, "GUANXI_DATA": str(data)}
        variables.pop("DATABASE_URL", None)
        with subprocess.Popen(
            [sys.executable, "-m", "guanxi", "migrate"],
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            begin, seconds = time.monotonic(), random.uniform(3, 12)  # noqa: S311 - not for secrets
            while process.poll() is None and time.monotonic() - begin < seconds:
                time.sleep(0.05)
            process.kill()
        done = self._command(data, "migrate")
        self._expect(done.returncode == 0, f"migrate: after a kill at {seconds:.1f} s: {done.stderr.strip()}")
        done = self._command(data, "migrate", "--check")
        self._expect(done.returncode == 0, "migrate: something is missing after it was done again")
        self._told(_("A migration was killed after %(seconds)s s and done again.") % {"seconds": f"{seconds:.1f}"})
