"""Dictionaries: stable keys, order, retired values, merging that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core import records
from guanxi.core.kernel.errors import Conflict, Denied, Invalid, RuleBroken
from guanxi.core.models import CustomField, DictionaryValue, Report, SavedView, stamps
from guanxi.core.models.stamps import bump
from guanxi.core.records import dictionaries
from guanxi.core.shaping import dictionaries as shaping
from tests.factories.cast import Cast
from tests.fakes.models import Gadget

pytestmark = pytest.mark.django_db


@pytest.fixture
def colours(cast: Cast) -> str:
    """A dictionary of three colours, used by a choice, a list of choices and a table of gadgets."""
    stamps.refresh()
    row = shaping.dictionary_save(cast.root, "", {"name_zh": "漆色", "name_en": "Paint"}, new=True)
    for key, zh in (("red", "红"), ("crimson", "绯红"), ("blue", "蓝")):
        shaping.value_save(cast.root, row.key, key, {"name_zh": zh}, new=True)
    for key, kind in (("paint", "choice"), ("paints", "choices")):
        CustomField.objects.create(entity="fakes.gadget", key=key, kind=kind, label_zh=key, dictionary=row.key)
    CustomField.objects.create(
        entity="fakes.gadget", key="coats", kind="table", label_zh="层",
        options={"columns": [{"key": "paint", "kind": "choice", "dictionary": row.key, "label_zh": "漆"}]},
    )  # fmt: skip
    bump("fields")
    return row.key


def test_only_who_may_change_settings(cast: Cast) -> None:
    with pytest.raises(Denied):
        shaping.dictionary_save(cast.alice, "", {"name_zh": "漆色"}, new=True)


def test_a_key_is_made_from_the_name_and_stays(cast: Cast, colours: str) -> None:
    assert colours == "paint"
    made = shaping.value_save(cast.root, colours, "", {"name_zh": "天青"}, new=True)
    assert made.key == "tian_qing"
    shaping.value_save(cast.root, colours, made.key, {"name_zh": "雨过天青", "color": "cyan", "is_default": True})
    assert dictionaries.default_of(colours) == "tian_qing"
    with pytest.raises(Invalid):
        shaping.value_save(cast.root, colours, "red", {"name_zh": "红"}, new=True)


def test_two_people_at_once_are_told(cast: Cast, colours: str) -> None:
    shaping.dictionary_save(cast.root, colours, {"name_zh": "油漆"})
    with pytest.raises(Conflict) as refused:
        shaping.dictionary_save(cast.root, colours, {"name_zh": "涂料"}, version=1)
    assert [(one.field, one.mine, one.theirs) for one in refused.value.clashes if one.field == "name_zh"] == [
        ("name_zh", "涂料", "油漆")
    ]


def test_order_and_parents(cast: Cast, colours: str) -> None:
    shaping.values_order(cast.root, colours, ["blue", "red"])
    assert [one.key for one in dictionaries.values(colours)] == ["blue", "red", "crimson"]
    shaping.value_save(cast.root, colours, "crimson", {"name_zh": "绯红", "parent_key": "red"})
    assert [(depth, one.key) for depth, one in shaping.tree(colours)] == [(0, "blue"), (0, "red"), (1, "crimson")]
    with pytest.raises(Invalid):
        shaping.value_save(cast.root, colours, "red", {"name_zh": "红", "parent_key": "crimson"})


def test_a_retired_value_stays_with_old_records_only(cast: Cast, colours: str, make: Callable[..., Any]) -> None:
    old = make("fakes.gadget", **{"custom.paint": "red"})
    shaping.value_save(cast.root, colours, "red", {"name_zh": "红", "active": False})
    assert records.update(cast.alice, old, {"custom.paint": "red", "note": "旧"}).custom["paint"] == "red"
    with pytest.raises(Invalid) as refused:
        records.create(cast.alice, "fakes.gadget", {"name": "新", "custom.paint": "red"})
    assert refused.value.errors["custom.paint"][0].code == "choice.retired"


def test_a_value_in_use_is_not_deleted(cast: Cast, colours: str, make: Callable[..., Any]) -> None:
    make("fakes.gadget", **{"custom.paints": ["red", "blue"]})
    assert [(place.field.name, number) for place, number in shaping.used(colours, "red")] == [("custom.paints", 1)]
    with pytest.raises(RuleBroken):
        shaping.value_delete(cast.root, colours, "red")
    shaping.value_delete(cast.root, colours, "crimson")
    assert dictionaries.value_of(colours, "crimson") is None


def test_merging_changes_every_record_and_can_be_undone(cast: Cast, colours: str, make: Callable[..., Any]) -> None:
    coats = [{"paint": "crimson"}, {"paint": "blue"}]
    one = make(
        "fakes.gadget", **{"custom.paint": "crimson", "custom.paints": ["crimson", "red"], "custom.coats": coats}
    )
    operation = shaping.value_merge(cast.root, colours, "crimson", "red")
    held = Gadget.objects.get(pk=one.pk).custom
    assert held == {"paint": "red", "paints": ["red"], "coats": [{"paint": "red"}, {"paint": "blue"}]}
    assert not DictionaryValue.objects.filter(dictionary__key=colours, key="crimson").exists()
    assert operation.total == 3
    records.undo(cast.root, operation.pk)
    assert Gadget.objects.get(pk=one.pk).custom["paint"] == "crimson"
    again = dictionaries.value_of(colours, "crimson")
    assert again is not None, "what the records bear has its name again"
    assert (
        records.display.value_text(cast.alice, "fakes.gadget", Gadget.objects.get(pk=one.pk), "custom.paint")
        == again.label
    )


def test_settings_that_name_a_value_are_told_before_it_is_merged(
    cast: Cast, colours: str, browse: Callable[..., Client]
) -> None:
    for name, value in (("红的", "red"), ("蓝的", "blue")):
        tree = {"field": "custom.paint", "op": "in", "value": [value]}
        SavedView.objects.create(entity="fakes.gadget", name=name, user=cast.root_user, definition={"filter": tree})
    definition = {"dataset": "fakes.gadget", "filter": {"field": "custom.paint", "op": "eq", "value": "red"}}
    Report.objects.create(key="reds", name_zh="红色报表", name_en="Reds", definition=definition)
    assert [one.name for one in shaping.named(colours, "red")] in (["红的", "红色报表"], ["红的", "Reds"])
    shown = browse("root").get(f"/settings/dictionaries/{colours}/values/red/").content.decode()
    assert "红的" in shown
    assert "蓝的" not in shown
