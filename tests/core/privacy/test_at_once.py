"""One person twice at the same moment: the last look of the day, the last rows, an approval that serves once."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from guanxi.core.automation import approvals
from guanxi.core.automation.approvals import flows
from guanxi.core.exchange import exports
from guanxi.core.models import AccessEntry, Approval, RoleField
from guanxi.core.models.stamps import bump
from guanxi.core.privacy import policy
from guanxi.core.records.reveal import reveal
from tests.at_once import at_once, ends
from tests.core.automation.approving import flow

pytestmark = pytest.mark.django_db(transaction=True)


def one_after(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The second comes while what the first did is not committed yet."""
    done = threading.Event()

    def begin() -> Any:
        with transaction.atomic():
            found = first()
            done.set()
            time.sleep(0.3)
            return found

    def follow() -> Any:
        assert done.wait(20)
        return second()

    return begin, follow


def test_the_last_look_of_a_day_is_taken_once(cast: Any, make: Any) -> None:
    policy.discretion_set(cast.root, looks="1", rows="0", marked=True, watermark=False)
    RoleField.objects.create(role=cast.role, entity="customers.customer", field="phones", level="masked")
    bump("rights")
    alice, customer = cast.actor(cast.alice_user), make("customers.customer", phones=["13800138000"])
    look = lambda: reveal(alice, customer, "phones")  # noqa: E731 - said once
    assert ends(*one_after(look, look)) == ["discretion.looks", "done"]
    assert AccessEntry.objects.filter(sort="reveal").count() == 1


def test_the_last_rows_of_a_day_are_taken_once(cast: Any, make: Any) -> None:
    policy.discretion_set(cast.root, looks="0", rows="1", marked=True, watermark=False)
    make("customers.customer")

    def take() -> Any:
        return exports.export_write(cast.alice, "customers.customer", out=io.BytesIO(), format="csv")

    assert ends(*one_after(take, take)) == ["discretion.rows", "done"]
    assert AccessEntry.objects.filter(sort="export").count() == 1


def test_an_approval_serves_once(cast: Any, make: Any) -> None:
    flows.register_action("fakes.gadget", "discount", "Discount", lambda *_given: None)
    flow(cast, action="discount", condition={})
    gadget, asked = make("fakes.gadget"), {"percent": 30}
    granted = Approval.objects.create(
        entity="fakes.gadget", record_id=gadget.pk, action="discount", values=asked, state="approved", applicant=cast.alice_user
    )  # fmt: skip
    use = lambda: approvals.require(cast.alice, gadget, "discount", asked)  # noqa: E731 - said once
    first, second = at_once(*one_after(use, use))
    assert first is None
    assert second is not None, "the other one has to ask again"
    assert (second.pk != granted.pk, second.state) == (True, "pending")
