"""Two years of work at the demo organisation: contacts with a rhythm, plans and tasks, ending at the present moment."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from guanxi.config.demo import texts
from guanxi.config.demo.companies import CADENCE, Firm
from guanxi.core.kernel import lunar

ZONE = dt.timezone(dt.timedelta(hours=8))
KINDS = ("call", "message", "visit", "meeting", "email", "note", "meal", "gift")
WEIGHTS = (38, 22, 14, 9, 8, 6, 2, 1)
MINUTES = {"call": (2, 25), "visit": (40, 150), "meeting": (30, 120), "meal": (70, 160)}
#: Hours in which people work; mornings and mid-afternoons are busiest, nobody works at noon.
HOURS = (9, 9, 9, 10, 10, 10, 10, 11, 11, 13, 14, 14, 14, 15, 15, 15, 16, 16, 17, 17)


class Told(NamedTuple):
    """One follow-up to be: ``person`` is the place of the contact in the firm's list, -1 for none."""

    at: dt.datetime
    kind: str
    person: int
    body: str
    result: str
    direction: str
    minutes: int | None


def holidays(first: int, last: int) -> set[dt.date]:
    """Days on which nobody visits customers: the week of the Spring Festival, 1 to 3 May, 1 to 7 October, New Year."""
    found: set[dt.date] = set()
    for year in range(first, last + 1):
        spring = lunar.to_solar(year, 1, 1)
        found |= {spring + dt.timedelta(days=number) for number in range(-1, 7)}
        found |= {dt.date(year, 5, day) for day in (1, 2, 3)} | {dt.date(year, 10, day) for day in range(1, 8)}
        found.add(dt.date(year, 1, 1))
    return found


class Story:
    """Tells what happened with each firm, from one source of chance."""

    def __init__(self, chance: random.Random, now: dt.datetime) -> None:
        self.chance = chance
        self.now = now.astimezone(ZONE)
        self.free = holidays(self.now.year - 3, self.now.year + 1)

    def working_moment(self, day: dt.date) -> dt.datetime:
        """A moment of that day, or of the next working day, within working hours."""
        weekend_too = self.chance.random() < 0.02
        while day in self.free or (day.weekday() > 4 and not weekend_too):
            day += dt.timedelta(days=1)
        hour = self.chance.choice(HOURS)
        return dt.datetime.combine(day, dt.time(hour, self.chance.randrange(60)), ZONE)

    def of_firm(self, firm: Firm) -> list[Told]:
        """Follow-ups with a firm, oldest first; none lies in the future."""
        start = max(firm.created, self.now - dt.timedelta(days=735))
        end, pace = self._span(firm, start)
        at = start + dt.timedelta(hours=self.chance.randint(1, 30))
        told: list[Told] = []
        while True:
            at = self.working_moment(at.date())
            if at > end:
                return told
            told.append(self._tell(firm, at, len(told)))
            at += dt.timedelta(days=max(1.0, self.chance.lognormvariate(0, 0.55) * pace))

    def _span(self, firm: Firm, start: dt.datetime) -> tuple[dt.datetime, float]:
        """Until when we were in touch, and how many days lie between two contacts."""
        pace = CADENCE[firm.level] * 0.74
        life = firm.row["lifecycle"]
        if life == "lost":
            return start + (self.now - start) * self.chance.uniform(0.3, 0.8), pace
        if life == "declining":
            return self.now - dt.timedelta(days=self.chance.randint(50, 160)), pace * 1.5
        if life == "potential":
            pace *= 1.3
        return self.now, pace

    def _tell(self, firm: Firm, at: dt.datetime, number: int) -> Told:
        chance = self.chance
        kind = "call" if number == 0 and chance.random() < 0.7 else chance.choices(KINDS, WEIGHTS)[0]
        stage = (
            "first"
            if number == 0
            else "later"
            if firm.row["lifecycle"] in ("growing", "mature", "declining")
            else "selling"
        )
        known = [place for place, one in enumerate(firm.contacts) if one["created_at"] <= at]
        person = -1
        if known and chance.random() < 0.92:
            person = known[0] if chance.random() < 0.5 else chance.choice(known)
        who = firm.contacts[person]["name"] if person >= 0 else ""
        body, result = texts.said(chance, kind, stage, who, english=firm.english)
        minutes = chance.randint(*MINUTES[kind]) if kind in MINUTES else None
        if result == "no_answer":
            minutes = None
        inward = kind in ("call", "message", "email") and chance.random() < (0.28 if stage == "later" else 0.1)
        return Told(at, kind, person, body, "" if kind == "note" else result, "in" if inward else "out", minutes)

    def plan_for(self, firm: Firm, last: Told) -> dt.datetime | None:
        """When the next contact is planned: a few late, some today, most in the coming weeks."""
        chance = self.chance
        if firm.row["lifecycle"] in ("lost", "declining") or not firm.owner or chance.random() < 0.42:
            return None
        lot = chance.random()
        if lot < 0.05:
            day = self.now.date() - dt.timedelta(days=chance.randint(1, 6))
        elif lot < 0.13:
            day = self.now.date()
        else:
            pace = CADENCE[firm.level]
            wanted = last.at.date() + dt.timedelta(days=round(chance.uniform(0.6, 1.5) * pace))
            day = max(wanted, self.now.date() + dt.timedelta(days=chance.randint(1, 14)))
        if day == self.now.date():
            return dt.datetime.combine(
                day, dt.time(chance.choice((9, 10, 11, 14, 15, 16, 17)), chance.choice((0, 30))), ZONE
            )
        return self.working_moment(day).replace(minute=chance.choice((0, 0, 30)))

    def purpose(self, kind: str, *, english: bool) -> str:
        """What a planned contact is for."""
        return self.chance.choice((texts.PURPOSES_EN if english else texts.PURPOSES)[kind])

    def tasks(self, firms: list[Firm], *, english: bool) -> Iterator[dict[str, Any]]:
        """What one person has to do: some late, some today, more to come, many done. ``firm`` names the customer."""
        chance = self.chance
        days = [-9, -4, -2, -1, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 7, 9, 12, 16, 21] + [
            -chance.randint(3, 200) for _done in range(22)
        ]
        for place, ahead in enumerate(days):
            done = place >= 19
            subject, checklist = texts.task(chance, english=english)
            due = dt.datetime.combine(
                self.now.date() + dt.timedelta(days=ahead), dt.time(chance.choice((10, 12, 15, 17, 18))), ZONE
            )
            firm = chance.choice(firms) if firms and chance.random() < 0.85 else None
            row: dict[str, Any] = {
                "subject": subject,
                "due_at": due,
                "priority": chance.choices(("high", "normal", "low"), (20, 65, 15))[0],
                "status": "done" if done else chance.choice(("open", "open", "open", "started")),
                "checklist": [{"text": text, "done": done or (chance.random() < 0.3)} for text in checklist],
                "created_at": min(due - dt.timedelta(days=chance.randint(1, 12)), self.now),
                "firm": firm,
            }
            if done:
                row["completed_at"] = min(due + dt.timedelta(hours=chance.randint(-30, 8)), self.now)
            elif place == 10:
                row.update(repeat="weekly", repeat_weekdays=["1"], subject=texts.weekly(english=english), firm=None)
            yield row
