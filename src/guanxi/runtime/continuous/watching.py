"""Whether the continuous archive can be relied on, in a sentence."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable

import psycopg

from guanxi.runtime import external
from guanxi.runtime.backup.watching import State
from guanxi.runtime.continuous.keeping import FAILED
from guanxi.runtime.continuous.store import Span, Store, shown
from guanxi.runtime.environment import Environment
from guanxi.runtime.words import say as _

#: An archive that has not moved for so long is a flag.
_STANDS = dt.timedelta(minutes=5)


def spans(settings: Environment) -> list[Span]:
    """What can be brought back of the cluster in use."""
    if settings.archive_folder is None:
        return []
    with psycopg.connect(settings.owner_url, connect_timeout=5) as connection:
        row = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    return Store(settings.archive_folder / str(row[0] if row else "")).spans()


def state(settings: Environment, now: dt.datetime, *, translate: Callable[[str], str] = _) -> State:
    """What an operator should know of it, translated by ``translate``."""
    if settings.archive_folder is None:
        return State(True, translate("off; what happened since the last backup would be gone with the disk"))
    if not settings.embedded:
        return State(
            False, translate("GUANXI_ARCHIVE_FOLDER is for the embedded database; use your server's own archiving")
        )
    found = spans(settings)
    reason = ""
    with contextlib.suppress(ValueError, AttributeError):
        reason = str(json.loads(external.recorded(settings, FAILED)).get("reason", ""))
    if not found:
        return State(not reason, reason or translate("the first copy is being made"))
    end = max(each.end for each in found)
    text = translate("any moment from %(begin)s to %(end)s can be brought back") % {
        "begin": shown(min(each.begin for each in found)),
        "end": shown(end),
    }
    stands = now - end > _STANDS
    if reason or stands:
        return State(False, f"{text}; " + (reason or translate("nothing was added since")))
    return State(True, text)
