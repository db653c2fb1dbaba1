"""Many may send at once, few are answered at once: a thread takes a request in whole, then waits for a seat.

Who sends slowly, stops in the middle or vanishes holds one of many threads and nothing else. A seat holds the database
connections, so these are few, and stay warm while the server's threads come and go. What was given up in the middle is
never acted upon: the first half of a form is not a form.
"""

from __future__ import annotations

import io
import queue
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import FileResponse

_IN_MEMORY, _PIECE = 1024 * 1024, 64 * 1024
#: A sender that says nothing is asked whether he is still there: after so long, so often, so many times (seconds).
_QUIET, _AGAIN, _TIMES = 60, 15, 4

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class _Refused(Exception):
    """A body that is not taken in: the status line, and what is said in both languages."""


def _half() -> _Refused:
    return _Refused("400 Bad Request", "内容没有发送完。 The sender stopped in the middle.\n")


def _full() -> _Refused:
    said = "此刻接收的内容太多，请稍候再试。 Too much is coming in at once; try again.\n"
    return _Refused("503 Service Unavailable", said)


class Seats:
    """A WSGI application that answers ``count`` requests of ``application`` at once, each when its body has come.

    A body holds at most ``largest`` bytes (413); what has come of all that lie on disk, ten times that (503).
    """

    def __init__(self, application: Application, count: int, largest: int) -> None:
        self._application, self._largest = application, largest
        self._free = queue.LifoQueue[dict[str, BaseDatabaseWrapper]]()
        for _number in range(count):
            self._free.put({})
        self._lock = threading.Lock()
        self._lying, self._watched = 0, False

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not self._watched:
            self._watched = True
            _ask_the_silent()
        environ.pop("wsgi.file_wrapper", None)  # files are told by their class
        length = environ.get("CONTENT_LENGTH") or "0"
        if length == "0" or not length.isdecimal():
            return self._answer(environ, start_response)
        try:
            environ["wsgi.input"] = body = self._whole(environ["wsgi.input"], int(length))
        except _Refused as refused:
            status, said = refused.args
            headers = [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")]
            start_response(status, headers + [("Retry-After", "5")] * status.startswith("503"))
            return [said.encode()]
        try:
            return self._answer(environ, start_response)
        finally:
            body.close()
            self._lay(-int(length) if int(length) > _IN_MEMORY else 0)

    def _answer(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Files are handed over from the server's own thread; everything else is complete when the seat is free again."""
        seat = self._free.get()
        try:
            for alias, connection in seat.items():
                connections[alias] = connection
            answer = self._application(environ, start_response)
            if isinstance(answer, FileResponse):
                return answer
            try:
                return list(answer)
            finally:
                cast("Any", answer).close()
        finally:
            self._leave(seat)

    def _leave(self, seat: dict[str, BaseDatabaseWrapper]) -> None:
        for connection in connections.all(initialized_only=True):
            if connection.alias not in seat:
                connection.inc_thread_sharing()
                seat[connection.alias] = connection
            del connections[connection.alias]
        self._free.put(seat)

    def _whole(self, sent: IO[bytes], length: int) -> IO[bytes]:
        """The body of ``length`` bytes, in memory or on disk."""
        if length > self._largest:
            raise _Refused("413 Content Too Large", "发送的内容太大。 What was sent is too large.\n")
        if length <= _IN_MEMORY:
            content = sent.read(length)
            if len(content) < length:
                raise _half()
            return io.BytesIO(content)
        body, come = cast("IO[bytes]", tempfile.TemporaryFile()), 0  # noqa: SIM115 - closed with the request
        try:
            while come < length and (piece := sent.read(min(_PIECE, length - come))):
                self._lay(len(piece))
                come += len(piece)
                body.write(piece)
            if come < length:
                raise _half()
            body.seek(0)
        except BaseException as error:
            self._lay(-come)
            with suppress(OSError):
                body.close()
            if isinstance(error, OSError):  # no room on the disk
                raise _full() from error
            raise
        return body

    def _lay(self, count: int) -> None:
        """So many bytes more lie on disk, or fewer."""
        with self._lock:
            if self._lying + count > 10 * self._largest:
                raise _full()
            self._lying += count


def _ask_the_silent() -> None:
    """Connections to this process end when their sender is gone without a word, as a telephone out of reach."""
    for opened in Path("/proc/self/fd").iterdir() if sys.platform == "linux" else ():
        try:
            heard = socket.socket(fileno=int(opened.name))
        except OSError:  # not a socket
            continue
        try:
            if heard.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):  # what it accepts is made as it is
                heard.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                heard.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _QUIET)
                heard.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _AGAIN)
                heard.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _TIMES)
        except OSError:  # a listener, but not of TCP
            continue
        finally:
            heard.detach()  # it is the server's, and stays open
