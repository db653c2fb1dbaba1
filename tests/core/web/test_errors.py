"""Errors are told once: a page with the request's id, or a toast for scripts; the right status in both."""

from __future__ import annotations

import errno
import json
from typing import Any

import psycopg
import pytest
from django.db import DataError, InternalError, OperationalError, connection
from django.http import Http404, HttpRequest
from django.test import Client, RequestFactory
from django.utils import translation

from guanxi.core.api.problems import _from_surprise
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, NotFound, RuleBroken, TooMany, Unavailable
from guanxi.core.models import trouble
from guanxi.core.web import errors

ERRORS: list[tuple[BaseException, int]] = [
    (Denied(), 403),
    (NotFound(), 404),
    (Http404(), 404),
    (RuleBroken("Not <now>"), 409),
    (Invalid("Bad <value>", field="name"), 422),
    (TooMany(retry_after=7), 429),
    (Unavailable(), 503),
    (OperationalError("gone"), 503),
]


def _caused(cause: Exception, kind: type[Exception] = OperationalError) -> Exception:
    error = kind(str(cause))
    error.__cause__ = cause
    return error


FAULTS: list[tuple[Exception, str, str]] = [
    (
        _caused(psycopg.errors.QueryCanceled("canceling statement due to statement timeout")),
        "database.slow",
        "took too long",
    ),
    (
        _caused(psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")),
        "database.locked",
        "Somebody else",
    ),
    (_caused(psycopg.errors.DeadlockDetected("deadlock detected")), "database.locked", "Somebody else"),
    (_caused(psycopg.errors.DiskFull("could not extend file")), "database.full", "disk is full"),
    (_caused(psycopg.errors.TooManyConnections("x")), "database.busy", "Too many people"),
    (_caused(psycopg.OperationalError("FATAL:  sorry, too many clients already")), "database.busy", "Too many people"),
    (_caused(psycopg.errors.ReadOnlySqlTransaction("x"), InternalError), "database.changing", "changing over"),
    (OSError(errno.ENOSPC, "No space left on device"), "disk.full", "disk is full"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk.full", "disk is full"),
]


def request(**headers: Any) -> HttpRequest:
    made = RequestFactory().get("/x/", **headers)
    made.request_id = "abc12345"  # type: ignore[attr-defined]
    return made


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_a_page_with_the_id(error: BaseException, status: int) -> None:
    answer: Any = errors.translate(request(), error)
    page = answer.content.decode()
    assert answer.status_code == status
    assert "abc12345" in page
    assert "<now>" not in page
    assert "<value>" not in page


@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_a_toast_for_scripts(error: BaseException, status: int) -> None:
    answer: Any = errors.translate(request(HTTP_HX_REQUEST="true"), error)
    assert answer.status_code == status
    assert answer["HX-Reswap"] == "none"
    assert json.loads(answer["HX-Trigger"])["toast"]["list"][0]["level"] == "error"


@pytest.mark.parametrize(("error", "code", "words"), FAULTS)
def test_each_fault_of_database_and_disk_has_its_sentence(error: Exception, code: str, words: str) -> None:
    with translation.override("en"):
        page: Any = errors.translate(request(HTTP_HX_REQUEST="true"), error)
        answer = _from_surprise(request(), error)
    assert page.status_code == 503
    assert words in json.loads(page["HX-Trigger"])["toast"]["list"][0]["text"]
    assert (answer.status_code, json.loads(answer.content)["code"]) == (503, code)


def _digits() -> Exception:
    try:
        int("9" * 5000)
    except ValueError as error:
        return error
    raise AssertionError("a number of 5,000 digits was read")


@pytest.mark.parametrize(
    "error",
    [
        DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        DataError("unsupported Unicode escape sequence"),
        _caused(psycopg.errors.StringDataRightTruncation("value too long for type character varying(100)"), DataError),
        _digits(),
    ],
)
def test_what_no_column_can_hold_is_a_wrong_value(error: Exception) -> None:
    page: Any = errors.translate(request(HTTP_HX_REQUEST="true"), error)
    assert page.status_code == 422
    assert _from_surprise(request(), error).status_code == 422


def test_other_errors_of_files_are_no_faults_of_the_disk() -> None:
    assert errors.translate(request(), FileNotFoundError(errno.ENOENT, "x")) is None


@pytest.mark.django_db
def test_no_statement_and_no_lock_is_waited_for_for_ever() -> None:
    with connection.cursor() as cursor:
        cursor.execute(trouble.LIMITS.replace("SET ", "SET LOCAL "))
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        assert cursor.fetchone() == ("1min", "10s")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 20")
    with connection.cursor() as cursor, pytest.raises(OperationalError) as caught:
        cursor.execute("SELECT pg_sleep(5)")
    found = trouble.told(caught.value)
    assert found is not None
    assert found.code == "database.slow"


def test_too_many_says_when_to_try_again() -> None:
    answer: Any = errors.translate(request(HTTP_HX_REQUEST="true"), TooMany(retry_after=7))
    assert answer["Retry-After"] == "7"


def test_several_fields_are_told_together() -> None:
    error = Invalid.collect({"a": [Invalid("One.", field="a")], "b": [Invalid("Two.", field="b")]})
    assert errors.text_of(error) == "One. Two."


def test_unexpected_errors_are_not_explained_away() -> None:
    assert errors.translate(request(), ValueError("x")) is None


@pytest.mark.django_db
def test_what_cannot_be_drawn_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise GuanxiError

    monkeypatch.setattr(errors, "render", broken)
    answer = errors.page(request(), 503, "gone")
    assert (answer.status_code, answer["Content-Type"]) == (503, "text/plain; charset=utf-8")


@pytest.mark.django_db
def test_an_unknown_address_is_404_with_headers() -> None:
    answer = Client().get("/account/login/")
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "heading"), [("zh-hans", "今日额度已用完"), ("en", "Used up for today")])
def test_a_days_quota_is_no_hurry(language: str, heading: str) -> None:
    with translation.override(language):
        used_up, hurried = TooMany("x", code="discretion.rows"), TooMany("x")
        assert f"<h1>{heading}</h1>" in errors.error_response(request(), used_up).content.decode()
        assert heading not in errors.error_response(request(), hurried).content.decode()
