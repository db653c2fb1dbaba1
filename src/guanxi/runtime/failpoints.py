"""Named places at which a fault can be made on purpose, to prove that nothing is lost there.

``GUANXI_FAILPOINT=records.before_commit:kill@7,outbox.before_commit:error`` makes the process end at once (``kill``, as by SIGKILL),
raise (``error``) or wait two seconds (``delay``), each time or only the Nth time (``@N``) it comes by in the life of the process.
Without the variable a place costs one look at an empty dictionary. Never set it where real work is done.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Final

#: Every place there is, with what has just happened there.
PLACES: Final[dict[str, str]] = {
    "records.before_commit": "a write is done, its audit and events too; the transaction is still open",
    "records.after_commit": "a write is committed; nobody has been told",
    "files.before_row": "an uploaded content has its place; no record names it yet",
    "outbox.before_commit": "events were told to their subscribers; not yet marked",
    "outbox.after_commit": "events are told and marked",
    "rules.before_commit": "a run of a rule has done its steps; not yet committed",
    "rules.after_commit": "a run of a rule is committed",
    "jobs.after_work": "a job has done its work; the queue does not know yet, so it is done again",
    "messages.before_commit": "a message was handed over; that it was sent is not yet noted, so it leaves again",
    "migrate.after_one": "a migration is applied; more are to come",
    "import.before_commit": "a batch of rows is written with its outcomes; not yet committed",
    "import.after_commit": "a batch of rows is committed",
    "bulk.before_commit": "a step of a bulk change is written; not yet committed",
    "bulk.after_commit": "a step of a bulk change is committed",
    "backup.before_name": "a backup is written and proven; it has not got its name",
    "restore.before_place": "the rows are back and compared; nothing has its place yet",
    "restore.before_last": "files and secret have their places; the database has not",
}
DELAY_SECONDS = 2.0
#: What is printed when a fault is made, with ``place:action``: a place nobody came by would prove nothing.
MADE: Final = "fault made on purpose: %s"


class FaultMade(Exception):
    """Raised by the action ``error``."""


def _plan(text: str) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _colon, rest = part.partition(":")
        action, _at, number = rest.partition("@")
        if name not in PLACES or action not in ("kill", "error", "delay") or not (number or "1").isdecimal():
            raise ValueError(
                f"GUANXI_FAILPOINT: {part}; places are {', '.join(PLACES)}; actions are kill, error, delay"
            )
        found[name] = (action, int(number or 0))
    return found


_planned = _plan(os.environ.get("GUANXI_FAILPOINT", ""))
_passed: dict[str, int] = {}


def planned() -> bool:
    """Whether any fault is planned at all."""
    return bool(_planned)


def reach(name: str) -> None:
    """Come by the place ``name``; does nothing unless a fault is planned there."""
    if _planned:
        _reach(name)


def _reach(name: str) -> None:
    if name not in _planned:
        return
    action, number = _planned[name]
    _passed[name] = _passed.get(name, 0) + 1
    if number and _passed[name] != number:
        return
    os.write(2, f"{MADE % f'{name}:{action}'}\n".encode())
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "error":
        raise FaultMade(name)
    time.sleep(DELAY_SECONDS)
