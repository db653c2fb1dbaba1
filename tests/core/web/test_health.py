"""The page of the workspace's health: what it says, who may see it, and a job tried again."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import translation

from guanxi.core.automation import health
from guanxi.core.models import OutboxEvent
from tests.factories.cast import Cast
from tests.rights import as_owner

pytestmark = pytest.mark.django_db


def _job(status: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts)"
            " VALUES ('default', 'mail_send', '{}', %s, 6) RETURNING id",
            [status],
        )
        return int(cursor.fetchone()[0])


def _events() -> health.Finding:
    with translation.override("en"):
        return next(each for each in health.findings() if each.label == "Events")


def test_the_page_names_each_part_and_each_fault(cast: Cast, browse: Callable[..., Client]) -> None:
    page = browse("root", "zh-hans").get("/settings/health/").content.decode()
    for word in ("数据库", "时钟", "磁盘", "后台进程", "后台任务", "事件", "备份", "审计"):
        assert word in page
    assert "提醒、导入和邮件都在等待" in page  # no worker runs in this test
    assert "没有：所有任务都已完成" in page
    failed = _job("failed")
    again = browse("root", "zh-hans").get("/settings/health/").content.decode()
    assert f"#{failed}" in again
    assert "已放弃 1" in again


def _audit() -> health.Finding:
    with translation.override("en"):
        return next(each for each in health.findings() if each.label == "Audit")


def test_it_says_when_the_audit_is_not_guarded(db: None) -> None:
    with as_owner(), connection.cursor() as cursor:
        assert _audit().state == "warning"
        assert "could change entries" in _audit().text
        cursor.execute("ALTER TABLE customers_customer DISABLE TRIGGER USER")
    found = _audit()
    assert (found.state, "changes of customers_customer are not noted" in found.text) == ("wrong", True)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE customers_customer ENABLE TRIGGER USER")
    assert _audit().state == "ok"


def test_a_job_given_up_is_tried_again_once(cast: Cast, browse: Callable[..., Client]) -> None:
    failed, waiting = _job("failed"), _job("todo")
    client = browse("root", "zh-hans")
    assert client.post(f"/settings/health/jobs/{failed}/again/").status_code == 303
    with connection.cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs WHERE id = %s", [failed])
        assert cursor.fetchone() == ("todo",)
    assert client.post(f"/settings/health/jobs/{failed}/again/").status_code == 404
    assert client.post(f"/settings/health/jobs/{waiting}/again/").status_code == 404
    assert client.post("/settings/health/jobs/x/again/").status_code == 404


def test_whoever_does_not_administer_sees_and_does_nothing(cast: Cast, browse: Callable[..., Client]) -> None:
    failed = _job("failed")
    client = browse("alice")
    assert client.get("/settings/health/").status_code == 403
    assert client.post("/settings/health/backup/").status_code == 403
    assert client.post(f"/settings/health/jobs/{failed}/again/").status_code == 403
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'backup_now' OR status = 'todo'")
        assert cursor.fetchone() == (0,)


def test_a_backup_is_asked_of_the_worker(cast: Cast, browse: Callable[..., Client]) -> None:
    assert browse("root", "zh-hans").post("/settings/health/backup/").status_code == 303
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'backup_now' AND status = 'todo'")
        assert cursor.fetchone() == (1,)


def test_a_failing_subscriber_is_named(cast: Cast, make: Callable[..., Any]) -> None:
    assert _events().state == "ok"
    make("fakes.gadget")
    OutboxEvent.objects.update(delivered_at=None, error="sales.subscribers.stage_follow: KeyError: 'x'\nand more")
    found = _events()
    assert (found.state, found.help) == ("warning", "sales.subscribers.stage_follow: KeyError: 'x'")
