"""Saving: values are checked at their field, two edits that do not clash both stay, references must be visible."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guanxi.core import records
from guanxi.core.kernel.errors import Conflict, Denied, Invalid
from guanxi.core.models import AuditEntry, NumberCounter, Numbering, OutboxEvent, RoleField
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast


def test_every_wrong_value_is_named_at_its_field_and_nothing_is_stored(cast: Cast) -> None:
    given = {
        "name": "", "pieces": "viele", "price": "1e99", "made_on": "2026-02-30", "state": "lost", "email": "nobody",
        "phones": ["12"], "region": "999999", "keeper": 999_999, "colours": {}, "site": "not a site", "active": "perhaps",
        "lines": [{"what": "x", "amount": "y"}], "note": "x" * 100_001, "unknown": 1,
    }  # fmt: skip
    before = (AuditEntry.objects.count(), OutboxEvent.objects.count())
    with pytest.raises(Invalid) as caught:
        records.create(cast.alice, "fakes.gadget", given)
    assert {name: errors[0].code for name, errors in caught.value.errors.items()} == {
        "name": "value.required", "pieces": "number.format", "price": "number.too_large", "made_on": "date.format",
        "state": "choice.unknown", "email": "email.format", "phones": caught.value.errors["phones"][0].code,
        "region": "choice.unknown", "keeper": "reference.unknown", "site": "url.format", "active": "boolean.format",
        "lines.0.amount": "number.format", "note": "text.too_long", "unknown": "field.unknown",
    }  # fmt: skip
    assert (AuditEntry.objects.count(), OutboxEvent.objects.count()) == before


def test_edits_of_different_fields_both_stay(cast: Cast, make: Callable[..., Any]) -> None:
    seen = make("fakes.gadget", pieces=1, note="alt")
    records.update(cast.alice, seen, {"pieces": 2})
    stored = records.update(cast.alice, seen, {"note": "neu", "pieces": 1}, version=seen.version)
    assert (stored.pieces, stored.note, stored.version) == (2, "neu", 3)


def test_only_what_changed_is_written_and_what_may_have_been_changed_in_place(
    cast: Cast, make: Callable[..., Any]
) -> None:
    gadget = make("fakes.gadget", pieces=1, note="alt", phones=["+8613800138000"])
    with CaptureQueriesContext(connection) as asked:
        records.update(cast.alice, gadget, {"pieces": 2})
    (written,) = [one["sql"] for one in asked if one["sql"].startswith('UPDATE "fakes_gadget"')]
    names = set(re.findall(r'"(\w+)" = ', written.partition(" WHERE ")[0]))
    assert {"pieces", "version", "updated_at", "phones", "custom"} <= names
    assert names.isdisjoint({"note", "name", "created_at", "owner_id", "price"})


def test_a_clash_shows_three_values_and_stores_nothing(cast: Cast, make: Callable[..., Any]) -> None:
    seen = make("fakes.gadget", pieces=1, note="alt")
    records.update(cast.alice, seen, {"pieces": 2})
    with pytest.raises(Conflict) as caught:
        records.update(cast.alice, seen, {"pieces": 3, "note": "neu"}, version=seen.version, original={"pieces": "1"})
    assert [(one.field, one.mine, one.theirs, one.original) for one in caught.value.clashes] == [("pieces", 3, 2, 1)]
    assert records.get(cast.alice, "fakes.gadget", seen.pk).note == "alt"


@pytest.mark.parametrize("price", ["9e999999999999999999", "9e999999万", "1e400000000000000000亿"])
def test_a_number_beyond_all_bounds_is_refused(price: str, cast: Cast) -> None:
    with pytest.raises(Invalid) as caught:
        records.create(cast.alice, "fakes.gadget", {"name": "x", "price": price})
    assert caught.value.errors["price"][0].code in ("number.too_large", "number.format")


def test_a_reference_must_be_visible(cast: Cast, make: Callable[..., Any]) -> None:
    hidden = make("fakes.gadget", by=cast.charlie_user)
    with pytest.raises(Invalid) as caught:
        records.create(cast.alice, "fakes.gadget", {"name": "x", "parent": hidden.pk})
    assert caught.value.errors["parent"][0].code == "reference.unknown"


def test_handing_over_needs_assign(cast: Cast, make: Callable[..., Any]) -> None:
    bobs = make("fakes.gadget", by=cast.bob_user)
    with pytest.raises(Denied):
        records.update(cast.alice, bobs, {"owner": cast.alice_user.pk})
    assert records.get(cast.alice, "fakes.gadget", bobs.pk).owner_id == cast.bob_user.pk


def test_levels_hold_in_writing(cast: Cast, make: Callable[..., Any]) -> None:
    gadget = make("fakes.gadget", phones=["13800138000"], secret="abc")
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="phones", level="masked")
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="note", level="hidden")
    bump("rights")
    alice = cast.actor(cast.alice_user)
    for name, value, code in (
        ("phones", ["13900139000"], "field.readonly"),
        ("note", "x", "field.unknown"),
        ("secret", "x", "field.readonly"),
    ):
        with pytest.raises(Invalid) as caught:
            records.update(alice, gadget, {name: value})
        assert caught.value.errors[name][0].code == code
    assert records.display.value_text(alice, "fakes.gadget", gadget, "phones") == "138****8000"
    assert records.display.value_text(alice, "fakes.gadget", gadget, "note") == ""
    stored = records.get(cast.root, "fakes.gadget", gadget.pk)
    assert (stored.phones[0]["value"], stored.version) == ("+8613800138000", 1)


@pytest.mark.parametrize("gap_free", [True, False])
def test_numbers_follow_their_rule(cast: Cast, gap_free: bool) -> None:
    Numbering.objects.create(
        entity="fakes.gadget", field="number", format="G{yyyy}-{seq:4}", reset="year", gap_free=gap_free, start=7
    )
    bump("numbering")
    first, second = (records.create(cast.alice, "fakes.gadget", {"name": name}) for name in ("a", "b"))
    assert (first.number[5:], second.number[5:]) == ("-0007", "-0008")
    made = records.bulk.create_many(
        cast.alice, "fakes.gadget", [{"name": "c"}, {"name": ""}, {"name": "d", "number": "own"}, {"name": "e"}]
    )
    assert [getattr(one, "number", None) for one in made] == [
        f"{first.number[:5]}-0009",
        None,
        "own",
        f"{first.number[:5]}-0010",
    ]
    assert isinstance(made[1], Invalid)
    assert NumberCounter.objects.filter(last=10).count() == int(gap_free)


def test_identity_numbers_are_masked_as_such(cast: Cast, make: Callable[..., Any]) -> None:
    gadget = make("fakes.gadget", secret="440305199001011234")
    assert records.display.value_text(cast.alice, "fakes.gadget", gadget, "secret") == "440***********1234"


def test_a_field_without_a_name_is_unknown(cast: Cast, make: Callable[..., Any]) -> None:
    department = make("core.department")
    with pytest.raises(Invalid) as caught:
        records.update(cast.root, department, {"": "x"})
    assert caught.value.errors[""][0].code == "field.unknown"
