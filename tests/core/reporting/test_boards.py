"""Boards, figures of the home page, and reports over the API."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.models import Dashboard, Role
from guanxi.core.people import tokens
from guanxi.core.reporting import stored, tiles
from tests.core.reporting.test_pages import listed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
GADGETS = {"dataset": "fakes.gadget", "rows": [{"field": "state"}]}


@pytest.fixture
def report(cast: Cast) -> stored.Setup:
    """A report of Alice's."""
    return stored.setup_save(cast.alice, sort="report", name="状态", definition=GADGETS)


def test_a_report_is_put_on_a_board_and_arranged(report: stored.Setup, world: Any, cast: Cast) -> None:
    alice = browser(cast.alice_user)
    assert alice.get(f"/reports/{report.key}/pin/").status_code == 200
    assert alice.post(f"/reports/{report.key}/pin/", {"board": "", "name": "我的"}).status_code == 303
    board = Dashboard.objects.get()
    assert alice.post("/reports/customers-by-source/pin/", {"board": board.key}).status_code == 303
    page = alice.get(f"/dashboards/{board.key}/?period=this_year")
    assert page.content.decode().count("data-place=") == 2
    assert "period=this_year" in page.content.decode()
    tile = alice.get(f"/dashboards/{board.key}/tiles/0/?w=390", headers={"HX-Request": "true"}).content.decode()
    assert 'viewBox="0 0 390 ' in tile
    marks = [
        html.unescape(one)
        for one in re.findall(r'<a href="([^"]+)" tabindex="-1"><title>[^<]*: (\d+)', tile)
        for one in one[:1]
    ]
    assert sum(listed(alice, one) for one in marks) == 6
    assert alice.post(f"/dashboards/{board.key}/order/", {"order": "1,0"}).status_code == 204
    assert alice.post(f"/dashboards/{board.key}/tiles/1/wider/").status_code == 303
    board.refresh_from_db()
    assert board.definition == {
        "tiles": [{"report": "customers-by-source", "width": 1}, {"report": report.key, "width": 2}]
    }
    assert alice.post(f"/dashboards/{board.key}/tiles/0/remove/").status_code == 303
    sent = {
        "name": "团队",
        "visibility": "team",
        "report": report.key,
        "width": "3",
        "chart": "pie",
        "add": "customers-new",
    }
    assert alice.post(f"/dashboards/{board.key}/edit/", sent).status_code == 303
    board.refresh_from_db()
    assert (board.visibility, [one["report"] for one in board.definition["tiles"]]) == (
        "team",
        [report.key, "customers-new"],
    )
    assert alice.get("/dashboards/").status_code == 303


def test_a_board_of_the_department_shows_only_what_each_may_see(report: stored.Setup, world: Any, cast: Cast) -> None:
    made = stored.setup_save(
        cast.alice, sort="board", name="部门", visibility="team",
        definition={"tiles": [{"report": report.key}, {"report": "customers-by-source"}]},
    )  # fmt: skip
    bob = browser(cast.bob_user)
    page = bob.get(made.url).content.decode()
    assert page.count("data-place=") == 1, "Alice's private report stays hers"
    assert "状态" not in page
    hidden = bob.get(f"{made.url}tiles/0/", headers={"HX-Request": "true"}).content.decode()
    assert "New" not in hidden
    assert bob.post(f"{made.url}order/", {"order": "1,0"}).status_code == 403
    assert bob.post(f"{made.url}tiles/0/remove/").status_code == 403
    assert bob.get(f"{made.url}edit/").status_code == 403
    assert browser(cast.charlie_user).get(made.url).status_code == 404
    assert len(Dashboard.objects.get().definition["tiles"]) == 2


def test_the_narrowing_of_a_board_reaches_its_tiles(report: stored.Setup, world: Any, cast: Cast) -> None:
    made = stored.setup_save(cast.alice, sort="board", name="b", definition={"tiles": [{"report": report.key}]})
    alice = browser(cast.alice_user)

    def total(query: str) -> str:
        text = alice.get(f"{made.url}tiles/0/?{query}", headers={"HX-Request": "true"}).content.decode()
        foot = text.partition("<tfoot>")[2].partition("</tfoot>")[0]
        return re.sub(r"<[^>]+>", " ", foot).split()[1] if foot else "nothing"

    assert total("") == "6"
    assert total(f"owner={cast.bob_user.pk}") == "2"
    assert total(f"department={cast.south.pk}") == "6"
    assert total(f"department={cast.east.pk}") == "nothing"
    assert total("period=this_year") == "6"
    assert total("period=last_year") == "nothing"


def test_managers_open_with_the_board_of_their_role(cast: Cast) -> None:
    found = stored.default_board(cast.alice)
    assert found is not None
    assert found.key == min((one.position, one.key) for one in stored.setups(cast.alice, "board"))[1]
    cast.bob_user.roles.add(Role.objects.get(key="manager"))
    found = stored.default_board(cast.actor(cast.bob_user))
    assert found is not None
    assert found.key == "team"


def test_figures_of_the_home_page_are_those_of_their_lists(cast: Cast, make: Callable[..., Any]) -> None:
    for owner in (cast.alice_user, cast.alice_user, cast.bob_user):
        make("customers.customer", by=owner)
    make("activities.activity", customer=make("customers.customer"), occurred_at=clock.now())
    make("activities.activity", customer=make("customers.customer"), kind="note", occurred_at=clock.now())
    figures = {tile.key: result.total.cells[0].value for tile, result in tiles.tiles_for(cast.alice)}
    assert figures["customers-mine"] == 4
    assert "customers-team-new" not in figures  # she answers for nobody
    assert {tile.key: result.total.cells[0].value for tile, result in tiles.tiles_for(cast.root)}[
        "customers-team-new"
    ] == 5
    assert figures["activities-mine"] == 1
    alice = browser(cast.alice_user)
    text = alice.get("/").content.decode()
    card = text.split('id="card-figures"')[1].split("</section>")[0]
    found = re.findall(r'<a href="([^"]+)" aria-label="[^"]*: (\d+)"', card)
    assert len(found) >= 3
    for address, shown in found:
        assert listed(alice, html.unescape(address)) == int(shown)
    assert "As of" in card
    assert tiles.tiles_for(cast.dave) == []


@pytest.fixture
def api(cast: Cast) -> Callable[[str], Client]:
    """A client with a token of one of the cast."""

    def client(person: str) -> Client:
        user = getattr(cast, f"{person}_user")
        _token, secret = tokens.token_create(cast.root, user, name="reports", scopes=["read", "write"])
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return client


def test_the_api_gives_reports_and_their_figures(report: stored.Setup, world: Any, cast: Cast, api: Any) -> None:
    alice = api("alice")
    keys = [one["key"] for one in alice.get("/api/v1/reports").json()["items"]]
    assert {report.key, "customers-new"} <= set(keys)
    assert alice.get(f"/api/v1/reports/{report.key}").json()["definition"]["dataset"] == "fakes.gadget"
    result = alice.get(f"/api/v1/reports/{report.key}/result").json()
    assert [(row["groups"][0]["key"], row["cells"][0]["value"]) for row in result["rows"]] == [
        ("new", 3), ("used", 2), ("broken", 1),
    ]  # fmt: skip
    cell = result["rows"][0]["cells"][0]
    same = alice.get("/api/v1/gadgets", {"filter": json.dumps(cell["filter"])}).json()
    assert same["count"] == cell["value"]
    narrowed = alice.get(
        f"/api/v1/reports/{report.key}/result", {"filter": json.dumps({"field": "owner", "op": "eq", "value": "@me"})}
    ).json()
    assert narrowed["total"]["cells"][0]["value"] == 4
    answered = alice.post("/api/v1/reports/run", {"definition": GADGETS}, content_type="application/json").json()
    assert answered["rows"] == result["rows"]
    assert {"overview", "team"} <= {one["key"] for one in alice.get("/api/v1/dashboards").json()["items"]}
    assert api("bob").get(f"/api/v1/reports/{report.key}").status_code == 404
    for path, payload in (
        (f"/api/v1/reports/{report.key}/result?period=never", None), (f"/api/v1/reports/{report.key}/result?compare=x", None),
        (f"/api/v1/reports/{report.key}/result?filter=[", None), ("/api/v1/reports/run", {"definition": {"dataset": "no.such"}}),
    ):  # fmt: skip
        answer = alice.get(path) if payload is None else alice.post(path, payload, content_type="application/json")
        assert answer.status_code == 422, path
    assert (
        api("dave").post("/api/v1/reports/run", {"definition": GADGETS}, content_type="application/json").status_code
        == 403
    )
