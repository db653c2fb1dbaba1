"""Saved views and filters of a list: kept, shared, changed, thrown away, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.http import QueryDict
from django.test import Client
from django.utils.http import urlencode

from guanxi.core.models import SavedView
from guanxi.core.records import savedviews
from guanxi.core.schema.registry import entity_of
from tests.core.web.conftest import HX

Browse = Callable[..., Client]
Make = Callable[..., Any]


def test_a_view_is_kept_opened_changed_and_thrown_away(browse: Browse, make: Make, cast: Any) -> None:
    cheap, dear = make("fakes.gadget", pieces=1), make("fakes.gadget", pieces=9)
    alice = browse("alice")
    state = urlencode({"f": json.dumps({"field": "pieces", "op": "gte", "value": 5})})
    answer = alice.post(
        "/gadgets/views/new/",
        {"name": "Big", "visibility": "private", "pin": "1", "default": "1", "state": state},
        **HX,
    )
    view = SavedView.objects.get(name="Big")
    assert answer["HX-Redirect"] == f"/gadgets/?view={view.pk}"
    page = alice.get("/gadgets/").content.decode()
    assert f'data-id="{dear.pk}"' in page
    assert f'data-id="{cheap.pk}"' not in page
    assert f'href="/gadgets/?view={view.pk}"' in page
    assert f'data-id="{cheap.pk}"' in alice.get("/gadgets/?view=0").content.decode()
    assert "Unsaved changes" in alice.get(f"/gadgets/?view={view.pk}&sort=-pieces").content.decode()
    alice.post(f"/gadgets/views/{view.pk}/save/", {"state": f"view={view.pk}&sort=-pieces"})
    view.refresh_from_db()
    assert view.definition["sort"] == ["-pieces"]
    assert view.definition["filter"] == {"field": "pieces", "op": "gte", "value": 5}
    alice.post(f"/gadgets/views/{view.pk}/delete/")
    assert not SavedView.objects.exists()


def test_views_are_shared_as_said(browse: Browse, cast: Any) -> None:
    gadget = entity_of("fakes.gadget")
    mine = savedviews.view_create(cast.alice, gadget, name="Mine", definition={})
    team = savedviews.view_create(cast.alice, gadget, name="Team", definition={}, visibility="team")
    every = savedviews.view_create(cast.root, gadget, name="Every", definition={}, visibility="public")

    def seen(actor: Any) -> set[str]:
        return {view.name for view in savedviews.views_for(actor, gadget)}

    assert seen(cast.alice) == {"Mine", "Team", "Every"}
    assert seen(cast.bob) == {"Team", "Every"}
    assert seen(cast.charlie) == {"Every"}
    assert browse("bob").get(f"/gadgets/?view={mine.pk}").status_code == 404
    answer = browse("bob").post(f"/gadgets/views/{team.pk}/save/", {"state": "sort=name"}, **HX)
    assert answer.status_code == 403
    team.refresh_from_db()
    assert team.definition == {}
    assert (
        browse("alice")
        .post("/gadgets/views/new/", {"name": "X", "visibility": "public", "state": ""}, **HX)
        .status_code
        == 422
    )
    assert SavedView.objects.filter(name="X").count() == 0
    assert every.user_id == cast.root_user.pk


def _asked(field: str, op: str, value: str) -> dict[str, str]:
    """What the builder sends of one condition."""
    return {"match.0": "all", "c.0.group": "0", "c.0.field": field, "c.0.op": op, "c.0.value": value}


def test_a_sent_filter_leads_to_its_address(browse: Browse) -> None:
    answer = browse("alice").post("/gadgets/filter/", {**_asked("name", "contains", "华"), "state": "sort=name"})
    assert answer.status_code == 303
    query = QueryDict(answer["Location"].partition("?")[2])
    assert json.loads(query["f"]) == {"field": "name", "op": "contains", "value": "华"}
    assert query["sort"] == "name"


def test_a_filter_from_a_dialog_is_shown_in_the_list_behind_it(browse: Browse) -> None:
    sent, alice = _asked("name", "contains", "a b"), browse("alice")
    over_the_list = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/gadgets/?q=x"}
    told = json.loads(alice.post("/gadgets/filter/", sent, **over_the_list)["HX-Trigger"])
    assert list(told) == ["gx:show", "gx:close"]
    address = told["gx:show"]["url"]
    assert json.loads(QueryDict(address.partition("?")[2])["f"]) == {"field": "name", "op": "contains", "value": "a b"}
    elsewhere = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/"}
    assert alice.post("/gadgets/filter/", sent, **elsewhere)["HX-Redirect"] == address
    again = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": f"http://testserver{address}"}
    assert alice.get(address, **again)["HX-Push-Url"] == "false"


def test_an_impossible_filter_is_told_in_the_builder(browse: Browse) -> None:
    answer = browse("alice").post("/gadgets/filter/", {**_asked("pieces", "gte", "many"), "state": ""})
    assert answer.status_code == 422
    assert 'value="many"' in answer.content.decode()
