"""The second factor: an app, recovery codes, and how often a code may be guessed."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import struct
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.templatetags.static import static
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import AccessEntry, ApiToken, AuditEntry
from guanxi.core.people import factors, tokens, users
from tests.core.people.conftest import PASSWORD

AGAIN = "/account/reauthenticate/"
CODE = "/account/2fa/authenticate/"


def code_of(secret: str) -> str:
    """The six digits an app shows now (RFC 6238)."""
    count = int(time.time()) // 30
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", count), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


@pytest.fixture
def secret(signed_in: Any, cast: Any) -> str:
    """Alice has connected an app; its secret."""
    client = signed_in(cast.alice_user)
    asked = client.get("/account/2fa/totp/activate/")
    assert asked.headers["Location"].startswith(AGAIN)
    assert client.post(asked.headers["Location"], {"password": "wrong"}).status_code == 200
    assert client.post(asked.headers["Location"], {"password": PASSWORD}).status_code == 302
    page = client.get("/account/2fa/totp/activate/").content.decode()
    assert "data:image/svg+xml;base64," in page
    found = page.split('<code class="user-select-all">')[1].split("<")[0]
    assert client.post("/account/2fa/totp/activate/", {"code": "abcdef"}).status_code == 200
    assert not Authenticator.objects.exists()
    answer = client.post("/account/2fa/totp/activate/", {"code": code_of(found)})
    assert answer.headers["Location"] == "/account/2fa/recovery-codes/"
    return found


def half_way() -> Client:
    client = Client(headers={"Accept-Language": "en"})
    answer = client.post("/account/login/", {"login": "alice", "password": PASSWORD})
    assert answer.headers["Location"] == CODE
    assert client.get("/account/").status_code == 302
    return client


def test_password_alone_is_no_longer_enough(secret: str) -> None:
    client = half_way()
    wrong = client.post(CODE, {"code": "000000"})
    assert wrong.status_code == 422
    assert client.get("/account/").status_code == 302
    assert client.post(CODE, {"code": code_of(secret)}).status_code == 302
    assert client.get("/account/security/").status_code == 200


def test_a_recovery_code_works_once(secret: str, cast: Any) -> None:
    codes = Authenticator.objects.get(user=cast.alice_user, type="recovery_codes").wrap().get_unused_codes()
    assert len(codes) == 10
    assert half_way().post(CODE, {"code": codes[0]}).status_code == 302
    assert half_way().post(CODE, {"code": codes[0]}).status_code == 422


def told(answer: Any) -> str:
    """What a page says, without the form's own secret."""
    return "\n".join(line for line in answer.content.decode().splitlines() if "csrf" not in line)


def test_codes_are_not_to_be_guessed(secret: str) -> None:
    noon = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)
    with clock.moved_to(noon):
        client = half_way()
        assert [client.post(CODE, {"code": f"{n:06d}"}).status_code for n in range(5)] == [422] * 5
        blocked = client.post(CODE, {"code": code_of(secret)})
        assert told(blocked) == told(client.post(CODE, {"code": "123456"}))
        assert (blocked.status_code, blocked.headers["Retry-After"]) == (429, "60")
        assert "Try again in 60 seconds." in blocked.content.decode()
        assert half_way().post(CODE, {"code": code_of(secret)}).status_code == 429
    with clock.moved_to(noon + dt.timedelta(seconds=61)):
        assert half_way().post(CODE, {"code": code_of(secret)}).status_code == 302


def test_an_administrator_helps_who_lost_it(secret: str, cast: Any) -> None:
    with pytest.raises(Denied):
        users.second_factor_reset(cast.bob, cast.alice_user)
    assert Authenticator.objects.filter(user=cast.alice_user).count() == 2
    assert users.second_factor_reset(cast.root, cast.alice_user) == 2
    client = Client()
    assert client.post("/account/login/", {"login": "alice", "password": PASSWORD}).headers["Location"] == "/"


def test_all_pages_of_the_factor_open(secret: str, cast: Any) -> None:
    client = half_way()
    client.post(CODE, {"code": code_of(secret)})
    assert client.get("/account/2fa/reauthenticate/").status_code == 200
    client.post(AGAIN, {"password": PASSWORD})
    pages = (
        "recovery-codes/",
        "recovery-codes/generate/",
        "recovery-codes/download/",
        "totp/deactivate/",
        "webauthn/add/",
    )
    for address in pages:
        assert client.get(f"/account/2fa/{address}").status_code == 200, address
    assert client.post("/account/2fa/totp/deactivate/").status_code == 302
    assert not Authenticator.objects.filter(user=cast.alice_user).exists()


def test_passkey_options_are_for_everybody(db: None) -> None:
    answer = Client().get("/account/2fa/webauthn/login/", headers={"Accept": "application/json"})
    options = answer.json()["request_options"]["publicKey"]
    assert (options["rpId"], options["userVerification"]) == ("testserver", "required")
    assert len(options["challenge"]) >= 32


@pytest.fixture
def demanded(cast: Any) -> Any:
    """``demanded(of=…)``: the workspace demands a second factor from now on."""

    def demanded(**what: Any) -> factors.Demand:
        return factors.demand_set(cast.root, **{"of": "everybody", "days": "0", **what})

    return demanded


SETUP = "/account/second-factor/"


def test_nothing_but_its_set_up_opens_without_the_factor_that_is_demanded(
    signed_in: Any, cast: Any, demanded: Any
) -> None:
    client = signed_in(cast.alice_user)
    _token, secret = tokens.token_create(cast.alice, cast.alice_user, name="nightly")
    assert client.get("/account/").status_code == 200
    demanded()
    answer = client.get("/account/tokens/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{SETUP}?next=%2Faccount%2Ftokens%2F")
    assert client.post("/account/tokens/", {"name": "sneaky", "scopes": ["read"]}).status_code == 403
    assert ApiToken.objects.count() == 1
    part = client.get("/notifications/live/", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Redirect"]) == (403, SETUP)
    refused = client.get("/api/v1/users/")
    assert (refused.status_code, refused.json()["code"]) == (403, "account.factor_due")
    assert Client().get("/api/v1/users/", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    page = client.get(answer.headers["Location"])
    assert page.status_code == 200
    assert "Not now" not in page.content.decode()
    assert client.post(SETUP).status_code == 200
    assert client.get("/account/").status_code == 302


def test_setting_it_up_right_after_signing_in_asks_nothing_twice_and_leads_on(
    signed_in: Any, cast: Any, demanded: Any, django_capture_on_commit_callbacks: Any
) -> None:
    client = signed_in(cast.alice_user)
    demanded()
    client.get(f"{SETUP}?next=/account/tokens/")
    page = client.get("/account/2fa/totp/activate/")
    assert page.status_code == 200
    found = page.content.decode().split('<code class="user-select-all">')[1].split("<")[0]
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/account/2fa/totp/activate/", {"code": code_of(found)})
    assert answer.headers["Location"] == "/account/2fa/recovery-codes/"
    assert client.get("/account/2fa/recovery-codes/").status_code == 200
    assert client.get(SETUP).headers["Location"] == "/account/tokens/"
    assert client.get("/account/tokens/").status_code == 200
    noted = AccessEntry.objects.get(sort="factor_changed")
    assert (noted.actor_id, noted.details) == (cast.alice_user.pk, {"factor": "totp_activated"})
    client.post(AGAIN, {"password": PASSWORD})
    kept = client.post("/account/2fa/totp/deactivate/")
    assert "A second factor is demanded here" in kept.content.decode()
    assert factors.has_factor(cast.alice_user.pk)


def test_the_last_passkey_stays_too(signed_in: Any, cast: Any, demanded: Any) -> None:
    client = signed_in(cast.alice_user)
    key = Authenticator.objects.create(
        user=cast.alice_user, type="webauthn", data={"name": "key", "credential": {"clientExtensionResults": {}}}
    )
    Authenticator.objects.create(user=cast.alice_user, type="recovery_codes", data={"seed": "x", "used_mask": 0})
    demanded()
    client.post(AGAIN, {"password": PASSWORD})
    address = f"/account/2fa/webauthn/keys/{key.pk}/remove/"
    refused = client.post(address)
    assert (refused.status_code, Authenticator.objects.filter(pk=key.pk).exists()) == (409, True)
    factors.demand_set(cast.root, of="nobody")
    assert client.post(address).status_code == 302
    assert not Authenticator.objects.filter(user=cast.alice_user).exists()


def test_while_there_is_time_it_can_wait_until_the_next_sign_in(signed_in: Any, cast: Any, demanded: Any) -> None:
    client = signed_in(cast.alice_user)
    held = demanded(days="3")
    assert client.get("/account/").headers["Location"] == f"{SETUP}?next=%2Faccount%2F"
    assert "Not now" in client.get(f"{SETUP}?next=/account/").content.decode()
    assert client.get("/api/v1/users/").status_code == 200
    assert client.post(SETUP).headers["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    assert signed_in(cast.alice_user).get("/account/").status_code == 302
    with clock.moved_to(held.ends(cast.alice_user) + dt.timedelta(seconds=1)):
        client = signed_in(cast.alice_user)
        assert client.post(SETUP).status_code == 200
        assert client.get("/account/").status_code == 302


def test_it_is_asked_of_those_it_is_meant_for(cast: Any, demanded: Any) -> None:
    demanded(of="administrators")
    assert [factors.asked_of(one) for one in (cast.root, cast.alice)] == [True, False]
    assert [user.username for user in factors.asked_users()] == [cast.root_user.username]
    role = cast.alice_user.roles.first()
    demanded(of="roles", roles=[role.key])
    assert [factors.asked_of(one) for one in (cast.root, cast.alice)] == [False, True]
    assert cast.alice_user in factors.asked_users()
    with pytest.raises(Invalid):
        demanded(of="roles", roles=["unknown"])
    with pytest.raises(Denied):
        factors.demand_set(cast.alice, of="nobody")
    assert factors.demand().roles == (role.key,)


def test_the_days_count_anew_only_when_more_are_asked(cast: Any, demanded: Any) -> None:
    first = demanded(of="administrators", days="5")
    assert demanded(of="administrators", days="9").since == first.since
    with clock.moved_to(clock.now() + dt.timedelta(days=2)):
        assert demanded(of="everybody", days="9").since > first.since
        wide = factors.demand()
    told = AuditEntry.objects.filter(entity="core_preference").order_by("-id").first()
    assert told is not None
    assert [each["of"] for each in told.changes["second_factor"]] == ["administrators", "everybody"]
    assert told.actor_id == cast.root_user.pk
    with clock.moved_to(clock.now() + dt.timedelta(days=4)):
        assert demanded(of="administrators", days="9").since == wide.since, "fewer than before"


def test_what_an_administrator_took_away_stands_in_the_audit(secret: str, cast: Any) -> None:
    users.second_factor_reset(cast.root, cast.alice_user)
    told = AuditEntry.objects.filter(entity="core_user", changes__has_key="second_factor").get()
    assert (told.changes["second_factor"], told.actor_id) == ([["recovery_codes", "totp"], []], cast.root_user.pk)


def test_the_page_of_the_demand_names_who_is_held_up(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.root_user)
    address = "/people/second-factor/"
    assert client.get(address).status_code == 200
    wrong = client.post(address, {"of": "roles", "days": "91"})
    assert wrong.status_code == 422
    assert "Choose at least one role." in wrong.content.decode()
    assert factors.demand().of == "nobody"
    assert client.post(address, {"of": "everybody", "days": "7"}).status_code == 303
    assert client.get(address).headers["Location"].startswith(SETUP)
    client.post(SETUP)
    page = client.get(address).content.decode()
    assert f'href="/people/users/{cast.alice_user.pk}/"' in page
    assert "0 of " in page


def test_pages_for_one_person_are_kept_nowhere_and_files_say_for_themselves(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    for address in ("/", "/customers/", "/search/?q=x"):
        assert client.get(address).headers["Cache-Control"] == "no-store", address
    assert client.get("/customers/", headers={"HX-Request": "true"}).headers["Cache-Control"] == "no-store"
    assert "max-age" in client.get(static("guanxi/app.js")).headers["Cache-Control"]
