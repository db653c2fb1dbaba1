"""The worker as the supervisor starts it: it does jobs, delivers facts, ends when told, and rescues lost jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from procrastinate.contrib.django.models import ProcrastinateJob

from guanxi.areas.insight.jobs import calculation_do
from guanxi.core import records
from guanxi.core.automation import outbox, rescue
from guanxi.core.automation.queue import app
from guanxi.core.kernel.actor import system_actor
from guanxi.core.models import OutboxEvent, User
from guanxi.core.records import saving

ROOT = Path(__file__).resolve().parents[3]


def until(true: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process over this test's database; its further settings are the fixture's parameter."""
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DJANGO_SETTINGS_MODULE": "guanxi.config.settings"}
    variables |= getattr(request, "param", {})
    process = subprocess.Popen([sys.executable, "-m", "guanxi.runtime.child", "worker"], env=variables, cwd=ROOT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def jobs(task: str) -> list[str]:
    return list(ProcrastinateJob.objects.filter(task_name=task).values_list("status", flat=True))


@pytest.mark.django_db(transaction=True)
def test_it_works_delivers_and_ends_on_sigterm(worker: subprocess.Popen[bytes]) -> None:
    actor = system_actor("tests", via="test")
    until(lambda: rows("SELECT 1 FROM procrastinate_workers"))
    boss = User.objects.create(username="boss", name="Boss")
    newcomer = User.objects.create(username="new", name="Neu")
    app.configure_task("guanxi.mail_send").defer(user_id=boss.pk)
    until(lambda: jobs("guanxi.mail_send") == [])  # done ones are removed at once
    begin = time.monotonic()
    saving.update(actor, newcomer, {"name": "Neue"}, trusted=True)
    until(lambda: not OutboxEvent.objects.filter(delivered_at__isnull=True).exists())
    assert time.monotonic() - begin < 1
    assert outbox.waiting_count() == 0
    worker.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    assert worker.wait(15) == 0
    assert time.monotonic() - begin < 8
    assert rows("SELECT 1 FROM procrastinate_workers") == []  # it said good-bye


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("worker", [{"GUANXI_WORKER_CONCURRENCY": "1"}], indirect=True, ids=["one place each"])
def test_short_work_does_not_wait_for_long(worker: subprocess.Popen[bytes], base_data: None) -> None:
    """The only place for long work is taken by a job that gets no further."""
    with closing(connections["default"].copy()) as other:
        other.set_autocommit(False)
        other.cursor().execute("LOCK TABLE insight_calculation")
        for number in range(2):
            calculation_do.defer(calculation_id=number)
        until(lambda: "doing" in jobs(calculation_do.name))
        app.configure_task("guanxi.mail_send").defer(user_id=0)
        until(lambda: jobs("guanxi.mail_send") == [])
        assert sorted(jobs(calculation_do.name)) == ["doing", "todo"]
        other.rollback()
    until(lambda: jobs(calculation_do.name) == [])


def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def lost_job(attempts: int = 0, *, queueing_lock: str | None = None, silent: int = 60) -> int:
    """A job some worker was doing when it died ``silent`` seconds ago."""
    ((worker_id,),) = rows(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s)) RETURNING id",
        silent,
    )
    ((job_id,),) = rows(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts, worker_id, queueing_lock)"
        " VALUES ('default', 'guanxi.mail_send', '{\"user_id\": 0}', 'doing', %s, %s, %s) RETURNING id",
        attempts, worker_id, queueing_lock,
    )  # fmt: skip
    return int(job_id)


@pytest.mark.django_db
def test_jobs_of_dead_workers_go_back_into_the_queue() -> None:
    lost, alive = lost_job(), lost_job(silent=5)
    assert rescue.stalled_jobs_retry() == 1
    assert dict(ProcrastinateJob.objects.values_list("pk", "status")) == {lost: "todo", alive: "doing"}
    assert ProcrastinateJob.objects.get(pk=lost).attempts == 1
    assert rescue.stalled_jobs_retry() == 0


@pytest.mark.django_db
def test_a_job_that_killed_five_workers_is_put_aside() -> None:
    number = lost_job(attempts=4)
    assert rescue.stalled_jobs_retry() == 0
    assert ProcrastinateJob.objects.get(pk=number).status == "failed"


@pytest.mark.django_db
def test_a_lost_job_whose_work_waits_again_is_dropped() -> None:
    number = lost_job(queueing_lock="turn")
    app.configure_task("guanxi.mail_send", queueing_lock="turn").defer(user_id=0)
    assert rescue.stalled_jobs_retry() == 0
    assert not ProcrastinateJob.objects.filter(pk=number).exists()
    assert jobs("guanxi.mail_send") == ["todo"]


@pytest.mark.django_db(transaction=True)
def test_a_job_rolled_back_never_was_and_one_killed_is_done_by_the_next(base_data: None) -> None:
    actor = system_actor("tests", via="test")

    def fail() -> None:
        with records.writing(actor):
            app.configure_task("guanxi.mail_send").defer(user_id=0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert jobs("guanxi.mail_send") == []
    number = lost_job()
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DJANGO_SETTINGS_MODULE": "guanxi.config.settings"}
    process = subprocess.Popen([sys.executable, "-m", "guanxi.core.automation.worker"], env=variables, cwd=ROOT)
    try:
        until(lambda: not ProcrastinateJob.objects.filter(pk=number).exists())
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
