"""A short name two firms share is a hint while typing, but joins no group in a scan of the whole base."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guanxi.core.records import doubles, matching
from guanxi.core.schema.registry import entity_of


def test_firms_with_one_short_name_are_not_one(make: Callable[..., Any]) -> None:
    first = make("customers.customer", name="深圳市嘉益通信设备有限公司", short_name="嘉益")
    make("customers.customer", name="南京嘉益精密机械有限公司", short_name="嘉益")
    same = [make("customers.customer", name=name) for name in ("华远（上海）贸易有限公司", "华远贸易有限责任公司")]
    entity = entity_of("customers.customer")
    assert [(group.record_ids, group.reasons) for group in doubles.scan(entity)] == [
        (tuple(one.pk for one in same), ("name",))
    ]
    typed = matching.candidates(entity, {"kind": "organisation", "name": "嘉益", "short_name": ""})
    assert {match.score for match in typed} == {40}
    assert first.pk in [match.record_id for match in typed]
    assert typed[0].reasons == ("short_name",)
