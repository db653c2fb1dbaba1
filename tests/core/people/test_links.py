"""Invitations, resets and the first administrator: links that work once, for a while, for one person."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.models import AuditEntry, OneTimeLink, Role, RoleRight, User
from guanxi.core.models.stamps import bump
from guanxi.core.people import inviting, jobs, links
from guanxi.core.people.tokens import token_authenticate, token_create
from guanxi.core.people.users import password_change, user_deactivate, user_reactivate, user_update
from tests.core.people.conftest import PASSWORD, password_of

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)
NEW = "春眠不觉晓 处处闻啼鸟"


def secret_in(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def test_works_once_and_ends_what_is_open(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    _token, token = token_create(cast.alice, cast.alice_user, name="t")
    secret = secret_in(links.link_create(cast.root, cast.alice_user, "reset"))
    assert secret not in str(OneTimeLink.objects.values())
    links.link_use(secret, NEW)
    assert client.get("/account/").status_code == 302
    assert token_authenticate(token) is None
    assert User.objects.get(pk=cast.alice_user.pk).check_password(NEW)
    with pytest.raises(NotFound) as caught:
        links.link_use(secret, "something else entirely")
    assert caught.value.code == "link.gone"
    assert User.objects.get(pk=cast.alice_user.pk).check_password(NEW)


@pytest.mark.parametrize(("purpose", "hours"), [("reset", 2), ("invite", 7 * 24)])
def test_ends_with_time(cast: Any, purpose: Any, hours: int) -> None:
    with clock.moved_to(NOON):
        secret = secret_in(links.link_create(cast.root, cast.alice_user, purpose))
    with clock.moved_to(NOON + dt.timedelta(hours=hours, seconds=-1)):
        assert links.link_read(secret).user == cast.alice_user
    with clock.moved_to(NOON + dt.timedelta(hours=hours)), pytest.raises(NotFound):
        links.link_read(secret)


def test_a_new_link_ends_the_old_one_of_the_same_person(cast: Any) -> None:
    old = secret_in(links.link_create(cast.root, cast.alice_user, "reset"))
    other = secret_in(links.link_create(cast.root, cast.bob_user, "reset"))
    new = secret_in(links.link_create(cast.root, cast.alice_user, "reset"))
    with pytest.raises(NotFound):
        links.link_read(old)
    assert [links.link_read(one).user for one in (other, new)] == [cast.bob_user, cast.alice_user]


def test_a_refused_password_leaves_the_link(cast: Any) -> None:
    secret = secret_in(links.link_create(cast.root, cast.alice_user, "invite"))
    with pytest.raises(Invalid):
        links.link_use(secret, "password12")
    assert not User.objects.get(pk=cast.alice_user.pk).check_password("password12")
    links.link_use(secret, NEW)


def test_not_for_the_deactivated(cast: Any) -> None:
    secret = secret_in(links.link_create(cast.root, cast.alice_user, "reset"))
    User.objects.filter(pk=cast.alice_user.pk).update(is_active=False)
    with pytest.raises(NotFound):
        links.link_use(secret, NEW)


def test_no_link_outlives_what_changes_the_account(cast: Any) -> None:
    """Another password, state, name or address: whoever holds a link made before has nothing."""
    password_of(cast.alice_user)

    def held(change: Any) -> bool:
        user = User.objects.get(pk=cast.alice_user.pk)
        secrets = [secret_in(links.link_create(cast.root, user, purpose)) for purpose in ("invite", "reset")]
        other = secret_in(links.link_create(cast.root, cast.bob_user, "reset"))
        change(user, secrets)
        open_ = {
            OneTimeLink.objects.filter(digest=links._digest(one), expires_at__gt=clock.now(), used_at=None).exists()
            for one in secrets
        }
        assert links.link_read(other), "the links of others stay"
        return open_ != {False}

    def off_and_on(user: User, _secrets: list[str]) -> None:
        user_deactivate(cast.root, user)
        user_reactivate(cast.root, user)

    assert not held(lambda user, _: password_change(cast.alice, user, old=PASSWORD, new=NEW))
    assert not held(lambda _, secrets: links.link_use(secrets[0], PASSWORD))
    assert not held(off_and_on)
    assert not held(lambda user, _: user_update(cast.root, user, values={"username": "alina"}))
    assert not held(lambda user, _: user_update(cast.root, user, values={"email": "alina@guanxi.example"}))
    assert held(lambda user, _: user_update(cast.root, user, values={"phone": "13800138000", "username": "alina"}))


def test_a_corrected_address_gets_a_link_of_its_own(cast: Any, signed_in: Any) -> None:
    User.objects.filter(pk=cast.alice_user.pk).update(language="en", password="!none")
    assert jobs.invitation_send(cast.alice_user.pk)
    administrator = signed_in(cast.root_user)
    page = f"/people/users/{cast.alice_user.pk}/"
    assert "A link is open until" in administrator.get(page).content.decode()
    user_update(cast.root, User.objects.get(pk=cast.alice_user.pk), values={"email": "alice@right.example"})
    assert "A link is open until" not in administrator.get(page).content.decode()
    assert jobs.invitation_send(cast.alice_user.pk)
    wrong, right = (
        secret_in(next(line for line in one.body.splitlines() if line.startswith("http"))) for one in mail.outbox
    )
    assert mail.outbox[1].to == ["alice@right.example"]
    with pytest.raises(NotFound):
        links.link_use(wrong, NEW)
    assert links.link_use(right, NEW).check_password(NEW)


def test_made_by_administrators_only(cast: Any) -> None:
    with pytest.raises(Denied):
        links.link_create(cast.bob, cast.alice_user, "reset")
    assert not OneTimeLink.objects.exists()


def test_nobody_becomes_somebody_who_has_more(cast: Any) -> None:
    """Who administers people without having all rights makes no key to a person who has what he has not."""
    hr = Role.objects.create(key="hr", name="人事", name_en="HR")
    RoleRight.objects.create(role=hr, entity="core.user", action="view", scope="all")
    RoleRight.objects.create(role=hr, entity="core.user", action="change", scope="all")
    cast.dave_user.roles.add(hr)
    bump("rights")
    dave, alice = cast.actor(cast.dave_user), cast.alice_user
    for take in (
        lambda: links.link_create(dave, alice, "reset"),
        lambda: links.link_create(dave, alice, "invite"),
        lambda: token_create(dave, alice, name="t"),
        lambda: user_update(dave, alice, values={"email": "dave@elsewhere.example"}),
        lambda: user_update(dave, alice, values={"username": "alice2"}),
    ):
        with pytest.raises(Denied) as caught:
            take()
        assert caught.value.code == "people.above"
    kept = User.objects.get(pk=alice.pk)
    assert (kept.email, kept.username) == ("alice@guanxi.example", "alice")
    assert not OneTimeLink.objects.exists()
    assert user_update(dave, alice, values={"phone": "13800138000"}).pk == alice.pk
    inviting.user_invite(dave, kept)  # goes to her own address
    plain = User.objects.create(username="erin", name="艾琳", email="erin@guanxi.example", sort_key="erin")
    assert links.link_create(dave, plain, "invite")


def test_the_first_administrator_s_link_ends_when_there_is_one(nobody: None) -> None:
    secret = secret_in(links.admin_link() or "")
    assert links.link_read(secret).purpose == "admin"
    first = User.objects.create(username="first", name="第一")
    first.roles.add(Role.objects.get(key="administrator"))
    with pytest.raises(NotFound):
        links.link_read(secret)
    with pytest.raises(NotFound):
        links.admin_link_use(secret, username="second", name="第二", email="s@guanxi.example", password=NEW)
    assert not User.objects.filter(username="second").exists()


def test_page(cast: Any) -> None:
    secret = secret_in(links.link_create(cast.root, cast.alice_user, "invite"))
    client, address = Client(), f"/account/link/{secret}/"
    page = client.get(address)
    assert (page.status_code, page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == (
        200,
        "same-origin",  # with "no-referrer" browsers send "Origin: null" with the form, and it is refused
        "no-store",
    )
    assert "林爱丽" in page.content.decode()
    assert client.post(address, {"password": NEW, "again": NEW + "x"}).status_code == 422
    assert client.post(address, {"password": "password12", "again": "password12"}).status_code == 422
    assert client.post(address, {"password": NEW, "again": NEW}).headers["Location"] == "/account/login/?done=password"
    assert client.post(address, {"password": NEW, "again": NEW}).status_code == 404
    assert client.post("/account/login/", {"login": "alice", "password": NEW}).status_code == 302


def test_invitation_goes_out_by_mail_in_the_persons_language(cast: Any) -> None:
    User.objects.filter(pk=cast.alice_user.pk).update(language="en", password="!none")
    inviting.user_invite(cast.root, cast.alice_user)
    assert jobs.invitation_send(cast.alice_user.pk)
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["alice@guanxi.example"], "Your account in Guanxi")
    address = next(line for line in message.body.splitlines() if line.startswith("http"))
    assert links.link_read(secret_in(address)).purpose == "invite"
    password_of(User.objects.get(pk=cast.alice_user.pk))
    assert jobs.invitation_send(cast.alice_user.pk)
    assert mail.outbox[1].subject == "A new password for Guanxi"


def test_invitation_needs_the_right_and_a_mail(cast: Any) -> None:
    with pytest.raises(Denied):
        inviting.user_invite(cast.bob, cast.alice_user)
    cast.alice_user.email = ""
    with pytest.raises(Invalid) as caught:
        inviting.user_invite(cast.root, cast.alice_user)
    assert caught.value.code == "user.no_email"


def test_reset_by_mail_tells_nobody_whether_the_name_is_known(cast: Any) -> None:
    password_of(cast.alice_user)
    pages = []
    for login in ("alice", "nobody"):
        answer = Client(headers={"Accept-Language": "en"}).post("/account/password/reset/", {"login": login})
        pages.append((answer.status_code, answer.content.decode().replace(login, "")))
    assert pages[0][0] == pages[1][0] == 200
    assert strip_csrf(pages[0][1]) == strip_csrf(pages[1][1])
    assert not mail.outbox
    assert (jobs.reset_send("ALICE"), jobs.reset_send("nobody"), jobs.reset_send("dave")) == (True, False, True)
    assert [message.to for message in mail.outbox] == [["alice@guanxi.example"], ["dave@guanxi.example"]]
    assert User.objects.get(pk=cast.alice_user.pk).check_password(PASSWORD)


def strip_csrf(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrf" not in line)


def test_reset_wishes_are_limited(cast: Any) -> None:
    with clock.moved_to(NOON):
        codes = [Client().post("/account/password/reset/", {"login": "alice"}).status_code for _n in range(6)]
        assert codes == [200] * 5 + [429]
        assert Client().post("/account/login/", {"login": "alice", "password": "x"}).status_code == 422


# -- the first start -----------------------------------------------------------------------------------------------------


@pytest.fixture
def nobody_yet(nobody: None) -> None:
    assert not User.objects.exists()


def test_first_administrator(nobody_yet: None) -> None:
    address = links.admin_link()
    assert address is not None
    secret = secret_in(address)
    client = Client()
    form = {"username": "chef", "name": "王老板", "email": "chef@guanxi.example", "password": NEW, "again": NEW}
    assert client.post(f"/account/link/{secret}/", {**form, "username": "no spaces here"}).status_code == 422
    assert not User.objects.exists()
    assert client.post(f"/account/link/{secret}/", form).status_code == 303
    user = User.objects.get()
    assert (user.username, user.name, [role.key for role in user.roles.all()]) == ("chef", "王老板", ["administrator"])
    assert client.post("/account/login/", {"login": "chef", "password": NEW}).status_code == 302
    assert client.get("/people/roles/").status_code == 200
    assert links.admin_link() is None
    assert client.post(f"/account/link/{secret}/", {**form, "username": "second"}).status_code == 404
    assert User.objects.count() == 1
    assert AuditEntry.objects.filter(entity="core_user", actor_name="first start").exists()


def test_a_second_start_prints_a_new_link_and_ends_the_first(nobody_yet: None) -> None:
    first, second = links.admin_link(), links.admin_link()
    assert first is not None
    assert second is not None
    with pytest.raises(NotFound):
        links.link_read(secret_in(first))
    assert links.link_read(secret_in(second)).purpose == "admin"


def test_a_reset_link_makes_no_administrator(cast: Any) -> None:
    secret = secret_in(links.link_create(cast.root, cast.alice_user, "reset"))
    before = User.objects.count()
    with pytest.raises(NotFound):
        links.admin_link_use(secret, username="evil", name="E", email="", password=NEW)
    assert User.objects.count() == before
    assert Role.objects.get(key="administrator").users.count() == 1
