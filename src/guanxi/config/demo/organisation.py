"""Fills the demo organisation: customers, contacts, follow-ups, plans and tasks, in that order."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from guanxi.areas.activities.services import contact_dates_refresh
from guanxi.areas.customers.models import PERSON
from guanxi.config.demo import markets, words
from guanxi.config.demo.companies import Firm, Maker
from guanxi.config.demo.deals import Deals
from guanxi.config.demo.extras import Extras
from guanxi.config.demo.people import PEOPLE
from guanxi.config.demo.selling import Selling
from guanxi.config.demo.story import Story, Told
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Tag, User
from guanxi.core.records import cleaning, create, fields_of, many
from guanxi.core.records.firm import firm_set
from guanxi.core.records.logo import logo_set
from guanxi.core.schema.registry import entity_of

CUSTOMER, CONTACT = "customers.customer", "customers.contact"
ACTIVITY, PLAN, TASK = "activities.activity", "activities.followupplan", "activities.task"
PARTICIPANT = "activities.participant"
CHINESE_FIRMS, PERSONS, GROUPS = 1580, 130, 45
BATCH = 2000
LOGO = Path(__file__).parent / "data" / "logo.svg"


class Organisation:
    """One run of the builder; ``fill`` does all of it within the caller's transaction."""

    def __init__(self, actor: Actor, users: dict[str, User], chance: random.Random, now: dt.datetime) -> None:
        self.actor = actor
        self.users = users
        self.chance = chance
        self.now = now
        self.maker = Maker(chance, now)
        self.story = Story(chance, now)
        self.firms: list[Firm] = []
        self.ids: list[int] = []
        self.contact_ids: list[list[int]] = []

    def fill(self) -> None:
        """Enter everything."""
        self._invent()
        firm_set(self.actor, words.HOUSE, fiscal_month=1)
        logo_set(self.actor, LOGO.read_bytes())
        tags = [create(self.actor, "core.tag", {"name": name, "color": color}) for name, color in words.TAGS]
        told = [self.story.of_firm(firm) for firm in self.firms]
        plans = [
            self.story.plan_for(firm, story[-1]) if story else None
            for firm, story in zip(self.firms, told, strict=True)
        ]
        self._enter_customers(told, plans, tags)
        self._enter_contacts(told)
        self._enter_activities(told, plans)
        self._enter_tasks()
        deals = Deals(self.actor, self.users, self.chance, self.now, self.made)
        deals.catalogue()
        Selling(self).add()
        Extras(self).add()
        deals.fill()

    # -- customers and contacts ----------------------------------------------------------------------------------------

    def owners(self) -> dict[str, Callable[[], str]]:
        """Who gets a new customer of a sales region; some have nobody."""
        names = {
            region: [
                one.username
                for one in PEOPLE
                if one.region == region
                for _share in range(1 if one.role == "manager" else 3)
            ]
            for region in ("south", "east", "abroad")
        }

        def one_of(pool: list[str], unowned: float) -> Callable[[], str]:
            return lambda: "" if self.chance.random() < unowned else self.chance.choice(pool)

        return {
            "south": one_of([*names["south"], "maxiaoming"], 0.03),
            "east": one_of(names["east"], 0.03),
            "other": one_of([*names["south"], *names["east"], "chenjianguo"], 0.1),
            "abroad": one_of(names["abroad"], 0.02),
        }

    def _invent(self) -> None:
        owners = self.owners()
        self.firms = [self.maker.firm(owners) for _number in range(CHINESE_FIRMS)]
        self.firms += [self.maker.person(owners) for _number in range(PERSONS)]
        self.firms += [*self.maker.listed_companies(owners["abroad"]), *self.maker.traders(owners["abroad"])]
        mothers = [
            place for place, firm in enumerate(self.firms[:CHINESE_FIRMS]) if firm.row["size"] in ("large", "huge")
        ]
        for place in mothers[:GROUPS]:
            self.firms += self._subsidiaries(place, owners)
        for firm in self.firms:
            if firm.row.get("kind") != PERSON and not firm.contacts:
                people = 1 + min(8, int(self.chance.expovariate(0.5 if firm.level in "cd" else 0.28)))
                firm.contacts = [self.maker.contact(firm, first=number == 0) for number in range(people)]

    def _subsidiaries(self, place: int, owners: dict[str, Callable[[], str]]) -> Iterable[Firm]:
        mother = self.firms[place]
        cities = {mother.city.name if mother.city else ""}
        for _number in range(self.chance.randint(3, 6)):
            firm = self.maker.firm(owners)
            city = firm.city.name if firm.city else ""
            if city in cities:
                continue
            cities.add(city)
            trade = self.chance.choice(
                next(one.words for one in markets.TRADES if one.industry == firm.row["industry"])
            )
            brand = mother.row["short_name"][-3:] if len(mother.row["short_name"]) < 4 else mother.row["short_name"][2:]
            firm.row["name"], firm.row["short_name"] = f"{brand}{trade}（{city}）有限公司", f"{brand}{city}"
            firm.domain, firm.parent = mother.domain, place
            firm.row.pop("invoice_titles", None)
            yield firm

    def _enter_customers(self, told: list[list[Told]], plans: list[dt.datetime | None], tags: list[Tag]) -> None:
        order = sorted(range(len(self.firms)), key=lambda place: self.firms[place].parent is not None)
        self.ids = [0] * len(self.firms)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            if any(self.firms[place].parent is not None for place in chosen):
                chosen_first = [place for place in chosen if self.firms[place].parent is None]
                self._enter(chosen_first, told, plans, tags)
                chosen = [place for place in chosen if self.firms[place].parent is not None]
            self._enter(chosen, told, plans, tags)

    def _enter(
        self, places: list[int], told: list[list[Told]], plans: list[dt.datetime | None], tags: list[Tag]
    ) -> None:
        rows = []
        for place in places:
            firm, story = self.firms[place], told[place]
            spoken = [one.at for one in story if one.kind != "note"]
            owner = self.users[firm.owner].pk if firm.owner else None
            last = story[-1].at if story else firm.created
            row = {
                **firm.row,
                "owner": owner,
                "parent": self.ids[firm.parent] if firm.parent is not None else None,
                "first_contact_at": min(spoken, default=None),
                "last_contact_at": max(spoken, default=None),
                "next_plan_at": plans[place],
                "updated_at": min(max(last, firm.created) + dt.timedelta(minutes=3), self.now),
                "created_by": owner or self.users["admin"].pk,
                "tags": self._tags(tags),
            }
            rows.append({name: value for name, value in row.items() if value is not None})
        for place, number in zip(places, self.made(CUSTOMER, rows), strict=True):
            self.ids[place] = number

    def _tags(self, tags: list[Tag]) -> list[int]:
        how_many = self.chance.choices((0, 1, 2, 3), (64, 24, 9, 3))[0]
        return sorted(tag.pk for tag in self.chance.sample(tags, how_many))

    def made(self, entity: str, rows: list[dict[str, Any]]) -> list[int]:
        """Ids of the rows just entered; a refused row is a mistake of the builder and raises what is wrong with it."""
        declared, fields = entity_of(entity), fields_of(entity)
        made: list[int] = []
        for start in range(0, len(rows), BATCH):
            clean = [cleaning.clean_given(fields, row) for row in rows[start : start + BATCH]]
            for record in many.insert_many(self.actor, declared, clean, quiet=True):
                if isinstance(record, Invalid):
                    raise record
                made.append(record.pk)
        return made

    def _enter_contacts(self, told: list[list[Told]]) -> None:
        """Everybody, chiefs first so that the others can report to them."""
        self.contact_ids = [[] for _firm in self.firms]
        for chiefs in (True, False):
            wanted = [
                (place, number)
                for place, firm in enumerate(self.firms)
                for number in range(len(firm.contacts))
                if (number == 0) == chiefs
            ]
            rows = [self._contact_row(place, number, told[place]) for place, number in wanted]
            for (place, _number), made in zip(wanted, self.made(CONTACT, rows), strict=True):
                self.contact_ids[place].append(made)

    def _contact_row(self, place: int, number: int, story: list[Told]) -> dict[str, Any]:
        firm = self.firms[place]
        owner = self.users[firm.owner].pk if firm.owner else None
        spoken = [one.at for one in story if one.person == number and one.kind != "note"]
        row = {
            **firm.contacts[number],
            "customer": self.ids[place],
            "owner": owner,
            "created_by": owner or self.users["admin"].pk,
            "last_contact_at": max(spoken, default=None),
            "reports_to": self.contact_ids[place][0] if number and self.chance.random() < 0.45 else None,
        }
        row["updated_at"] = max(row["created_at"], row["last_contact_at"] or row["created_at"])
        return {name: value for name, value in row.items() if value is not None or name == "owner"}

    # -- follow-ups, plans, tasks --------------------------------------------------------------------------------------

    def _enter_activities(self, told: list[list[Told]], plans: list[dt.datetime | None]) -> None:
        rows, ends, planned = [], {}, []
        for place, story in enumerate(told):
            firm = self.firms[place]
            owner = self.users[firm.owner or "linyating"].pk
            for number, one in enumerate(story):
                last = number == len(story) - 1
                written = min(one.at + dt.timedelta(minutes=(one.minutes or 5) + 8), self.now)
                row = {
                    "kind": one.kind,
                    "customer": self.ids[place],
                    "contact": self.contact_ids[place][one.person] if one.person >= 0 else None,
                    "body": one.body,
                    "result": one.result,
                    "direction": one.direction,
                    "occurred_at": one.at,
                    "duration": one.minutes,
                    "next_contact_at": plans[place] if last else None,
                    "owner": owner,
                    "created_at": written,
                    "updated_at": written,
                    "created_by": owner,
                }
                rows.append({name: value for name, value in row.items() if value is not None})
                if last and plans[place] is not None:
                    ends[place] = len(rows) - 1
        ids = self.made(ACTIVITY, rows)
        self._enter_participants(rows, ids)
        for place, position in ends.items():
            planned.append(self._plan_row(place, ids[position], plans[place], told[place][-1]))
        self.made(PLAN, planned)

    def _enter_participants(self, rows: list[dict[str, Any]], ids: list[int]) -> None:
        """Colleagues of the contact who sat in the meeting too; they were in touch then as well."""
        people = dict(zip(self.ids, self.contact_ids, strict=True))
        found = []
        for row, activity in zip(rows, ids, strict=True):
            others = [one for one in people.get(row["customer"], ()) if one != row.get("contact")]
            if row["kind"] == "meeting" and others and "contact" in row:
                found += [{"activity": activity, "contact": one, "owner": row["owner"]} for one in others[:2]]
        self.made(PARTICIPANT, found)
        contact_dates_refresh([], {one["contact"] for one in found})

    def _plan_row(self, place: int, origin: int, at: dt.datetime | None, last: Told) -> dict[str, Any]:
        owner = self.users[self.firms[place].owner].pk
        kind = self.chance.choices(("call", "visit", "meeting", "message"), (50, 25, 15, 10))[0]
        row = {
            "customer": self.ids[place],
            "contact": self.contact_ids[place][last.person] if last.person >= 0 else None,
            "kind": kind,
            "subject": self.story.purpose(kind, english=self.firms[place].english),
            "planned_at": at,
            "origin": origin,
            "owner": owner,
            "created_by": owner,
            "created_at": last.at,
            "updated_at": last.at,
        }
        return {name: value for name, value in row.items() if value is not None}

    def _enter_tasks(self) -> None:
        rows = []
        for one in PEOPLE:
            if one.role in ("administrator", "reader"):
                continue
            mine = [firm for firm in self.firms if firm.owner == one.username]
            places = {id(firm): place for place, firm in enumerate(self.firms)}
            for task in self.story.tasks(mine, english=one.language == "en"):
                firm = task.pop("firm")
                owner = self.users[one.username].pk
                row = {
                    **task,
                    "owner": owner,
                    "created_by": owner,
                    "updated_at": task.get("completed_at", task["created_at"]),
                }
                if firm is not None:
                    row["customer"] = self.ids[places[id(firm)]]
                rows.append(row)
        self.made(TASK, rows)
