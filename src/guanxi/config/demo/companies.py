"""The customers and contacts of the demo organisation, as rows for ``records.bulk.create_many``."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from guanxi.config.demo import markets, words
from guanxi.config.demo.markets import City
from guanxi.core.kernel import pinyin
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.identifiers import credit_code_check
from guanxi.core.kernel.phones import parse_phone
from guanxi.core.models import Region

DATA = Path(__file__).parent / "data"
SIZES = ("micro", "small", "medium", "upper_medium", "large", "huge")
HEADS = ((1, 9), (10, 49), (50, 199), (200, 999), (1000, 4999), (5000, 60000))
#: Days between contacts by level; customers of level A hear from us most often.
CADENCE = {"a": 15, "b": 28, "c": 55, "d": 110}


@dataclass(slots=True)
class Firm:
    """One customer to be: its row, who owns it, since when, and what the contacts and the story need to know."""

    row: dict[str, Any]
    owner: str
    created: dt.datetime
    english: bool = False
    domain: str = ""
    city: City | None = None
    contacts: list[dict[str, Any]] = field(default_factory=list)
    parent: int | None = None

    @property
    def level(self) -> str:
        """The level's key."""
        return str(self.row["level"])


class Maker:
    """Makes firms and people from one source of chance, so that two builds on one day agree."""

    def __init__(self, chance: random.Random, now: dt.datetime) -> None:
        self.chance = chance
        self.now = now
        self._names: set[str] = set()
        self._domains: set[str] = set()
        self._districts = _districts()

    # -- people --------------------------------------------------------------------------------------------------------

    def person_name(self) -> tuple[str, str]:
        """A Chinese name and its gender."""
        surname = self.chance.choice(words.COMPOUND_SURNAMES) if self.chance.random() < 0.01 else ""
        rank = min(int(self.chance.expovariate(1 / 22)), len(words.SURNAMES) - 1)
        woman = self.chance.random() < 0.44
        given = self.chance.choice(words.WOMEN if woman else words.MEN)
        return (surname or words.SURNAMES[rank]) + given, "female" if woman else "male"

    def contact(self, firm: Firm, *, first: bool) -> dict[str, Any]:
        """One person at a firm."""
        chance = self.chance
        name, gender = self.person_name()
        if firm.english:
            name = f"{chance.choice(words.ENGLISH_GIVEN)} {chance.choice(words.ENGLISH_SURNAMES)}"
            gender = ""
        title, english_title, role = chance.choice(words.POSITIONS[:8] if first else words.POSITIONS)
        department = words.DEPARTMENTS.get(title[0], ("", ""))[1 if firm.english else 0]
        row: dict[str, Any] = {
            "name": name,
            "gender": gender,
            "position": english_title if firm.english else title,
            "department": department,
            "decision_role": role if chance.random() < 0.8 else "",
            "attitude": chance.choices(
                ("champion", "friendly", "neutral", "sceptical", "hostile", "unknown"), (8, 30, 34, 10, 3, 15)
            )[0],
            "is_key": first,
            "phones": self.phones(firm, mobile=True),
            "emails": self.mail(name, firm),
            "created_at": firm.created + dt.timedelta(days=0 if first else chance.randint(0, 60)),
        }
        row["created_at"] = min(row["created_at"], self.now - dt.timedelta(minutes=5))
        if chance.random() < 0.3:
            row["birthday"] = dt.date(chance.randint(1962, 1999), chance.randint(1, 12), chance.randint(1, 28))
            row["birthday_calendar"] = "lunar" if not firm.english and chance.random() < 0.3 else "solar"
        if not firm.english and chance.random() < 0.35:
            row["wechat"] = f"{pinyin.joined(name, person=True)}{chance.randint(10, 9999)}"
        if not firm.english and chance.random() < 0.06:
            kind, note = chance.choice(words.NOTES)
            row["personal_notes"] = [{"kind": kind, "note": note, "noted_on": firm.created.date()}]
        return row

    def mail(self, name: str, firm: Firm) -> list[dict[str, Any]]:
        """An e-mail address at the firm's domain; some have none."""
        if self.chance.random() < (0.02 if firm.english else 0.25):
            return []
        local = name.lower().replace(" ", ".").replace("'", "") if firm.english else pinyin.joined(name, person=True)
        return [{"value": f"{local}@{firm.domain}"}]

    def phones(self, firm: Firm, *, mobile: bool) -> list[dict[str, Any]]:
        """A mobile or the switchboard, as people write them."""
        chance = self.chance
        if firm.english or (firm.city is not None and firm.city.area.startswith("+")):
            return self.foreign_phone(str(firm.row["region"])[:2] if firm.english else "HK")
        if mobile:
            number = f"1{chance.choice('3333355578899')}{chance.randint(0, 9)}{chance.randint(10**7, 10**8 - 1)}"
            grouped = f"{number[:3]} {number[3:7]} {number[7:]}" if chance.random() < 0.3 else number
            return [{"value": grouped}]
        area = firm.city.area if firm.city else "0755"
        long = area not in ("0592", "0756")
        line = chance.randint(20_000_000, 89_999_999) if long else chance.randint(2_000_000, 8_999_999)
        return [{"value": f"{area}-{line}", "label": "总机"}]

    def foreign_phone(self, country: str) -> list[dict[str, Any]]:
        """A number of the country that can exist; none where we know no pattern."""
        pattern = markets.FOREIGN_PHONES.get(country)
        if pattern is None:
            return []
        written = "".join(str(self.chance.randint(0, 9)) if sign == "x" else sign for sign in pattern)
        try:
            return [{"value": parse_phone(written).e164}]
        except Invalid:
            return []

    # -- firms ---------------------------------------------------------------------------------------------------------

    def class_of(self, size: int) -> dict[str, Any]:
        """Level, status, lifecycle and source that go together."""
        chance = self.chance
        level = chance.choices(
            "abcd", ((1, 5, 40, 54), (3, 17, 50, 30), (9, 28, 48, 15), (28, 40, 27, 5))[min(size // 2, 3)]
        )[0]
        life = chance.choices(
            ("potential", "developing", "growing", "mature", "declining", "lost"), (26, 24, 16, 18, 8, 8)
        )[0]
        status = {
            "potential": chance.choice(("new", "new", "contacting")),
            "developing": chance.choice(("contacting", "interested", "interested")),
            "lost": chance.choice(("invalid", "paused")),
            "declining": chance.choice(("won", "paused")),
        }.get(life, "won")
        sources = ("referral", "website", "exhibition", "cold_call", "search", "social", "partner", "tender", "visit")
        source = chance.choices(sources, (20, 18, 16, 14, 10, 6, 8, 5, 3))[0]
        return {"level": level, "lifecycle": life, "status": status, "source": source}

    def created(self) -> dt.datetime:
        """When a customer was entered: two years back and before, more of late, in working hours."""
        days = (
            730 - int((self.chance.random() ** 1.35) * 728)
            if self.chance.random() < 0.8
            else self.chance.randint(730, 1300)
        )
        day = (self.now - dt.timedelta(days=days)).date()
        while day.weekday() > 4:
            day -= dt.timedelta(days=1)
        hour = self.chance.choice((9, 9, 10, 10, 11, 13, 14, 14, 15, 16, 17))
        zone = dt.timezone(dt.timedelta(hours=8))
        return dt.datetime.combine(day, dt.time(hour, self.chance.randint(0, 59)), zone)

    def firm(self, owners: Mapping[str, Callable[[], str]]) -> Firm:
        """An invented Chinese company."""
        chance = self.chance
        city = chance.choices(markets.CITIES, [one.weight for one in markets.CITIES])[0]
        trade = chance.choices(markets.TRADES, [one.weight for one in markets.TRADES])[0]
        brand, name = self._company_name(city, chance.choice(trade.words))
        size = max(0, min(5, trade.size + chance.choice((-2, -1, -1, 0, 0, 0, 1, 1, 2))))
        created = self.created()
        low, high = HEADS[size]
        employees = chance.randint(low, high)
        district = chance.choice(self._districts.get(city.region) or [city.region])
        row: dict[str, Any] = {
            "name": name,
            "short_name": f"{city.name}{brand}" if chance.random() < 0.2 else brand,
            "industry": trade.industry,
            "region": district,
            "size": SIZES[size],
            "employees": employees,
            "founded_year": chance.randint(1986, created.year - 1),
            **self.class_of(size),
            "created_at": created,
        }
        firm = Firm(row, owners[city.sales](), created, city=city, domain=self._domain(pinyin.joined(brand)))
        if chance.random() < 0.7:
            row["revenue"] = Decimal(round(employees * chance.uniform(18, 95))) * 10_000
        self._details(firm, city, district)
        return firm

    def _details(self, firm: Firm, city: City, district: str) -> None:
        """What is known of some firms only: codes, ways to reach them, where invoices go."""
        chance, row = self.chance, firm.row
        if chance.random() < 0.55:
            row["credit_code"] = self._credit_code(district)
        if chance.random() < 0.75:
            row["phones"] = self.phones(firm, mobile=False)
        if chance.random() < 0.5:
            row["websites"] = [{"value": f"https://www.{firm.domain}"}]
        if chance.random() < 0.8:
            row["addresses"] = [
                {
                    "region": district,
                    "street": f"{chance.choice(markets.STREETS)}{chance.randint(1, 999)}号",
                    "label": "总部",
                }
            ]
        if row["level"] in "ab" and row.get("credit_code"):
            row["invoice_titles"] = [
                {
                    "title": row["name"],
                    "tax_number": row["credit_code"],
                    "bank": f"{chance.choice(markets.BANKS)}{city.name}分行",
                }
            ]

    def _company_name(self, city: City, trade: str) -> tuple[str, str]:
        chance = self.chance
        while True:
            brand = chance.choice(words.BRAND_FIRST) + chance.choice(words.BRAND_SECOND)
            if chance.random() < 0.12:
                brand += chance.choice(words.BRAND_SECOND)
            place = f"{city.name}市" if city.name not in ("香港",) and chance.random() < 0.55 else city.name
            form = chance.choices(("有限公司", "股份有限公司", "（集团）有限公司", "有限责任公司"), (80, 9, 3, 8))[0]
            name = f"{place}{brand}{trade}{form}"
            if chance.random() < 0.07:
                name = f"{brand}{trade}（{city.name}）有限公司"
            if name not in self._names and brand[0] != brand[1]:
                self._names.add(name)
                return brand, name

    def _domain(self, word: str) -> str:
        base, number = word.lower(), 1
        while f"{base}.example" in self._domains:
            number += 1
            base = f"{word.lower()}{number}"
        self._domains.add(f"{base}.example")
        return f"{base}.example"

    def _credit_code(self, region: str) -> str:
        digits = region[2:].ljust(6, "0")[:6]
        signs = "0123456789ABCDEFGHJKLMNPQRTUWXY"
        body = "91" + digits + "MA" + "".join(self.chance.choice(signs) for _place in range(7))
        for check in signs:
            try:
                return credit_code_check(body + check)
            except Invalid:
                continue
        return ""

    def person(self, owners: Mapping[str, Callable[[], str]]) -> Firm:
        """A customer who is a person."""
        chance = self.chance
        city = chance.choices(markets.CITIES, [one.weight for one in markets.CITIES])[0]
        name, gender = self.person_name()
        created = self.created()
        row = {
            "kind": "person",
            "name": name,
            "gender": gender,
            "occupation": chance.choice(words.OCCUPATIONS),
            "region": chance.choice(self._districts.get(city.region) or [city.region]),
            "birthday": dt.date(chance.randint(1955, 2001), chance.randint(1, 12), chance.randint(1, 28)),
            "birthday_calendar": chance.choice(("solar", "solar", "lunar")),
            **self.class_of(0),
            "created_at": created,
        }
        firm = Firm(row, owners[city.sales](), created, city=city)
        row["phones"] = self.phones(firm, mobile=True)
        if chance.random() < 0.3:
            kind, note = chance.choice(words.NOTES)
            row["personal_notes"] = [{"kind": kind, "note": note}]
        return firm

    def listed_companies(self, owner: Callable[[], str]) -> Iterator[Firm]:
        """Large American companies by their real names; everything but name, place, year and number is invented."""
        for line in (DATA / "listed_companies.tsv").read_text(encoding="utf-8").splitlines():
            name, industry, region, city, founded, cik = line.split("\t")
            created = self.created()
            row = {
                "name": name,
                "english_name": name,
                "industry": industry,
                "region": region,
                "size": "huge" if self.chance.random() < 0.7 else "large",
                "founded_year": int(founded) if founded.isdigit() else None,
                "external_id": f"CIK {cik}",
                "revenue_currency": "USD",
                **self.class_of(5),
                "created_at": created,
                "addresses": [{"region": region, "street": city}],
            }
            firm = Firm(row, owner(), created, english=True, domain=self._domain(_slug(name)))
            row["phones"] = self.foreign_phone(region[:2])
            row["websites"] = [{"value": f"https://www.{firm.domain}"}]
            yield firm

    def traders(self, owner: Callable[[], str]) -> Iterator[Firm]:
        """The customers and suppliers of the Northwind sample database with their contact persons."""
        for line in (DATA / "northwind.tsv").read_text(encoding="utf-8").splitlines():
            name, contact, title, street, city, country, postcode, phone, side = line.split("\t")
            created = self.created()
            row = {
                "name": name,
                "english_name": name,
                "industry": "F51" if side == "supplier" else "F52",
                "region": country,
                "size": self.chance.choice(("small", "medium", "medium")),
                "revenue_currency": "EUR" if country not in ("US", "GB") else "USD",
                **self.class_of(1),
                "created_at": created,
                "addresses": [{"region": country, "street": f"{street}, {city}", "postcode": postcode}],
                "phones": self.foreign_phone(country),
                "description": f"Switchboard as written on the card: {phone}",
            }
            firm = Firm(row, owner(), created, english=True, domain=self._domain(_slug(name)))
            firm.contacts.append(
                {
                    "name": contact,
                    "position": title,
                    "is_key": True,
                    "emails": self.mail(contact, firm),
                    "phones": self.foreign_phone(country),
                    "decision_role": "decides" if "Owner" in title else "buys",
                    "attitude": "friendly",
                    "created_at": created,
                }
            )
            yield firm


def _slug(name: str) -> str:
    plain = "".join(sign for sign in name.lower() if sign.isascii() and (sign.isalnum() or sign == " "))
    return "".join(plain.split()[:2]) or "firm"


@cache
def _districts() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for code, parent in Region.objects.filter(parent_code__in=[city.region for city in markets.CITIES]).values_list(
        "code", "parent_code"
    ):
        found.setdefault(parent, []).append(code)
    return found
