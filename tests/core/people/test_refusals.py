"""Who tried what he may not do stands in the access log, by page and by API, and no more often than the log can bear."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from guanxi.core.models import AccessEntry
from guanxi.core.people import refusals
from guanxi.core.people.tokens import token_create
from tests.core.web.conftest import browse  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


def noted() -> list[tuple[str, str, str]]:
    rows = AccessEntry.objects.filter(sort="denied").order_by("pk")
    return [(row.actor_name, row.details["verb"], row.details["path"]) for row in rows]


def test_a_page_and_the_api_note_who_was_refused(cast: Any, make: Any, browse: Any) -> None:  # noqa: F811
    assert browse("alice").get("/people/log/").status_code == 403
    gadget = make("fakes.gadget", by=cast.bob_user)
    _token, held = token_create(cast.alice, cast.alice_user, name="t", scopes=["read", "write"])
    program = Client(headers={"Authorization": f"Bearer {held}"})
    answer = program.patch(f"/api/v1/gadgets/{gadget.pk}", {"name": "x"}, content_type="application/json")
    assert answer.status_code == 403
    assert noted() == [("林爱丽", "GET", "/people/log/"), ("林爱丽", "PATCH", f"/api/v1/gadgets/{gadget.pk}")]
    row = AccessEntry.objects.filter(sort="denied").latest("pk")
    assert (row.entity, row.details["action"], row.via) == ("fakes.gadget", "change", "api")
    page = browse("root").get("/people/log/?sort=denied").content.decode()
    assert f"/api/v1/gadgets/{gadget.pk}" in page


def test_other_errors_and_strangers_are_not_noted(cast: Any, browse: Any) -> None:  # noqa: F811
    assert browse("alice").get("/gadgets/999999999/").status_code == 404
    assert Client().get("/people/log/").status_code == 302
    assert noted() == []


def test_so_many_a_minute(cast: Any, browse: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(refusals, "A_MINUTE", 3)
    client = browse("alice")
    assert [client.get("/people/log/").status_code for _time in range(5)] == [403] * 5
    assert len(noted()) == 3


def test_the_log_goes_on_to_older_entries(browse: Any, cast: Any) -> None:  # noqa: F811
    entry = {"sort": "sign_in", "actor_name": "林爱丽", "address": "10.0.0.7"}
    AccessEntry.objects.bulk_create(AccessEntry(**entry) for _number in range(101))
    root = browse("root")
    asked = {"sort": "sign_in", "person": "林", "address": "10.0.0", "day": "", "mark": ""}
    page = root.get("/people/log/", asked).content.decode()
    older = html.unescape(re.findall(r'href="(/people/log/\?[^"]*before=\d+)"', page)[0])
    assert "address=10.0.0" in older
    assert root.get(older).content.decode().count("10.0.0.7") == 1
