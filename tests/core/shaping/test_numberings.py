"""Numbering: changed on its page, goes on where it was, never gives a number twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core import records
from guanxi.core.kernel.errors import Conflict, Denied, Invalid
from guanxi.core.models import Numbering, stamps
from guanxi.core.records import numbering
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import numberings as shaping
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
ADDRESS = "/settings/numbering/gadgets/number/"
PLAIN = {"format": "G{seq:4}", "reset": "never", "gap_free": False, "start": 1, "number": 1}


def save(cast: Cast, version: int | None = None, **given: Any) -> Numbering:
    return shaping.numbering_save(cast.root, entity_of("fakes.gadget"), "number", {**PLAIN, **given}, version=version)


def made(cast: Cast) -> str:
    return str(records.create(cast.alice, "fakes.gadget", {"name": "杯"}).number)


@pytest.fixture(autouse=True)
def fresh() -> None:
    stamps.refresh()


@pytest.mark.parametrize("gap_free", [True, False])
def test_a_changed_rule_goes_on_and_gives_no_number_twice(cast: Cast, gap_free: bool) -> None:
    save(cast)
    assert (made(cast), made(cast)) == ("G0001", "G0002")
    row = save(cast, gap_free=gap_free, number=3)
    assert (made(cast), numbering.upcoming(row)) == ("G0003", 4)
    for wrong in ({"number": 2}, {"number": 4, "format": "G000{seq}", "reset": "never", "start": 0}, {"number": 0}):
        with pytest.raises(Invalid):
            save(cast, **wrong)
    with pytest.raises(Invalid) as caught:
        save(cast, format="G000{seq}", number=3)
    assert list(caught.value.errors) == ["number"]
    save(cast, format="G-{seq}", number=40, gap_free=gap_free)
    assert (made(cast), made(cast)) == ("G-40", "G-41")


def test_a_number_further_on_that_a_record_has_is_told_with_the_first_free_one(cast: Cast) -> None:
    records.create(cast.alice, "fakes.gadget", {"name": "旧", "number": "G0045"})
    records.create(cast.alice, "fakes.gadget", {"name": "旧二", "number": "G0050"})
    records.create(cast.alice, "fakes.gadget", {"name": "别的", "number": "H0060"})
    with pytest.raises(Invalid) as caught:
        save(cast, number=40)
    (told,) = caught.value.errors["number"]
    assert re.findall(r"G?\d+", str(told.message)) == ["G0045", "51"]
    save(cast, number=51)
    assert made(cast) == "G0051"


def test_who_saves_second_is_told(cast: Cast) -> None:
    first = save(cast)
    save(cast, version=first.version, number=7)
    with pytest.raises(Conflict):
        save(cast, version=first.version, number=9)
    assert numbering.upcoming(Numbering.objects.get(entity="fakes.gadget")) == 7
    with pytest.raises(Denied):
        shaping.numbering_save(cast.alice, entity_of("fakes.gadget"), "number", PLAIN)


def test_the_page_tries_saves_and_lets_people_type(cast: Cast, browse: Callable[..., Client]) -> None:
    root = browse("root", "zh-hans")
    assert "人工填写" in root.get("/settings/numbering/").content.decode()
    sent = {"format": "礼{yy}-{seq:3}", "reset": "year", "start": "1", "number": "12", "version": ""}
    tried = root.post(ADDRESS, {**sent, "do": "try"}).content.decode()
    assert "-012" in tried
    assert "-014" in tried
    assert not Numbering.objects.filter(entity="fakes.gadget").exists()
    wrong = root.post(ADDRESS, {**sent, "format": "礼{seq}"})
    assert wrong.status_code == 422
    assert "格式中必须含相应的年、月、日" in wrong.content.decode()
    assert root.post(ADDRESS, {**sent, "start": "", "number": ""}).status_code == 422
    assert root.post(ADDRESS, {**sent, "number": "", "do": "try"}).status_code == 200
    assert root.post(ADDRESS, sent).status_code in (302, 303)
    stamps.refresh()
    assert made(cast).endswith("-012")
    assert root.post(ADDRESS, {"do": "remove"}).status_code in (302, 303)
    stamps.refresh()
    assert not records.create(cast.alice, "fakes.gadget", {"name": "盘"}).number
    assert browse("alice").get(ADDRESS).status_code == 404
    assert root.get("/settings/numbering/gadgets/name/").status_code == 404
