"""Clients' own pages: every route, for strangers, staff, the client, another client; links and sessions end when they should."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guanxi.areas.customers.models import Consent
from guanxi.core import access, records
from guanxi.core.access import clients
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import OutboxEvent, PortalView
from guanxi.core.models.stamps import bump
from guanxi.core.outside import logins, portal, publishing
from guanxi.core.records import history
from guanxi.core.schema.registry import entities, entity_of
from tests.core.outside.coming_in import mine, other
from tests.signing import browser

__all__ = ["mine", "other"]


def test_he_sees_his_own_records_in_the_opened_fields(mine: Client, repair: Any) -> None:
    home = mine.get("/my/").content.decode()
    assert "R-1" in home
    assert "R-9" not in home
    page = mine.get(f"/my/repairs/{repair.pk}/").content.decode()
    assert "换了轴承" in page
    assert "底价" not in page
    assert "120" not in page, "the cost is not opened"


def test_every_route_for_everybody(mine: Client, other: Client, repair: Any, cast: Any) -> None:
    note = entity_of("custom.note").model._default_manager.get()
    routes = [
        "/my/",
        "/my/password/",
        "/my/repairs/",
        "/my/repairs/new/",
        f"/my/repairs/{repair.pk}/",
        "/my/notes/",
        f"/my/notes/{note.pk}/",
    ]
    stranger, staff = Client(), browser(cast.root_user)
    for route in routes:
        assert mine.get(route).status_code == 200, route
        for nobody in (stranger, staff):
            for answer in (nobody.get(route), nobody.post(route, {"name": "x"})):
                assert (answer.status_code, answer.headers.get("Location")) in [(302, "/my/in/"), (405, None)], route
    for route in (f"/my/repairs/{repair.pk}/", f"/my/notes/{note.pk}/"):
        assert other.get(route).status_code == 404, route
        assert other.post(route, {"to": "notes", "custom.text": "x"}).status_code == 404, route
    for route in (
        "/my/customers/",
        f"/my/customers/{repair.parent_id}/",
        "/my/leads/",
        "/my/leads/new/",
        "/my/users/",
        "/my/nothing/",
    ):
        assert mine.get(route).status_code == 404, route
    assert entity_of("custom.note").model._default_manager.count() == 1


def test_his_session_opens_nothing_of_the_house(mine: Client, repair: Any) -> None:
    for route in (
        "/",
        "/customers/",
        f"/repairs/{repair.pk}/",
        "/search/?q=R-1",
        "/settings/",
        "/settings/outside/",
        f"/client-login/repairs/{repair.pk}/",
        "/files/1/",
    ):
        answer = mine.get(route)
        assert answer.status_code in (302, 401, 404), route
        assert answer.headers.get("Location", "/account/login/").startswith("/account/login/"), route
    assert mine.get("/api/v1/customers").status_code == 401


def test_through_access_he_reaches_nothing_else(mine: Client, repair: Any) -> None:
    """The engine itself keeps him out, whatever face would ask: all entities, all actions."""
    actor = logins.actor_of(mine.cookies["guanxi_client"].value)
    assert actor is not None
    for entity in entities():
        opened = entity.key in ("custom.repair", "custom.note")
        rows = access.visible(entity.model._default_manager.all(), actor)
        assert rows.count() == (1 if opened else 0), entity.key
        for action in entity.all_actions:
            allowed = opened and action in ("view", "create")
            assert access.allowed(actor, action, entity) is allowed, (entity.key, action)
        if not opened:
            assert not access.readable_fields(actor, entity), entity.key
    for action in ("change", "delete", "share", "assign"):
        assert not access.allowed(actor, action, repair), action
    with pytest.raises((Denied, NotFound)):
        records.update(actor, repair, {"name": "x"})
    for given in ({"name": "x"}, {"parent": repair.parent_id}, {"custom.secret": "x"}):
        with pytest.raises((Denied, Invalid, NotFound)):
            records.update(actor, repair, given)
    with pytest.raises(Invalid):
        records.select(actor, "custom.repair", filter={"field": "custom.secret", "op": "contains", "value": "底"})


def test_he_makes_records_of_his_own_only(mine: Client, repair: Any, cast: Any, make: Any) -> None:
    stranger = make("customers.customer")
    sent = {
        "name": "R-2",
        "parent": str(stranger.pk),
        "owner": str(cast.root_user.pk),
        "custom.secret": "x",
        "custom.cost": "9",
    }
    answer = mine.post("/my/repairs/new/", sent)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    made = entity_of("custom.repair").model._default_manager.get(name="R-2")
    assert answer.headers["Location"] == f"/my/repairs/{made.pk}/"
    assert (made.parent_id, made.owner_id, made.created_by_id) == (repair.parent_id, cast.alice_user.pk, None)
    assert (made.custom["secret"], made.custom.get("cost")) == ("made outside", None)
    assert (
        mine.post(
            f"/my/repairs/{repair.pk}/", {"to": "notes", "custom.text": "什么时候好？", "custom.author": "staff"}
        ).status_code
        == 302
    )
    note = entity_of("custom.note").model._default_manager.latest("pk")
    assert (note.parent_id, note.custom) == (repair.pk, {"text": "什么时候好？", "author": "client"})
    bad = mine.post(f"/my/repairs/{repair.pk}/", {"to": "notes", "custom.text": " "})
    assert bad.status_code == 422
    heard = OutboxEvent.objects.filter(name="customers.customer.message_received").values_list("record_id", flat=True)
    assert list(heard) == [repair.parent_id] * 2, "what he makes and what he writes on it, not what was refused"
    assert mine.post("/my/repairs/new/", {"name": ""}).status_code == 422
    assert mine.post("/my/notes/new/", {"custom.text": "x"}).status_code == 404, "only on a record of his"


def test_somebody_of_the_house_reads_it_with_his_name(mine: Client, repair: Any, cast: Any) -> None:
    mine.post("/my/repairs/new/", {"name": "R-2"})
    made = entity_of("custom.repair").model._default_manager.get(name="R-2")
    assert history.history(cast.root, made)[0].actor_name == "client: 甲客户"


def test_a_client_makes_so_many_records_an_hour(mine: Client, other: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "PER_HOUR", 2)
    answers = [mine.post("/my/repairs/new/", {"name": f"R-1{number}"}).status_code for number in range(3)]
    assert answers == [302, 302, 429]
    assert not entity_of("custom.repair").model._default_manager.filter(name="R-12").exists()
    assert other.post("/my/repairs/new/", {"name": "R-13"}).status_code == 302


def test_a_view_taken_away_is_gone_at_once(mine: Client, repair: Any, cast: Any) -> None:
    row = PortalView.objects.get(entity="custom.repair")
    publishing.switch(cast.root, "view", row.pk)
    assert mine.get("/my/repairs/").status_code == 404


@pytest.mark.parametrize(
    "change",
    [{"path": ""}, {"path": "owner"}, {"path": "parent.owner"}, {"fields": ["nothing"]}, {"create": ["parent"]}],
)
def test_a_view_that_cannot_work_is_refused(trade: None, change: dict[str, Any]) -> None:
    row = PortalView.objects.get(entity="custom.repair")
    for name, value in change.items():
        setattr(row, name, value)
    with pytest.raises(Invalid):
        publishing.check(row)


def test_an_actor_without_a_record_sees_nothing(repair: Any) -> None:
    actor = Actor(kind="client")
    bump("portal")
    assert clients.views(actor) == []
    assert portal.shelves(actor) == []
    assert not access.visible(entity_of("custom.repair").model._default_manager.all(), actor).exists()


def test_he_says_no_to_marketing_and_yes_again_on_his_own_pages(mine: Client, other: Client, repair: Any) -> None:
    assert "You get news and offers" in mine.get("/my/").content.decode()
    assert mine.post("/my/marketing/", {"want": "no"}).status_code == 302
    assert "You get no news and offers" in mine.get("/my/").content.decode()
    assert "You get news and offers" in other.get("/my/").content.decode()
    said = Consent.objects.get()
    assert (said.customer_id, said.state, said.source) == (repair.parent_id, "withdrawn", "portal")
    mine.post("/my/marketing/", {"want": "yes"})
    assert list(Consent.objects.order_by("pk").values_list("state", flat=True)) == ["withdrawn", "given"]
    assert Client().post("/my/marketing/", {"want": "no"}).headers["Location"] == "/my/in/"
    assert Consent.objects.count() == 2
