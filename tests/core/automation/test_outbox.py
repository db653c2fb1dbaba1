"""Facts are told at least once, in order for each record, and a failing listener is asked again later."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, connection, transaction

from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.automation.postman import Postman
from guanxi.core.kernel import clock, events
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.events import Event
from guanxi.core.models import OutboxEvent, Preference

ROOT = Path(__file__).resolve().parents[3]
SYSTEM = system_actor("tests", via="test")
NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What a listener to ``toy.thing.*`` hears; nobody else listens."""
    known: dict[str, list[events.Subscriber]] = {}
    monkeypatch.setattr(events, "_subscribers", known)
    found: list[Event] = []
    events.subscribe("toy.thing.*")(found.append)
    return found


def announce(verb: str, record_id: int | None) -> int:
    with records.writing(SYSTEM):
        records.emit(SYSTEM, verb, entity="toy.thing", record_id=record_id, changes={"name": ["a", "b"]})
    found = OutboxEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
    assert found is not None
    return found


@pytest.mark.django_db
def test_a_fact_reaches_its_listener_once_with_all_it_says(heard: list[Event]) -> None:
    number = announce("renamed", 7)
    assert outbox.deliver_all() == outbox.Delivery(told=1)
    assert outbox.deliver_all() == outbox.Delivery()
    event = heard.pop()
    assert (event.id, event.name, event.entity, event.record_id) == (number, "toy.thing.renamed", "toy.thing", 7)
    assert event.changes == {"name": ["a", "b"]}
    assert (event.actor_id, event.actor_name) == (None, "tests")
    assert heard == []


@pytest.mark.django_db
def test_a_rolled_back_fact_never_was(heard: list[Event]) -> None:
    def fail() -> None:
        with records.writing(SYSTEM):
            records.emit(SYSTEM, "renamed", entity="toy.thing", record_id=7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert outbox.deliver_all() == outbox.Delivery()
    assert heard == []


@pytest.mark.django_db
def test_facts_of_a_record_keep_their_order_and_others_need_not_wait(heard: list[Event]) -> None:
    failing = {"renamed"}

    def fall(event: Event) -> None:
        if event.name.rpartition(".")[2] in failing and event.record_id == 1:
            raise ConnectionError("away")

    events.subscribe("toy.thing.*")(fall)
    with clock.moved_to(NOON):
        announce("renamed", 1), announce("moved", 1), announce("renamed", 2)
        assert outbox.deliver_all() == outbox.Delivery(told=1, failed=1)
        assert [(event.record_id, event.name) for event in heard] == [
            (1, "toy.thing.renamed"),
            (2, "toy.thing.renamed"),
        ]
        row = OutboxEvent.objects.get(record_id=1, name="toy.thing.renamed")
        assert row.attempts == 1
        assert row.not_before == NOON + dt.timedelta(seconds=10)
        assert row.error == f"{fall.__module__}.{fall.__qualname__}: ConnectionError: away"
        assert outbox.deliver_all() == outbox.Delivery()  # nothing before its time, nothing out of order
        assert outbox.seconds_to_next(60) == 10
    failing.clear()
    heard.clear()
    with clock.moved_to(NOON + dt.timedelta(seconds=11)):
        assert outbox.deliver_all() == outbox.Delivery(told=2)
    assert [(event.record_id, event.name) for event in heard] == [(1, "toy.thing.renamed"), (1, "toy.thing.moved")]


@pytest.mark.django_db
def test_one_listeners_fault_undoes_only_his_own_work(heard: list[Event]) -> None:
    def spoil(event: Event) -> None:
        Preference.objects.create(key="half done", value=event.id)
        raise ValueError("spoilt")

    def write(event: Event) -> None:
        Preference.objects.update_or_create(key="done", defaults={"value": event.id})

    events.subscribe("toy.thing.*")(spoil)
    events.subscribe("toy.thing.*")(write)
    number = announce("renamed", 7)
    assert outbox.deliver_all() == outbox.Delivery(failed=1)
    assert not Preference.objects.filter(key="half done").exists()
    assert Preference.objects.get(key="done").value == number


@pytest.mark.django_db
def test_a_fact_is_given_up_after_the_last_attempt_and_lets_the_next_pass(heard: list[Event]) -> None:
    def fall(event: Event) -> None:
        if event.name == "toy.thing.renamed":
            raise ConnectionError("away")

    events.subscribe("toy.thing.*")(fall)
    first, second = announce("renamed", 1), announce("moved", 1)
    pauses = []
    moment = NOON
    for _attempt in range(outbox.ATTEMPTS - 1):
        with clock.moved_to(moment):
            assert outbox.deliver().failed == 1
            due = OutboxEvent.objects.get(pk=first).not_before
            assert due is not None
            pauses.append(int((due - moment).total_seconds()))
            moment = due
    assert pauses == [10, 30, 90, 270, 810, 2430, 7290, 14400, 14400, 14400, 14400]
    with clock.moved_to(moment):
        assert outbox.deliver_all() == outbox.Delivery(told=1, given_up=1)
    row = OutboxEvent.objects.get(pk=first)
    assert row.delivered_at == moment
    assert row.error.endswith("ConnectionError: away")
    assert OutboxEvent.objects.get(pk=second).delivered_at == moment


@pytest.mark.django_db(transaction=True)
def test_a_crash_between_telling_and_marking_tells_again(heard: list[Event]) -> None:
    class Crash(BaseException):
        """The process dies."""

    effects: list[int] = []

    def act_outside(event: Event) -> None:
        effects.append(event.id)
        if len(effects) == 1:
            raise Crash

    def write(event: Event) -> None:
        row, _made = Preference.objects.get_or_create(key="told", defaults={"value": []})
        row.value = [*row.value, event.id]
        row.save()

    known = events._subscribers["toy.thing.*"]
    known[:] = [write, act_outside]
    number = announce("renamed", 7)
    with pytest.raises(Crash):
        outbox.deliver()
    assert not Preference.objects.filter(key="told").exists()  # what it wrote went with it
    assert outbox.deliver() == outbox.Delivery(told=1)
    assert effects == [number, number]  # outside: twice, so it must be idempotent
    assert Preference.objects.get(key="told").value == [number]  # in the database: once


@pytest.mark.django_db(transaction=True)
def test_two_deliverers_do_not_tell_the_same_fact_and_keep_the_order(heard: list[Event]) -> None:
    first, second = announce("renamed", 1), announce("moved", 1)
    third = announce("renamed", 2)
    inside, go_on = threading.Event(), threading.Event()
    told_elsewhere: list[int] = []

    def slow(event: Event) -> None:
        if threading.current_thread().name == "other":
            told_elsewhere.append(event.id)
            inside.set()
            assert go_on.wait(10)

    events.subscribe("toy.thing.*")(slow)

    def other() -> None:
        try:
            outbox.deliver(limit=1)
        finally:
            connection.close()

    thread = threading.Thread(target=other, name="other")
    thread.start()
    assert inside.wait(10)
    heard.clear()
    assert outbox.deliver() == outbox.Delivery(told=1)  # neither the claimed one nor the one that must wait for it
    assert [event.id for event in heard] == [third]
    go_on.set()
    thread.join(10)
    assert told_elsewhere == [first]
    assert outbox.deliver() == outbox.Delivery(told=1)
    assert heard[-1].id == second


@pytest.mark.django_db(transaction=True)
def test_the_postman_hears_of_a_commit_within_a_second(heard: list[Event]) -> None:
    told = threading.Event()
    moments: list[float] = []

    def note(_event: Event) -> None:
        moments.append(time.monotonic())
        told.set()

    events.subscribe("toy.thing.*")(note)
    postman = Postman(look_every=60)
    postman.start()
    try:
        time.sleep(0.7)
        begin = time.monotonic()
        with transaction.atomic():
            announce("renamed", 7)
        assert told.wait(5)
        assert moments[0] - begin < 1
    finally:
        postman.stop()
    assert not postman.is_alive()


def test_a_killed_worker_process_loses_nothing(fresh_database: str, tmp_path: Path) -> None:
    """A real process dies by SIGKILL while it delivers; another one finishes."""
    folder = tmp_path
    code = """
import os, signal, sys, django
django.setup()
from pathlib import Path
from guanxi.core.automation import outbox
from guanxi.core.kernel import events
from guanxi.core.models import Preference
events._subscribers.clear()
@events.subscribe("toy.thing.*")
def work(event):
    Preference.objects.create(key=f"told {event.id}", value=1)
    if event.record_id == 5 and sys.argv[1] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
outbox.deliver_all()
"""
    with psycopg.connect(fresh_database, autocommit=True) as database:
        database.execute(
            "INSERT INTO core_outboxevent (name, entity, record_id, changes, actor_name, at, attempts, error)"
            " SELECT 'toy.thing.made', 'toy.thing', n, '{}', '', now(), 0, '' FROM generate_series(1, 10) n"
        )
        variables = os.environ | {
            "DATABASE_URL": fresh_database,
            "GUANXI_DATA": str(folder),
            "DJANGO_SETTINGS_MODULE": "guanxi.config.settings",
            "PYTHONPATH": f"{ROOT}/src",
        }
        died = subprocess.run([sys.executable, "-c", code, "die"], env=variables, cwd=ROOT, check=False, timeout=60)
        assert died.returncode == -9
        assert database.execute("SELECT count(*) FROM core_preference WHERE key LIKE 'told %'").fetchone() == (0,)
        subprocess.run([sys.executable, "-c", code, "live"], env=variables, cwd=ROOT, check=True, timeout=60)
        assert database.execute("SELECT count(*) FROM core_preference WHERE key LIKE 'told %'").fetchone() == (10,)
        left = database.execute("SELECT count(*) FROM core_outboxevent WHERE delivered_at IS NULL").fetchone()
        assert left == (0,)


@pytest.mark.django_db(transaction=True)
def test_no_fault_ends_the_postman(heard: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    deliver, faults = outbox.deliver_all, [RuntimeError("a follower fell"), InterfaceError("gone")]

    def fall(**how: Any) -> outbox.Delivery:
        if faults:
            raise faults.pop()
        return deliver(**how)

    monkeypatch.setattr(outbox, "deliver_all", fall)
    monkeypatch.setattr("guanxi.core.automation.postman._PAUSE_AFTER_TROUBLE", 0.01)
    told = threading.Event()
    events.subscribe("toy.thing.*")(lambda _event: told.set())
    postman = Postman(look_every=60)
    postman.start()
    try:
        announce("renamed", 7)
        assert told.wait(5)
    finally:
        postman.stop()
