"""What is hung on a record while its owner changes follows its new owner."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from django.db import OperationalError, connection

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.models import CarryLag, SearchDoc
from guanxi.core.records import carrying
from tests.factories.cast import Cast


@pytest.mark.django_db(transaction=True)
def test_a_child_made_while_the_owner_changes_follows_him(
    cast: Cast, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrying, "GAP", dt.timedelta())
    firm = make("customers.customer", by=cast.alice_user, name="甲公司")
    made, end = threading.Event(), threading.Event()

    def hang() -> None:
        with closing(connection):
            try:
                with records.writing(cast.root):
                    given = {"name": "张三", "customer": firm.pk, "owner": cast.bob_user.pk}
                    records.create(cast.root, "customers.contact", given)
                    made.set()
                    end.wait(20)
            finally:
                made.set()

    hanging = threading.Thread(target=hang)
    hanging.start()
    try:
        assert made.wait(20)
        records.update(cast.root, Customer.objects.get(pk=firm.pk), {"owner": cast.charlie_user.pk})
        assert [carrying.carry_late() for _turn in range(3)] == [0, 0, 0]
        assert CarryLag.objects.get().ids == [firm.pk], "it waits for who has not ended"
    finally:
        end.set()
        hanging.join(20)
    late = Contact.objects.get(name="张三")
    assert late.carrier_owner_id == cast.alice_user.pk
    waited = time.monotonic()
    while not (done := carrying.carry_late()) and time.monotonic() - waited < 60:  # for others of the server, too
        time.sleep(0.1)
    assert done == 1
    late.refresh_from_db()
    assert late.carrier_owner_id == cast.charlie_user.pk
    assert SearchDoc.objects.get(entity="customers.contact", record_id=late.pk).carrier == cast.charlie_user.pk
    assert not CarryLag.objects.exists()


@pytest.mark.django_db
def test_a_change_nobody_met_is_done_with_at_the_second_look(cast: Cast, make: Callable[..., Any]) -> None:
    firm = make("customers.customer", by=cast.alice_user, name="甲公司")
    make("customers.contact", name="李四", customer=firm)
    records.update(cast.root, firm, {"owner": cast.charlie_user.pk})
    assert Contact.objects.get().carrier_owner_id == cast.charlie_user.pk
    assert carrying.carry_late() == 0
    assert CarryLag.objects.get().upto
    CarryLag.objects.update(upto=1)  # all of them have ended
    assert carrying.carry_late() == 0
    assert CarryLag.objects.exists(), "no time has gone by"
    CarryLag.objects.update(noted_at=clock.now() - dt.timedelta(minutes=1))
    assert carrying.carry_late() == 0
    assert not CarryLag.objects.exists()


@pytest.mark.django_db
def test_numbers_of_another_server_are_waited_for_a_day(cast: Cast, make: Callable[..., Any]) -> None:
    records.update(cast.root, make("customers.customer", by=cast.alice_user), {"owner": cast.charlie_user.pk})
    carrying.carry_late()
    CarryLag.objects.update(upto=2**60, noted_at=clock.now() - dt.timedelta(hours=23))
    carrying.carry_late()
    assert CarryLag.objects.exists()
    CarryLag.objects.update(noted_at=clock.now() - dt.timedelta(hours=25))
    carrying.carry_late()
    assert not CarryLag.objects.exists()


@pytest.mark.django_db
def test_one_change_that_fails_holds_up_no_other(
    cast: Cast, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    firms = [make("customers.customer", by=cast.alice_user) for _number in range(2)]
    for firm in firms:
        records.update(cast.root, firm, {"owner": cast.charlie_user.pk})
    carrying.carry_late()
    CarryLag.objects.update(upto=1, noted_at=clock.now() - dt.timedelta(minutes=1))
    compared = carrying._compared

    def failing(number: int) -> int:
        if number == CarryLag.objects.order_by("pk")[0].pk:
            raise OperationalError
        return compared(number)

    monkeypatch.setattr(carrying, "_compared", failing)
    assert carrying.carry_late() == 0
    assert CarryLag.objects.get().ids == [firms[0].pk]
    assert "could not be compared" in caplog.text
