"""How many queries each page takes: pinned per entity in ``tests/query_counts.json``, the same for few rows and many.

Re-record on purpose only: ``UPDATE_QUERY_COUNTS=1 ./guanxi test tests/contract/test_query_counts.py``, and say in the
commit why a number grew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import UniqueConstraint
from django.test import Client
from django.test.utils import CaptureQueriesContext

from guanxi.core.access import allowed
from guanxi.core.api import doors
from guanxi.core.kernel.actor import Actor
from guanxi.core.people import tokens
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import carried_by, entity_of, is_registered
from guanxi.core.web.record import related
from tests.contract.conftest import factory_values
from tests.contract.test_writing import words
from tests.factories.cast import Cast
from tests.signing import browser

FILE = Path(__file__).resolve().parents[1] / "query_counts.json"
RECORDING = os.environ.get("UPDATE_QUERY_COUNTS") == "1"
#: A page of fifty rows holds all that is made for MANY: what does not fit is counted, by one query more.
FEW, MANY = 3, 11
#: What is not the page's own: transactions, and what is looked at now and then whatever the page.
APART = ("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK", "BEGIN", "COMMIT")
NOW_AND_THEN = (
    '"core_stamp"',
    "core_stamp ",
    '"account_usersession"',
    '"usersessions_usersession"',
    '"django_session"',
    'UPDATE "core_apitoken"',
)

Counts = dict[str, int]
Make = Callable[..., Any]
#: The state a record must be in to be given such a child.
STATES = {"billing.orderline": "draft", "billing.delivery": "confirmed"}


def counted(ask: Callable[[], Any], *, status: int = 200) -> int:
    """Queries of a request that was made before, so that what is kept between requests is there."""
    with CaptureQueriesContext(connection) as seen:
        answer = ask()
    assert answer.status_code == status, answer.content[:500]
    if getattr(answer, "streaming", False):
        list(answer.streaming_content)
    texts = [one["sql"] for one in seen.captured_queries]
    return sum(not text.startswith(APART) and not any(part in text for part in NOW_AND_THEN) for text in texts)


def steady(ask: Callable[[], Any]) -> int:
    """The least of three after the first: what is looked at only now and then is no part of a page."""
    counted(ask)
    return min(counted(ask) for _ in range(3))


def thrice(ask: Callable[[], Any], *, status: int = 200) -> int:
    """The lesser of the second and the third time: one of them may be the moment at which something kept is read anew."""
    counted(ask, status=status)
    return min(counted(ask, status=status) for _ in range(2))


@pytest.fixture
def asking(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Client, Client]]:
    """``asking("alice")``: her browser and her client of the API."""
    monkeypatch.setattr(doors, "RATE", 1_000_000)
    cache.clear()

    def asking(person: str) -> tuple[Client, Client]:
        user = getattr(cast, f"{person}_user")
        _token, secret = tokens.token_create(cast.root, user, name="counts", scopes=["read", "write"])
        return browser(user), Client(headers={"Authorization": f"Bearer {secret}"})

    return asking


def pinned(key: str, found: Counts) -> None:
    """Compare with the file, or write it when recording."""
    kept: dict[str, Counts] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    if RECORDING:
        kept[key] = found
        text = json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False)
        FILE.write_text(text + "\n", encoding="utf-8")
        return
    assert found == kept.get(key), f"query counts of {key} changed; re-record on purpose (see this file's head)"


def pages(entity: Entity, record: Any, web: Client, api: Client, values: list[dict[str, Any]]) -> Counts:
    """The count of every page of the entity."""
    one, rows = f"/{entity.path}/{record.pk}/", f"/api/v1/{entity.path}"
    name, _value = words(entity)
    numbers = iter(range(1000))

    def change() -> Any:
        return api.patch(f"{rows}/{record.pk}", {name: f"值{next(numbers)}"}, content_type="application/json")

    def create() -> Any:
        return api.post(rows, values.pop(), content_type="application/json")

    found = {
        "list": steady(lambda: web.get(f"/{entity.path}/?view=0")),
        "record": steady(lambda: web.get(one)),
        "peek": steady(lambda: web.get(f"{one}peek/", headers={"HX-Request": "true"})),
        "edit": steady(lambda: web.get(f"{one}edit/")),
        "api list": steady(lambda: api.get(rows)),
        "api detail": steady(lambda: api.get(f"{rows}/{record.pk}")),
        "update": thrice(change),
        "create": thrice(create, status=201),
    }
    if entity.board is not None:
        found["board"] = steady(lambda: web.get(f"/{entity.path}/board/?view=0"))
    return found


def may_point(actor: Actor, entity: Entity, values: dict[str, Any]) -> bool:
    """Whether records of the entity are the actor's to make, and what their factory points to for him to see."""
    named = [one.related_model for one in entity.model._meta.fields if one.name in values and one.related_model]
    targets = [entity_of(one) for one in named if is_registered(one)]
    own = bool(entity.access.owner) and not entity.access.public
    return own and all(allowed(actor, "view", one) for one in targets)


def only_one(child: Entity, field: str) -> bool:
    """Whether a record can have but one such child."""
    meta = child.model._meta
    alone = any(isinstance(one, UniqueConstraint) and tuple(one.fields) == (field,) for one in meta.constraints)
    return alone or meta.get_field(field).unique


def test_pages_take_the_pinned_number_of_queries(
    entity: Entity, cast: Cast, make: Make, asking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A card counts its rows only when it cannot show them all: here it shows them all, each with what it takes.
    monkeypatch.setattr(related, "SHOWN", 2 * MANY)
    values = [factory_values(entity.key, 900_000 + number, make) for number in range(6)]
    web, api = asking("alice" if may_point(cast.alice, entity, values[0]) else "root")
    record = make(entity.key)
    alone = [one for one in carried_by(entity.key) if only_one(*one)]
    several = [one for one in carried_by(entity.key) if one not in alone]
    for child, field in alone:
        make(child.key, **{field: record})

    def fill(number: int) -> None:
        for _ in range(number):
            make(entity.key)
            for child, field in several:
                if child.key in STATES:
                    type(record).objects.filter(pk=record.pk).update(status=STATES[child.key])
                make(child.key, **{field: record})

    fill(FEW)
    few = pages(entity, record, web, api, values)
    fill(MANY - FEW)
    many = pages(entity, record, web, api, values)
    assert many == few, "the count grows with the rows"
    pinned(entity.key, few)


def test_home_and_search_take_the_pinned_number_of_queries(cast: Cast, make: Make, asking: Any) -> None:
    web, api = asking("alice")

    def fill(number: int) -> None:
        for _ in range(number):
            customer = make("customers.customer")
            make("activities.task", customer=customer)
            make("activities.followupplan", customer=customer)

    def measured() -> Counts:
        return {
            "home": steady(lambda: web.get("/")),
            "search": steady(lambda: web.get("/search/?q=测试")),
            "palette": steady(lambda: web.get("/search/palette/results/?q=ceshi")),
            "api search": steady(lambda: api.get("/api/v1/search", {"q": "测试"})),
        }

    fill(FEW)
    few = measured()
    fill(MANY - FEW)
    assert measured() == few, "the count grows with the rows"
    pinned("(all)", few)
