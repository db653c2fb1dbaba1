"""What doubles agree in where some fields are not to be compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guanxi.core.records import matching
from guanxi.core.schema.registry import entity_of

FORMER = "老华电子有限公司"
PHONE = {"phones": [{"value": "+8613800138000"}]}


def test_a_row_agrees_in_what_is_left_of_it(make: Callable[..., Any]) -> None:
    entity = entity_of("customers.customer")
    named = make("customers.customer", name=FORMER)
    both = make("customers.customer", name="甲乙丙", former_names=FORMER, phones=["13800138000"])
    make("customers.customer", name="丁戊己", former_names=FORMER)
    asked = {"name": FORMER, **PHONE}
    assert len(matching.candidates(entity, asked)) == 3
    assert matching.candidates(entity, asked, unsaid={"former_names"}) == [
        (named.pk, 70, ("name",)),
        (both.pk, 60, ("phone",)),
    ]
    assert matching.candidates(entity, {"name": FORMER}, limit=1)[0].record_id != named.pk
    assert matching.candidates(entity, {"name": FORMER}, limit=1, unsaid={"former_names"}) == [
        (named.pk, 70, ("name",))
    ], "those that are dropped leave no room empty"
    assert matching.candidates(entity, asked, unsaid={"name", "former_names"}) == [(both.pk, 60, ("phone",))]


def test_a_short_name_that_is_not_compared_meets_no_whole_one(make: Callable[..., Any]) -> None:
    entity = entity_of("customers.customer")
    short = make("customers.customer", name="深圳市嘉益通信设备有限公司", short_name="嘉益")
    whole = make("customers.customer", name="嘉益")
    for asked in ({"name": "嘉益"}, {"short_name": "嘉益"}):
        assert {one.record_id for one in matching.candidates(entity, asked)} == {short.pk, whole.pk}
    assert [one.record_id for one in matching.candidates(entity, {"name": "嘉益"}, unsaid={"short_name"})] == [whole.pk]
    assert matching.candidates(entity, {"short_name": "嘉益"}, unsaid={"short_name"}) == []
    assert [one.record_id for one in matching.candidates(entity, {"short_name": "嘉益"}, unsaid={"name"})] == [short.pk]


def test_nothing_more_is_read_where_no_hidden_field_writes_what_is_asked(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    entity = entity_of("customers.customer")
    one = make("customers.customer", name=FORMER, phones=["13800138000"])
    monkeypatch.setattr(matching, "own_keys", None)
    for unsaid in ((), {"phones"}, {"credit_code", "emails"}):
        found = matching.candidates(entity, {"name": FORMER, **PHONE}, unsaid=unsaid)
        assert [match.record_id for match in found] == [one.pk]
