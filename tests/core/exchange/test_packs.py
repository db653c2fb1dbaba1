"""Packs: each applies whole with its samples, a second time changes nothing, local changes stay, and it goes again."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.core import records
from guanxi.core.exchange import packs
from guanxi.core.kernel.errors import Denied, NotFound
from guanxi.core.models import AppliedPack, ApprovalFlow, AutomationRule, CustomField, CustomObject, DictionaryValue
from guanxi.core.records import objects
from guanxi.core.schema.registry import entity_of, is_registered


@pytest.fixture(autouse=True)
def as_before(db: None) -> Any:
    yield
    CustomObject.objects.all().delete()
    objects.sync()


@pytest.mark.parametrize("key", ["insurance", "securities", "logistics", "exhibition"])
def test_a_pack_applies_whole_and_twice(cast: Any, key: str) -> None:
    pack = packs.pack_of(key)
    first = packs.apply(cast.root, key)
    assert first.samples == len(pack.samples)
    for row in pack.settings["objects"]:
        assert is_registered(f"custom.{row['key']}")
    for one in pack.samples:
        assert records.select(cast.root, one["entity"]).count >= 1
    assert AppliedPack.objects.get(pk=key).version == "1"
    again = packs.apply(cast.root, key)
    assert (again.changed, again.kept, again.samples) == (0, (), 0)


def test_local_changes_stay_and_the_rest_goes(cast: Any) -> None:
    packs.apply(cast.root, "insurance", samples=False)
    AutomationRule.objects.filter(key="pack-claim-reported").update(name_zh="我改的")
    again = packs.apply(cast.root, "insurance", samples=False)
    assert again.kept == ("rules/pack-claim-reported",)
    assert AutomationRule.objects.get(key="pack-claim-reported").name_zh == "我改的"
    gone = packs.remove(cast.root, "insurance")
    assert gone.kept == ("rules/pack-claim-reported",)
    assert not is_registered("custom.claim")
    assert not CustomObject.objects.exists()
    assert not ApprovalFlow.objects.exists()
    assert not CustomField.objects.filter(entity__startswith="custom.").exists()
    assert not DictionaryValue.objects.filter(dictionary__key="claim_state").exists()
    with pytest.raises(NotFound):
        packs.remove(cast.root, "insurance")


def test_objects_with_records_are_retired(cast: Any) -> None:
    packs.apply(cast.root, "logistics")
    packs.remove(cast.root, "logistics")
    assert not CustomObject.objects.get(key="freight_proposal").active
    assert not is_registered("custom.freight_proposal")


def test_the_main_story_of_a_claim(cast: Any) -> None:
    packs.apply(cast.root, "insurance")
    claim = entity_of("custom.claim").model._default_manager.get(name="C2026-0001")
    records.update(cast.root, claim, {"custom.state": "assessed", "custom.department": "核赔部"})
    assert entity_of("custom.claim").model._default_manager.get(pk=claim.pk).custom["state"] == "assessed"


def test_who_may(cast: Any) -> None:
    for work in (packs.apply, packs.remove):
        with pytest.raises(Denied):
            work(cast.alice, "insurance")
    with pytest.raises(NotFound):
        packs.apply(cast.root, "nothing")
    assert not AppliedPack.objects.exists()
