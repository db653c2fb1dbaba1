"""The register of erasures: a file beside the backups, so that a restored database forgets again what was erased after it.

One JSON object a line: ``key entity record_id born_at at reason actor_name``. A line is done again only on the record made
at the same moment, so a register beside another database does no harm.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import Erasure
from guanxi.runtime.backup import making
from guanxi.runtime.environment import environment


def place() -> Path:
    """The register of this workspace."""
    return making.folder(environment()) / making.ERASURES


def note(made: Erasure) -> None:
    """Add an erasure to the register; it is on the disk when this returns."""
    target = place()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = {
        "key": made.key,
        "entity": made.entity,
        "record_id": made.record_id,
        "born_at": made.born_at.isoformat(),
        "at": made.at.isoformat(),
        "reason": made.reason,
        "actor_name": made.actor_name,
    }
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as out:
        out.write(json.dumps(line, ensure_ascii=False) + "\n")
        out.flush()
        os.fsync(out.fileno())


def _lines() -> Iterator[dict[str, Any]]:
    try:
        text = place().read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        if line.strip():
            yield json.loads(line)


def again() -> int:
    """Do every erasure of the register that this database does not know. Returns how many were done."""
    from guanxi.core.privacy import erasing, subjects  # noqa: PLC0415 - they write into this register

    actor = system_actor("privacy", via="job")
    known = set(Erasure.objects.values_list("key", flat=True))
    done = 0
    for line in _lines():
        subject = subjects.stored(line["entity"], line["record_id"]) if line["key"] not in known else None
        born = dt.datetime.fromisoformat(line["born_at"])
        if subject is None or subject.record.created_at != born:
            continue
        made = Erasure(
            **{name: line[name] for name in ("key", "entity", "record_id", "reason", "actor_name")}, born_at=born
        )
        erasing.take(actor, subject, made)
        done += 1
    return done
