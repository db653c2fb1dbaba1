"""Small forms that waited in a browser: once, at the time they were written, and refused in a sentence."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from guanxi.areas.activities.models import Activity
from guanxi.core import records
from guanxi.core.kernel import clock
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
QUEUED = {"HTTP_X_QUEUED": "1", "HTTP_HX_REQUEST": "true"}


def form(customer: Any, **values: str) -> dict[str, Any]:
    return {"_entity": "customers.customer", "_subject": customer.pk, "kind": "call", "body": "said", **values}


def send(client: Client, values: dict[str, Any]) -> Any:
    return client.post("/quick/follow-up/", values, **QUEUED)


def test_sent_twice_it_is_there_once_and_has_the_time_of_writing(browse: Any, cast: Cast, make: Any) -> None:
    customer, written = make("customers.customer"), clock.now() - dt.timedelta(hours=7)
    values = form(customer, _token="a" * 32, _written_at=written.isoformat())
    alice = browse("alice")
    assert send(alice, values).status_code == 204
    assert send(alice, values).status_code == 204
    made = Activity.objects.get(customer=customer)
    assert (made.occurred_at, made.body) == (written, "said")
    assert send(alice, {**values, "_token": "b" * 32}).status_code == 204
    assert Activity.objects.filter(customer=customer).count() == 2


def test_the_page_a_browser_keeps_takes_no_toast_from_the_page_that_is_looked_at(
    browse: Any, cast: Cast, make: Any
) -> None:
    """It is fetched in the background, often between a write and the page that says so."""
    made, alice = make("customers.customer", by=cast.alice_user, name="昆仑"), browse("alice")
    assert alice.post(f"/customers/{made.pk}/delete/", {"version": made.version}).status_code == 303
    assert "data-undo" not in alice.get("/offline/").content.decode()
    assert "data-undo" in alice.get("/customers/").content.decode()
    assert "data-undo" not in alice.get("/customers/").content.decode()


@pytest.mark.parametrize(
    "written", ["2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "yesterday", "2026-01-01T00:00:00"]
)
def test_a_clock_that_cannot_be_right_is_not_believed(browse: Any, make: Any, written: str) -> None:
    customer = make("customers.customer")
    before = clock.now()
    assert send(browse("alice"), form(customer, _written_at=written)).status_code == 204
    assert Activity.objects.get(customer=customer).occurred_at >= before


def test_what_cannot_be_kept_says_why_and_makes_nothing(browse: Any, cast: Cast, make: Any) -> None:
    gone = make("customers.customer")
    records.delete(cast.alice, gone)
    alice = browse("alice")
    answer = send(alice, form(gone))
    assert (answer.status_code, answer.json()["code"]) == (422, "quick.gone")
    assert "gone" in answer.json()["message"]
    foreign = make("customers.customer", by=cast.charlie_user)
    assert send(alice, form(foreign)).json()["code"] == "quick.gone"
    assert send(alice, form(make("customers.customer"), kind="dance")).status_code == 422
    assert send(browse("dave"), form(gone)).status_code in (403, 404)
    assert not Activity.objects.exists()


def test_the_app_can_be_installed_and_its_kept_page_names_only_what_one_may_see(
    browse: Any, cast: Cast, make: Any
) -> None:
    make("customers.customer", name="Mine Ltd")
    make("customers.customer", name="Foreign Ltd", by=cast.charlie_user)
    page = browse("alice").get("/offline/").content.decode()
    assert "Mine Ltd" in page
    assert "Foreign Ltd" not in page
    manifest = Client().get("/manifest.webmanifest")
    assert manifest["Content-Type"] == "application/manifest+json"
    for icon in manifest.json()["icons"]:
        picture = Client().get(icon["src"])
        assert picture.getvalue().startswith(b"\x89PNG")
    worker = Client().get("/worker.js")
    assert (worker.status_code, worker["Cache-Control"]) == (200, "no-cache")
    assert "javascript" in worker["Content-Type"]
    assert Client().get("/offline/").status_code == 302
    assert browse("alice").get("/offline/state/").json()["user"] == cast.alice_user.pk
