import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from guanxi.config import observe
from guanxi.runtime import logs


def _middleware(answer: Callable[[HttpRequest], HttpResponse]) -> observe.RequestLogMiddleware:
    return observe.RequestLogMiddleware(answer)


def test_each_request_has_an_id_that_pages_and_logs_know() -> None:
    seen: list[str] = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.extend([request.request_id, logs.request_id.get()])  # type: ignore[attr-defined]
        return HttpResponse("x")

    response = _middleware(answer)(RequestFactory().get("/x"))
    assert re.fullmatch(r"[0-9a-f]{16}", response["X-Request-ID"])
    assert seen == [response["X-Request-ID"]] * 2
    assert logs.request_id.get() == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abcdef12", True),
        ("A.b_c:d-1234", True),
        ("short", False),
        ("x" * 65, False),
        ("line\nbreak12", False),
        ("<script>x", False),
    ],
)
def test_a_given_id_is_kept_only_when_it_is_harmless(given: str, kept: bool) -> None:
    request = RequestFactory().get("/x", headers={"X-Request-ID": given})
    response = _middleware(lambda _request: HttpResponse("x"))(request)
    assert (response["X-Request-ID"] == given) is kept


def test_the_log_line_names_request_and_status_but_no_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "guanxi.request")
    _middleware(lambda _request: HttpResponse("x", status=404))(RequestFactory().get("/customers?q=secret"))
    assert [record.getMessage() for record in caplog.records] == ["GET /customers 404"]
    record = vars(caplog.records[0])
    assert (record["method"], record["path"], record["status"], record["address"]) == (
        "GET",
        "/customers",
        404,
        "127.0.0.1",
    )
    assert "secret" not in str(record)


def test_a_failing_error_page_still_answers_with_the_id(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    response = _middleware(broken)(RequestFactory().get("/x"))
    assert response.status_code == 500
    assert isinstance(response, HttpResponse)
    assert response.content.decode() == f"500 · {response['X-Request-ID']}\n"
    assert caplog.records[0].exc_info is not None


def test_json_lines_carry_id_extra_fields_and_traceback() -> None:
    record = logging.makeLogRecord(
        {"name": "guanxi.x", "levelname": "INFO", "msg": "你好 %s", "args": ("王",), "row": 7}
    )
    token = logs.request_id.set("abc")
    try:
        line = json.loads(logs.JsonFormatter().format(record))
        text = logs.TextFormatter().format(record)
    finally:
        logs.request_id.reset(token)
    assert (line["message"], line["request_id"], line["row"], line["level"]) == ("你好 王", "abc", 7, "info")
    assert text.endswith("info    abc guanxi.x: 你好 王 row=7")


def test_health_needs_no_known_host_and_no_database(client: Client) -> None:
    """No database mark: asking it would fail the test."""
    answer = client.get("/healthz", headers={"Host": "10.0.0.7"})
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.django_db
def test_ready_when_database_migrations_and_queue_are(client: Client) -> None:
    answer = client.get("/readyz", headers={"Host": "10.0.0.7"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "database": "ok", "migrations": "ok", "queue": "ok", "worker": "none"},
    )


@pytest.mark.owner
@pytest.mark.django_db
def test_not_ready_while_a_migration_is_missing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["migrations"]) == (503, "1 migrations are not applied")


@pytest.mark.django_db
def test_queue_counts_tell_waiting_and_late_jobs() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('q', 't', 'failed')")
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES "
            "('q', 't', now() - interval '5 minutes'), ('q', 't', now() + interval '1 hour')"
        )
    assert observe.queue_counts() == {"todo": 2, "doing": 0, "failed": 1, "late": 1}


@pytest.mark.django_db
def test_metrics_are_prometheus_text(client: Client) -> None:
    client.get("/healthz")
    answer = client.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain")
    text = answer.content.decode()
    assert "guanxi_database_up 1.0" in text
    assert 'guanxi_jobs{state="todo"}' in text
    assert re.search(r'guanxi_requests_total\{method="GET",route="-",status="200"\} [1-9]', text)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/account/link/{}/", "GET /account/link/…/ 404"),
        ("/account/link/{}", "GET /account/link/… 301"),
        ("/stop/{}/", "GET /stop/…/ 404"),
        ("/confirm/{}/", "GET /confirm/…/ 404"),
        ("/nowhere/{}/", "GET /nowhere/…/ 404"),
    ],
)
def test_secrets_of_links_stay_out_of_the_log(
    client: Client, caplog: pytest.LogCaptureFixture, address: str, told: str
) -> None:
    secret = "a-secret-of-somebody-of-forty-three-letters"
    caplog.set_level(logging.INFO, "guanxi.request")
    client.get(address.format(secret))
    ours = [record for record in caplog.records if record.name == "guanxi.request"]
    assert [record.getMessage() for record in ours] == [told]
    assert secret not in str([vars(record) for record in ours])


@pytest.mark.django_db
def test_behind_a_proxy_the_log_names_the_asker(
    client: Client, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    caplog.set_level(logging.INFO, "guanxi.request")
    client.get("/account/login/", headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"})
    (ours,) = [record for record in caplog.records if record.name == "guanxi.request"]
    assert vars(ours)["address"] == "198.51.100.7"
