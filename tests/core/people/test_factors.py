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
from django.test import Client

from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied
from guanxi.core.people import users
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
