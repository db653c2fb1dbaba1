"""Asking for an invoice is a right of its own: those who keep the books have it on contracts they may not change."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from guanxi.areas.billing.models import Invoice
from guanxi.areas.billing.services import orders
from guanxi.core import access, records
from guanxi.core.automation.doing import action_do
from guanxi.core.kernel.errors import Denied, NotFound
from guanxi.core.models import Role, RoleRight
from guanxi.core.models.stamps import bump
from guanxi.core.people import shares
from tests.factories.billing import signed
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
CONTRACT = "billing.contract"


def _role(cast: Cast, key: str) -> Any:
    """Dave, with one of the roles of the base data."""
    cast.dave_user.roles.set([Role.objects.get(key=key)])
    bump("rights", "people")
    return cast.actor(cast.dave_user)


def test_finance_asks_on_what_it_may_read_but_not_change(cast: Cast, make: Any) -> None:
    contract = signed(make, owner=cast.alice_user)
    finance = _role(cast, "finance")
    assert not access.allowed(finance, "change", contract)
    page = browser(cast.dave_user).get(f"/contracts/{contract.pk}/").content.decode()
    assert f"/contracts/{contract.pk}/do/invoice/" in page
    assert f"/contracts/{contract.pk}/edit/" not in page
    sent = browser(cast.dave_user).post(f"/contracts/{contract.pk}/do/invoice/", {"amount": "50", "sort": "special"})
    assert sent.status_code == 303
    made = Invoice.objects.get()
    assert (made.contract_id, made.amount, made.owner_id, made.created_by_id) == (contract.pk, 50, cast.alice_user.pk, cast.dave_user.pk)  # fmt: skip
    with pytest.raises(Denied):
        records.update(finance, contract, {"name": "x"})
    order = orders.order_confirm(cast.root, make("billing.order", owner=cast.alice_user, lines=[{"name": "泵", "quantity": 1, "price": "80", "tax_class": "13"}]))  # fmt: skip
    action_do(finance, order, "invoice", {})
    assert Invoice.objects.count() == 2


@pytest.mark.parametrize("key", ["reader", "member"])
def test_who_only_reads_asks_for_nothing(cast: Cast, make: Any, key: str) -> None:
    contract = signed(make, owner=cast.alice_user)
    actor = _role(cast, key)
    with pytest.raises((Denied, NotFound)):
        action_do(actor, contract, "invoice", {})
    shown = browser(cast.dave_user).get(f"/contracts/{contract.pk}/")
    assert f"/contracts/{contract.pk}/do/invoice/" not in shown.content.decode()
    assert not Invoice.objects.exists()


def test_a_colleagues_contract_is_seen_not_billed_unless_shared_to_write(cast: Cast, make: Any) -> None:
    contract = signed(make, owner=cast.alice_user)
    with pytest.raises(Denied):
        action_do(cast.bob, contract, "invoice", {})
    shares.share_set(cast.root, contract.customer, cast.bob_user, level="read")
    with pytest.raises(Denied):
        action_do(cast.actor(cast.bob_user), contract, "invoice", {})
    shares.share_set(cast.root, contract.customer, cast.bob_user, level="write")
    assert action_do(cast.actor(cast.bob_user), contract, "invoice", {}).amount == contract.total
    assert access.explain(cast.actor(cast.bob_user), contract, action="invoice").allowed


def test_roles_that_were_there_keep_what_they_could_do(base_data: None) -> None:
    own = Role.objects.create(key="own", name="自定", name_en="Own")
    RoleRight.objects.bulk_create(
        [RoleRight(role=own, entity=CONTRACT, action=one, scope="department") for one in ("view", "change")]
    )
    before = {(one.role.key, one.entity, one.scope) for one in RoleRight.objects.filter(action="invoice").select_related("role")}  # fmt: skip
    move = import_module("guanxi.areas.billing.migrations.0007_asking_for_invoices")
    with connection.cursor() as cursor:
        cursor.execute(move._TAKE)
        assert not RoleRight.objects.filter(action="invoice").exists()
        cursor.execute(move._GIVE)
    after = {(one.role.key, one.entity, one.scope) for one in RoleRight.objects.filter(action="invoice").select_related("role")}  # fmt: skip
    assert after == before | {("own", CONTRACT, "department")}
    assert ("finance", CONTRACT, "all") in after
