"""The demo organisation: an invented company selling to invented customers, alive up to this very moment.

``build`` is what ``guanxi demo`` calls. Everything passes through ``records``, so that audit, search and duplicate
check know it; the source of chance is fixed, so that two builds on one day agree.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from guanxi.areas.insight.jobs import calculation_do
from guanxi.areas.insight.services import calculation_ask
from guanxi.config.demo import (
    automation,
    campaigns,
    correspondence,
    dating,
    diaries,
    people,
    purchases,
    shaping,
    sharing,
    surveys,
)
from guanxi.config.demo.organisation import Organisation
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import Preference
from guanxi.core.records import seeds, writing

__all__ = ["build"]

#: The preference that remembers that the demo data is there.
MEMORY = "demo"
SEED = 20240520
#: How long ago the first of the two runs of customer insight looks from.
EARLIER = dt.timedelta(days=91)


def build(password: str | None) -> list[dict[str, str]]:
    """Make the demo organisation if it is not there, and return its logins.

    One dictionary a user: username, name, role, password. ``password`` is given to every demo user; without one a
    password is made up. All data is entered in one transaction: it is there whole or not at all.
    """
    seeds.load()
    actor = system_actor("demo", via="cli")
    with writing(actor):
        users = people.make(actor)
        if not Preference.objects.filter(key=MEMORY).exists():
            now = clock.now().replace(microsecond=0)
            organisation = Organisation(actor, users, random.Random(SEED), now)  # noqa: S311 - nothing secret
            organisation.fill()
            sharing.fill(actor, users)
            diaries.fill(users, random.Random(SEED), now)  # noqa: S311 - nothing secret
            purchases.fill(actor, random.Random(SEED), now.date())  # noqa: S311 - nothing secret
            shaping.fill(actor, random.Random(SEED))  # noqa: S311 - nothing secret
            surveys.fill(actor, organisation.made, random.Random(SEED), now.date())  # noqa: S311 - nothing secret
            automation.fill(actor)
            campaigns.fill(actor, users, organisation.made, random.Random(SEED), now)  # noqa: S311 - nothing secret
            correspondence.fill(actor)
            dating.fill(actor, now)
            for day in (now.date() - EARLIER, None):  # two runs, so that there is something to compare
                calculation_do.defer(calculation_id=calculation_ask(actor, as_of=day).pk)
            Preference.objects.create(key=MEMORY, value={"made_at": now.isoformat()})
    return people.logins(actor, users, password)


def summary() -> dict[str, Any]:
    """What the preference remembers: when the data was made; empty without it."""
    found = Preference.objects.filter(key=MEMORY).values_list("value", flat=True).first()
    return dict(found or {})
