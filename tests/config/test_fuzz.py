"""Bad input through the pages' forms, addresses and the API: a short run of what ``guanxi bench fuzz`` does at length."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from guanxi.config.bench import fuzz, fuzz_doors, fuzz_values
from guanxi.core.people.tokens import token_create
from tests.factories.cast import Cast
from tests.signing import browser


def _fuzzer(cast: Cast, seed: int) -> fuzz.Fuzzer:
    people = (cast.root_user, cast.alice_user)
    tokens = [token_create(cast.root, user, name="fuzz", scopes=["read", "write"])[1] for user in people]
    return fuzz.Fuzzer([browser(user) for user in people], tokens, seed, lambda _line: None)


@pytest.mark.slow
def test_bad_input_breaks_nothing(cast: Cast, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("customers.customer", "customers.contact", "activities.task", "sales.opportunity", "billing.quote"):
        make(key)
    monkeypatch.setattr("guanxi.core.api.doors.RATE", 10**9)
    monkeypatch.setattr(
        fuzz_doors, "plain_addresses", lambda: ["/customers/", "/opportunities/", "/reports/", "/settings/"]
    )
    fuzzer = _fuzzer(cast, 7)
    found = fuzzer.run(150, pages=18)
    assert [each.what + "\n" + each.trace for each in found.faults.values()] == []
    assert found.sent >= 150
    assert {200, 404, 422} <= set(found.statuses)


def test_what_breaks_is_found(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError("here")

    fuzzer = _fuzzer(cast, 7)
    monkeypatch.setattr(fuzzer, "_answer", lambda _request: broken(HttpRequest()))
    fuzzer._send(fuzz.Request("GET", "/customers/"))
    (fault,) = fuzzer.found.faults.values()
    assert "ZeroDivisionError" in fault.what
    assert fault.request.startswith("GET /customers/")


def test_one_seed_sends_the_same() -> None:
    rows = [[fuzz_values.bad_text(random.Random(3)) for _each in range(50)] for _time in range(2)]  # noqa: S311 - a seed is wanted
    assert rows[0] == rows[1]


def test_forms_of_a_page_are_read_with_their_values() -> None:
    page = fuzz_doors._Page()
    page.feed(
        '<form method="post" action="/x/"><input name="a" value="1"><select name="b"><option value="2">'
        '<option value="3" selected></select><input type="file" name="c"><textarea name="d"></textarea></form>'
        '<button hx-post="/y/" name="e" value="5"></button><a href="/z/">z</a>'
    )
    assert page.forms == [
        {"method": "POST", "path": "/x/", "values": {"a": ["1"], "b": ["3"], "c": [""], "d": [""]}, "files": {"c"}},
        {"method": "POST", "path": "/y/", "values": {"e": ["5"]}, "files": set()},
    ]
    assert page.links == ["/z/"]
