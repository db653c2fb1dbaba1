"""Tokens: shown once, stored hashed, limited by scope, ended by date, hand, password and deactivation."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from django.test import Client

from guanxi.core import access, records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from guanxi.core.mcp.server import Desk
from guanxi.core.models import ApiToken, Approval, ApprovalTurn, RoleRight
from guanxi.core.models.stamps import bump
from guanxi.core.people import users
from guanxi.core.people.tokens import token_authenticate, token_create, token_revoke, token_state, tokens_of
from tests.core.people.conftest import PASSWORD, password_of

NOON = dt.datetime(2026, 3, 5, 12, 0, tzinfo=dt.UTC)


def test_made_once_stored_hashed(cast: Any) -> None:
    token, secret = token_create(cast.alice, cast.alice_user, name="  ERP  ", scopes=["write", "read"])
    assert secret.startswith("gx_")
    assert len(secret) == 46
    assert (token.name, token.scopes, token.prefix) == ("ERP", ["read", "write"], secret[:8])
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(ApiToken.objects.values())


def test_scopes_limit_the_person(cast: Any, make: Any) -> None:
    record = make("fakes.gadget")
    _token, secret = token_create(cast.alice, cast.alice_user, name="reader", scopes=["read"])
    actor = token_authenticate(secret)
    assert actor is not None
    assert (actor.user_id, actor.via, actor.scopes) == (cast.alice_user.pk, "api", frozenset({"read"}))
    assert access.allowed(actor, "view", record)
    assert not access.allowed(actor, "change", record)
    assert access.allowed(cast.alice, "change", record)


@pytest.mark.parametrize("secret", ["", "gx_", "gx_" + "a" * 43, "Bearer", "gx_" + "a" * 4000])
def test_unknown_secrets_are_nobody(cast: Any, secret: str) -> None:
    token_create(cast.alice, cast.alice_user, name="t")
    assert token_authenticate(secret) is None


def test_expiry(cast: Any) -> None:
    with clock.moved_to(NOON):
        _token, secret = token_create(cast.alice, cast.alice_user, name="t", expires_at=NOON + dt.timedelta(days=1))
        assert token_authenticate(secret) is not None
    with clock.moved_to(NOON + dt.timedelta(days=1)):
        assert token_authenticate(secret) is None
        assert token_state(tokens_of(cast.alice, cast.alice_user)[0]) == "expired"


def test_last_use_is_stored_once_a_minute(cast: Any) -> None:
    token, secret = token_create(cast.alice, cast.alice_user, name="t")
    seen = []
    for seconds in (0, 30, 59, 60, 90):
        with clock.moved_to(NOON + dt.timedelta(seconds=seconds)):
            token_authenticate(secret)
        token.refresh_from_db()
        seen.append(int((token.last_used_at - NOON).total_seconds()))
    assert seen == [0, 0, 0, 60, 60]


def test_revoked_by_owner_or_administrator_only(cast: Any) -> None:
    token, secret = token_create(cast.alice, cast.alice_user, name="t")
    with pytest.raises(NotFound):
        token_revoke(cast.bob, token)
    assert token_authenticate(secret) is not None
    token_revoke(cast.root, token)
    assert token_authenticate(secret) is None
    assert token_state(token) == "revoked"


def test_deactivation_password_and_role_change_reach_the_token(cast: Any) -> None:
    password_of(cast.alice_user)
    secrets = [
        token_create(cast.root, user, name="t", scopes=["read", "write"])[1]
        for user in (cast.alice_user, cast.bob_user, cast.charlie_user)
    ]
    users.user_deactivate(cast.root, cast.alice_user)
    users.user_roles_set(cast.root, cast.bob_user, [])
    password_of(cast.charlie_user)
    users.password_change(cast.charlie, cast.charlie_user, old=PASSWORD, new="hold the door, Hodor")
    assert token_authenticate(secrets[0]) is None
    bob = token_authenticate(secrets[1])
    assert bob is not None
    assert bob.rights.reach == {}
    assert token_authenticate(secrets[2]) is None
    users.user_reactivate(cast.root, cast.alice_user)
    assert token_authenticate(secrets[0]) is None
    assert [token_state(token) for token in tokens_of(cast.root, cast.alice_user)] == ["ended"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"expires_at": NOON}, "expires_at"),
        ({"expires_at": NOON + dt.timedelta(days=3000)}, "expires_at"),
    ],
)
def test_bad_values_are_told_by_field(cast: Any, values: dict[str, Any], field: str) -> None:
    with clock.moved_to(NOON), pytest.raises(Invalid) as caught:
        token_create(cast.alice, cast.alice_user, **{"name": "t", **values})
    assert list(caught.value.errors) == [field]
    assert not ApiToken.objects.exists()


def test_not_for_others_and_not_by_tokens(cast: Any) -> None:
    with pytest.raises(Denied):
        token_create(cast.bob, cast.alice_user, name="t")
    _token, secret = token_create(cast.alice, cast.alice_user, name="t", scopes=["read", "write"])
    by_token = token_authenticate(secret)
    assert by_token is not None
    with pytest.raises(Denied) as caught:
        token_create(by_token, cast.alice_user, name="more")
    assert caught.value.code == "token.by_token"
    with pytest.raises(Denied):
        tokens_of(cast.bob, cast.alice_user)
    assert ApiToken.objects.count() == 1


def test_page_shows_the_secret_once(signed_in: Any, cast: Any) -> None:
    client = signed_in(cast.alice_user)
    page = client.post("/account/tokens/", {"name": "ERP", "scopes": ["read"], "days": "30"}).content.decode()
    token = ApiToken.objects.get()
    secret = page.split('value="gx_')[1].split('"')[0]
    assert hashlib.sha256(f"gx_{secret}".encode()).hexdigest() == token.digest
    assert secret not in client.get("/account/tokens/").content.decode()
    answer = client.post("/account/tokens/", {"name": "", "days": "30"})
    assert answer.status_code == 422
    assert ApiToken.objects.count() == 1
    client.post(f"/account/tokens/{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_token_that_may_read_only_changes_nothing_by_any_way(cast: Any, make: Any) -> None:
    """Also where no right is asked because it is one's own: taking back, deciding, comments, notices."""
    gadget = make("fakes.gadget", name="泵")
    step = records.delete(cast.alice, gadget)
    _token, secret = token_create(cast.alice, cast.alice_user, name="reader", scopes=["read"])
    reader = token_authenticate(secret)
    assert reader is not None
    with pytest.raises(Denied) as caught:
        records.undo(reader, step.pk)
    assert str(caught.value.message) == "此令牌只能读取。" or "read only" in str(caught.value.message)
    assert not records.can_undo(cast.bob, step)
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.post(f"/api/v1/operations/{step.pk}/undo").status_code == 403
    assert type(gadget).everything.get(pk=gadget.pk).deleted_at is not None
    tool = Desk(secret)
    assert "undone" not in tool.undo(step.pk)
    approval = Approval.objects.create(
        entity="fakes.gadget",
        record_id=gadget.pk,
        action="change",
        applicant=cast.bob_user,
        state="pending",
        step=0,
        path=[{}],
    )
    ApprovalTurn.objects.create(
        approval=approval, round=approval.round, step=0, position=1, user=cast.alice_user, state="asked"
    )
    assert (
        program.post(f"/api/v1/approvals/{approval.pk}/approve", {}, content_type="application/json").status_code == 403
    )
    approval.refresh_from_db()
    assert approval.state == "pending"


def test_taking_back_needs_the_right_one_once_had(cast: Any, make: Any) -> None:
    gadget = make("fakes.gadget", name="泵")
    step = records.delete(cast.alice, gadget)
    RoleRight.objects.filter(role=cast.role, entity="fakes.gadget", action="delete").delete()
    bump("rights")
    alice = cast.actor(cast.alice_user)
    assert not records.can_undo(alice, step)
    with pytest.raises(Denied):
        records.undo(alice, step.pk)
    assert type(gadget).everything.get(pk=gadget.pk).deleted_at is not None
