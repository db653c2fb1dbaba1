"""Every verb at every door, generated from the matrix: nobody comes in, and what one may not see is as if it were not there.

Two oracles need no list of what each door should answer. *Hidden is absent*: for somebody who may not see a record, each
verb at each of its doors answers to the letter what it answers for a number nobody ever had. *Unseen is unfelt*: records
made out of somebody's sight change no page, count, total, search, feed or tool of his by a letter.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.mcp.server import Desk
from guanxi.core.models import PortalLogin, PortalView, User
from guanxi.core.models.stamps import bump
from guanxi.core.outside import logins
from guanxi.core.people import tokens
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities
from guanxi.core.web.outside.portal import COOKIE
from tests.contract.conftest import KEYS, may
from tests.contract.matrix import NOBODY, OUTSIDE, VERBS, group_of, routes
from tests.contract.test_matrix import SHUT, USUAL, Doors, doors, filled, of_group  # noqa: F401 - doors is a fixture
from tests.contract.test_web import body, secret
from tests.core.web.conftest import HX, browse  # noqa: F401 - a fixture
from tests.factories.cast import Cast

Browse = Callable[..., Client]
#: A number no record ever has.
NONE = 999_999_999
#: Into so many parts the pages of a record are shared out over the entities.
SHARES = 8
#: The verbs that an address of the API with this end knows, besides reading.
API_VERBS = {
    "<record_id>": ("get", "patch", "delete", "put"),
    "<action>": ("post",),
    "restore": ("post",),
    "bulk": ("post",),
    "merge": ("post",),
    "query": ("post",),
}
JSON = {"content_type": "application/json"}


def bearer(held: str) -> Client:
    """A program with a token."""
    return Client(headers={"Authorization": f"Bearer {held}", "Accept-Language": "en"})


def token_of(cast: Cast, **changes: Any) -> str:
    """The secret of a token of Alice's, in the state wanted."""
    token, held = tokens.token_create(cast.alice, cast.alice_user, name="verbs", scopes=["read", "write"])
    assert bearer(held).get("/api/v1/customers").status_code == 200
    type(token).objects.filter(pk=token.pk).update(**changes)
    return held


def customer_session(make: Any) -> str:
    """A session of a client whom an administrator opened his own record to."""
    PortalView.objects.create(
        entity="customers.customer", path="", subject="customers.customer", fields=["name"], active=True
    )
    bump("portal")
    login = PortalLogin.objects.create(
        entity="customers.customer", record_id=make("customers.customer").pk, email="client@guanxi.example"
    )
    return logins._open(login, "", logins.SESSION)


@pytest.fixture
def nobody(who: str, cast: Cast, browse: Browse, make: Any) -> Client:  # noqa: F811
    """Somebody of the table who may go nowhere; what once opened doors is proven to have done so."""
    now = clock.now()
    match who:
        case "an API token that ran out":
            return bearer(token_of(cast, expires_at=now - dt.timedelta(seconds=1)))
        case "an API token that was revoked":
            return bearer(token_of(cast, revoked_at=now))
        case "an API token of somebody switched off":
            held = token_of(cast)
            User.objects.filter(pk=cast.alice_user.pk).update(is_active=False)
            return bearer(held)
        case "a client signed in to his own pages":
            held = customer_session(make)
            client = bearer(held)
            client.cookies[COOKIE] = held
            assert client.get("/my/").status_code == 200
            return client
        case "without a sign-in":
            return Client()
    client = browse("root")
    assert client.get("/customers/").status_code == 200
    root = User.objects.filter(pk=cast.root_user.pk)
    if who == "switched off, session left open":
        root.update(is_active=False)
    else:
        root.update(security_stamp=cast.root_user.security_stamp + 1)
    bump("people")
    return client


@pytest.mark.parametrize("who", NOBODY)
def test_nobody_comes_in_by_any_verb(who: str, nobody: Client, doors: Doors) -> None:  # noqa: F811
    """Pages send to the sign-in, the API answers 401; nothing is written. One sort of record stands for all in the API."""
    passed = {entity.path for entity in entities()} - {"customers"} | {"openapi.json", "docs"}
    for route in of_group(*NOBODY[who]):
        if group_of(route) == "api" and passed & set(route.split("/")[2:3]):
            continue
        for verb in VERBS if who == next(iter(NOBODY)) else USUAL:
            answer = doors.knock(nobody, verb, route, filled(route, record_id=1, action="x"))
            sent = answer.status_code == 302 and answer.headers["Location"].startswith("/account/login/")
            if not sent and answer.status_code not in (401, *SHUT):
                doors.append(f"{verb} {route}: {answer.status_code}")


# -- hidden is absent --------------------------------------------------------------------------------------------------


def api_requests(entity: Entity, number: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Verb, address and what is sent of every request the API knows about one record of an entity."""
    title = entity.title.split(".")[0]
    by_id = {"field": "id", "op": "eq", "value": number}
    bodies = [
        ("/bulk", {"action": "delete", "ids": [number]}),
        ("/merge", {"keep": number, "others": [number + 1]}),
        ("/query", {"filter": by_id, "sort": [title]}),
        ("/actions/", {}),
    ]
    for route in routes():
        if not route.startswith("api/v1/customers/") or route.endswith("customers/"):
            continue
        sent = next((given for word, given in bodies if word in route), {title: "x"})
        actions = [action.key for action in entity.actions] if "<action>" in route else []
        for action in [*actions, "none"]:
            path = route.replace("customers", entity.path, 1).replace("<action>", action)
            url = filled(path.replace("<record_id>", str(number)))
            for verb in API_VERBS.get(route.rpartition("/")[2], ("get",)):
                yield verb, url, {"data": sent, **JSON} if verb[0] == "p" else {}
            if action in (*actions[:1], "none"):
                break
    filtered = {"filter": orjson.dumps(by_id).decode(), "count": "true"}
    yield "get", f"/api/v1/{entity.path}", {"data": filtered}


def page_requests(entity: Entity, number: int, share: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Verb, address and form of the pages of one record: a share of the addresses, another one for each entity.

    The pages are the engine's and the same for each; all of them for every entity would be a hundred thousand requests.
    """
    title = entity.title.split(".")[0]
    words = {"name": title, "key": next((action.key for action in entity.actions), "none")}
    found = [route for route in of_group("record") if route.startswith("<slug:path>/<int:")]
    for place, route in enumerate(found[share::SHARES]):
        url = filled(route, path=entity.path, pk=number, record_id=number, **words)
        for verb in VERBS if not place else USUAL:
            yield verb, url, {**HX, **({"data": {title: "x", "version": "1", "body": "x"}} if verb == "post" else {})}


#: What differs between any two answers: secrets of forms, ids of requests, moments, how long something took.
DIFFERS = re.compile(
    r"""csrf.{0,120}|value="[^"]*"|content=(?:"[^"]*"|'[^']*')|"(?:id|request_id|operation|instance|seconds)": ?(?:"[^"]*"|[\d.]+)"""
    r"""|\d{4}-\d\d-\d\d[T ][^"<]*|[0-9a-f]{8,}"""
)


def plain(answer: Any, number: int) -> str:
    """Status, place and text of an answer without what differs between any two, and without the number asked for."""
    sheet = "spreadsheet" in answer.get("Content-Type", "")  # has the moment in it, packed
    text = "" if sheet else re.sub(rf"(?<=/){number}(?=\W)", "0", body(answer))
    return f"{answer.status_code} {answer.get('Location', '').replace(str(number), '0')} {DIFFERS.sub('', text)}"


def alike(doors: Doors, client: Client, entity: Entity, sample: Any, requests: Callable[[int], Any]) -> None:  # noqa: F811
    """Each request about the hidden record gets the answer of one about none, tells no name, and writes nothing."""
    hidden = secret(entity, sample)
    for (verb, url, sent), (_verb, other, meant) in zip(requests(sample.pk), requests(NONE), strict=True):
        ours = doors.knock(client, verb, entity.key, url, **sent)
        none = doors.knock(client, verb, entity.key, other, **meant)
        told = [one for one in hidden if one in body(ours)]
        if told or plain(ours, sample.pk) != plain(none, NONE):
            doors.append(
                f"{verb} {url}: {plain(ours, sample.pk)[:900]}\n ABSENT {plain(none, NONE)[:900]}; tells {told}"
            )


@pytest.mark.parametrize("who", OUTSIDE)
def test_a_hidden_record_answers_each_verb_as_none_does(
    who: str,
    key: str,
    entity: Entity,
    sample: Any,
    cast: Cast,
    api: Callable[[str], Client],
    browse: Browse,  # noqa: F811
    doors: Doors,  # noqa: F811
) -> None:
    share = KEYS.index(key) % SHARES
    if may(getattr(cast, who), entity, sample) or (who == "dave" and share % 3):
        return
    before = entity.model._base_manager.filter(pk=sample.pk).values().get()
    alike(doors, api(who), entity, sample, lambda number: api_requests(entity, number))
    alike(doors, browse(who), entity, sample, lambda number: page_requests(entity, number, share))
    assert entity.model._base_manager.filter(pk=sample.pk).values().get() == before


# -- unseen is unfelt --------------------------------------------------------------------------------------------------


def gathering(entity: Entity, words: str) -> list[tuple[str, dict[str, str]]]:
    """Pages that gather records of an entity: the totals, a search, a share of the others; the shares together are all."""
    found = [route for route in of_group("entity") if route.startswith("<slug:path>/")]
    asked = [
        (filled(route, path=entity.path), {"view": "0"}) for route in found[KEYS.index(entity.key) % SHARES :: SHARES]
    ]
    picked = [(f"/{entity.path}/totals/", {"view": "0"}), (f"/pick/{entity.path}/", {"q": words})]
    return [*asked, picked[KEYS.index(entity.key) % 2]]


def seen_by(client: Client, program: Client, desk: Desk, words: dict[str, str]) -> dict[str, str]:
    """Everything somebody is told at places that gather: pages, fragments, counts, searches, the API, tools of assistants."""
    told: dict[str, str] = {}
    for place, entity in enumerate(closed()):
        name = words[entity.key]
        for url, query in gathering(entity, name):
            told[f"{url} {query}"] = plain(client.get(url, query, **HX), 0)
        told[f"API {entity.path}"] = plain(program.get(f"/api/v1/{entity.path}", {"q": name, "count": "true"}), 0)
        told[f"tool {entity.path}"] = desk.list_records(entity.path, None, name)
        match place % 4:
            case 0:
                told[f"report {entity.key}"] = plain(program.post("/api/v1/reports/run", *counted(entity)), 0)
            case 1:
                told[f"palette {entity.key}"] = plain(client.get("/search/palette/results/", {"q": name}, **HX), 0)
            case 2:
                told[f"search {entity.key}"] = plain(program.get("/api/v1/search", {"q": name}), 0)
            case _:
                told[f"tool search {entity.key}"] = desk.search(name)
    for route in of_group("person"):
        told[route] = plain(client.get(filled(route), {"q": next(iter(words.values()))}), 0)
    return told


def counted(entity: Entity) -> tuple[dict[str, Any], str]:
    """A report that counts all records of an entity."""
    return {"definition": {"dataset": entity.key, "measures": [{"field": "id", "how": "count"}]}}, "application/json"


def closed() -> list[Entity]:
    """The entities of which one sees only some records."""
    return [one for one in entities() if one.access.owner and not one.access.public]


@pytest.mark.parametrize("who", OUTSIDE)
def test_records_out_of_sight_change_nothing_one_is_told(
    who: str,
    cast: Cast,
    api: Callable[[str], Client],
    browse: Browse,  # noqa: F811
    make: Any,
) -> None:
    first = {one.key: make(one.key) for one in closed()}
    words = {one.key: secret(one, first[one.key])[-1] for one in closed()}
    _token, held = tokens.token_create(cast.root, getattr(cast, f"{who}_user"), name="tools", scopes=["read", "write"])
    asked = (browse(who), api(who), Desk(held), words)
    before = seen_by(*asked)
    hidden = [secret(one, make(one.key)) for one in closed()]
    after = seen_by(*asked)
    assert [(place, before[place], after[place]) for place in before if before[place] != after[place]] == []
    names = {one for found in hidden for one in found if len(one) > 3}
    assert [(place, name) for place, text in after.items() for name in names if name in text] == []
