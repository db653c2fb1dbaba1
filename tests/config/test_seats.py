"""Requests are taken in whole before they are answered, and few connections serve many threads."""

import functools
import gc
import io
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import FileResponse, HttpResponse, HttpResponseBase

from guanxi.config.seats import Seats


def _beside(work: Callable[[], Any]) -> Any:
    """Done in a thread of its own, as by a server: a seat takes up the connections of the thread that used it."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result(30)


def _asked(seats: Seats, body: bytes = b"", length: int | None = None) -> tuple[str, bytes]:
    """Status and body of the answer."""
    told: list[str] = []
    given = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body) if length is None else length)}
    answer = _beside(lambda: seats(given, lambda status, _headers: told.append(status)))
    return told[0], b"".join(answer)


def _application(answering: Callable[[dict[str, Any]], HttpResponseBase]) -> Callable[..., Iterable[bytes]]:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = answering(environ)
        start_response("200 OK", [])
        return answer

    return application


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_a_body_is_handed_on_as_it_was_sent(size: int) -> None:
    seats = Seats(_application(lambda environ: HttpResponse(environ["wsgi.input"].read())), 1, 5_000_000)
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert _asked(seats, body) == ("200 OK", body)


@pytest.mark.parametrize(("sent", "length"), [(b"name=%E5%BC%A0&phone=138", 40), (b"y" * 1_500_000, 2_000_000)])
def test_half_a_body_is_not_acted_upon(sent: bytes, length: int) -> None:
    answered: list[Any] = []
    seats = Seats(_application(lambda environ: answered.append(environ) or HttpResponse()), 1, 5_000_000)
    status, said = _asked(seats, sent, length)
    assert (status, answered) == ("400 Bad Request", [])
    assert "没有发送完" in said.decode()
    assert _asked(seats)[0] == "200 OK", "the seat is free"


def test_more_than_the_largest_is_not_taken_in() -> None:
    class Untouched(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise AssertionError("read")

    seats = Seats(_application(lambda _environ: HttpResponse()), 1, 1000)
    told: list[str] = []
    seats({"wsgi.input": Untouched(), "CONTENT_LENGTH": "1001"}, lambda status, _headers: told.append(status))
    assert told == ["413 Content Too Large"]


def test_who_announces_much_and_sends_nothing_holds_up_nobody() -> None:
    come, go = threading.Semaphore(0), threading.Event()

    class Silent(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            come.release()
            go.wait(20)
            return b""

    seats, told = Seats(_application(lambda _environ: HttpResponse()), 1, 2_000_000), list[str]()

    def send() -> None:
        given = {"wsgi.input": Silent(), "CONTENT_LENGTH": "2000000"}
        seats(given, lambda status, _headers: told.append(status))

    senders = [threading.Thread(target=send) for _number in range(20)]
    for sender in senders:
        sender.start()
        assert come.acquire(timeout=20)
    assert _asked(seats, b"name=a")[0] == "200 OK"
    assert _asked(seats, bytes(2_000_000))[0] == "200 OK"
    go.set()
    for sender in senders:
        sender.join(20)
    assert told == ["400 Bad Request"] * 20


def test_what_waits_for_a_seat_is_bounded() -> None:
    """Ten of the largest lie on disk while the only seat is taken; an eleventh is refused, and what is short is not."""
    begun, go = threading.Event(), threading.Event()

    def answering(_environ: dict[str, Any]) -> HttpResponse:
        begun.set()
        assert go.wait(20)
        return HttpResponse()

    seats = Seats(_application(answering), 1, 2_000_000)
    with ThreadPoolExecutor(12) as threads:
        senders = [threads.submit(_asked, seats, bytes(2_000_000)) for _number in range(10)]
        assert begun.wait(20)
        until = time.monotonic() + 20
        while seats._lying < 20_000_000 and time.monotonic() < until:
            time.sleep(0.01)
        assert _asked(seats, bytes(2_000_000))[0] == "503 Service Unavailable"
        short = threads.submit(_asked, seats, b"name=a")
        go.set()
        assert [one.result(20)[0] for one in [*senders, short]] == ["200 OK"] * 11
    assert _asked(seats, bytes(2_000_000))[0] == "200 OK"
    assert seats._lying == 0


def test_a_disk_without_room_refuses_what_would_lie_there(monkeypatch: pytest.MonkeyPatch) -> None:
    seats = Seats(_application(lambda _environ: HttpResponse()), 1, 5_000_000)
    with monkeypatch.context() as full:
        full.setattr(tempfile, "TemporaryFile", functools.partial(open, "/dev/full", "r+b"))
        assert _asked(seats, bytes(3_000_000))[0] == "503 Service Unavailable"
        assert _asked(seats, b"a")[0] == "200 OK"
    assert _asked(seats, bytes(3_000_000))[0] == "200 OK"
    assert seats._lying == 0


@pytest.mark.django_db(transaction=True)
def test_threads_that_come_and_go_share_the_connections_of_the_seats() -> None:
    def answering(_environ: dict[str, Any]) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return HttpResponse(str(cursor.fetchone()[0]))

    seats = Seats(_application(answering), 1, 1000)
    assert len({_asked(seats)[1] for _number in range(3)}) == 1
    seat = seats._free.get_nowait()
    seat["default"].close()


def test_listeners_ask_the_silent_and_nothing_else_of_the_process_is_touched() -> None:
    """Files and pipes are open beside the listener; none of them is left open twice or closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener, io.FileIO(os.devnull) as file:
        gc.collect()
        before = set(Path("/proc/self/fd").iterdir())
        assert _asked(Seats(_application(lambda _environ: HttpResponse()), 1, 1000))[0] == "200 OK"
        assert set(Path("/proc/self/fd").iterdir()) <= before
        assert file.read() == b""
        with socket.create_connection(listener.getsockname()) as caller, listener.accept()[0] as heard:
            assert heard.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert heard.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
            caller.sendall(b"a")
            assert heard.recv(1) == b"a"


def test_a_file_is_handed_over_while_others_are_answered() -> None:
    files = Seats(_application(lambda _environ: FileResponse(io.BytesIO(b"file"))), 1, 1000)
    given = {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": ""}
    first = _beside(lambda: files(given, lambda _status, _headers: None))
    assert _asked(files)[0] == "200 OK", "its seat is free before it is sent"
    assert b"".join(first) == b"file"


def test_a_seat_is_free_again_whatever_happens() -> None:
    def broken(_environ: dict[str, Any]) -> HttpResponse:
        raise ZeroDivisionError

    seats = Seats(_application(broken), 1, 1000)
    for _number in range(2):
        with pytest.raises(ZeroDivisionError):
            _asked(seats)
