"""Live events: a small ASGI application that tells open pages when something is new for their reader.

One connection listens to the database for everybody; each page holds one stream (server-sent events), known by its
session cookie. A stream carries no content, only ``event: notifications``: the page then asks for what it may see.
Pages that cannot hold a stream ask ``notify.live_state`` now and then instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")
django.setup()

import psycopg  # noqa: E402 - Django's settings come first
from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user  # noqa: E402
from django.db import close_old_connections  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.http.request import split_domain_port, validate_host  # noqa: E402
from procrastinate.contrib.django.utils import connector_params  # noqa: E402

from guanxi.core.automation.notify import LIVE_CHANNEL  # noqa: E402
from guanxi.core.models import User  # noqa: E402
from guanxi.core.people.signin import session_trouble  # noqa: E402
from guanxi.runtime.environment import environment  # noqa: E402

logger = logging.getLogger("guanxi.events")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_STREAMS = 2000
MOST_PER_USER = 8
#: Seconds between signs of life, between looks whether sessions still hold, and until a stream must be asked for anew.
HEARTBEAT, LOOK_EVERY, LONGEST = 15.0, 4.0, 1800.0
_PATHS = ("/", "/events", "/events/")
_STILL_GOOD = """
SELECT s.session_key FROM django_session s
JOIN unnest(%s::text[], %s::bigint[], %s::bigint[]) c(key, user_id, stamp) ON c.key = s.session_key
JOIN core_user u ON u.id = c.user_id AND u.security_stamp = c.stamp AND u.is_active AND u.deleted_at IS NULL
WHERE s.expire_date > now()
"""


@dataclass(eq=False)
class Stream:
    """One open page: whose it is, by which session, and whether there is something to tell."""

    user_id: int
    session_key: str
    stamp: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    news: bool = False
    over: bool = False

    def tell(self) -> None:
        """There is something new."""
        self.news = True
        self.wake.set()

    def end(self) -> None:
        """The stream may not go on."""
        self.over = True
        self.wake.set()


class FullError(Exception):
    """There are as many streams as we hold."""


class Hub:
    """All streams of this process, and the two tasks that serve them; made within the running loop."""

    def __init__(self) -> None:
        self.streams: dict[int, list[Stream]] = {}
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._guard())]

    @property
    def count(self) -> int:
        """Open streams."""
        return sum(map(len, self.streams.values()))

    def close(self) -> None:
        """End every stream and the tasks."""
        for stream in self._all():
            stream.end()
        for task in self._tasks:
            task.cancel()

    def enter(self, stream: Stream) -> None:
        """Take a stream in; a person's oldest gives way when he has too many. Raises :class:`FullError`."""
        if self.count >= MOST_STREAMS:
            raise FullError
        mine = self.streams.setdefault(stream.user_id, [])
        mine.append(stream)
        for old in mine[:-MOST_PER_USER]:
            old.end()

    def leave(self, stream: Stream) -> None:
        """Forget a stream."""
        mine = self.streams.get(stream.user_id, [])
        with contextlib.suppress(ValueError):
            mine.remove(stream)
        if not mine:
            self.streams.pop(stream.user_id, None)

    def _all(self) -> list[Stream]:
        return [stream for mine in self.streams.values() for stream in mine]

    async def _listen(self) -> None:
        """Pass on what the database tells. After a lost connection everybody looks anew."""
        pause = 0.5
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**connector_params(), autocommit=True) as database:
                    await database.execute(f"LISTEN {LIVE_CHANNEL}")
                    for stream in self._all() if pause > 0.5 else ():
                        stream.tell()
                    pause = 0.5
                    async for call in database.notifies():
                        for stream in self.streams.get(int(call.payload), ()):
                            stream.tell()
            except (psycopg.OperationalError, OSError) as error:
                logger.warning("live events wait for the database", extra={"reason": str(error).strip()})
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10)

    async def _guard(self) -> None:
        """End streams whose session ended, whose user was switched off or whose password changed."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            streams = self._all()
            if not streams:
                continue
            try:
                good = await _in_thread(_sessions_good, [(one.session_key, one.user_id, one.stamp) for one in streams])
            except (psycopg.Error, django.db.Error) as error:
                logger.warning("sessions could not be looked at", extra={"reason": str(error).strip()})
                continue
            for stream in streams:
                if stream.session_key not in good:
                    stream.end()


_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="events")
_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    def run() -> Any:
        close_old_connections()
        return function(*arguments)

    return await asyncio.get_running_loop().run_in_executor(_threads, run)


def _sessions_good(wanted: list[tuple[str, int, int]]) -> set[str]:
    with django.db.connection.cursor() as cursor:
        cursor.execute(_STILL_GOOD, [list(column) for column in zip(*wanted, strict=True)])
        return {row[0] for row in cursor.fetchall()}


def stream_of(cookies: str) -> Stream | None:
    """The stream the cookies give a right to, ``None`` without a session that holds."""
    try:
        morsel = SimpleCookie(cookies).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    if morsel is None:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(morsel.value)
    user = get_user(request)
    if not isinstance(user, User) or session_trouble(request, user):
        return None
    return Stream(user.pk, str(request.session.session_key), user.security_stamp)


def origin_allowed(origin: str, host: str) -> bool:
    """Whether a page of that origin may read our streams: the product's own address, on the host that was asked."""
    if origin == environment().url:
        return True
    try:
        page, asked = urlsplit(origin), split_domain_port(host)[0]
        port = page.port or (443 if page.scheme == "https" else 80)
    except ValueError:  # no address at all
        return False
    return page.scheme in ("http", "https") and page.hostname == asked.strip("[]") and port == environment().port


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """The application: ``GET /events/`` is the stream, ``GET /healthz`` says that we live."""
    if scope["type"] != "http":
        return
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    path = scope["path"]
    if path == "/healthz":
        await _answer(send, 200, b'{"status": "ok"}')
        return
    if path not in _PATHS or scope["method"] != "GET":
        await _answer(send, 404 if path not in _PATHS else 405)
        return
    host, origin = headers.get("host", ""), headers.get("origin", "")
    if not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        await _answer(send, 400)
        return
    if origin and not origin_allowed(origin, host):
        await _answer(send, 403)
        return
    cross = [(b"access-control-allow-origin", origin.encode()), (b"access-control-allow-credentials", b"true")]
    shared = [*(cross if origin else []), (b"vary", b"Origin, Cookie")]
    try:
        stream = await _in_thread(stream_of, headers.get("cookie", ""))
    except django.db.Error:
        await _answer(send, 503, extra=[*shared, (b"retry-after", b"5")])
        return
    if stream is None:
        await _answer(send, 401, extra=shared)
        return
    await _serve(stream, receive, send, shared, again="last-event-id" in headers)


async def _serve(
    stream: Stream, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]], *, again: bool
) -> None:
    """Hold the stream open until the page goes, its session ends or its time is over."""
    streams = hub()
    try:
        streams.enter(stream)
    except FullError:
        await _answer(send, 503, extra=[*headers, (b"retry-after", b"30")])
        return
    gone = asyncio.create_task(_gone(receive))
    try:
        start = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": [*start, *headers]})
        if again:
            stream.tell()  # something may have happened while the page was away
        async for text in _texts(stream, gone):
            await send({"type": "http.response.body", "body": text, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()
        streams.leave(stream)


async def _texts(stream: Stream, gone: asyncio.Task[None]) -> AsyncIterator[bytes]:
    """What goes over the wire, piece by piece."""
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST
    number = 0
    yield b"retry: 3000\nid: 0\n\n"
    while not stream.over and not gone.done() and loop.time() < until:
        woken = asyncio.create_task(stream.wake.wait())
        await asyncio.wait({woken, gone}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()
        stream.wake.clear()
        if stream.over or gone.done():
            return
        if stream.news:
            stream.news = False
            number += 1
            yield b"event: notifications\nid: %d\ndata: {}\n\n" % number
        else:
            yield b":\n\n"


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(send: Send, status: int, body: bytes = b"", extra: list[tuple[bytes, bytes]] | None = None) -> None:
    start = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *(extra or [])]
    start.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body, "more_body": False})
