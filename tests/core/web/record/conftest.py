"""Browsers of the cast for tests of record pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.template.backends.jinja2 import Template
from django.test import Client
from django.test.signals import template_rendered

from guanxi.core.models import User

PASSWORD = "白日依山尽 黄河入海流"
HX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers know the context their Jinja template was drawn with, as Django's own templates let them."""
    plain = Template.render

    def render(self: Any, context: Any = None, request: Any = None) -> Any:
        template_rendered.send(sender=self, template=self, context=dict(context or {}))
        return plain(self, context, request)

    monkeypatch.setattr(Template, "render", render)


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
