"""Browsers of the cast for tests of record pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core.models import User

PASSWORD = "白日依山尽 黄河入海流"
HX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def browse(cast: Any) -> Callable[..., Client]:
    """``browse("alice")``: a browser in which she is signed in, speaking English."""

    def browse(name: str, language: str = "en") -> Client:
        user: User = getattr(cast, f"{name}_user")
        user.language = language
        user.set_password(PASSWORD)
        user.save(update_fields=["language", "password"])
        client = Client()
        answer = client.post("/account/login/", {"login": user.username, "password": PASSWORD})
        assert answer.status_code == 302, answer.content.decode()
        return client

    return browse
