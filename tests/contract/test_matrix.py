"""Every door of the product is in the matrix, and keeps out whom the matrix does not name: pages, fragments, verbs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.models import (
    Absence,
    Approval,
    Comment,
    Dashboard,
    File,
    ImportRun,
    Notification,
    Operation,
    RateWindow,
    RecipeRun,
    Report,
    SavedView,
)
from guanxi.core.people import tokens
from tests.contract.matrix import MATRIX, fits, group_of, routes
from tests.core.web.conftest import HX, browse  # noqa: F401 - a fixture
from tests.factories.cast import Cast

Browse = Callable[..., Client]
#: What a door does, it does at these; the others are tried in ``test_verbs``.
USUAL = ("get", "post")
#: Answers of a shut door.
SHUT = (403, 404, 405, 410)
#: Tables that a refused request may write: that somebody was refused, that he is there, that nothing of many was done.
NOTED = re.compile(
    r'(INSERT INTO|UPDATE|DELETE FROM) "(?!core_accessentry|core_ratewindow|core_apitoken|core_operation|django_session|core_presence|people_)',
    re.IGNORECASE,
)
#: Values for the parts of an address that name no stored thing.
WORDS = {
    "str:secret": "x" * 43,
    "str:key": "x",
    "slug:key": "x",
    "slug:verb": "approve",
    "slug:how": "pause",
    "slug:sort": "star",
    "slug:face": "home",
    "slug:kind": "quotes",
    "slug:path": "customers",
    "slug:format_name": "csv",
    "str:name": "name",
    "str:language": "en",
    "str:kind": "comment",
    "str:job": "core:tidy",
    "int:number": "1",
    "int:place": "0",
    "int:position": "1",
    "int:column": "0",
}


def of_group(*groups: str) -> list[str]:
    """The addresses of some groups."""
    return [route for route in routes() if group_of(route) in groups]


def filled(route: str, **given: Any) -> str:
    """An address with its parts filled in."""
    text = route.lstrip("^").rstrip("$")
    return "/" + re.sub(
        r"<(\w+):(\w+)>", lambda part: str(given.get(part[2], WORDS.get(f"{part[1]}:{part[2]}", 999_999_999))), text
    )


class Doors(list[str]):
    """What was wrong with doors: all of it is told at once."""

    def refuse(self, client: Client, verb: str, route: str, url: str, *hidden: str, **head: str) -> None:
        """The door is shut: refused, absent or not for this verb; tells nothing hidden and writes nothing."""
        answer = self.knock(client, verb, route, url, **head)
        text = answer.content.decode("utf-8", "replace")
        if answer.status_code not in SHUT or any(one in text for one in hidden):
            self.append(f"{verb} {url} ({route}): {answer.status_code}")

    def knock(self, client: Client, verb: str, route: str, url: str, **how: Any) -> Any:
        """The answer of a door; whatever it wrote is wrong and taken back."""
        written: list[str] = []
        with untouched(written):
            answer = getattr(client, verb)(url, **how)
        self.extend(f"{verb} {url} ({route}): {one}" for one in written)
        return answer


@contextmanager
def untouched(written: list[str]) -> Iterator[None]:
    """Gathers what is written besides notes of refusals, and takes it back."""

    def watch(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        if NOTED.search(str(sql)):
            written.append(str(sql)[:120])
        return execute(sql, params, many, context)

    point = transaction.savepoint()
    try:
        with connection.execute_wrapper(watch):
            yield
    finally:
        transaction.savepoint_rollback(point)


def test_every_address_is_somebodys() -> None:
    assert [route for route in routes() if not group_of(route)] == []


def test_no_line_of_the_matrix_is_left_over() -> None:
    lines = [line for lines in MATRIX.values() for line in lines]
    assert [line for line in lines if not any(fits(line, route) for route in routes())] == []


@pytest.fixture
def doors() -> Iterator[Doors]:
    """Doors to try; whatever was wrong fails the test at its end."""
    found = Doors()
    yield found
    assert not found, "\n".join(found)


def test_a_made_up_secret_opens_nothing(cast: Cast, client: Client, doors: Doors) -> None:
    for route in of_group("public"):
        for verb in USUAL if "secret" in route else ():
            doors.refuse(client, verb, route, filled(route))


def test_who_guesses_secrets_is_slowed_down(cast: Cast) -> None:
    """Every address with a secret in it: after twenty wrong ones within a minute from one place, no more are answered."""
    client, found = Client(), []
    for route in of_group("public"):
        if "secret>" in route or "token>" in route:
            RateWindow.objects.all().delete()
            seen = [client.get(filled(route, token="x" * 40)).status_code for _time in range(22)]
            if seen[0] != 404 or seen[-1] != 429:
                found.append((route, seen))
    assert found == []


def test_settings_are_for_those_who_may(cast: Cast, browse: Browse, doors: Doors) -> None:  # noqa: F811
    for client in (browse("charlie"), browse("dave")):
        for route in of_group("office"):
            for verb in USUAL:
                doors.refuse(client, verb, route, filled(route, user_id=cast.alice.user_id, role_id=cast.role.pk))


def test_a_foreign_record_is_not_there(cast: Cast, browse: Browse, make: Any, doors: Doors) -> None:  # noqa: F811
    samples = {"customers": make("customers.customer"), "quotes": make("billing.quote")}
    hidden = [str(samples["customers"].name), str(samples["quotes"].number)]
    for client in (browse("charlie"), browse("dave")):
        for route in of_group("record"):
            record = samples["quotes" if "<slug:kind>" in route else "customers"]
            url = filled(route, pk=record.pk, record_id=record.pk)
            doors.refuse(client, "get", route, url, *hidden)
            doors.refuse(client, "get", route, url, *hidden, **HX)
            doors.refuse(client, "post", route, url, *hidden)


def test_a_sort_one_may_not_see_is_not_there(cast: Cast, browse: Browse, make: Any, doors: Doors) -> None:  # noqa: F811
    name = str(make("customers.customer").name)
    client = browse("dave")
    for route in of_group("entity"):
        for verb in USUAL:
            doors.refuse(client, verb, route, filled(route), name)


@pytest.fixture
def belongings(cast: Cast, make: Any) -> dict[str, Any]:
    """Things of Alice's, by how their addresses begin."""
    customer = make("customers.customer")
    on = {"entity": "customers.customer", "record_id": customer.pk}
    alice = cast.alice_user
    setup = {"name_zh": "爱丽的", "user": alice, "visibility": "private"}
    bulk = {"sort": "bulk", "entity": "customers.customer", "actor": alice}
    token, _secret = tokens.token_create(cast.alice, alice, name="own", scopes=["read"])
    return {
        "account/tokens/": token.pk,
        "notifications/": Notification.objects.create(user=alice, sort="mention", text="x", **on).pk,
        "exports/": Operation.objects.create(**bulk | {"sort": "export"}).pk,
        "operations/": Operation.objects.create(**bulk).pk,
        "import/recipe/": RecipeRun.objects.create(user=alice, key="x", recipe={"steps": []}).pk,
        "import/": ImportRun.objects.create(user=alice, entity="customers.customer", file_name="a.csv").pk,
        "reports/": Report.objects.create(key="alices", definition={"dataset": "customers.customer"}, **setup).key,
        "dashboards/": Dashboard.objects.create(key="alices", definition={"tiles": []}, **setup).key,
        "approvals/": Approval.objects.create(applicant=alice, action="change", **on).pk,
        "files/": File.objects.create(name="a.txt", size=1, media_type="text/plain", digest="0" * 64, **on).pk,
        "comments/": Comment.objects.create(author=alice, body="x", **on).pk,
        "<slug:path>/views/": SavedView.objects.create(name="x", user=alice, entity="customers.customer").pk,
        "leave/": Absence.objects.create(user=alice, begins_at=clock.now(), ends_at=clock.now()).pk,
    }


def test_what_belongs_to_somebody_is_there_for_nobody_else(
    cast: Cast,
    browse: Browse,  # noqa: F811
    belongings: dict[str, Any],
    doors: Doors,
) -> None:
    starts = set()
    for client in (browse("charlie"), browse("dave")):
        for route in of_group("own"):
            start = next((one for one in belongings if route.startswith(one)), "")
            starts.add(start)
            thing = belongings.get(start, 999_999_999)
            for verb in USUAL:
                doors.refuse(client, verb, route, filled(route, pk=thing, key=thing, view_id=thing, token_id=thing))
    assert starts >= set(belongings)


def test_no_change_without_the_mark_of_our_own_page(cast: Cast, browse: Browse, doors: Doors) -> None:  # noqa: F811
    """Cross-site request forgery: no address that a browser session opens takes a POST without the token."""
    client = Client(enforce_csrf_checks=True)
    client.cookies = browse("root").cookies
    for route in of_group("person", "office", "own", "record", "entity"):
        doors.refuse(client, "post", route, filled(route))
