"""Browsers of the cast, signed in and speaking English."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client

from guanxi.core.models import User
from guanxi.core.people.signin import Backend, session_begin

HX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def browse(cast: Any) -> Callable[..., Client]:
    """``browse("alice")``: her browser; the sign-in itself is tested elsewhere."""

    def browse(name: str, language: str = "en") -> Client:
        user: User = getattr(cast, f"{name}_user")
        User.everything.filter(pk=user.pk).update(language=language)
        client = Client()
        client.force_login(user, backend=f"{Backend.__module__}.{Backend.__name__}")
        request = HttpRequest()
        request.session = client.session
        session_begin(request, user)
        request.session.save()
        return client

    return browse
