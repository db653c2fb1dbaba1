"""The daily backup: made and proven by commands of their own, so that neither burdens the worker's memory."""

from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys

from guanxi.core.kernel import clock
from guanxi.runtime.backup import watching
from guanxi.runtime.environment import environment

logger = logging.getLogger("guanxi.backup")


def backup_if_due(now: dt.datetime) -> bool:
    """Make the daily backup when its time has come; returns whether one was made."""
    return watching.due(environment(), now) and backup_make()


def backup_make() -> bool:
    """Make a backup and prove it; returns whether both went well.

    A failure is noted where ``guanxi doctor`` and the health of the workspace show it; the daily one is tried again after an hour.
    """
    settings = environment()
    steps = [["backup"], ["backup", "drill"]] if settings.backup_drill else [["backup"]]
    for step in steps:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "guanxi", *step], capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["?"])[-1]
            watching.failed(settings, clock.now(), reason)
            logger.error("the backup failed", extra={"step": " ".join(step), "reason": reason})
            return False
    logger.info("the backup was made and proven" if settings.backup_drill else "the backup was made")
    return True
