"""The daily backup: when it is due, how the worker makes and proves it, and when the flag goes up."""

from __future__ import annotations

import datetime as dt
import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest

from guanxi.core.automation import backups
from guanxi.core.kernel import clock
from guanxi.runtime.backup import archive, making, restoring, watching
from guanxi.runtime.environment import Environment
from tests.runtime.backed import KNOWN, home, quiet

__all__ = ["home"]


def test_the_daily_backup_is_due_once_a_day_and_again_an_hour_after_a_failure(home: Environment) -> None:
    def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
        return dt.datetime(2026, 11, day, hour, minute, tzinfo=dt.UTC)

    plan = replace(home, backup_at="03:00", time_zone="Asia/Shanghai")  # 19:00 UTC
    assert not watching.due(plan, at(1, 12))
    assert not watching.due(plan, at(1, 18, 59))
    assert watching.due(plan, at(1, 19))
    assert not watching.due(replace(plan, backup_at=""), at(1, 19))
    watching.failed(plan, at(1, 19), "disk full")
    assert not watching.due(plan, at(1, 19, 50))
    assert watching.due(plan, at(1, 20, 1))
    assert watching.state(plan, at(1, 21)).good is False
    assert "disk full" in watching.state(plan, at(1, 21)).text
    making.make(plan, passphrase="", tell=quiet)
    assert not watching.due(plan, dt.datetime.now(dt.UTC))
    assert "none was proven" in watching.state(plan, dt.datetime.now(dt.UTC)).text


def test_the_flag_goes_up_when_the_last_proof_is_older_than_two_days(home: Environment) -> None:
    plan, now = replace(home, backup_at="03:00"), dt.datetime.now(dt.UTC)
    made = making.make(plan, passphrase="", tell=quiet)
    assert watching.state(plan, now).good is False, "made, and not proven"
    restoring.drill(plan, made.place, "", KNOWN, quiet)
    assert watching.state(plan, now + dt.timedelta(hours=47, minutes=59)).good is True
    late = watching.state(plan, now + dt.timedelta(hours=48, minutes=1))
    assert (late.good, "none was proven" in late.text) == (False, True)
    making.make(plan, target=home.data / "another.guanxi", passphrase="", tell=quiet)
    assert watching.state(plan, now + dt.timedelta(hours=49)).good is False, "a new one alone proves nothing"


def test_the_worker_makes_and_proves_the_daily_backup_and_notes_what_went_wrong(
    home: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, now = replace(home, backup_at="03:00", backup_drill=True), dt.datetime.now(dt.UTC)
    monkeypatch.setattr(backups, "environment", lambda: plan)
    called: list[list[str]] = []
    fails = ""

    def run(command: list[str], **_given: object) -> subprocess.CompletedProcess[str]:
        called.append(command[3:])
        wrong = command[-1] == fails
        return subprocess.CompletedProcess(
            command, int(wrong), "", "…\nThe rows of odd are not those of the backup.\n" * wrong
        )

    monkeypatch.setattr(backups.subprocess, "run", run)
    assert not watching.due(plan, now), "a new workspace is not backed up while it is set up"
    assert not backups.backup_if_due(now)
    assert called == []
    tomorrow = now + dt.timedelta(days=1)
    assert backups.backup_if_due(tomorrow)
    assert called == [["backup"], ["backup", "drill"]]
    fails = "drill"
    assert not backups.backup_if_due(tomorrow)
    told = watching.state(plan, now)
    assert (told.good, "The rows of odd are not those of the backup." in told.text) == (False, True)


def test_a_proof_that_failed_is_tried_again_after_growing_pauses_until_it_holds(
    home: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, begin = replace(home, backup_at="03:00", backup_drill=True), dt.datetime.now(dt.UTC)
    made, hour, called, fails = (
        making.make(plan, passphrase="", tell=quiet),
        dt.timedelta(hours=1),
        list[list[str]](),
        True,
    )

    def run(command: list[str], **_given: object) -> subprocess.CompletedProcess[str]:
        called.append(command[3:])
        if not fails:
            restoring.drill(plan, made.place, "", KNOWN, quiet)
        return subprocess.CompletedProcess(command, int(fails), "", "no room\n" * fails)

    monkeypatch.setattr(backups, "environment", lambda: replace(plan, backup_at=""))
    monkeypatch.setattr(backups, "subprocess", SimpleNamespace(run=run))
    assert not backups.backup_if_due(begin + hour)
    assert called == [], "nothing failed"
    watching.failed(plan, begin, "no room", "drill")
    tried, after = begin, list[int]()
    for pause in (1, 2, 4, 8, 8):
        assert not backups.backup_if_due(tried + pause * hour)
        tried += pause * hour + dt.timedelta(minutes=1)
        with clock.moved_to(tried):
            assert not backups.backup_if_due(tried)
        after.append(len(called))
    assert (after, called[0]) == ([1, 2, 3, 4, 5], ["backup", "drill"])
    assert watching.state(plan, tried).good is False
    assert not watching.drill_due(replace(plan, backup_drill=False), tried + 9 * hour)
    fails = False
    assert backups.backup_if_due(tried + 9 * hour)
    assert watching.state(plan, tried).good is True
    assert not backups.backup_if_due(tried + 20 * hour)
    watching.failed(plan, begin, "no room", "drill")
    old = made.place.rename(made.place.with_name(f"guanxi-20250101T000000Z{archive.SUFFIX}"))
    restoring.drill(plan, old, "", KNOWN, quiet)
    assert watching.state(plan, begin).good is False, "the proof of another backup is not that of the last one"
