"""Lines written with their record: as one call, one form, one operation; under rights; settled by whatever way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from guanxi.areas.catalog.models import PriceBook, PriceEntry
from guanxi.core import records
from guanxi.core.kernel.errors import Conflict, Denied, Invalid
from guanxi.core.models import AuditEntry
from guanxi.core.people import tokens
from guanxi.core.records import lines
from guanxi.core.schema.registry import entity_of
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


def test_a_line_takes_unit_and_tax_of_its_product_before_what_is_usual(cast: Cast, make: Any) -> None:
    service = make("catalog.product", unit="day", tax_class="6")
    lines = [{"product": service.pk}, {"name": "杂项", "price": "5"}, {"product": service.pk, "tax_class": "9"}]
    made = records.create(
        cast.root, "billing.quote", {"name": "报价", "customer": make("customers.customer").pk, "lines": lines}
    )
    found = [(one.unit, one.tax_class) for one in made.lines.order_by("position")]
    assert found == [("day", "6"), ("piece", "13"), ("day", "9")]


def test_a_negative_quantity_is_told_where_it_stands_and_halves_are_rounded_up(cast: Cast, make: Any) -> None:
    given = {"name": "报价", "customer": make("customers.customer").pk}
    with pytest.raises(Invalid) as refused:
        records.create(
            cast.root, "billing.quote", {**given, "lines": [{"name": "杂项", "quantity": "-1", "price": "5"}]}
        )
    assert list(refused.value.errors) == ["lines.0.quantity"]
    paid = {"customer": given["customer"], "amount": "12.345", "received_on": "2026-01-02"}
    receipt = records.create(cast.root, "billing.receipt", paid)
    assert receipt.amount == Decimal("12.35")


BOOK = "catalog.pricebook"


def spec() -> Any:
    return entity_of(BOOK).lines[0]


def told(book: Any) -> list[tuple[int, Decimal, Decimal]]:
    return [(row.product_id, row.from_quantity, row.price) for row in lines.stored(book, spec())]


def made(cast: Cast, make: Any, count: int = 2) -> tuple[Any, list[Any]]:
    products = [make("catalog.product") for _one in range(count)]
    rows = [{"product": one.pk, "price": 10 * number} for number, one in enumerate(products, 1)]
    return records.create(cast.root, BOOK, {"name": "标准", "currency": "CNY", "entries": rows}), products


def test_created_changed_reordered_removed_in_one_call_and_taken_back(cast: Cast, make: Any) -> None:
    book, (first, second) = made(cast, make)
    assert told(book) == [(first.pk, 1, 10), (second.pk, 1, 20)]
    stored = lines.stored(book, spec())
    third = make("catalog.product")
    changed = records.update(
        cast.root,
        book,
        {"entries": [{"product": third.pk, "price": 5}, {"id": stored[1].pk, "price": "22.5"}]},
    )
    assert told(changed) == [(third.pk, 1, 5), (second.pk, 1, Decimal("22.5"))]
    assert PriceEntry.everything.get(pk=stored[0].pk).deleted_at is not None
    assert AuditEntry.objects.filter(entity="catalog_priceentry", operation_id=changed.operation_id).count() == 3
    result = records.undo(cast.root, changed.operation_id)
    assert result.skipped == []
    assert told(book) == [(first.pk, 1, 10), (second.pk, 1, 20)]


def test_what_does_not_change_is_not_written(cast: Cast, make: Any) -> None:
    book, (first, _second) = made(cast, make)
    rows = [{"id": row.pk, "product": row.product_id, "price": row.price} for row in lines.stored(book, spec())]
    same = records.update(cast.root, book, {"entries": rows})
    assert (same.version, told(same)[0][0]) == (book.version, first.pk)


def test_errors_stand_at_their_cells_and_nothing_is_written(cast: Cast, make: Any) -> None:
    product = make("catalog.product")
    rows = [
        {"product": product.pk, "price": 1},
        {"product": 999_999, "price": "viel"},
        {"price": 3},
    ]
    with pytest.raises(Invalid) as error:
        records.create(cast.root, BOOK, {"name": "错", "currency": "CNY", "entries": rows})
    assert {name: [one.code for one in found] for name, found in error.value.errors.items()} == {
        "entries.1.product": ["reference.unknown"],
        "entries.1.price": ["number.format"],
    }
    with pytest.raises(Invalid) as error:
        records.create(cast.root, BOOK, {"name": "错", "currency": "CNY", "entries": [rows[0], rows[2]]})
    assert {name: found[0].code for name, found in error.value.errors.items()} == {
        "entries.1.product": "value.required"
    }
    with pytest.raises(Invalid) as error:
        records.create(cast.root, BOOK, {"name": "错", "currency": "CNY", "entries": [rows[0], rows[0]]})
    assert list(error.value.errors) == ["entries.1.from_quantity"]
    assert not PriceBook.objects.exists()
    assert not PriceEntry.objects.exists()


def test_others_changes_are_noticed(cast: Cast, make: Any) -> None:
    book, _products = made(cast, make)
    seen = lines.marks_of(lines.stored(book, spec()))
    records.update(cast.root, book, {"entries": []})
    with pytest.raises(Conflict) as error:
        records.update(cast.root, book, {"entries": []}, version=book.version, original={"entries": seen})
    assert [one.field for one in error.value.clashes] == ["entries"]


def test_lines_go_to_the_trash_and_come_back_with_their_record(cast: Cast, make: Any) -> None:
    bundle = make("catalog.product", is_bundle=True)
    part = make("catalog.product")
    with pytest.raises(Denied):
        records.update(cast.alice, bundle, {"parts": [{"product": part.pk, "quantity": 2}]})
    assert lines.stored(bundle, entity_of("catalog.product").lines[0]) == []
    bundle = records.update(cast.root, bundle, {"parts": [{"product": part.pk, "quantity": 2}]})
    assert [row.quantity for row in lines.stored(bundle, entity_of("catalog.product").lines[0])] == [2]


def test_the_api_nests_lines(cast: Cast, make: Any) -> None:
    _token, secret = tokens.token_create(cast.root, cast.root_user, name="lines", scopes=["read", "write"])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    product = make("catalog.product")
    given = {"name": "接口", "currency": "CNY", "entries": [{"product": product.pk, "price": "12.50"}]}
    answer = client.post("/api/v1/price-books", given, content_type="application/json")
    assert answer.status_code == 201, answer.content
    (line,) = answer.json()["entries"]
    assert (line["product"], line["price"], line["from_quantity"]) == (product.pk, "12.5000", "1.0000")
    url = answer["Location"]
    again = client.patch(url, {"entries": [line, {**line, "id": None, "from_quantity": 10, "price": 9}]}, content_type="application/json")  # fmt: skip
    assert [one["price"] for one in again.json()["entries"]] == ["12.5000", "9.0000"]
    wrong = client.patch(url, {"entries": [{"product": product.pk, "price": -1}]}, content_type="application/json")
    assert wrong.status_code == 422
    assert [(one["field"], one["code"]) for one in wrong.json()["errors"]] == [("entries.0.price", "value.negative")]


def test_the_form_works_without_scripts(cast: Cast, make: Any) -> None:
    client = browser(cast.root_user)
    product = make("catalog.product", name="轴承", code="ZC-1")
    page = client.get("/price-books/new/")
    assert b'name="entries.0.product.text"' in page.content
    sent = {
        "name": "表单", "currency": "CNY", "active": "1", "entries.sent": "1", "entries.marks": "",
        "entries.0.product": "", "entries.0.product.text": "ZC-1", "entries.0.from_quantity": "1", "entries.0.price": "8.80",
        "entries.1.product": "", "entries.1.product.text": "", "entries.1.from_quantity": "1", "entries.1.price": "",
    }  # fmt: skip
    more = client.post("/price-books/new/", {**sent, "_then": "lines"})
    assert more.status_code == 200
    assert b'name="entries.5.price"' in more.content
    assert not PriceBook.objects.exists()
    check = client.post("/price-books/lines/entries/", {**sent, "entries.0.price": "x"})
    assert list(check.json()["rows"]["0"]["errors"]) == ["price"]
    assert client.post("/price-books/new/", sent).status_code in (302, 303)
    book = PriceBook.objects.get(name="表单")
    assert told(book) == [(product.pk, 1, Decimal("8.8"))]
    shown = client.get(f"/price-books/{book.pk}/").content.decode()
    assert "gx-lines-read" in shown
    assert "8.8" in shown
    edit = client.get(f"/price-books/{book.pk}/edit/").content.decode()
    assert "轴承" in edit
