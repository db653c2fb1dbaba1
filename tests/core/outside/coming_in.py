"""Clients who came in by the link of their mail."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from guanxi.core import records
from guanxi.core.outside import inviting
from guanxi.core.outside.jobs import portal_link_send


def invited(cast: Any, customer: Any, email: str) -> Client:
    """A browser in which the customer came in through the link of his mail."""
    inviting.login_invite(cast.root, customer, email, language="en")
    assert portal_link_send(email)
    address = re.search(r"/my/enter/\S+", mail.outbox[-1].body)
    assert address
    client = Client(headers={"Accept-Language": "en"})
    assert client.get(address[0]).status_code == 200, "looking does not use it up"
    assert client.post(address[0]).status_code == 302
    assert Client().post(address[0]).status_code == 404, "it works once"
    return client


@pytest.fixture
def mine(repair: Any, cast: Any) -> Client:
    return invited(cast, repair.parent, "a@example.com")


@pytest.fixture
def other(repair: Any, cast: Any, make: Any) -> Client:
    customer = make("customers.customer", owner=cast.charlie_user.pk)
    records.create(cast.root, "custom.repair", {"name": "R-9", "parent": customer.pk})
    return invited(cast, customer, "b@example.com")
