"""Clients' sign-in: who may give it, what ends it, what becomes of it with the record."""

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

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import PortalKey, PortalLogin, RoleField, RoleRight
from guanxi.core.models.stamps import bump
from guanxi.core.outside import inviting, logins
from guanxi.core.outside.jobs import portal_link_send, portal_moved_send
from guanxi.core.records import purging
from tests.core.outside.coming_in import invited, mine, other
from tests.signing import browser

__all__ = ["mine", "other"]


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
