"""Looking a number up: staff under their rights, others with a second thing; guessing is slowed, nothing else is shown."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client

from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import ProcessEntry, PublicPage, RateWindow
from guanxi.core.outside import lookups, publishing
from guanxi.core.records import passing
from guanxi.core.schema.registry import entity_of

PAGE = "/public/repairs/"


def ask(number: str, factor: str) -> Any:
    return Client(headers={"Accept-Language": "en"}).post(PAGE, {"number": number, "factor": factor})


def test_both_are_needed_and_only_named_fields_are_shown(repair: Any, cast: Any, alice: Any) -> None:
    records.update(alice, repair, {"custom.state": "doing"})
    answer = ask(" R-1 ", "4321")
    page = answer.content.decode()
    assert answer.status_code == 200
    for words in ("R-1", "120", "doing", "换了轴承", cast.alice_user.name):
        assert words in page
    assert "底价" not in page
    assert 'href="/repairs/' not in page, "no way into the house"
    assert "no-store" in answer.headers["Cache-Control"]


def test_wrong_answers_are_all_alike_and_slowed(repair: Any) -> None:
    answers = [ask("R-1", "0000"), ask("R-2", "4321"), ask("R-1", "1111"), ask("R-1", "")]
    assert [one.status_code for one in answers] == [422] * 4
    assert [one.content.count(b"No record fits both") for one in answers[:3]] == [1, 1, 1]
    for _turn in range(3):
        ask("R-1", "0000")
    late = ask("R-1", "4321")
    assert late.status_code == 429, "five wrong answers close the number for a while, to everybody"
    RateWindow.objects.all().delete()
    assert ask("R-1", "4321").status_code == 200


def test_what_is_no_end_of_a_phone_is_told_at_its_field_and_counts_as_no_guess(repair: Any) -> None:
    for _turn in range(3):
        for told in ("12", "19900004321", "abcd"):
            answer = ask("R-1", told)
            page = answer.content.decode()
            assert (answer.status_code, page.count("Type the last 4 digits.")) == (422, 1)
            assert re.search(r'name="factor"[^>]*autofocus', page)
            assert not re.search(r'name="number"[^>]*autofocus', page)
    assert ask("R-1", "４３２１").status_code == 200, "nine of them later the number is still open"


def test_staff_need_the_number_only_and_see_by_their_rights(repair: Any, cast: Any, alice: Any) -> None:
    page = PublicPage.objects.get(key="repairs")
    sheet = lookups.find(page, alice, "R-1", "")
    assert (sheet.title, [text for _label, text in sheet.facts]) == ("R-1", ["120.00"])
    with pytest.raises(Invalid):
        lookups.find(page, actors.load(cast.charlie_user), "R-1", "")


def test_a_closed_page_does_not_exist(repair: Any, cast: Any) -> None:
    page = PublicPage.objects.get(key="repairs")
    publishing.switch(cast.root, "page", page.pk)
    assert Client().get(PAGE).status_code == 404
    assert Client().get("/public/nothing/").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"number": "custom.cost"},
        {"factor": ""},
        {"factor": "parent.name.x"},
        {"shown": ["custom.nothing"]},
        {"related": [{"entity": "custom.note", "field": "name"}]},
    ],
)
def test_a_definition_that_cannot_work_is_refused(trade: None, change: dict[str, Any]) -> None:
    page = PublicPage.objects.get(key="repairs")
    page.definition = {**page.definition, **change}
    with pytest.raises(Invalid):
        publishing.check(page)


def test_the_path_says_when_who_and_how_long(repair: Any, cast: Any) -> None:
    begun = ProcessEntry.objects.get(record_id=repair.pk).at
    with clock.moved_to(begun + dt.timedelta(hours=5)):
        repair = records.update(cast.root, repair, {"custom.state": "doing"})
    with clock.moved_to(begun + dt.timedelta(hours=7)):
        path = passing.path_of(entity_of("custom.repair"), repair, "custom.state")
    assert [(one.key, one.state, one.took) for one in path] == [
        ("open", "done", dt.timedelta(hours=5)), ("doing", "now", dt.timedelta(hours=2)), ("done", "next", None),
    ]  # fmt: skip
    assert path[0].person == cast.alice_user.name
    assert path[0].department == cast.south.name
