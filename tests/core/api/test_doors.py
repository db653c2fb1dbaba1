"""Who comes in, how often, and what happens to a request that is sent twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.test import Client

from guanxi.core import records
from guanxi.core.api import doors
from guanxi.core.api.problems import json_bytes
from guanxi.core.automation import housekeeping
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import RuleBroken, TooMany, Unavailable
from guanxi.core.models import ApiToken, KeptAnswer
from guanxi.core.people import tokens
from tests.at_once import at_once
from tests.core.api.conftest import GADGETS, JSON, problem
from tests.factories.cast import Cast
from tests.fakes.models import Gadget
from tests.signing import browser

Api = Callable[..., Client]
Make = Callable[..., Any]


def test_without_a_token_nobody_comes_in(cast: Cast, make: Make) -> None:
    one = make("fakes.gadget")
    for header in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer "},
    ):
        client = Client(headers=header)
        for method, address in (
            ("get", GADGETS),
            ("get", f"{GADGETS}/{one.pk}"),
            ("post", GADGETS),
            ("get", "/api/v1/"),
        ):
            answer = getattr(client, method)(address)
            problem(answer, 401, "auth.required")
            assert answer["WWW-Authenticate"] == 'Bearer realm="guanxi"'


def test_a_reading_token_only_reads(api: Api, make: Make) -> None:
    one, client = make("fakes.gadget", name="Old"), api("alice", ["read"])
    assert client.get(f"{GADGETS}/{one.pk}").status_code == 200
    problem(client.patch(f"{GADGETS}/{one.pk}", {"name": "New"}, **JSON), 403, "access.denied")
    for refused in (client.post(GADGETS, {"name": "New"}, **JSON), client.delete(f"{GADGETS}/{one.pk}")):
        assert problem(refused, 403, "access.denied")["title"] == "此令牌只能读取。"
    assert Gadget.objects.get().name == "Old"
    actions = {each["key"]: each["actions"] for each in client.get("/api/v1/").json()["items"]}
    assert actions["fakes.gadget"] == ["view"]


def test_a_writing_token_does_not_read(api: Api, make: Make) -> None:
    one, client = make("fakes.gadget"), api("alice", ["write"])
    for asked in (
        f"{GADGETS}/{one.pk}",
        f"{GADGETS}/999999",
        GADGETS,
        "/api/v1/",
        "/api/v1/rules",
        "/api/v1/approvals",
    ):
        problem(client.get(asked), 403, "access.denied")
    found = client.post(f"{GADGETS}/query", {"filter": {}}, **JSON)
    assert problem(found, 403, "access.denied")["title"] == "此令牌只能写入。"
    assert client.post(GADGETS, {"name": "New"}, **JSON).status_code == 201


def test_a_token_ends(api: Api, cast: Cast, make: Make) -> None:
    client = api("alice")
    assert client.get(GADGETS).status_code == 200
    tokens.token_revoke(cast.alice, ApiToken.objects.get())
    problem(client.get(GADGETS), 401, "auth.required")
    token, secret = tokens.token_create(
        cast.alice, cast.alice_user, name="short", expires_at=clock.now() + dt.timedelta(hours=1)
    )
    assert token.digest != secret
    short = Client(headers={"Authorization": f"Bearer {secret}"})
    assert short.get(GADGETS).status_code == 200
    with time_machine.travel(clock.now() + dt.timedelta(hours=2)):
        problem(short.get(GADGETS), 401, "auth.required")


def test_a_signed_in_page_may_read_and_must_prove_itself_to_write(cast: Cast, make: Make) -> None:
    one, plain = make("fakes.gadget", name="Old"), browser(cast.alice_user)
    assert plain.get(f"{GADGETS}/{one.pk}").json()["name"] == "Old"
    strict = Client(enforce_csrf_checks=True)
    strict.cookies.update(plain.cookies)
    problem(strict.patch(f"{GADGETS}/{one.pk}", {"name": "New"}, **JSON), 403, "auth.csrf")
    assert Gadget.objects.get().name == "Old"
    page = strict.get("/search/").content.decode()
    secret = page.partition('<meta name="csrf" content="')[2].partition('"')[0]
    answer = strict.patch(f"{GADGETS}/{one.pk}", {"name": "New"}, headers={"X-CSRFToken": secret}, **JSON)
    assert (answer.status_code, Gadget.objects.get().name) == (200, "New")
    form = strict.post(GADGETS, {"name": "Form"}, headers={"X-CSRFToken": secret, "Idempotency-Key": "once"})
    problem(form, 400, "request.body")


def test_too_many_requests(api: Api, monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    monkeypatch.setattr(doors, "RATE", 3)
    with time_machine.travel(dt.datetime(2026, 1, 5, 8, 0, 10, tzinfo=dt.UTC), tick=False) as clock_:
        client = api("alice")
        left = [client.get(GADGETS)["RateLimit"] for _ in range(3)]
        assert left == ['"default";r=2;t=50', '"default";r=1;t=50', '"default";r=0;t=50']
        refused = client.post(GADGETS, {"name": "x"}, **JSON)
        problem(refused, 429, "rate.exceeded")
        assert refused["Retry-After"] == "50"
        assert not Gadget.objects.exists()
        assert api("bob").get(GADGETS).status_code == 200
        assert api("alice").get(GADGETS).status_code == 429
        clock_.shift(50)
        assert client.get(GADGETS).status_code == 200


def test_a_key_gives_the_same_answer(api: Api, cast: Cast) -> None:
    client, how = api("alice"), {"headers": {"Idempotency-Key": "k1"}, **JSON}
    first = client.post(GADGETS, {"name": "Once"}, **how)
    again = client.post(GADGETS, {"name": "Once"}, **how)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (again["ETag"], again["Location"], again["Idempotency-Replayed"]) == (
        first["ETag"],
        first["Location"],
        "true",
    )
    assert "Idempotency-Replayed" not in first
    assert Gadget.objects.count() == 1
    body = problem(client.post(GADGETS, {"name": "Other"}, **how), 422, "idempotency.mismatch")
    assert body["errors"][0]["field"] == "Idempotency-Key"
    problem(client.post("/api/v1/parts", {"name": "Once"}, **how), 422, "idempotency.mismatch")
    assert api("bob").post(GADGETS, {"name": "Mine"}, **how).status_code == 201
    for key in ("x" * 256, "a b", "ключ"):
        problem(client.post(GADGETS, {"name": "x"}, headers={"Idempotency-Key": key}, **JSON), 422, "idempotency.key")
    assert Gadget.objects.count() == 2


def test_an_error_is_kept_too_and_nothing_else(api: Api) -> None:
    client, how = api("alice"), {"headers": {"Idempotency-Key": "k1"}, **JSON}
    first = client.post(GADGETS, {"name": ""}, **how)
    again = client.post(GADGETS, {"name": ""}, **how)
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (422, 422, "true")
    assert again.content == first.content
    assert not Gadget.objects.exists()


@pytest.mark.parametrize(("trouble", "status"), [(Unavailable(), 503), (TooMany(retry_after=7), 429)])
def test_what_passes_is_not_kept(trouble: Exception, status: int, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise trouble

    client, how = api("alice"), {"headers": {"Idempotency-Key": "k1"}, **JSON}
    with monkeypatch.context() as patch:
        patch.setattr(records, "create", broken)
        assert client.post(GADGETS, {"name": "Later"}, **how).status_code == status
    assert not KeptAnswer.objects.exists()
    again = client.post(GADGETS, {"name": "Later"}, **how)
    assert (again.status_code, "Idempotency-Replayed" in again, Gadget.objects.count()) == (201, False, 1)


def test_a_change_with_a_key_is_done_once(api: Api, make: Make) -> None:
    one, client = make("fakes.gadget"), api("alice")
    how = {"headers": {"Idempotency-Key": "k1"}, **JSON}
    versions = [client.patch(f"{GADGETS}/{one.pk}", {"pieces": 1}, **how).json()["version"] for _ in range(3)]
    assert versions == [2, 2, 2]
    gone = [client.delete(f"{GADGETS}/{one.pk}", headers={"Idempotency-Key": "k2"}).status_code for _ in range(2)]
    assert gone == [200, 200]


def test_a_key_is_kept_for_a_day(api: Api, cast: Cast) -> None:
    client, how = api("alice"), {"headers": {"Idempotency-Key": "k1"}, **JSON}
    client.post(GADGETS, {"name": "Once"}, **how)
    kept = KeptAnswer.objects.get()
    assert (kept.user_id, kept.status) == (cast.alice_user.pk, 201)
    with time_machine.travel(clock.now() + dt.timedelta(hours=23)):
        housekeeping.answers_forget()
        assert client.post(GADGETS, {"name": "Once"}, **how)["Idempotency-Replayed"] == "true"
    with time_machine.travel(clock.now() + dt.timedelta(hours=25)):
        housekeeping.answers_forget()
        assert "Idempotency-Replayed" not in client.post(GADGETS, {"name": "Once"}, **how)
    assert Gadget.objects.count() == 2


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RuleBroken("Not now."), 409, "rule.broken"),
        (Unavailable(), 503, "service.unavailable"),
        (OperationalError("gone"), 503, "service.unavailable"),
        (ZeroDivisionError("x"), 500, "server.error"),
    ],
)
def test_every_error_has_its_answer(
    error: Exception, status: int, code: str, api: Api, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    client, one = api("alice"), make("fakes.gadget")
    monkeypatch.setattr(records, "get", broken)
    body = problem(client.get(f"{GADGETS}/{one.pk}"), status, code)
    assert "gone" not in body["title"]
    assert "Zero" not in str(body)


def test_half_a_character_in_a_name_is_refused_not_broken(api: Api) -> None:
    answer = api("alice").post(GADGETS, b'{"name": "x", "\\ud800": 1}', content_type="application/json")
    assert answer.status_code == 422
    assert json_bytes({"\ud800": "x"}) == b'{"\\ud800": "x"}'


def test_half_a_character_in_a_value_and_a_body_too_large_break_nothing(api: Api, make: Make, settings: Any) -> None:
    one, client = make("fakes.gadget", name="pump"), api("alice")
    half = client.patch(f"{GADGETS}/{one.pk}", b'{"name": "pu\\ud800mp"}', content_type="application/json")
    assert (half.status_code, half.json()["name"]) == (200, "pump")
    tree = '{"field": "name", "op": "in", "value": ["\\ud800"]}'
    found = client.post(f"{GADGETS}/bulk", f'{{"action": "delete", "filter": {tree}}}', content_type="application/json")
    assert (found.status_code, found.json()["code"]) == (400, "request.text")
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    large = client.post(GADGETS, b'{"name": "' + b"x" * 200 + b'"}', content_type="application/json")
    assert (large.status_code, large.json()["code"]) == (422, "request.too_large")


@pytest.mark.parametrize("number", ["0", "x", "-1", "1e3", "１２", "99999999999999999999", "%00"])
def test_what_is_no_id_is_not_found(number: str, api: Api) -> None:
    client = api("alice")
    for answer in (client.get(f"{GADGETS}/{number}"), client.delete(f"{GADGETS}/{number}")):
        assert answer.status_code in (404, 405), answer.content
        if answer.status_code == 404 and answer["Content-Type"] == "application/problem+json":
            problem(answer, 404, "record.not_found")


def test_a_slash_in_an_id_makes_another_address(api: Api) -> None:
    problem(api("alice").get(f"{GADGETS}/1%2F2"), 404, "address.unknown")


@pytest.mark.django_db(transaction=True)
def test_the_same_request_from_two_sides_at_once_is_done_once(api: Api) -> None:
    client = api("alice")
    secret = client.defaults["HTTP_AUTHORIZATION"]

    def send() -> Any:
        one = Client(headers={"Authorization": secret, "Idempotency-Key": "k1"})
        return one.post(GADGETS, {"name": "Once"}, **JSON)

    answers = at_once(*[send] * 4)
    assert sorted(answer.status_code for answer in answers) == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer for answer in answers) == 3
    assert Gadget.objects.count() == 1
    assert KeptAnswer.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_address_is_a_problem_not_a_page(client: Client, cast: Cast, method: str) -> None:
    answer = getattr(client, method)("/api/v1/nothing-of-this-name")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "address.unknown"


@pytest.mark.parametrize(
    ("address", "field", "chinese", "english"),
    [
        ("?limit=9999", "limit", "不能大于 500。", "The most is 500."),
        ("?limit=0", "limit", "不能小于 1。", "The least is 1."),
        ("?limit=many", "limit", "请发送整数。", "Send a whole number."),
    ],
)
def test_every_sentence_of_a_problem_is_in_the_readers_language(
    api: Api, cast: Cast, address: str, field: str, chinese: str, english: str
) -> None:
    for language, sentence in (("zh-hans", chinese), ("en", english)):
        type(cast.alice_user).objects.filter(pk=cast.alice_user.pk).update(language=language)
        body = problem(api("alice").get(f"{GADGETS}/{address}"), 422, "request.invalid")
        assert [(one["field"], one["message"]) for one in body["errors"]] == [(field, sentence)]


@pytest.mark.parametrize(
    ("language", "sentence"), [("zh-hans", "发送的内容不是有效的 JSON。"), ("en", "What was sent is no JSON.")]
)
def test_what_is_no_json_is_told_in_the_readers_language(api: Api, cast: Cast, language: str, sentence: str) -> None:
    type(cast.alice_user).objects.filter(pk=cast.alice_user.pk).update(language=language)
    answer = api("alice").post(GADGETS, "{no", content_type="application/json")
    assert problem(answer, 400, "request.body")["title"] == sentence
