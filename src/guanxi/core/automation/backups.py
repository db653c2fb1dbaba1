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
_BACKUP, _DRILL = ["backup"], ["backup", "drill"]


def backup_if_due(now: dt.datetime) -> bool:
    """Make the daily backup when its time has come, or try again to prove the last one; returns whether either went well."""
    if watching.due(environment(), now):
        return backup_make()
    return watching.drill_due(environment(), now) and _done(_DRILL)


def backup_make() -> bool:
    """Make a backup and prove it; returns whether both went well.

    A failure is noted where ``guanxi doctor`` and the health of the workspace show it. The daily backup is tried again after an hour,
    a proof alone after growing pauses.
    """
    return _done(_BACKUP, _DRILL) if environment().backup_drill else _done(_BACKUP)


def _done(*steps: list[str]) -> bool:
    for step in steps:
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "guanxi", *step], capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["?"])[-1]
            watching.failed(environment(), clock.now(), reason, step[-1])
            logger.error("the backup failed", extra={"step": " ".join(step), "reason": reason})
            return False
    logger.info("the backup went well", extra={"steps": [" ".join(step) for step in steps]})
    return True
