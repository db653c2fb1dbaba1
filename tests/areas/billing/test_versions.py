"""Two versions of a quote side by side: terms, lines and amounts, and only what the reader sees in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.areas.billing import selectors
from guanxi.areas.billing.models import Quote
from guanxi.areas.billing.selectors.versions import Part
from guanxi.areas.billing.services import quotes
from guanxi.core import records
from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.records import figures
from tests.core.web.conftest import browse  # noqa: F401 - a fixture
from tests.factories.billing import quote_of
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(cast: Cast, make: Any) -> tuple[Quote, Quote]:
    """A quote as it was sent, and its second version: one line dearer, one left out, one more, other terms."""
    first = quote_of(cast, make, terms="交货 30 天。现场安装。\n质保一年。", currency="CNY")
    first = quotes.quote_send(cast.alice, first)
    second = quotes.quote_revise(cast.alice, first)
    head, pump, loose, _more = second.lines.order_by("position")
    rows = [{"id": head.pk}, {"id": pump.pk, "price": "120"}, {"id": loose.pk}, {"name": "运费", "quantity": 1, "price": "50", "tax_class": "13"}]  # fmt: skip
    changed = {"lines": rows, "terms": "交货 20 天。现场安装。\n质保一年。", "discount_amount": "5"}
    return Quote.objects.get(pk=first.pk), records.update(cast.alice, second, changed)


def test_what_differs_is_told_line_by_line(cast: Cast, two: tuple[Quote, Quote]) -> None:
    found = selectors.compared(cast.alice, *two)
    assert not found.same
    assert [(one.sort, one.heading) for one in found.lines] == [
        ("same", True), ("changed", False), ("changed", False), ("removed", False), ("added", False),
    ]  # fmt: skip
    dearer = {one.field.name: (one.before, one.after, one.change) for one in found.lines[1].cells if one.differs}
    assert dearer["price"] == ("¥100", "¥120", "+¥20")
    terms = {one.field.name: one for one in found.terms if one.differs}
    assert set(terms) == {"terms", "discount_amount", "off"}
    assert terms["terms"].parts == [
        Part("gone", "交货 30 天。"), Part("new", "交货 20 天。"), Part("same", "现场安装。\n质保一年。"),
    ]  # fmt: skip
    total = next(one for one in found.totals if one.field.name == "total")
    assert total.change == "+" + figures.money(two[1].total - two[0].total, "CNY")
    same = selectors.compared(cast.alice, two[1], two[1])
    assert same.same


def test_the_same_product_twice_and_lines_that_moved_are_each_others(cast: Cast, two: tuple[Quote, Quote]) -> None:
    first, second = two
    rows = list(second.lines.order_by("position"))
    moved = [rows[0], rows[2], rows[1], rows[3]]
    records.update(cast.alice, Quote.objects.get(pk=second.pk), {"lines": [{"id": one.pk} for one in moved]})
    sorts = [one.sort for one in selectors.compared(cast.alice, first, Quote.objects.get(pk=second.pk)).lines]
    assert sorts.count("added") == sorts.count("removed") == 1


def test_the_page_is_reached_from_the_quote_in_both_languages(
    two: tuple[Quote, Quote],
    browse: Callable[..., Client],  # noqa: F811
) -> None:
    first, second = two
    for language, words in (
        ("zh-hans", ("第 1 版", "第 2 版", "新增", "删去", "改动", "+¥20", "另有 1 项相同")),
        ("en", ("Version 1", "Version 2", "Added", "Removed", "Altered", "+¥20", "1 item is the same")),
    ):
        client = browse("alice", language)
        address = f"/quotes/{second.pk}/versions/?old={first.pk}&amp;new={second.pk}"
        for one in two:
            assert client.get(f"/quotes/{one.pk}/").content.decode().count("versions/?old=") == 1
        assert address in client.get(f"/quotes/{second.pk}/").content.decode()
        page = client.get(address.replace("&amp;", "&")).content.decode()
        assert all(word in page for word in words), [word for word in words if word not in page]
        assert client.get(f"/quotes/{second.pk}/versions/").content.decode().count("<del>") == page.count("<del>")
        whole = client.get(f"{address.replace('&amp;', '&')}&all=1").content.decode()
        assert "硬件" in whole
        assert "硬件" not in page


def test_what_is_hidden_from_a_role_is_not_compared(
    cast: Cast,
    two: tuple[Quote, Quote],
    make: Any,
    browse: Callable[..., Client],  # noqa: F811
) -> None:
    address = f"/quotes/{two[1].pk}/versions/"
    assert browse("charlie").get(address).status_code == 404
    RoleField.objects.bulk_create(
        [
            RoleField(role=cast.role, entity="billing.quote", field="total", level="hidden"),
            RoleField(role=cast.role, entity="billing.quoteline", field="price", level="masked"),
        ]
    )
    bump("rights")
    alice = cast.actor(cast.alice_user)
    found = selectors.compared(alice, *two)
    assert "total" not in {one.field.name for one in found.totals}
    assert "price" not in {one.field.name for line in found.lines for one in line.cells}
    alone = make("billing.quote", owner=cast.alice_user)
    assert "versions/?old=" not in browse("alice").get(f"/quotes/{alone.pk}/").content.decode()
