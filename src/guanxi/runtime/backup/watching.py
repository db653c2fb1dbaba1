"""When the next backup is due, and whether the last ones can be relied on."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from guanxi.runtime import external
from guanxi.runtime.backup.making import FAILED, MADE, PROVEN
from guanxi.runtime.environment import Environment
from guanxi.runtime.words import say as _

#: A proof older than this is a flag.
PROOF_LASTS = dt.timedelta(hours=48)
_SINCE = "backup_since"
_AGAIN = dt.timedelta(hours=1)
_LONGEST_PAUSE = 8
BACKUP, DRILL = "backup", "drill"


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


def drill_due(settings: Environment, now: dt.datetime) -> bool:
    """Whether a proof that failed should be tried again now: after an hour, then after twice as long each time, at most eight."""
    noted = _noted(settings, FAILED)
    if not settings.backup_drill or noted.get("step") != DRILL:
        return False
    pause: dt.timedelta = min(2 ** (noted["tries"] - 1), _LONGEST_PAUSE) * _AGAIN
    return now - dt.datetime.fromisoformat(noted["at"]) > pause


def failed(settings: Environment, now: dt.datetime, reason: str, step: str = BACKUP) -> None:
    """Note that a backup or its proof did not work out, and for how many times on end."""
    before = _noted(settings, FAILED)
    tries = before["tries"] + 1 if before.get("step") == step else 1
    note = {"at": now.isoformat(), "reason": reason, "step": step, "tries": tries}
    external.record(settings, FAILED, json.dumps(note))


def proven(settings: Environment, now: dt.datetime, name: str, made_at: str) -> None:
    """Note that the backup of that file name came back whole; where it is the last one, its proof has not failed any more."""
    external.record(settings, PROVEN, json.dumps({"at": now.isoformat(), "file": name, "made_at": made_at}))
    if _noted(settings, FAILED).get("step") == DRILL and _noted(settings, MADE).get("file") == name:
        external.record(settings, FAILED, "")


def state(settings: Environment, now: dt.datetime, *, translate: Callable[[str], str] = _) -> State:
    """What an operator should know of the backups, in one sentence or two, translated by ``translate``."""
    last, proven, wrong = (_moment(settings, key) for key in (MADE, PROVEN, FAILED))
    if wrong is not None:
        reason = _noted(settings, FAILED).get("reason", "")
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
    noted = _noted(settings, key)
    return dt.datetime.fromisoformat(noted["at"]) if noted else None


def _noted(settings: Environment, key: str) -> dict[str, Any]:
    return dict(json.loads(external.recorded(settings, key) or "{}"))


def _shown(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
