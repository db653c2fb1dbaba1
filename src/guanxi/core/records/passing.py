"""How a record went through a process: each step with when it was entered, by whom, and how long it took."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Text
from guanxi.core.models import ProcessEntry
from guanxi.core.records import dictionaries, process, shape, values
from guanxi.core.schema.entity import Entity


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One step on the path of a record.

    ``state``: done, now, next (not reached), back (left again for an earlier one). ``took`` is the time until it was left;
    of the present step, until now.
    """

    key: str
    label: Text
    color: str
    state: str
    at: dt.datetime | None = None
    took: dt.timedelta | None = None
    person: str = ""
    department: str = ""


def path_of(entity: Entity, record: Any, field: str) -> list[Passed]:
    """Every step entered, in order of time, then those still to come; empty when nothing was noted. One query.

    Whether the asker may know is for the caller to say.
    """
    rows = list(
        ProcessEntry.objects.filter(entity=entity.key, record_id=record.pk, field=field)
        .select_related("user", "department")
        .order_by("at", "pk")
    )
    if not rows:
        return []
    declared = shape.fields_of(entity)[field]
    found = process.process_of(entity, field, record)
    known = {one.key: one for one in dictionaries.choices_of(declared)}
    now = str(values.current(record, declared) or "")
    ends = [row.at for row in rows[1:]] + [None]
    path = [
        _passed(row, end, known.get(row.step), found, last=row is rows[-1]) for row, end in zip(rows, ends, strict=True)
    ]
    place = found.place(now) if found else -1
    ended = found is not None and (step := found.step(now)) is not None and step.ending
    later = [] if found is None or ended else [one for one in found.steps if found.place(one.key) > place]
    passed = {row.step for row in rows}
    return path + [
        Passed(key=one.key, label=one.label, color=one.color, state="next")
        for one in later
        if one.ending != "bad" and one.key not in passed
    ]


def _passed(
    row: ProcessEntry, end: dt.datetime | None, choice: Any, found: process.Process | None, *, last: bool
) -> Passed:
    step = found.step(row.step) if found else None
    ended = bool(step and step.ending)
    until = end or (None if ended else clock.now())
    return Passed(
        key=row.step,
        label=step.label if step else choice.label if choice else row.step,
        color=choice.color if choice else "",
        state="now" if last else "done",
        at=row.at,
        took=until - row.at if until else None,
        person=row.user.name if row.user else "",
        department=row.department.name if row.department else "",
    )
