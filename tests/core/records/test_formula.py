"""Formulas over records, roll-ups that stay right, and what neither gives away."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections

from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.cel import FormulaError
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import CustomField, RoleField, stamps
from guanxi.core.models.stamps import bump
from guanxi.core.records import derived, formula, watching
from tests.factories.cast import Cast
from tests.fakes.models import Gadget, Part

pytestmark = pytest.mark.django_db


def field(entity: str, key: str, kind: str, **options: Any) -> None:
    rules = options.pop("rules", {})
    CustomField.objects.create(entity=entity, key=key, kind=kind, label_zh=key, options=options, rules=rules)
    watching.install()
    bump("fields")


@pytest.fixture(autouse=True)
def _as_stored(db: None) -> None:
    """What another test cached went with its transaction."""
    stamps.refresh()


@pytest.fixture
def gadget(make: Callable[..., Any]) -> Any:
    return make("fakes.gadget", name="钟", price="100", pieces=4, state="new")


def test_fields_references_choices_and_relations(cast: Cast, make: Callable[..., Any], gadget: Any) -> None:
    make("fakes.part", name="摆", gadget=gadget)
    child = make("fakes.gadget", name="表", parent=gadget, price="7.5")
    assert formula.evaluate("parent.price / parent.pieces + price", child).value == Decimal("32.5")
    assert formula.evaluate("label(state) + '·' + owner.name", child).value == "New·林爱丽"
    assert formula.evaluate("count('fakes.part.gadget')", gadget).value == 1
    assert formula.evaluate("sum('fakes.gadget.parent', 'price')", gadget).value == Decimal("7.5")
    assert formula.truth("me.name == '林爱丽'", gadget, actor=cast.alice)
    assert formula.check("fakes.gadget", "parent.owner.name").reads == ("parent.owner.name",)


def test_a_moment_belongs_to_the_day_of_the_time_zone(cast: Cast, gadget: Any) -> None:
    type(gadget).objects.filter(pk=gadget.pk).update(created_at=dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.UTC))
    gadget.refresh_from_db()
    for actor in (None, cast.alice):
        with clock.moved_to(dt.datetime(2026, 3, 2, 15, 50, tzinfo=dt.UTC)):  # still the 2nd in Shanghai
            assert formula.evaluate("days(created_at, today())", gadget, actor=actor).value == 0
            assert formula.evaluate("string(created_at)", gadget, actor=actor).value == "2026-03-02 07:30"


def test_a_formula_of_a_person_sees_what_he_sees(cast: Cast, make: Callable[..., Any], gadget: Any) -> None:
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="price", level="hidden")
    bump("rights")
    alice = cast.actor(cast.alice_user)
    with pytest.raises(FormulaError) as refused:
        formula.check("fakes.gadget", "price > 10", actor=alice)
    assert refused.value.code == "formula.name"
    assert formula.evaluate("price", gadget, actor=alice).value is None
    strange = make("fakes.gadget", name="锣", by=cast.charlie_user)
    mine = make("fakes.gadget", name="鼓", parent=strange)
    assert formula.evaluate("parent.name", mine, actor=cast.actor(cast.alice_user)).value is None
    assert formula.evaluate("parent.name", mine).value == "锣"


def test_a_formula_field_is_kept_with_the_record(cast: Cast, gadget: Any) -> None:
    field(
        "fakes.gadget", "each", "formula", formula="price / pieces", result="money", reads=[["fakes.gadget", "price"]]
    )
    stored = records.update(cast.alice, gadget, {"pieces": 8})
    assert stored.custom == {"each": 12.5}
    assert [
        one.pk
        for one in records.select(
            cast.alice, "fakes.gadget", filter={"field": "custom.each", "op": "gt", "value": 12}
        ).items
    ] == [gadget.pk]
    with pytest.raises(Invalid):
        records.update(cast.alice, gadget, {"custom.each": 1})


def test_who_may_not_see_the_source_does_not_see_the_formula(cast: Cast, gadget: Any) -> None:
    field("fakes.gadget", "double", "formula", formula="price * 2", reads=[["fakes.gadget", "price"]])
    assert "custom.double" in records.shape.readable(cast.alice, formula.entity_of("fakes.gadget"))
    RoleField.objects.create(role=cast.role, entity="fakes.gadget", field="price", level="masked")
    bump("rights")
    assert "custom.double" not in records.shape.readable(cast.actor(cast.alice_user), formula.entity_of("fakes.gadget"))


def test_a_roll_up_follows_every_way_of_writing(cast: Cast, make: Callable[..., Any], gadget: Any) -> None:
    field("fakes.gadget", "parts", "rollup", rollup={"relation": "fakes.part.gadget", "how": "count"}, result="integer")
    field(
        "fakes.gadget",
        "twice",
        "formula",
        formula="custom.parts * 2",
        result="integer",
        reads=[["fakes.gadget", "custom.parts"]],
    )
    other = make("fakes.gadget", name="锣")

    def held() -> list[Any]:
        return [Gadget.objects.get(pk=one.pk).custom for one in (gadget, other)]

    part = make("fakes.part", name="摆", gadget=gadget)
    assert held()[0] == {"parts": 1, "twice": 2}
    records.update(cast.alice, part, {"gadget": other.pk})
    assert held() == [{"parts": 0, "twice": 0}, {"parts": 1, "twice": 2}]
    operation = records.delete(cast.alice, Part.objects.get(pk=part.pk))
    assert held()[1]["parts"] == 0
    records.undo(cast.alice, operation.pk)
    assert held()[1]["parts"] == 1
    records.bulk.create_many(cast.alice, "fakes.part", [{"name": "针", "gadget": gadget.pk}] * 3)
    assert held()[0] == {"parts": 3, "twice": 6}


def test_formulas_over_references_follow_what_they_point_to(cast: Cast, make: Callable[..., Any], gadget: Any) -> None:
    field(
        "fakes.gadget", "above", "formula", formula="parent.parent.name", result="text",
        reads=[["fakes.gadget", "parent"], ["fakes.gadget", "name"]], paths=["parent.parent.name"],
    )  # fmt: skip
    middle = make("fakes.gadget", name="中", parent=gadget)
    low = make("fakes.gadget", name="下", parent=middle)
    assert Gadget.objects.get(pk=low.pk).custom == {"above": "钟"}
    records.update(cast.alice, gadget, {"name": "大钟"})
    assert Gadget.objects.get(pk=low.pk).custom == {"above": "大钟"}
    records.update(cast.alice, middle, {"parent": None})
    assert Gadget.objects.get(pk=low.pk).custom == {}


def test_what_was_written_past_the_application_is_settled_later(
    cast: Cast, make: Callable[..., Any], gadget: Any
) -> None:
    field("fakes.gadget", "parts", "rollup", rollup={"relation": "fakes.part.gadget", "how": "count"}, result="integer")
    part = make("fakes.part", name="摆", gadget=gadget)
    Part.objects.filter(pk=part.pk).update(deleted_at=dt.datetime.now(dt.UTC))
    derived.mark_due("fakes.gadget", [gadget.pk])
    with records.writing(cast.system):
        derived.settle_rest(cast.system, records.emit)
    assert Gadget.objects.get(pk=gadget.pk).custom == {"parts": 0}


@pytest.mark.django_db(transaction=True)
def test_roll_ups_are_right_when_many_write_at_once(cast: Cast, make: Callable[..., Any]) -> None:
    """Four writers move parts between two gadgets at random; afterwards each sum is what the rows say."""
    field("fakes.gadget", "parts", "rollup", rollup={"relation": "fakes.part.gadget", "how": "count"}, result="integer")
    gadgets = [make("fakes.gadget", name=f"钟{n}") for n in range(2)]
    parts = [make("fakes.part", name=f"零件{n}", gadget=gadgets[n % 2]) for n in range(8)]
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - chance, not a secret
        try:
            for _turn in range(12):
                part = Part.objects.get(pk=parts[chance.randrange(2) + 2 * seed].pk)
                records.update(cast.root, part, {"gadget": gadgets[chance.randrange(2)].pk})
        except Exception as error:  # noqa: BLE001 - whatever it was, the test says it
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert failures == []
    for gadget in gadgets:
        told = Gadget.objects.get(pk=gadget.pk).custom.get("parts")
        assert told == Part.objects.filter(gadget=gadget).count()
    connection.close()


def test_conditions_hold_on_every_way_of_writing(cast: Cast, gadget: Any) -> None:
    field(
        "fakes.gadget", "why", "text",
        rules={"visible": "state == 'broken'", "required": "price > 50", "check": "size(custom.why) > 3", "message_zh": "至少四个字"},
    )  # fmt: skip
    records.update(cast.alice, gadget, {"state": "used"})
    with pytest.raises(Invalid) as refused:
        records.update(cast.alice, gadget, {"state": "broken"})
    assert refused.value.errors["custom.why"][0].code == "value.required"
    with pytest.raises(Invalid) as refused:
        records.update(cast.alice, gadget, {"state": "broken", "custom.why": "摔"})
    assert str(refused.value.errors["custom.why"][0].message) == "至少四个字"
    assert (
        records.update(cast.alice, gadget, {"state": "broken", "custom.why": "从桌上摔下"}).custom["why"]
        == "从桌上摔下"
    )
