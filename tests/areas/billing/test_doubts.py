"""What is rarely meant is asked back wherever a person writes, kept as a remark where a file does, and left alone elsewhere."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from django.test import Client

from guanxi.areas.billing.models import Quote
from guanxi.core import records
from guanxi.core.automation.operations import begun, operation_run
from guanxi.core.exchange import imports
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.reasons import texts
from guanxi.core.mcp.server import Desk
from guanxi.core.models import KeptAnswer, Operation
from guanxi.core.models.exchange import ImportOutcome
from guanxi.core.people import tokens
from guanxi.core.records import bulk, doubts
from guanxi.core.records.undo import undo
from tests.core.web.conftest import HX, browse  # noqa: F401 - a fixture
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
FAR = dt.date(2100, 1, 1)
SCRIPT = {"HTTP_X_REQUESTED_WITH": "fetch", **HX}
Browse = Callable[..., Client]
WORDS = {"zh-hans": "超过 2 年", "en": "more than 2 years ahead"}


def said(answer: Any) -> str:
    """The one thing an answer asks back."""
    [found] = json.loads(unquote(answer["X-Doubts"]))
    return str(found)


def until(quote: Any) -> dt.date | None:
    """Until when a stored quote holds."""
    return Quote.objects.get(pk=quote.pk).valid_until


@pytest.mark.parametrize(
    ("where", "sent"),
    [
        ("cell/valid_until/", {"valid_until": "2100-01-01"}),
        ("field/valid_until/", {"valid_until": "2100-01-01"}),
        ("day/?on=valid_until", {"to": "2100-01-01"}),
    ],
)
def test_what_is_changed_in_place_asks_back(
    browse: Browse,  # noqa: F811
    make: Any,
    where: str,
    sent: dict[str, str],
) -> None:
    quote = make("billing.quote")
    before, path = until(quote), f"/quotes/{quote.pk}/{where}"
    for language, words in WORDS.items():
        answer = browse("root", language).post(path, sent, **SCRIPT)
        assert answer.status_code == 422
        assert words in said(answer)
        plain = browse("root", language).post(path, sent)
        assert plain.status_code == 422, "without scripts a page asks, and holds what was sent"
        assert all(one in plain.content.decode() for one in (words, 'name="_sure"', 'value="2100-01-01"'))
    assert until(quote) == before
    assert not Operation.objects.exists()
    answer = browse("root").post(path, {**sent, "_sure": "1"}, **SCRIPT)
    assert (answer.status_code < 300, "X-Doubts" in answer) == (True, False)
    assert until(quote) == FAR


def test_to_take_it_back_asks_nothing(browse: Browse, cast: Cast, make: Any) -> None:  # noqa: F811
    quote = make("billing.quote", valid_until=FAR)
    moved = records.update(cast.root, quote, {"valid_until": dt.date(2099, 1, 1)})
    answer = browse("root").post(f"/operations/{moved.operation_id}/undo/", **SCRIPT)
    assert (answer.status_code, until(quote)) == (204, FAR)


def test_a_change_of_many_asks_before_anything_is_written(browse: Browse, make: Any) -> None:  # noqa: F811
    quotes = [make("billing.quote"), make("billing.quote")]
    before = [until(one) for one in quotes]
    sent = {"go": "1", "field": "valid_until", "valid_until": "2100-01-01", "ids": [one.pk for one in quotes]}
    for language, words in WORDS.items():
        answer = browse("root", language).post("/quotes/bulk/update/", sent, **SCRIPT)
        assert (answer.status_code, words in said(answer)) == (422, True)
    assert [until(one) for one in quotes] == before
    assert not Operation.objects.exists()
    assert browse("root").post("/quotes/bulk/update/", {**sent, "_sure": "1"}, **SCRIPT).status_code == 200
    assert [until(one) for one in quotes] == [FAR, FAR]


def test_a_change_of_many_without_the_new_value_clears_nothing(browse: Browse, make: Any) -> None:  # noqa: F811
    quote = make("billing.quote")
    before = until(quote)
    sent = {"go": "1", "field": "valid_until", "ids": [quote.pk]}
    answer = browse("root", "zh-hans").post("/quotes/bulk/update/", sent)
    page = answer.content.decode()
    assert (answer.status_code, until(quote)) == (422, before)
    assert all(one in page for one in ("请填写新的值", 'name="valid_until"')), "the widget comes with the answer"


def test_a_change_of_many_asks_before_a_field_is_cleared(browse: Browse, make: Any) -> None:  # noqa: F811
    quotes = [make("billing.quote", terms="含税含运费"), make("billing.quote", terms="款到发货")]
    sent = {"go": "1", "field": "terms", "terms": "", "ids": [one.pk for one in quotes]}
    for language, words in {"en": "it will be cleared in 2 records", "zh-hans": "“条款”留空：这 2 条记录的"}.items():
        answer = browse("root", language).post("/quotes/bulk/update/", sent, **SCRIPT)
        assert (answer.status_code, words in said(answer)) == (422, True)
    assert not Operation.objects.exists()
    assert browse("root").post("/quotes/bulk/update/", {**sent, "_sure": "1"}, **SCRIPT).status_code == 200
    assert {type(one).objects.get(pk=one.pk).terms for one in quotes} == {""}


def test_a_long_change_leaves_out_what_it_doubts_until_it_is_said_to_be_meant(
    browse: Browse,  # noqa: F811
    cast: Cast,
    make: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    monkeypatch.setattr(operation_run, "defer", lambda **_given: None)
    quotes = [make("billing.quote"), make("billing.quote", valid_until=FAR), make("billing.quote")]
    before = until(quotes[0])
    with doubts.asking(sure=False):
        step = begun(cast.root, lambda: bulk.begin(cast.root, "update", "billing.quote", [one.pk for one in quotes], {"valid_until": str(FAR)}))  # fmt: skip
    operation_run(step.pk)
    step.refresh_from_db()
    assert {name: step.result[name] for name in ("done", "skipped", "failed")} == {"done": 0, "skipped": 1, "failed": 2}
    assert [until(one) for one in quotes] == [before, FAR, before]
    client = browse("root", "zh-hans")
    page = client.get(f"/operations/{step.pk}/").content.decode()
    assert all(word in page for word in ("2 条记录未修改", "确实如此，一并修改", "超过 2 年"))
    assert browse("alice").post(f"/operations/{step.pk}/meant/").status_code == 404
    assert client.post(f"/operations/{step.pk}/meant/").status_code == 303
    operation_run(Operation.objects.latest("pk").pk)
    assert [until(one) for one in quotes] == [FAR] * 3
    assert client.post(f"/operations/{step.pk}/meant/").status_code == 409, "once"
    undo(cast.root, Operation.objects.filter(sort="bulk_update").latest("pk").pk)
    assert [until(one) for one in quotes] == [before, FAR, before]


def test_a_program_is_asked_where_it_wishes(cast: Cast, make: Any) -> None:
    _token, secret = tokens.token_create(cast.root, cast.root_user, name="tests", scopes=("read", "write"))
    quote, before = make("billing.quote"), dt.date(2099, 1, 1)
    client = Client(headers={"Authorization": f"Bearer {secret}", "Accept-Language": "en"})
    path, how = f"/api/v1/quotes/{quote.pk}", {"content_type": "application/json"}
    assert client.patch(path, {"valid_until": str(before)}, **how).status_code == 200, "at its word"
    ask = {"Guanxi-Doubts": "ask", "Idempotency-Key": "k1"}
    refused = client.patch(path, {"valid_until": str(FAR)}, headers=ask, **how)
    assert (refused.status_code, refused.json()["code"]) == (422, "value.doubtful")
    [error] = refused.json()["errors"]
    assert (error["field"], error["code"]) == ("valid_until", "date.far")
    assert (until(quote), KeptAnswer.objects.count()) == (before, 0)
    many = {"action": "update", "ids": [quote.pk], "values": {"valid_until": str(FAR)}}
    assert client.post("/api/v1/quotes/bulk", many, headers={"Guanxi-Doubts": "ask"}, **how).status_code == 422
    assert until(quote) == before
    meant = client.patch(path, {"valid_until": str(FAR)}, headers={"Idempotency-Key": "k1"}, **how)
    assert (meant.status_code, until(quote)) == (200, FAR)


def test_an_assistant_is_asked_where_it_wishes(cast: Cast, make: Any) -> None:
    _token, secret = tokens.token_create(cast.root, cast.root_user, name="tests", scopes=("read", "write"))
    quote, desk = make("billing.quote"), Desk(secret)
    asked = orjson.loads(desk.update_record("quotes", quote.pk, {"valid_until": str(FAR)}, ask=True))
    assert (asked["error"], list(asked["fields"])) == ("value.doubtful", ["valid_until"])
    assert until(quote) != FAR
    orjson.loads(desk.update_record("quotes", quote.pk, {"valid_until": str(FAR)}))
    assert until(quote) == FAR


def test_a_row_of_a_file_is_taken_with_a_remark(cast: Cast, make: Any) -> None:
    name = make("customers.customer").name
    known = make("billing.quote", number="Q-2")
    rows = (
        "编号,主题,客户,有效期至",
        f"Q-1,甲,{name},2100-01-01",
        f"Q-2,乙,{known.customer.name},2100-01-01",
        f"Q-3,丙,{name},",
    )
    text = "\n".join(rows)
    run = imports.import_stage(cast.root, content=text.encode(), name="x.csv", entity="billing.quote")
    columns = {str(at): {"field": one} for at, one in enumerate(("number", "name", "customer", "valid_until"))}
    imports.import_configure(cast.root, run=run, mapping={"columns": columns}, options=Options(match=["number"]))
    with doubts.asking(sure=False):  # as the page of the preview asks
        seen = [(row.outcome, row.reasons) for row in imports.import_preview(cast.root, run=run)]
    assert [one for one, _said in seen] == ["created", "updated", "created"]
    assert ["请核对" in one for _outcome, one in seen] == [True, True, False]
    run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert (run.created, run.updated, run.failed) == (2, 1, 0)
    told = ImportOutcome.objects.filter(run=run).order_by("position").values_list("reasons", flat=True)
    assert [texts(one) for one in told] == [one for _outcome, one in seen]
    assert "超过 2 年" in texts(told[0])
    assert until(known) == FAR
