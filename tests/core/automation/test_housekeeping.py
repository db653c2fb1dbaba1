"""What is thrown away and what stays; partitions of the audit; the trash after thirty days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from guanxi.core import records
from guanxi.core.automation import housekeeping
from guanxi.core.kernel import clock
from guanxi.core.models import (
    AuditEntry,
    Comment,
    Draft,
    KeptAnswer,
    Mark,
    Notification,
    OneTimeLink,
    OutboxEvent,
    RateWindow,
)
from guanxi.core.records import marks, together
from guanxi.core.records.purging import purge
from tests.factories.cast import Cast
from tests.fakes.models import Gadget, Part

Make = Callable[..., Any]
NOW = dt.datetime(2026, 6, 15, 12, 0, tzinfo=dt.UTC)


def ago(**span: float) -> dt.datetime:
    return NOW - dt.timedelta(**span)


@pytest.fixture(autouse=True)
def _now(cast: Cast) -> Any:
    OutboxEvent.objects.all().delete()
    with clock.moved_to(NOW):
        yield


def test_told_facts_go_after_three_days_given_up_ones_after_sixty() -> None:
    for name, days, error in (("a", 2, ""), ("b", 4, ""), ("c", 4, "x"), ("d", 61, "x")):
        OutboxEvent.objects.create(name=name, entity="e", delivered_at=ago(days=days), error=error, at=ago(days=70))
    OutboxEvent.objects.create(name="waiting", entity="e", at=ago(days=99))
    assert housekeeping.outbox_forget() == 2
    assert list(OutboxEvent.objects.order_by("name").values_list("name", flat=True)) == ["a", "c", "waiting"]


def test_short_lived_things(cast: Cast) -> None:
    user = cast.alice_user
    for hours in (23, 25):
        KeptAnswer.objects.create(user=user, key=f"{hours}", fingerprint="", created_at=ago(hours=hours))
    for days in (29, 31):
        Draft.objects.create(user=user, key=f"{days}", updated_at=ago(days=days))
    for days in (6, 8):
        OneTimeLink.objects.create(purpose="reset", user=user, digest=f"{days}", expires_at=ago(days=days))
    for key, until in (("over", ago(minutes=1)), ("open", ago(minutes=-1))):
        Session.objects.create(session_key=key, session_data="", expire_date=until)
    for sort, made, read in (("new", 300, None), ("read", 91, 91), ("fresh", 91, 89), ("old", 366, None)):
        Notification.objects.create(
            user=user, sort=sort, text="x", entity="", record_id=0,
            created_at=ago(days=made), read_at=read and ago(days=read),
        )  # fmt: skip
    assert housekeeping.answers_forget() == housekeeping.drafts_forget() == housekeeping.links_forget() == 1
    for hours in (23, 25):
        RateWindow.objects.create(key=f"signin:account:{hours}", window=int(ago(hours=hours).timestamp()))
        for key in (
            "link:192.0.2.1",
            "shared:192.0.2.1",
            "shared-code:7:192.0.2.1",
            "guess:192.0.2.1",
            "denied:7",
            "x:y",
        ):
            RateWindow.objects.create(key=f"{key}:{hours}", window=int(ago(hours=hours).timestamp()))
    RateWindow.objects.create(key="api:1", window=int(NOW.timestamp()) // 60)
    assert housekeeping.attempts_forget() == 7
    left = set(RateWindow.objects.values_list("key", flat=True))
    assert len(left) == 8
    assert {key for key in left if not key.endswith(":23")} == {"api:1"}
    assert housekeeping.sessions_forget() == 1
    assert housekeeping.notifications_forget() == 2
    assert list(KeptAnswer.objects.values_list("key", flat=True)) == ["23"]
    assert list(Draft.objects.values_list("key", flat=True)) == ["29"]
    assert list(OneTimeLink.objects.values_list("digest", flat=True)) == ["6"]
    assert list(Session.objects.values_list("session_key", flat=True)) == ["open"]
    assert sorted(Notification.objects.values_list("sort", flat=True)) == ["fresh", "new"]


def test_the_trash_is_emptied_after_thirty_days_with_what_was_left_on_records(cast: Cast, make: Make) -> None:
    with clock.moved_to(ago(days=31)):
        old, kept = make("fakes.gadget", name="alt"), make("fakes.gadget", name="bleibt")
        part = make("fakes.part", gadget=old)
        together.comment_add(cast.alice, old, "hallo")
        together.comment_add(cast.alice, kept, "hallo")
        marks.star(cast.alice, old)
        records.delete(cast.alice, old)
    with clock.moved_to(ago(days=29)):
        younger = make("fakes.gadget", name="neuer")
        records.delete(cast.alice, younger)
    assert housekeeping.trash_purge() == 2
    found = Gadget.everything.filter(name__in=["alt", "bleibt", "neuer"]).order_by("name")
    assert list(found.values_list("name", flat=True)) == ["bleibt", "neuer"]
    assert not Part.everything.filter(pk=part.pk).exists()
    assert [(one.entity, one.record_id) for one in Comment.objects.all()] == [("fakes.gadget", kept.pk)]
    assert Mark.objects.count() == 0
    gone = AuditEntry.objects.get(entity="fakes_gadget", record_id=old.pk, action="destroy")
    assert gone.changes["name"] == ["alt", None]
    assert gone.actor_name == "housekeeping"


def test_only_what_lies_in_the_trash_is_purged(cast: Cast, make: Make) -> None:
    alive, boss = make("fakes.gadget"), make("core.user")
    assert purge(cast.root, "fakes.gadget", [alive.pk]) == 0
    make("fakes.gadget", by=boss)
    records.delete(cast.root, boss)
    assert purge(cast.root, "core.user", [boss.pk]) == 0  # still the owner of something
    assert type(boss).everything.filter(pk=boss.pk).exists()


def test_a_failing_step_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def broken() -> int:
        raise RuntimeError("oh")

    monkeypatch.setattr(housekeeping, "STEPS", (broken, housekeeping.drafts_forget))
    assert housekeeping.run_all() == {"drafts_forget": 0}
    assert "a housekeeping step failed" in caplog.text


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'core_auditentry'::regclass")
        return {row[0] for row in cursor.fetchall()}


def test_partitions_for_this_month_and_three_more(cast: Cast) -> None:
    before = partitions()
    housekeeping.audit_partitions()
    wanted = {f"core_auditentry_2026{month:02}" for month in (6, 7, 8, 9)}
    assert wanted <= partitions()
    assert partitions() - before <= wanted
    assert housekeeping.audit_partitions() == 0


def test_entries_in_the_default_partition_move_to_their_month(cast: Cast) -> None:
    far = dt.datetime(2031, 12, 31, 23, 59, tzinfo=dt.UTC)
    for at in (far, far + dt.timedelta(hours=1)):
        AuditEntry.objects.create(
            at=at, entity="far", record_id=1, action="update", changes={}, actor_name="", via="", request_id="",
            address="",
        )  # fmt: skip
    ids = set(AuditEntry.objects.filter(entity="far").values_list("pk", flat=True))
    with clock.moved_to(far):
        assert housekeeping.audit_partitions() == 4
    assert {"core_auditentry_203112", "core_auditentry_203201"} <= partitions()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, id FROM core_auditentry WHERE entity = 'far' ORDER BY at")
        rows = cursor.fetchall()
    assert [row[0] for row in rows] == ["core_auditentry_203112", "core_auditentry_203201"]
    assert {row[1] for row in rows} == ids
    AuditEntry.objects.create(
        at=far, entity="far", record_id=2, action="update", changes={}, actor_name="", via="", request_id="",
        address="",
    )  # fmt: skip
    assert AuditEntry.objects.filter(entity="far").count() == 3
