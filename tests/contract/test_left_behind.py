"""What a page leaves behind: nothing that grows with what it shows waits for Python's collector.

The collector stands still for tens of milliseconds in the middle of somebody's page, the sooner the more waits for it.
"""

from __future__ import annotations

import gc
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from tests.factories.cast import Cast
from tests.signing import browser

TIMES = 5
#: Objects in circles that Django leaves of a request, and the test's own client of each of its requests.
LEFT = 150


@pytest.fixture
def web(cast: Cast, make: Any) -> Client:
    cache.clear()
    for _number in range(30):
        customer = make("customers.customer")
        make("sales.opportunity", customer=customer)
        make("activities.task", customer=customer)
    return browser(cast.root_user)


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/customers/?view=0",
        "/customers/{}/",
        "/customers/{}/edit/",
        "/opportunities/board/?view=0",
        "/search/?q=测试",
    ],
)
def test_a_page_leaves_little_to_the_collector(address: str, web: Client, make: Any) -> None:
    address = address.format(make("customers.customer").pk)
    for _ in range(3):
        assert web.get(address).status_code == 200
    gc.collect()
    gc.disable()
    try:
        for _ in range(TIMES):
            web.get(address)
        left = gc.collect() / TIMES
    finally:
        gc.enable()
    assert left < LEFT
