"""What makes the demo organisation lived in: relations, further places, duplicates on purpose, remarks, files, shares, views."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any, Literal

import opencc
from django.db import connection, transaction

from guanxi.areas.customers.models import PERSON
from guanxi.config.demo import texts
from guanxi.config.demo.companies import Firm
from guanxi.core.access import actors, allowed
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Comment, User
from guanxi.core.people.shares import share_set
from guanxi.core.records import get, savedviews, together
from guanxi.core.schema.registry import entity_of

if TYPE_CHECKING:
    from guanxi.config.demo.organisation import Organisation

CUSTOMER = "customers.customer"
RELATIONS = ("supplier", "buyer", "partner", "competitor", "referrer", "agent", "investor", "same_owner")
#: What the story tells of, with the author and moment of each record.
TOLD = ("customers.customer", "customers.contact", "activities.activity", "activities.followupplan", "activities.task")
LINKS, PLACES, DOUBLES, REMARKS, FILES, CONSENTS = 420, 260, 42, 240, 24, 160

#: Who keeps it → name, visibility, filter, sort, columns.
VIEWS: tuple[tuple[str, str, str, dict[str, Any], list[str]], ...] = (
    (
        "chenjianguo",
        "大客户 Key accounts",
        "public",
        {"field": "level", "op": "eq", "value": "a"},
        ["-last_contact_at"],
    ),
    (
        "chenjianguo",
        "60 天未联系 Silent for 60 days",
        "public",
        {
            "all": [
                {"field": "last_contact_at", "op": "older_days", "value": 60},
                {"field": "lifecycle", "op": "in", "value": ["developing", "growing", "mature"]},
            ]
        },
        ["last_contact_at"],
    ),
    (
        "linyating",
        "部门本周新增",
        "team",
        {"field": "created_at", "op": "within", "value": "this_week"},
        ["-created_at"],
    ),
    (
        "zhangwei",
        "我的意向客户",
        "private",
        {
            "all": [
                {"field": "owner", "op": "eq", "value": "@me"},
                {"field": "status", "op": "eq", "value": "interested"},
            ]
        },
        ["next_plan_at"],
    ),
    (
        "emma",
        "My accounts without a plan",
        "private",
        {"all": [{"field": "owner", "op": "eq", "value": "@me"}, {"field": "next_plan_at", "op": "empty"}]},
        ["-level"],
    ),
)


class Note:
    """A small text file as if somebody had sent it."""

    def __init__(self, name: str, text: str) -> None:
        self.name: str | None = name
        self._content = text.encode()

    def chunks(self) -> Any:
        """The content in one piece."""
        yield io.BytesIO(self._content).read()


class Extras:
    """Adds them, in the order of the module's title."""

    def __init__(self, organisation: Organisation) -> None:
        self.all = organisation
        self.chance = organisation.chance
        self.actors: dict[str, Actor] = {}

    def add(self) -> None:
        """Add everything."""
        self._links()
        self._places()
        self._doubles()
        self._remarks()
        self._files()
        self._shares()
        self._marks()
        self._views()
        self._consents()
        self._history()

    def acting(self, username: str) -> Actor:
        """The actor of one demo user."""
        if username not in self.actors:
            self.actors[username] = actors.load(self.all.users[username], via="cli")
        return self.actors[username]

    def _companies(self, how_many: int) -> list[int]:
        """Places of owned organisations, drawn once each; important ones more often."""
        found = [place for place, firm in enumerate(self.all.firms) if firm.owner and firm.row.get("kind") != PERSON]
        weights = [{"a": 9, "b": 4, "c": 1, "d": 0.5}[self.all.firms[place].level] for place in found]
        return list(dict.fromkeys(self.chance.choices(found, weights, k=how_many)))

    def _owner(self, firm: Firm) -> int:
        return self.all.users[firm.owner or "linyating"].pk

    def _links(self) -> None:
        ends, others = self._companies(LINKS), self._companies(LINKS * 2)
        seen: set[tuple[int, int]] = set()
        rows = []
        for one, other in zip(ends, others, strict=False):
            firm, partner = self.all.firms[one], self.all.firms[other]
            if one == other or firm.english != partner.english or (one, other) in seen:
                continue
            seen |= {(one, other), (other, one)}
            rows.append(
                {
                    "customer": self.all.ids[one],
                    "other": self.all.ids[other],
                    "relation": self.chance.choice(RELATIONS),
                    "owner": self._owner(firm),
                    "created_at": max(firm.created, partner.created),
                }
            )
        self.all.made("customers.customerlink", rows)

    def _places(self) -> None:
        """People with a second place, and people who came from another company."""
        rows = []
        for one, other in zip(self._companies(PLACES), self._companies(PLACES * 2), strict=False):
            firm, second = self.all.firms[one], self.all.firms[other]
            if one == other or firm.english != second.english or not self.all.contact_ids[one]:
                continue
            past = self.chance.random() < 0.6
            since = second.created.date() - dt.timedelta(days=self.chance.randint(200, 1800))
            rows.append(
                {
                    "contact": self.chance.choice(self.all.contact_ids[one]),
                    "customer": self.all.ids[other],
                    "position": self.chance.choice(
                        ("Advisor", "Board member") if second.english else ("顾问", "监事", "独立董事", "前采购经理")
                    ),
                    "decision_role": self.chance.choice(("influences", "supports", "decides", "")),
                    "since": since,
                    "owner": self._owner(second),
                    **({"until": since + dt.timedelta(days=self.chance.randint(60, 900))} if past else {}),
                }
            )
        self.all.made("customers.affiliation", rows)

    def _doubles(self) -> None:
        """The same company entered again by somebody else, written another way."""
        traditional = opencc.OpenCC("s2t").convert
        usernames = ("zhangwei", "wangfang", "liuyang", "sunlei", "zhoujing")
        rows = []
        for number, place in enumerate(self._companies(DOUBLES * 3)[:DOUBLES]):
            firm = self.all.firms[place]
            name = str(firm.row["name"])
            spelled = (
                name.replace("市", "", 1).replace("（", "(").replace("）", ")"),
                name.removesuffix("有限公司"),
                traditional(name),
                f" {name.replace('有限公司', '有限 公司')}",
            )[number % 4]
            owner = self.chance.choice([one for one in usernames if one != firm.owner])
            entered = self.all.now - dt.timedelta(days=self.chance.randint(1, 40), hours=self.chance.randint(1, 9))
            row = {
                "name": spelled.strip(),
                "region": firm.row["region"],
                "industry": firm.row["industry"],
                "status": "new",
                "source": "exhibition",
                "owner": self.all.users[owner].pk,
                "created_by": self.all.users[owner].pk,
                "created_at": entered,
                "updated_at": entered,
            }
            if firm.row.get("phones") and self.chance.random() < 0.7:
                row["phones"] = firm.row["phones"]
            rows.append(row)
        self.all.made(CUSTOMER, rows)

    def _consents(self) -> None:
        """Who agreed to marketing, and who no longer wants it."""
        rows = []
        for number, place in enumerate(self._companies(CONSENTS)):
            firm = self.all.firms[place]
            at = max(firm.created, self.all.now - dt.timedelta(days=self.chance.randint(5, 300)))
            rows.append(
                {
                    "customer": self.all.ids[place], "purpose": "marketing", "channel": "mail" if number % 3 else "any",
                    "state": "withdrawn" if number % 5 == 4 else "given", "at": at,
                    "source": ("form", "contract", "person", "phone")[number % 4], "proof": "展会登记表签字" if number % 4 == 0 else "",
                    "owner": self._owner(firm), "created_at": at, "updated_at": at,
                }
            )  # fmt: skip
        self.all.made("customers.consent", rows)

    def _remarks(self) -> None:
        """Comments over the last months; a handful of today's mention somebody and are told to him."""
        rows = []
        for place in self._companies(REMARKS):
            firm = self.all.firms[place]
            at = self.all.now - dt.timedelta(hours=self.chance.randint(26, 24 * 120))
            body = self.chance.choice([one for one in texts.REMARKS if "{" not in one])
            rows.append(
                Comment(
                    entity=CUSTOMER,
                    record_id=self.all.ids[place],
                    author_id=self._owner(firm),
                    body=f"<p>{body}</p>",
                    created_at=max(at, firm.created),
                )
            )
        Comment.objects.bulk_create(rows, batch_size=1000)
        for username, colleague in (
            ("zhangwei", "linyating"),
            ("linyating", "zhangwei"),
            ("linyating", "wangfang"),
            ("sunlei", "zhaomin"),
            ("emma", "james"),
            ("chenjianguo", "linyating"),
            ("chenjianguo", "emma"),
        ):
            mine = [
                place for place, firm in enumerate(self.all.firms) if firm.owner == username and firm.level in "abc"
            ]
            if mine:
                record = get(self.acting(username), CUSTOMER, self.all.ids[self.chance.choice(mine)])
                body = self.chance.choice([one for one in texts.REMARKS if "{" in one])
                name = self.all.users[colleague].name
                together.comment_add(self.acting(username), record, body.format(mention=name))

    def _files(self) -> None:
        for number, place in enumerate(self._companies(FILES * 3)[:FILES]):
            firm = self.all.firms[place]
            record = get(self.acting(firm.owner), CUSTOMER, self.all.ids[place], action="change")
            if number % 2:
                note = Note("报价清单.csv", "﻿品名,数量,单价\n边缘采集网关,12,6800\n实施服务,1,45000\n")
            else:
                note = Note(
                    "会议纪要.txt",
                    f"{firm.row['name']}\n参会人：{record.owner}\n结论：先做一条线试点，月底前出方案。\n",
                )
            together.file_add(self.acting(firm.owner), record, note)

    def _shares(self) -> None:
        until = self.all.now.date() + dt.timedelta(days=45)
        for place in self._companies(60)[:18]:
            firm = self.all.firms[place]
            colleague: User = self.all.users[
                self.chance.choice(("zhangwei", "sunlei", "james", "hexiaomei", "zhoujing"))
            ]
            owner = self.acting(firm.owner)
            record = get(owner, CUSTOMER, self.all.ids[place])
            if colleague.pk != owner.user_id and allowed(owner, "share", record):
                level: Literal["read", "write"] = "write" if self.chance.random() < 0.4 else "read"
                share_set(owner, record, colleague, level=level, until=until if self.chance.random() < 0.5 else None)

    def _marks(self) -> None:
        for username in ("zhangwei", "wangfang", "linyating", "chenjianguo", "sunlei", "emma", "james", "zhaomin"):
            actor = self.acting(username)
            mine = [place for place, firm in enumerate(self.all.firms) if firm.owner == username]
            for number, place in enumerate(self.chance.sample(mine, min(8, len(mine)))):
                record = get(actor, CUSTOMER, self.all.ids[place])
                together.touch_recent(actor, record)
                if number < 3:
                    together.star(actor, record)
                if number < 4:
                    together.follow(actor, record)
                if number < 1:
                    together.pin(actor, record)

    def _views(self) -> None:
        for username, name, visibility, tree, sort in VIEWS:
            savedviews.view_create(
                self.acting(username),
                entity_of(CUSTOMER),
                name=name,
                definition={"filter": tree, "sort": sort},
                visibility=visibility,
                pin=visibility != "private",
            )

    def _history(self) -> None:
        """The audit tells when and by whom each record was entered in the story, not when the story was told."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL guanxi.audit_upkeep = 'on'")
            for key in TOLD:
                cursor.execute(
                    "UPDATE core_auditentry a SET at = r.created_at, actor_id = u.id, actor_name = u.name, via = 'web'"  # noqa: S608 - our own table names
                    f" FROM {entity_of(key).table} r JOIN core_user u ON u.id = r.created_by_id"
                    " WHERE a.entity = %s AND a.record_id = r.id AND a.action = 'create' AND a.actor_name = %s",
                    [entity_of(key).table, self.all.actor.name],
                )
