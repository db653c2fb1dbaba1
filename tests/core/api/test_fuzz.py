"""Schemathesis sends what the document allows, and some of what it does not: nothing may end in a 5xx.

The requests go through the whole stack in this process, inside the test's transaction; what a request changes is
rolled back before the next one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from guanxi.core.api import doors
from guanxi.core.api.service import api as service
from guanxi.core.api.service import openapi
from tests.factories.cast import Cast

#: Processor seconds a part may take, the requests per operation, and in how many parts the operations are sent.
SECONDS, EXAMPLES, PARTS = 120, 3, 4


def _sent(client: Client, case: Any) -> Any:
    """The case as a request of the test's client."""
    ready = requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
    body = ready.body or b""
    headers = {name: value for name, value in ready.headers.items() if name != "Content-Length"}
    headers.pop("Authorization", None)  # made up after the description; the client sends a real one
    kind = headers.pop("Content-Type", "application/json")
    return client.generic(ready.method or "GET", ready.path_url, body, content_type=kind, headers=headers)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_ends_in_a_5xx(
    part: int, cast: Cast, api: Callable[..., Client], make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "RATE", 1_000_000)
    rows = {key: make(key).pk for key in ("fakes.gadget", "fakes.part", "customers.customer", "activities.task")}
    document = json.loads(json.dumps(openapi(service), default=str))
    schema = schemathesis.openapi.from_dict(document)
    client = api("root")
    client.raise_request_exception = False
    end, sent, left, broken = time.process_time() + SECONDS, 0, [], []
    statuses: set[int] = set()
    for operation in [found.ok() for found in schema.get_all_operations()][part::PARTS]:
        if time.process_time() > end:
            left.append(operation.label)
            continue

        @seed(2026)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            nonlocal sent
            if "record_id" in (case.path_parameters or {}) and sent % 2:
                tag = case.operation.definition.raw["tags"][0]
                case.path_parameters["record_id"] = str(rows.get(tag, cast.alice_user.pk))
            sent += 1
            point = transaction.savepoint()
            try:
                answer = _sent(client, case)
            finally:
                transaction.savepoint_rollback(point)
            statuses.add(answer.status_code)
            if answer.status_code >= 500:
                broken.append((case.operation.label, answer.status_code, case.as_curl_command()))

        send()
    assert broken == []
    assert left == []
    assert sent >= EXAMPLES * 50
    assert {200, 404, 422} <= statuses  # the requests reach the work, and are refused where they must be
