"""The API describes itself: one document, checked in and compared; one page for people, in both languages."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from guanxi.core.api.service import api as service
from guanxi.core.api.service import openapi
from guanxi.core.schema.derive import fields_of
from guanxi.core.schema.registry import entities, entity_of
from tests.factories.cast import Cast
from tests.signing import browser

ROOT = Path(__file__).resolve().parents[3]


def test_the_document_checked_in_is_the_present_one() -> None:
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "guanxi.config.settings"}
    command = [sys.executable, str(ROOT / "tools" / "openapi.py"), "--check"]
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_document_is_openapi_3_1_and_whole(client: Client, cast: Cast) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer"}
    ids = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))
    for entity in entities():
        name = f"{entity.app}_{entity.model._meta.model_name}"
        for word in (
            "list",
            "query",
            "get",
            "create",
            "update",
            "delete",
            "restore",
            "bulk",
            "merge",
            "action",
            "history",
            "why",
        ):
            assert f"{name}_{word}" in ids
    known = set(document["components"]["schemas"])
    for target in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)):
        assert target in known
    for methods in document["paths"].values():
        for one in methods.values():
            assert list(one["responses"]["422"]["content"]) == ["application/problem+json"]


def test_the_document_is_english_whoever_asks(client: Client, cast: Cast) -> None:
    with translation.override("zh-hans"):
        text = json.dumps(openapi(service), ensure_ascii=False, default=str)
    assert not re.search(r"[\u4e00-\u9fff]", text)


def test_bodies_name_every_field_that_may_be_written(client: Client, cast: Cast) -> None:
    schemas = openapi(service)["components"]["schemas"]
    for entity in entities():
        body = schemas[f"{entity.model.__name__}In"]["properties"]
        written = {name for name, field in fields_of(entity).items() if not field.readonly}
        assert written | {"custom"} | {lines.key for lines in entity.lines} == set(body)
    assert schemas["GadgetIn"]["properties"]["price"]["x-kind"] == "money"


@pytest.mark.parametrize(("language", "words"), [("zh-hans", ("搜索", "字段")), ("en", ("Search", "Fields"))])
def test_the_page_for_people(language: str, words: tuple[str, ...], cast: Cast) -> None:
    client = browser(cast.alice_user)
    type(cast.alice_user).objects.filter(pk=cast.alice_user.pk).update(language=language)
    answer = client.get("/api/v1/docs")
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 200
    assert all(word in page for word in words)
    with translation.override(language):
        for key in ("customers.customer", "activities.task", "core.user"):
            assert str(entity_of(key).plural) in page
    assert "/api/v1/customers/{record_id}" in page
    assert "curl -X POST 'http://testserver/api/v1/customers'" in page
    assert "<code>phones</code>" in page
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.findall(r"<style|style=\"|<script>(?!\s*</)", page)


def test_the_page_opens_without_signing_in_and_searches(client: Client, cast: Cast) -> None:
    page = client.get("/api/v1/docs", {"q": "merge tasks"}, headers={"Accept-Language": "en"}).content.decode()
    assert "/api/v1/tasks/merge" in page
    assert "/api/v1/customers/merge" not in page
    assert "/api/v1/tasks/bulk" not in page
    nothing = client.get("/api/v1/docs", {"q": "<b>zzz"}, headers={"Accept-Language": "en"}).content.decode()
    assert "Nothing fits." in nothing
    assert "<b>zzz" not in nothing


def test_the_field_search_shows_the_fields(client: Client, cast: Cast) -> None:
    page: Any = client.get("/api/v1/docs", {"q": "credit_code"}, headers={"Accept-Language": "en"}).content.decode()
    assert "<code>credit_code</code>" in page
    assert "<code>due_at</code>" not in page
