"""The bell: only one's own, read and unread, numbers for open pages, what is contributed to the shell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core.automation.channels import SORTS
from guanxi.core.automation.notify import notify
from guanxi.core.models import Notification
from guanxi.core.web import contributions
from guanxi.core.web.contributions import Card, Entry

Browse = Callable[..., Client]
Make = Callable[..., Any]


@pytest.fixture
def told(make: Make, cast: Any) -> Any:
    """Alice and Bob are each told of a gadget of hers."""
    gadget = make("fakes.gadget", name="Belled")
    sort = next(iter(SORTS))
    notify([cast.alice_user.pk, cast.bob_user.pk], sort, "Something happened", record=gadget)
    return gadget


def test_one_reads_his_own(browse: Browse, told: Any, cast: Any) -> None:
    alice = browse("alice")
    assert "Something happened" in alice.get("/notifications/").content.decode()
    assert alice.get("/notifications/live/").json()["unread"] == 1
    mine = Notification.objects.get(user=cast.alice_user)
    answer = alice.post(f"/notifications/{mine.pk}/")
    assert answer["Location"] == f"/gadgets/{told.pk}/"
    assert alice.get("/notifications/live/").json()["unread"] == 0
    assert "Something happened" not in alice.get("/notifications/?unread=1").content.decode()
    assert Notification.objects.get(user=cast.bob_user).read_at is None


def test_others_are_not_touched(browse: Browse, told: Any, cast: Any) -> None:
    bobs = Notification.objects.get(user=cast.bob_user)
    answer = browse("alice").post(f"/notifications/{bobs.pk}/")
    assert answer.status_code == 404
    browse("alice").post("/notifications/mark/", {"id": bobs.pk})
    browse("alice").post("/notifications/mark/")
    bobs.refresh_from_db()
    assert bobs.read_at is None


def test_entries_and_cards_are_shown_to_those_they_are_for(
    browse: Browse,
    cast: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(contributions, "_entries", dict(contributions._entries))
    monkeypatch.setattr(contributions, "_cards", {})
    only_alice = lambda actor: actor.user_id == cast.alice_user.pk  # noqa: E731
    contributions.add_entries(Entry(key="x", label="Extra place", url="/x/", icon="box", shown=only_alice))
    contributions.add_cards(
        Card(
            key="a",
            label="Shown card",
            template="search/results.jinja",
            context=lambda _actor: {"groups": [], "query": ""},
        ),
        Card(key="b", label="Silent card", template="search/results.jinja", context=lambda _actor: None),
        Card(
            key="c",
            label="Foreign card",
            template="search/results.jinja",
            context=lambda _actor: {},
            shown=lambda _actor: False,
        ),
    )
    page = browse("alice").get("/").content.decode()
    assert "Extra place" in page
    assert "Shown card" in page
    assert "Silent card" not in page
    assert "Foreign card" not in page
    assert "Extra place" not in browse("bob").get("/").content.decode()
