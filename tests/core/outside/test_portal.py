"""Clients' own pages: every route, for strangers, staff, the client, another client; links and sessions end when they should."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from guanxi.areas.customers.models import Consent
from guanxi.core import access, records
from guanxi.core.access import clients
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import OutboxEvent, PortalKey, PortalLogin, PortalView, RoleField, RoleRight
from guanxi.core.models.stamps import bump
from guanxi.core.outside import inviting, logins, portal, publishing
from guanxi.core.outside.jobs import portal_link_send, portal_moved_send
from guanxi.core.records import history, purging
from guanxi.core.schema.registry import entities, entity_of
from tests.signing import browser


def invited(cast: Any, customer: Any, email: str) -> Client:
    """A browser in which the customer came in through the link of his mail."""
    inviting.login_invite(cast.root, customer, email, language="en")
    assert portal_link_send(email)
    address = re.search(r"/my/enter/\S+", mail.outbox[-1].body)
    assert address
    client = Client(headers={"Accept-Language": "en"})
    assert client.get(address[0]).status_code == 200, "looking does not use it up"
    assert client.post(address[0]).status_code == 302
    assert Client().post(address[0]).status_code == 404, "it works once"
    return client


@pytest.fixture
def mine(repair: Any, cast: Any) -> Client:
    return invited(cast, repair.parent, "a@example.com")


@pytest.fixture
def other(repair: Any, cast: Any, make: Any) -> Client:
    customer = make("customers.customer", owner=cast.charlie_user.pk)
    records.create(cast.root, "custom.repair", {"name": "R-9", "parent": customer.pk})
    return invited(cast, customer, "b@example.com")


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


def test_sessions_end(mine: Client, repair: Any, cast: Any) -> None:
    for hours, status in ((7, 200), (14, 200), (23, 302)):
        with clock.moved_to(clock.now() + dt.timedelta(hours=hours)):
            assert mine.get("/my/").status_code == status, hours
    fresh = invited(cast, repair.parent, "a@example.com")
    logins.login_end(cast.root, repair.parent)
    assert fresh.get("/my/").status_code == 302
    assert not portal_link_send("a@example.com")


def test_a_record_in_the_trash_signs_in_no_more(mine: Client, repair: Any, cast: Any) -> None:
    records.delete(cast.root, repair.parent)
    assert mine.get("/my/").status_code == 302
    assert not portal_link_send("a@example.com")


def test_what_is_removed_for_good_holds_no_address(repair: Any, cast: Any, make: Any) -> None:
    alone = make("customers.customer")
    invited(cast, alone, "c@example.com")
    records.delete(cast.root, alone)
    assert purging.purge(cast.root, "customers.customer", [alone.pk]) == 1
    assert not PortalKey.objects.exists()
    assert inviting.login_invite(cast.root, repair.parent, "c@example.com").record_id == repair.parent_id


def test_a_merged_client_signs_in_as_the_kept_record(mine: Client, repair: Any, cast: Any, make: Any) -> None:
    keep, third = make("customers.customer", name="留下"), make("customers.customer")
    inviting.login_invite(cast.root, third, "c@example.com")
    step = records.merge(cast.root, "customers.customer", keep.pk, [third.pk, repair.parent_id])
    login = PortalLogin.objects.get()
    assert (login.email, login.record_id) == ("a@example.com", keep.pk), "the one that is in use"
    assert "R-1" in mine.get("/my/").content.decode()
    assert inviting.login_invite(cast.root, make("customers.customer"), "c@example.com").active
    PortalLogin.objects.filter(email="c@example.com").delete()
    assert records.undo(cast.root, step.pk).skipped == []
    places = {one.email: one.record_id for one in PortalLogin.objects.all()}
    assert places == {"a@example.com": repair.parent_id, "c@example.com": third.pk}
    assert mine.get("/my/").status_code == 200


def test_a_kept_record_keeps_its_own_sign_in(mine: Client, other: Client, repair: Any, cast: Any) -> None:
    stays = PortalLogin.objects.get(email="b@example.com")
    step = records.merge(cast.root, "customers.customer", stays.record_id, [repair.parent_id])
    assert list(PortalLogin.objects.values_list("email", "record_id")) == [("b@example.com", stays.record_id)]
    assert (mine.get("/my/").status_code, other.get("/my/").status_code) == (302, 200)
    assert records.undo(cast.root, step.pk).skipped == []
    assert PortalLogin.objects.get(email="a@example.com").record_id == repair.parent_id
    assert portal_link_send("a@example.com")


def test_signing_out(mine: Client) -> None:
    assert mine.get("/my/out/").status_code == 405
    secret = mine.cookies["guanxi_client"].value
    assert mine.post("/my/out/").status_code == 302
    assert logins.actor_of(secret) is None


def test_the_cookie_is_kept_from_scripts(mine: Client) -> None:
    cookie = mine.cookies["guanxi_client"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/my/")
    assert not PortalKey.objects.filter(digest=cookie.value).exists(), "only its hash is stored"


def test_passwords(mine: Client, repair: Any, cast: Any) -> None:
    second = invited(cast, repair.parent, "a@example.com")
    refused = mine.post("/my/password/", {"password": "short", "again": "short"})
    assert refused.status_code == 422
    assert re.findall(r'name="(\w+)"[^>]* autofocus', refused.content.decode()) == ["password"]
    good = {"password": "山高月小，水落石出，曾日月之几何", "again": "山高月小，水落石出，曾日月之几何"}
    assert mine.post("/my/password/", {**good, "again": "x"}).status_code == 422
    assert mine.post("/my/password/", good).status_code == 200
    assert mine.get("/my/").status_code == 200
    assert second.get("/my/").status_code == 302, "other sessions end"
    fresh = Client(headers={"Accept-Language": "en"})
    wrong = fresh.post("/my/in/", {"do": "password", "email": "a@example.com", "password": "falsch"})
    unknown = fresh.post("/my/in/", {"do": "password", "email": "nobody@example.com", "password": "falsch"})
    assert (wrong.status_code, unknown.status_code) == (422, 422)
    assert b"The address or the password is wrong." in wrong.content
    assert b"The address or the password is wrong." in unknown.content
    assert (
        fresh.post("/my/in/", {"do": "password", "email": "A@example.com", "password": good["password"]}).status_code
        == 302
    )
    for _turn in range(5):
        Client().post("/my/in/", {"do": "password", "email": "a@example.com", "password": "falsch"})
    assert (
        Client().post("/my/in/", {"do": "password", "email": "a@example.com", "password": good["password"]}).status_code
        == 429
    )


def test_the_present_password_is_asked_for_before_another_is_chosen(mine: Client) -> None:
    first, second = (
        {"password": one, "again": one} for one in ("山高月小，水落石出，其一", "山高月小，水落石出，其二")
    )
    assert b'name="old"' not in mine.get("/my/password/").content, "he has none"
    assert mine.post("/my/password/", first).status_code == 200
    assert mine.post("/my/password/", second).status_code == 200, "he came by a link of his mail a moment ago"
    signed_in = Client(headers={"Accept-Language": "en"})
    assert signed_in.post("/my/in/", {"email": "a@example.com", "password": second["password"]}).status_code == 302
    with clock.moved_to(clock.now() + dt.timedelta(minutes=16)):
        for browser in (mine, signed_in):
            assert b'name="old"' in browser.get("/my/password/").content
            refused = browser.post("/my/password/", {**first, "old": "falsch"})
            assert (refused.status_code, b"The password is not right." in refused.content) == (422, True)
        answers = [mine.post("/my/password/", {**first, "old": "falsch"}).status_code for _turn in range(4)]
        assert answers == [422, 422, 422, 429]
    with clock.moved_to(clock.now() + dt.timedelta(minutes=19)):
        assert signed_in.post("/my/password/", {**first, "old": second["password"]}).status_code == 200
        assert mine.get("/my/").status_code == 302, "other sessions end"


def test_a_client_makes_so_many_records_an_hour(mine: Client, other: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "PER_HOUR", 2)
    answers = [mine.post("/my/repairs/new/", {"name": f"R-1{number}"}).status_code for number in range(3)]
    assert answers == [302, 302, 429]
    assert not entity_of("custom.repair").model._default_manager.filter(name="R-12").exists()
    assert other.post("/my/repairs/new/", {"name": "R-13"}).status_code == 302


def test_asking_for_a_link_tells_nothing(mine: Client) -> None:
    known = Client().post("/my/in/", {"do": "link", "email": "a@example.com"})
    unknown = Client().post("/my/in/", {"do": "link", "email": "nobody@example.com"})
    blank = re.compile(r"[\w.]+@example\.com|name=\"csrf[^>]*>|content=\"\w{64}\"")
    assert blank.sub("", known.content.decode()) == blank.sub("", unknown.content.decode())
    assert Client().get("/my/enter/nonsense/").status_code == 404


def test_a_new_address_ends_what_the_old_one_opened(mine: Client, repair: Any, cast: Any) -> None:
    inviting.login_invite(cast.root, repair.parent, "new@example.com")
    assert mine.get("/my/").status_code == 302
    assert not portal_link_send("a@example.com")


def test_who_may_invite(repair: Any, cast: Any, alice: Any) -> None:
    with pytest.raises((Denied, NotFound)):
        inviting.login_invite(cast.charlie, repair.parent, "x@example.com")
    with pytest.raises(NotFound):
        inviting.login_invite(cast.root, repair, "x@example.com")
    with pytest.raises(Invalid):
        inviting.login_invite(cast.root, repair.parent, "no address")
    assert not PortalLogin.objects.exists()
    inviting.login_invite(alice, repair.parent, "x@example.com")
    page = browser(cast.alice_user).get(f"/client-login/customers/{repair.parent_id}/")
    assert b"x@example.com" in page.content


@pytest.mark.parametrize("level", ["hidden", "masked"])
def test_an_address_one_may_not_read_is_not_proposed(repair: Any, cast: Any, level: str) -> None:
    records.update(cast.root, repair.parent, {"emails": ["secret@example.com"]})
    staff, route = browser(cast.alice_user), f"/client-login/customers/{repair.parent_id}/"
    assert b"secret@example.com" in staff.get(route).content
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="emails", level=level)
    bump("rights")
    assert b"secret@" not in staff.get(route).content
    inviting.login_invite(cast.root, repair.parent, "client@example.com")
    page = staff.get(route).content
    assert (b"client@example.com" in page, b"c****@example.com" in page) == (False, True)
    sent = staff.post(route, {"email": "c****@example.com", "language": "en"}, follow=True)
    assert (sent.status_code, b"client@" in sent.content) == (200, False)
    assert PortalLogin.objects.get().email == "client@example.com", "the address that is masked is meant"


def test_nobody_lets_a_client_see_more_than_himself(repair: Any, cast: Any) -> None:
    hidden = RoleField.objects.create(role=cast.role, entity="custom.repair", field="custom.state", level="masked")
    bump("rights")
    with pytest.raises(Denied) as narrower:
        inviting.login_invite(cast.actor(cast.alice_user), repair.parent, "x@example.com")
    assert narrower.value.code == "portal.views"
    hidden.delete()
    RoleRight.objects.filter(role=cast.role, entity="custom.note", action="view").delete()
    bump("rights")
    refused = browser(cast.alice_user).post(f"/client-login/customers/{repair.parent_id}/", {"email": "x@example.com"})
    assert (refused.status_code, b"more on their pages" in refused.content) == (403, True)
    assert not PortalLogin.objects.exists()
    assert inviting.login_invite(cast.system, repair.parent, "x@example.com").active


def test_an_address_that_is_replaced_is_told(repair: Any, cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, str]] = []
    monkeypatch.setattr(portal_moved_send, "defer", lambda **given: told.append(given))
    for email in ("old@example.com", "old@example.com", "new@example.com"):
        inviting.login_invite(cast.root, repair.parent, email, language="en")
    assert told == [{"email": "old@example.com", "language": "en"}]
    portal_moved_send(**told[0])
    assert mail.outbox[-1].to == ["old@example.com"]
    assert "If you did not ask for it, tell us." in mail.outbox[-1].body


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


def test_over_https_cookies_are_held_to_it() -> None:
    told = """
import django
django.setup()
from django.conf import settings
from guanxi.core.web.outside.portal import COOKIE
print(settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, COOKIE, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE)
"""
    known = {**os.environ, "DJANGO_SETTINGS_MODULE": "guanxi.config.settings", "GUANXI_URL": "https://crm.example"}
    found = subprocess.run([sys.executable, "-c", told], env=known, capture_output=True, text=True, check=True)
    names = "__Host-guanxi_session __Host-guanxi_csrf __Secure-guanxi_client True True"
    assert found.stdout.strip() == names
