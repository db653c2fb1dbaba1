"""Positions on a timeline, at which a page ends and the next begins: a moment, the rank of the source, and an id."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.records.moments import Place, Wish


def write(place: Place) -> str:
    """The position as addresses carry it."""
    return f"{place[0].isoformat()}|{place[1]}|{place[2]}"


def read(text: str) -> Place:
    """A written position. Raises Invalid for what is none."""
    try:
        moment, rank, number = text.split("|")
        at = dt.datetime.fromisoformat(moment)
        if at.tzinfo is None:
            raise ValueError(text)
        return (at, int(rank), int(number))
    except ValueError:
        raise Invalid(_("This is no position on a timeline."), code="cursor.invalid", field="before") from None


def end_of(day: dt.date, actor: Actor) -> Place:
    """The position after the last entry of a day. Raises Invalid for a day beyond all calendars."""
    try:
        return (clock.day_start(day + dt.timedelta(days=1), actor.timezone), 0, 0)
    except OverflowError:
        raise Invalid(_("This is no position on a timeline."), code="cursor.invalid", field="day") from None


def older(wish: Wish, rank: int, at: str) -> Q:
    """Rows of a source that come after the position."""
    if wish.before is None:
        return Q()
    moment, place_rank, place_id = wish.before
    if rank < place_rank:
        return Q(**{f"{at}__lte": moment})
    if rank > place_rank:
        return Q(**{f"{at}__lt": moment})
    return Q(**{f"{at}__lt": moment}) | Q(**{at: moment, "id__lt": place_id})
