"""How much of what is protected one person may look at and carry away in a day, and the mark a file carries away.

The limits are the workspace's (``Preference`` "discretion", set at ``privacy.policy``); a day is one of
its time zone, for everybody: one's own can be chosen, and with it the beginning of a new day.
Programs of the house (no user) are not held to them.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import BigIntegerField, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import TooMany
from guanxi.core.models import AccessEntry, Preference
from guanxi.core.models.stamps import kept

PREFERENCE = "discretion"
STAMP = "preferences"


@dataclass(frozen=True, slots=True)
class Discretion:
    """``looks``: masked values shown a day; ``rows``: exported a day; 0 is no limit. ``marked`` files say who took them out,
    ``watermark`` writes the reader's name over pages.
    """

    looks: int = 200
    rows: int = 0
    marked: bool = True
    watermark: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Who took a file out and when; ``number`` finds the export in the access log."""

    number: str
    name: str
    at: dt.datetime

    @property
    def line(self) -> str:
        """The mark in one line."""
        return _("Exported by %(name)s on %(moment)s, number %(number)s") % {
            "name": self.name, "moment": self.at.strftime("%Y-%m-%d %H:%M UTC"), "number": self.number,
        }  # fmt: skip


@kept(STAMP, size=1)
def discretion() -> Discretion:
    """What the workspace says."""
    told = Preference.objects.filter(key=PREFERENCE).values_list("value", flat=True).first()
    known = {one.name for one in fields(Discretion)}
    return Discretion(
        **{name: value for name, value in told.items() if name in known} if isinstance(told, dict) else {}
    )


def as_data(one: Discretion) -> dict[str, Any]:
    """As it is stored and travels."""
    return asdict(one)


def mark_for(actor: Actor) -> Mark:
    """A new mark for a file the actor takes out."""
    return Mark(secrets.token_hex(4).upper(), actor.name or "guanxi", clock.now())


def noted(
    actor: Actor, sort: str, entity: str, *, record_id: int | None = None, field: str = "", **details: Any
) -> None:
    """Write into the access log what the actor looked at, or took with him."""
    AccessEntry.objects.create(
        sort=sort, entity=entity, record_id=record_id, field=field, details=details, actor_id=actor.user_id, actor_name=actor.name,
        via=actor.via, request_id=actor.request_id, address=actor.address,
    )  # fmt: skip


def _alone(actor: Actor) -> None:
    """Until the transaction ends nobody else counts what this person took today, so that no two take the last of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('guanxi_discretion'), %s)", [(actor.user_id or 0) % 2**31]
        )


def looks_check(actor: Actor) -> None:
    """Before one more masked value is shown, in the transaction that notes it. Raises TooMany when the day's looks are used up."""
    limit = discretion().looks
    if actor.user_id is None or not limit:
        return
    _alone(actor)
    if AccessEntry.objects.filter(sort="reveal", actor_id=actor.user_id, at__gte=_morning()).count() >= limit:
        raise TooMany(
            ngettext(
                "%(num)s masked value a day may be shown to one person. Ask an administrator if you need more today.",
                "%(num)s masked values a day may be shown to one person. Ask an administrator if you need more today.",
                limit,
            ) % {"num": limit},
            code="discretion.looks", retry_after=_until_midnight(),
        )  # fmt: skip


def rows_left(actor: Actor) -> int | None:
    """How many rows the actor may still take out today; ``None`` without a limit.

    Asked in the transaction that notes what was taken: another export of his waits until then.
    """
    limit = discretion().rows
    if actor.user_id is None or not limit:
        return None
    _alone(actor)
    taken = AccessEntry.objects.filter(sort="export", actor_id=actor.user_id, at__gte=_morning()).aggregate(
        rows=Sum(Cast(KT("details__rows"), BigIntegerField()))
    )["rows"]
    return max(limit - (taken or 0), 0)


def rows_take(actor: Actor, rows: int) -> None:
    """Before so many rows go out, in the transaction that notes it. Raises TooMany when that is more than is left today."""
    left = rows_left(actor)
    if left is not None and rows > left:
        raise rows_used_up()


def rows_used_up() -> TooMany:
    """What an export that goes over the limit ends with."""
    limit = discretion().rows
    return TooMany(
        ngettext(
            "One person may export %(num)s row a day. Narrow the list, or ask an administrator.",
            "One person may export %(num)s rows a day. Narrow the list, or ask an administrator.",
            limit,
        ) % {"num": limit},
        code="discretion.rows", retry_after=_until_midnight(),
    )  # fmt: skip


def _morning() -> dt.datetime:
    return clock.day_start(clock.today(settings.TIME_ZONE), settings.TIME_ZONE)


def _until_midnight() -> int:
    return max(int((_morning() + dt.timedelta(days=1) - clock.now()).total_seconds()), 1)
