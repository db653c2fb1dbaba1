"""How a board looks: fields of a card, colours, age, rows across the columns, columns that are too full."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any, Literal

import pytest
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.models import User
from guanxi.core.records import process
from guanxi.core.records.process import Move, Process, Step
from tests.fakes.models import Gadget

pytestmark = pytest.mark.django_db
Browse = Callable[..., Client]
Make = Callable[..., Any]
HX = {"HTTP_HX_REQUEST": "true"}
BOARD = "/gadgets/board/"


def facts(page: str) -> list[str]:
    """What the first card says besides its name, by label."""
    card = page.split('<li class="gx-card')[1].split("</li>", maxsplit=1)[0]
    return re.findall(r'<dd title="([^"]+)">', card)


def test_the_look_is_kept_for_the_person_and_stands_in_the_address(browse: Browse, make: Make, cast: Any) -> None:
    make("fakes.gadget", name="Anvil", price=5)
    alice = browse("alice")
    assert facts(alice.get(BOARD).content.decode()) == ["Number", "Price"]
    assert 'name="column" value="owner"' in alice.get(f"{BOARD}look/?board=state").content.decode()
    sent = {"column": ["owner", "number"], "color": "", "rows": "", "most": "", "state": "by.state=new"}
    answer = alice.post(f"{BOARD}look/?board=state", sent)
    assert (
        answer.headers["Location"] == "/gadgets/board/?by.state=new&board=state&color=&rows=&most=&card=owner%2Cnumber"
    )
    assert facts(alice.get(BOARD).content.decode()) == ["Owner", "Number"]
    assert facts(alice.get(f"{BOARD}?card=price").content.decode()) == ["Price"]
    assert facts(browse("bob").get(answer.headers["Location"]).content.decode()) == ["Owner", "Number"]
    assert facts(browse("bob").get(BOARD).content.decode()) == ["Number", "Price"]
    alice.post(f"{BOARD}look/?board=state", {"reset": "1", "state": ""})
    assert facts(alice.get(BOARD).content.decode()) == ["Number", "Price"]
    assert User.objects.get(pk=cast.alice_user.pk).preferences.get("boards", {}) == {}


def test_what_may_not_be_read_is_neither_offered_nor_shown(browse: Browse, make: Make) -> None:
    make("fakes.gadget", name="Anvil")
    page = browse("alice").get(f"{BOARD}?card=password,nonsense&color=nonsense&rows=nonsense&most=x")
    assert page.status_code == 200
    assert facts(page.content.decode()) == []


@pytest.mark.parametrize(("days", "color"), [(9, ""), (10, "amber"), (19, "amber"), (20, "red"), (-5, "")])
def test_age_colours_a_card(browse: Browse, make: Make, days: int, color: str) -> None:
    make("fakes.gadget", name="Anvil", made_on=clock.today("Asia/Shanghai") - dt.timedelta(days=days))
    page = browse("alice").get(BOARD).content.decode()
    assert ("gx-tinted" in page, f"gx-tinted gx-c-{color}" in page) == (bool(color), bool(color))
    assert (f"{days} days</span>" in page) == bool(color)
    assert "gx-tinted" not in browse("alice").get(f"{BOARD}?color=").content.decode()


def test_a_column_with_too_many_cards_warns(browse: Browse, make: Make) -> None:
    for number in range(3):
        make("fakes.gadget", name=f"G{number}", state="new")
    assert "gx-full" not in browse("alice").get(f"{BOARD}?most=3").content.decode()
    page = browse("alice").get(f"{BOARD}?most=2").content.decode()
    assert page.count("gx-full") == 1
    assert "More than 2 cards" in page


def test_rows_across_the_columns(browse: Browse, make: Make, cast: Any) -> None:
    mine = make("fakes.gadget", name="Mine", state="new")
    make("fakes.gadget", name="His", state="new", by=cast.bob_user)
    make("fakes.gadget", name="Strange", state="new", by=cast.charlie_user)
    alice = browse("alice")
    page = alice.get(f"{BOARD}?rows=owner").content.decode()
    assert re.findall(r"<summary><strong>([^<]+)</strong> <span class=\"gx-count\">(\d)", page) == [
        ("林爱丽", "1"), ("鲍勃", "1"),
    ]  # fmt: skip
    row = f"{BOARD}?rows=owner&board=state&row={cast.bob_user.pk}"
    part = alice.get(row, **HX).content.decode()
    assert ("His" in part, "Mine" in part, f'data-row="{cast.bob_user.pk}"' in part) == (True, False, True)
    assert "His" in alice.get(row).content.decode()  # without scripts: a page of its own
    totals = re.search(r'data-totals="([^"]+)"', part)
    assert totals
    assert alice.get(totals[1].replace("&amp;", "&")).json()["new"]["count"] == "1"
    moved = f"/gadgets/{mine.pk}/move/?board=state&rows=owner"
    assert alice.post(moved, {"to": "used", "row": cast.bob_user.pk, "version": mine.version}, **HX).status_code == 204
    mine.refresh_from_db()
    assert (mine.state, mine.owner_id) == ("used", cast.bob_user.pk)


def test_rows_of_a_choice_stand_in_its_order(browse: Browse, make: Make) -> None:
    for state in ("used", "new", "broken"):
        make("fakes.gadget", name=state, state=state, active=state != "used")
    page = browse("alice").get(f"{BOARD}?rows=active").content.decode()
    assert re.findall(r"<summary><strong>([^<]+)</strong>", page) == ["Active: Yes", "Active: No"]
    assert Gadget.objects.count() == 3


def test_columns_closed_to_a_card_say_why(browse: Browse, make: Make, cast: Any) -> None:
    gadget = make("fakes.gadget", name="Anvil", state="new")
    endings: dict[str, Literal["", "good", "bad"]] = {"new": "", "used": "good", "broken": "bad"}
    steps = tuple(Step(key=key, label=key.title(), ending=ending) for key, ending in endings.items())
    gated = Process(entity="fakes.gadget", field="state", steps=steps, moves=(Move(source="new", target="used"),))
    assert "data-gated" not in browse("alice").get(BOARD).content.decode()
    process.add_source("fakes.gadget", "state", lambda _record: gated)
    try:
        page = browse("alice").get(BOARD).content.decode()
        assert "data-gated" in page
        ends = [f"{key}:{how}" for how, key in re.findall(r'gx-end gx-end-(\w+)" data-key="(\w+)"', page)]
        found = browse("alice").get(f"/gadgets/{gadget.pk}/move/?board=state").json()
    finally:
        del process._sources[("fakes.gadget", "state")]
    assert found == {"broken": "From “New” there is no way to “Broken”."}
    assert ends == ["used:good", "broken:bad"]
    assert browse("charlie").get(f"/gadgets/{gadget.pk}/move/?board=state").status_code == 404
