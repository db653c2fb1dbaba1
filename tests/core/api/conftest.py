"""Clients of the API with a token of one of the cast."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client

from guanxi.core.people import tokens
from tests.factories.cast import Cast

GADGETS = "/api/v1/gadgets"
JSON = {"content_type": "application/json"}


@pytest.fixture
def api(cast: Cast) -> Callable[..., Client]:
    """``api("alice")``: a client that sends a token of hers; ``scopes`` limit it."""

    def client(person: str, scopes: Iterable[str] = ("read", "write"), **how: Any) -> Client:
        user = getattr(cast, f"{person}_user")
        _token, secret = tokens.token_create(cast.root, user, name="tests", scopes=scopes)
        return Client(headers={"Authorization": f"Bearer {secret}", **how})

    return client


def found(answer: Any) -> list[Any]:
    """Ids of a list answer."""
    assert answer.status_code == 200, answer.content
    return [one["id"] for one in answer.json()["items"]]


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The body of a problem answer, whose shape is checked on the way."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "code", "instance", "request_id"} <= set(body)
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:guanxi:{code}")
    assert body["title"]
    assert body["request_id"]
    assert body["instance"].startswith("/api/v1/")
    return body
