"""Signed-in browsers for tests of people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from guanxi.core.models import User

PASSWORD = "白日依山尽 黄河入海流"
LOGIN = "/account/login/"


@pytest.fixture
def signed_in(cast: Any) -> Callable[..., Client]:
    """``signed_in(user)``: a browser in which the user signed in with :data:`PASSWORD`."""

    def signed_in(user: User, language: str = "en") -> Client:
        user.set_password(PASSWORD)
        user.language = language
        user.save(update_fields=["password", "language"])
        client = Client()
        answer = client.post("/account/login/", {"login": user.username, "password": PASSWORD})
        assert answer.status_code == 302, answer.content.decode()
        return client

    return signed_in


def password_of(user: User, password: str = PASSWORD) -> User:
    """Give a user a password without a word to anybody."""
    user.set_password(password)
    user.save(update_fields=["password"])
    return user


def attempt(client: Client, login: str, password: str = "wrong", **headers: Any) -> Any:  # noqa: S107 - meant to be wrong
    return client.post(LOGIN, {"login": login, "password": password}, **headers)
