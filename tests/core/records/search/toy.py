"""Two tables only these tests have: firms, and people carried by them. Made inside each test's transaction."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, models

from guanxi.core.kernel.actor import Actor, Level, Reach, Rights
from guanxi.core.models import CarriedRecord, ListField, OwnedRecord, TextKindField, User
from guanxi.core.records.search import index
from guanxi.core.records.search.query import search
from guanxi.core.schema import registry
from guanxi.core.schema.entity import Access, Entity, MatchKey, Search


class Firm(OwnedRecord):
    """A firm with everything that can be found."""

    name = models.CharField("name", max_length=200)
    english_name = models.CharField("English name", max_length=200, blank=True, default="")
    number = TextKindField("number", kind="serial", max_length=40)
    credit_code = models.CharField("credit code", max_length=18, blank=True, default="")
    phones = ListField("phones", kind="phones")
    emails = ListField("e-mails", kind="emails")
    note = models.TextField("note", blank=True, default="")

    class Meta(OwnedRecord.Meta):
        app_label = "toysearch"


class Mate(CarriedRecord):
    """A person at a firm."""

    name = models.CharField("name", max_length=100)
    firm = models.ForeignKey(Firm, models.CASCADE, null=True, blank=True, related_name="+")
    phones = ListField("phones", kind="phones")

    class Meta(CarriedRecord.Meta):
        app_label = "toysearch"


FIRM = Entity(
    key="toysearch.firm",
    model=Firm,
    label="Firm",
    plural="Firms",
    path="toy-firms",
    search=Search(
        names=("name", "english_name"),
        numbers=("number", "credit_code"),
        phones=("phones",),
        emails=("emails",),
        text=("note",),
        subtitle=("number", "owner"),
    ),
    match_keys=(
        MatchKey(field="name", how="name", weight=80),
        MatchKey(field="english_name", how="name", weight=80),
        MatchKey(field="credit_code", how="identity", weight=100),
        MatchKey(field="phones", how="phone", weight=70),
        MatchKey(field="emails", how="email", weight=60),
        MatchKey(field="emails", how="email_domain", weight=40),
    ),
)
MATE = Entity(
    key="toysearch.mate",
    model=Mate,
    label="Mate",
    plural="Mates",
    path="toy-mates",
    icon="user",
    search=Search(names=("name",), phones=("phones",), subtitle=("firm",)),
    match_keys=(MatchKey(field="name", how="name", weight=50), MatchKey(field="phones", how="phone", weight=70)),
    access=Access(carried_by="firm"),
)


@pytest.fixture
def toys(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables and the entities, for one test."""
    for entity in (FIRM, MATE):
        monkeypatch.setitem(registry._entities, entity.key, entity)
    with connection.schema_editor() as editor:
        editor.create_model(Firm)
        editor.create_model(Mate)


def phones(*numbers: str) -> list[dict[str, Any]]:
    """Phone entries as they are stored."""
    return [{"value": number, "written": number, "label": "work", "primary": False} for number in numbers]


def emails(*addresses: str) -> list[dict[str, Any]]:
    """E-mail entries as they are stored."""
    return [{"value": address, "label": "work", "primary": False} for address in addresses]


def person(username: str, name: str = "") -> User:
    """A user row."""
    return User.everything.create(username=f"toy-{username}", name=name or username)


def actor(user: User, *, owners: tuple[int, ...] = (), everyone: bool = False, **levels: Level) -> Actor:
    """Somebody who may view the toys of ``owners`` (himself by default); ``levels`` limits fields of firms."""
    reach = Reach(everyone=everyone, unowned=everyone, owners=frozenset(owners or (user.pk,)))
    rights = Rights(
        reach={FIRM.key: {"view": reach}, MATE.key: {"view": reach}, "core.user": {"view": Reach(everyone=True)}},
        levels={FIRM.key: dict(levels), MATE.key: dict(levels)},
    )
    return Actor(kind="user", user_id=user.pk, name=user.name, rights=rights, via="test")


def make_firm(name: str, **values: object) -> Firm:
    """A firm with its document."""
    firm = Firm.objects.create(name=name, **values)
    index.index_records(FIRM, [firm])
    return firm


def titles_found(who: object, text: str, **options: object) -> list[str]:
    """What a search among the toys finds."""
    return [hit.title for hit in search(who, text, **{"entities": [FIRM.key, MATE.key], **options})]
