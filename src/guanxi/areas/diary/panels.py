"""What was done, on the page of a work report; cards of the home page for those who write and those who read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from guanxi.areas.diary import selectors
from guanxi.areas.diary.models import DAY, DRAFT, SENT, WorkReport
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.working_time import add_working_days
from guanxi.core.records import worktime
from guanxi.core.records.seen import seen
from guanxi.core.reporting import tiles
from guanxi.core.reporting.doings import done, sources
from guanxi.core.schema.registry import entity_of
from guanxi.core.web.contributions import Card, add_cards
from guanxi.core.web.reports.shown import node_url


def lines(actor: Actor, person: int, window: Any) -> list[dict[str, Any]]:
    """What a person did in the days, each sort with the list it leads to."""
    return [
        {
            "label": one.source.label,
            "number": one.number,
            "names": [name.rstrip("。. ") for name in one.names],
            "more": one.number - len(one.names),
            "url": node_url(entity_of(one.source.entity), one.node),
        }
        for one in done(actor, person, window)
    ]


def _kept(record: WorkReport) -> list[dict[str, Any]]:
    """What was kept when it was sent; its sorts in the reader's language, whatever the author's was."""
    names: dict[str, Any] = {}
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            names |= {str(one.label): one for one in sources()}
    return [
        {**one, "what": names[one["what"]].label if one.get("what") in names else one.get("what")}
        for one in record.facts
    ]


def facts(actor: Actor, record: WorkReport) -> Mapping[str, Any]:
    """A draft shows what is recorded now; a sent report what was recorded when it was sent, and what is now."""
    told = seen(actor, record)
    return {
        "told": told,
        "frozen": _kept(record) if told.facts and told.status not in ("", DRAFT) else [],
        "mine": record.owner_id == actor.user_id,
        "to_read": record.status == SENT and record.owner_id != actor.user_id,
        "lines": lines(actor, record.owner_id or 0, selectors.window(record.period, record.day))
        if told.period and told.day
        else [],
        "sent_at": record.sent_at,
    }


def mine(actor: Actor) -> Mapping[str, Any] | None:
    """One's own report of today, until it is sent; no card where days are not asked for."""
    if actor.user_id is None or not selectors.writes(actor) or DAY not in selectors.asked_periods():
        return None
    today = clock.today(actor.timezone)
    report = selectors.report_of(actor.user_id, DAY, today)
    return {"report": report, "day": today, "lines": lines(actor, actor.user_id, selectors.window(DAY, today))}


leads = tiles.leads(selectors.REPORT)


def team(actor: Actor) -> Mapping[str, Any] | None:
    """Who has sent the report of the last working day, and who has not; for those who answer for others, where days are asked for."""
    if DAY not in selectors.asked_periods() or not leads(actor):
        return None
    today = clock.today(actor.timezone)
    day = add_working_days(today, -1, worktime.calendar())
    people = selectors.standings(actor, DAY, day)
    if not people:
        return None
    return {
        "day": day,
        "missing": [one for one in people if not one.sent],
        "unread": [one for one in people if one.report is not None and one.report.status == "sent"],
        "sent": sum(one.sent for one in people),
        "count": len(people),
    }


add_cards(
    Card(
        key="diary.mine",
        label=_("Daily report"),
        template="diary/mine_card.jinja",
        context=mine,
        icon="report",
        url="/diary/",
        order=60,
    ),
    Card(
        key="diary.team",
        label=_("The team's daily reports"),
        template="diary/team_card.jinja",
        context=team,
        icon="users-group",
        url="/diary/",
        order=62,
    ),
)
