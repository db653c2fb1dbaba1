"""When the next backup is due, and whether the last ones can be relied on."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from guanxi.runtime import external
from guanxi.runtime.backup.making import FAILED, MADE, PROVEN
from guanxi.runtime.environment import Environment
from guanxi.runtime.words import say as _

#: A proof older than this is a flag.
PROOF_LASTS = dt.timedelta(hours=48)
_SINCE = "backup_since"
_AGAIN = dt.timedelta(hours=1)


@dataclass(frozen=True)
class State:
    """``good`` is false when there is something to do; ``text`` says what is known."""

    good: bool
    text: str


def due(settings: Environment, now: dt.datetime) -> bool:
    """Whether the daily backup should be made now: its time has passed since the last one, and none failed within the hour.

    The first call in a workspace starts the count, so that a new one is not backed up while it is being set up.
    """
    if not settings.backup_at:
        return False
    last = _moment(settings, MADE) or _since(settings, now)
    failed = _moment(settings, FAILED)
    return last < _planned(settings, now) and (failed is None or now - failed > _AGAIN)


def failed(settings: Environment, now: dt.datetime, reason: str) -> None:
    """Note that a backup or its proof did not work out."""
    external.record(settings, FAILED, json.dumps({"at": now.isoformat(), "reason": reason}))


def state(settings: Environment, now: dt.datetime, *, translate: Callable[[str], str] = _) -> State:
    """What an operator should know of the backups, in one sentence or two, translated by ``translate``."""
    last, proven, wrong = (_moment(settings, key) for key in (MADE, PROVEN, FAILED))
    if wrong is not None:
        reason = json.loads(external.recorded(settings, FAILED)).get("reason", "")
        return State(
            False, translate("the last one failed at %(at)s: %(reason)s") % {"at": _shown(wrong), "reason": reason}
        )
    if last is None:
        young = now - _since(settings, now) < PROOF_LASTS
        daily = settings.backup_at or translate("off")
        return State(young, translate("none made yet (daily: %(at)s)") % {"at": daily})
    text = translate("made %(at)s") % {"at": _shown(last)}
    if proven is None or now - proven > PROOF_LASTS:
        return State(
            False, text + "; " + translate("none was proven by bringing it back within 48 hours: guanxi backup drill")
        )
    return State(True, text + "; " + translate("proven %(at)s") % {"at": _shown(proven)})


def _planned(settings: Environment, now: dt.datetime) -> dt.datetime:
    """The last planned moment that is not after ``now``."""
    hour, minute = map(int, settings.backup_at.split(":"))
    there = now.astimezone(ZoneInfo(settings.time_zone))
    planned = there.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return planned if planned <= there else planned - dt.timedelta(days=1)


def _since(settings: Environment, now: dt.datetime) -> dt.datetime:
    kept = external.recorded(settings, _SINCE)
    if not kept:
        external.record(settings, _SINCE, now.isoformat())
        return now
    return dt.datetime.fromisoformat(kept)


def _moment(settings: Environment, key: str) -> dt.datetime | None:
    kept = external.recorded(settings, key)
    return dt.datetime.fromisoformat(json.loads(kept)["at"]) if kept else None


def _shown(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
