"""Invented customers in any number, skewed like life: made through the rules, with audit, match keys and search documents.

A first part is made row by row and written by ``records.many`` (``COPY``, with everything that follows a row). A larger
size repeats it in SQL under new ids (``repeat.py``); names, owners and documents repeat then, ids and dates do not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from guanxi.config.bench import repeat, words
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.models import CustomField, Department, Preference, Role, User
from guanxi.core.models.stamps import bump
from guanxi.core.people import passwords
from guanxi.core.records import many, seeds
from guanxi.core.records.search import index
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.shaping import indexes

Told = Callable[[str, int], None]
MEMORY = "bench"
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of each; ``made`` of the customers, and what hangs on them, are made, the others repeat them."""

    name: str
    customers: int
    contacts: int
    opportunities: int
    activities: int
    made: int


SIZES = {
    "XS": Size("XS", 500, 1_500, 500, 5_000, 250),
    "S": Size("S", 10_000, 30_000, 10_000, 100_000, 10_000),
    "P": Size("P", 100_000, 300_000, 100_000, 1_000_000, 20_000),
    "M": Size("M", 1_000_000, 3_000_000, 1_000_000, 10_000_000, 25_000),
}
DEPARTMENTS, PEOPLE = 20, 100
REPEATED = ("customers.customer", "customers.contact", "sales.opportunity", "activities.activity")


def build(size: Size, password: str, told: Told) -> None:
    """Fill an empty workspace, or leave one that has been filled with this size. Raises ValueError for another size."""
    held = Preference.objects.filter(key=MEMORY).first()
    if held is not None:
        if held.value != size.name:
            raise ValueError(f"the folder holds data of size {held.value}")
        return
    seeds.load()
    index.renew()
    actor = system_actor("bench", via="cli")
    _shape()
    owners = _people(password)
    rng = random.Random(20240520)  # noqa: S311 - data, not secrets
    share = size.made / size.customers
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    customers = _load(actor, "customers.customer", words.firms(rng, owners, size.made), told)
    heavy = words.Skewed(rng, customers)
    _load(
        actor,
        "customers.contact",
        words.people(rng, heavy, round(size.contacts * share)),
        told,
    )
    if is_registered("sales.opportunity"):
        deals = words.opportunities(rng, heavy, owners, round(size.opportunities * share), _stages())
        _load(actor, "sales.opportunity", deals, told)
    _load(
        actor,
        "activities.activity",
        words.follow_ups(rng, heavy, round(size.activities * share)),
        told,
    )
    index.catch_up(lambda done: told("search", done))
    keys = [key for key in REPEATED if is_registered(key)]
    repeat.repeat([entity_of(key) for key in keys], size.customers // size.made, told)
    _index_score()
    _analyse()
    Preference.objects.create(key=MEMORY, value=size.name)


def _analyse() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _shape() -> None:
    """A custom field, so that lists can be filtered by one."""
    CustomField.objects.get_or_create(
        entity="customers.customer", key="score", defaults={"kind": "integer", "label_zh": "评分", "label_en": "Score"}
    )
    bump("fields")


def _index_score() -> None:
    """What the job makes minutes after somebody has filtered by a custom field."""
    wanted = indexes.wanted(entity_of("customers.customer"), "custom.score")
    if wanted is not None and wanted.state != "ready":
        indexes.build(wanted)


def _people(password: str) -> list[int]:
    """A hundred people in twenty departments: a manager and four members each; one director. Ids of who owns customers."""
    roles = {role.key: role for role in Role.objects.all()}
    encoded = make_password(passwords.normal(password))
    owners: list[int] = []
    above = Department.objects.create(name="总部", code="HQ")
    above.path = f"/{above.pk}/"
    above.save(update_fields=["path"])
    for number in range(PEOPLE):
        if number % (PEOPLE // DEPARTMENTS) == 0:
            home = Department.objects.create(name=f"销售{number // 5 + 1}部", code=f"S{number // 5 + 1}", parent=above)
            home.path = f"/{above.pk}/{home.pk}/"
            home.save(update_fields=["path"])
        role = "director" if number == 0 else "manager" if number % 5 == 0 else "member"
        user = User.objects.create(
            username=f"bench{number}", name=words.person(random.Random(number)), email=f"bench{number}@guanxi.example",  # noqa: S311
            department=home, password=encoded, sort_key=f"bench{number:03d}", language="en" if number % 3 == 2 else "zh-hans",
        )  # fmt: skip
        user.roles.set([roles[role]])
        owners.append(user.pk)
    bump("rights", "people")
    return owners


def _stages() -> list[int]:
    stage = entity_of("sales.stage").model
    return list(stage._default_manager.order_by("pk").values_list("pk", flat=True)[:8])


def _load(actor: Actor, key: str, rows: Iterator[dict[str, Any]], told: Told) -> list[int]:
    """Write rows in batches; ids of the records."""
    entity, made = entity_of(key), list[int]()
    while some := [row for _each, row in zip(range(BATCH), rows, strict=False)]:
        with transaction.atomic():
            found = many.insert_many(actor, entity, some, quiet=True, search_later=True)
        refused = [one for one in found if isinstance(one, Exception)]
        if refused:
            raise ValueError(f"{key}: {refused[0]}")
        made += [one.pk for one in found]
        told(key, len(made))
    return made
