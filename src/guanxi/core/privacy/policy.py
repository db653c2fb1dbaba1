"""The workspace's limits on looking at and carrying away what is protected, set by an administrator of people."""

from __future__ import annotations

from django.utils.translation import gettext as _

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.people.guards import require_administrator
from guanxi.core.records import discretion
from guanxi.core.records.discretion import Discretion
from guanxi.core.records.workspace import preference_store

MOST_LOOKS, MOST_ROWS = 100_000, 1_000_000_000


def discretion_set(actor: Actor, *, looks: str, rows: str, marked: bool, watermark: bool) -> Discretion:
    """Store the limits; 0 is none. Raises Denied for those who do not administer people, Invalid by field."""
    require_administrator(actor)
    numbers = {"looks": (looks, MOST_LOOKS), "rows": (rows, MOST_ROWS)}
    problems = {
        name: [
            Invalid(_("Enter a whole number from 0 to %(limit)s.") % {"limit": most}, code="number.range", field=name)
        ]
        for name, (text, most) in numbers.items()
        if not text.strip().isdecimal() or int(text) > most
    }
    if problems:
        raise Invalid.collect(problems)
    made = Discretion(int(looks), int(rows), marked, watermark)
    preference_store(actor, discretion.PREFERENCE, discretion.as_data(made))
    return made
