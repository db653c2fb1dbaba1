"""Whose the money to come in is, and on whose Today it stands."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.areas.billing import reports
from guanxi.areas.billing.models import Instalment
from guanxi.core import records
from guanxi.core.reporting import tiles
from guanxi.core.reporting.engine import run
from guanxi.core.reporting.spec import read
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


def test_planned_money_is_the_documents_owners_and_follows_him(cast: Cast, make: Any) -> None:
    line = {"name": "泵", "quantity": 1, "price": 100, "tax_class": "0"}
    halves = [{"name": "一半", "percent": 50}, {"name": "另一半", "percent": 50}]
    owner = cast.alice.user_id
    values = {"name": "二期", "customer": make("customers.customer").pk, "currency": "CNY", "owner": owner}
    made = records.create(cast.root, "billing.contract", {**values, "lines": [line], "instalments": halves})
    assert list(Instalment.objects.values_list("owner_id", flat=True)) == [owner, owner]
    records.update(cast.root, made, {"owner": cast.bob.user_id})
    assert set(Instalment.objects.values_list("owner_id", flat=True)) == {cast.bob.user_id}


def test_figures_of_the_books_stand_with_those_who_keep_them(cast: Cast) -> None:
    books = {"instalments-overdue", "instalments-due", "invoices-requested", "entries-new"}
    assert books <= {tile.key for tile, _result in tiles.tiles_for(cast.root)}
    assert (reports.BOOKS(cast.root), reports.BOOKS(cast.dave)) == (True, False)
    assert not books & {tile.key for tile, _result in tiles.tiles_for(cast.dave)}


def test_an_amount_of_another_record_is_added_up_where_there_is_none(cast: Cast, make: Any) -> None:
    line = {"name": "泵", "quantity": 1, "price": 100, "tax_class": "0"}
    order = make(
        "billing.order",
        customer=make("customers.customer").pk,
        lines=[line],
        instalments=[{"name": "全款", "amount": 100}],
    )
    assert Instalment.objects.get().order_id == order.pk
    for rows in ([], [{"field": "customer"}]):
        told = run(
            cast.root,
            read(
                {"dataset": "billing.instalment", "rows": rows, "measures": [{"how": "sum", "field": "contract.total"}]}
            ),
        )
        assert told.notes == ()
