"""What operators see: request ids, one log line per request, /healthz, /readyz and /metrics.

The three addresses are answered before any other middleware, so that a load balancer needs neither a known host name
nor a session, and a broken database cannot keep ``/healthz`` from answering.
"""

import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import prometheus_client
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import path
from prometheus_client import Metric, multiprocess
from prometheus_client.core import GaugeMetricFamily

from guanxi import __version__
from guanxi.core.automation.queue_state import queue_counts, workers_alive
from guanxi.core.people.signin import address_of
from guanxi.runtime.logs import request_id
from guanxi.runtime.timing import counted

logger = logging.getLogger("guanxi.request")
#: What may be the secret of a link.
_SECRET = re.compile(r"[^/]{30,}")

_GIVEN_ID = re.compile(r"[A-Za-z0-9_.:-]{8,64}\Z")
REQUESTS = prometheus_client.Counter("guanxi_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = prometheus_client.Histogram(
    "guanxi_request_seconds",
    "Time to answer a request",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


class RequestLogMiddleware:
    """Give each request an id (``request.request_id``, header ``X-Request-ID``), log and count its answer.

    An id given by a proxy is kept when it is 8 to 64 letters, digits or ``_.:-``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        identity = given if _GIVEN_ID.match(given) else secrets.token_hex(8)
        request.request_id = identity  # type: ignore[attr-defined]
        token = request_id.set(identity)
        begin = time.perf_counter()
        try:
            direct = _DIRECT.get(request.path_info)
            response = direct(request) if direct else self._answer(request, identity)
            self._record(request, response, time.perf_counter() - begin)
            if request.resolver_match:
                request.resolver_match.tried = None  # hundreds of lists in a circle, for Django's debug page alone
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = identity
        return response

    def _answer(self, request: HttpRequest, identity: str) -> HttpResponseBase:
        """The answer of the pages; the last resort when even the error page fails."""
        try:
            return _costed(self._get_response, request) if settings.TIMING else self._get_response(request)
        except Exception:
            logger.exception("the error page failed")
            return HttpResponse(f"500 · {identity}\n", status=500, content_type="text/plain; charset=utf-8")

    @staticmethod
    def _record(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
        match = request.resolver_match
        route = match.route if match else "-"
        method = (
            request.method
            if request.method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
            else "other"
        )
        REQUESTS.labels(method, route, response.status_code).inc()
        SECONDS.labels(route).observe(seconds)
        quiet = request.path_info in _DIRECT or request.path_info.startswith("/static/")
        if quiet and response.status_code < 400:
            return
        level = logging.ERROR if response.status_code >= 500 else logging.INFO
        path = _public(request)
        extra = {
            "method": request.method,
            "path": path,
            "status": response.status_code,
            "ms": round(seconds * 1000, 1),
            "address": address_of(request),
        }
        user = request.__dict__.get("user")  # set by the authentication middleware; nothing is asked of the database
        loaded = getattr(user, "_wrapped", None)
        if getattr(loaded, "pk", None) is not None:
            extra["user"] = loaded.pk  # type: ignore[union-attr]
        logger.log(level, "%s %s %s", request.method, path, response.status_code, extra=extra)


def _public(request: HttpRequest) -> str:
    """The path as the log may show it: whoever reads that must not be able to use a link."""
    path, match = request.path_info, request.resolver_match
    if match is None:  # such as a link that lost its last stroke
        return _SECRET.sub("…", path)
    for name in ("secret", "token"):
        path = path.replace(str(match.kwargs[name]), "…") if match.kwargs.get(name) else path
    return path


def _costed(answer: Callable[[HttpRequest], HttpResponseBase], request: HttpRequest) -> HttpResponseBase:
    with counted() as cost, connection.execute_wrapper(cost.execute):
        response = answer(request)
    response["Server-Timing"] = cost.header()
    return response


def healthz(_request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers."""
    return JsonResponse({"status": "ok", "version": __version__})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when pages can be served: the database answers, all migrations are applied, the queue's tables are there.

    Otherwise 503 with the part that fails; why the database does, which names hosts and roles, is told on this machine alone. A
    missing worker does not keep pages from being served, so it is told (``worker``) but does not turn the answer.
    """
    checks = {"database": check_database, "migrations": check_migrations, "queue": check_queue}
    parts: dict[str, str] = {}
    for name, check in checks.items():
        try:
            parts[name] = check() or "ok"
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
            parts[name] = reason if _here(request) else "does not answer"
            connection.close()
            break
    ready = len(parts) == len(checks) and all(value == "ok" for value in parts.values())
    worker = ("ok" if workers_alive() else "none") if ready else "unknown"
    return JsonResponse(
        {"status": "ok" if ready else "unavailable", **parts, "worker": worker}, status=200 if ready else 503
    )


def _here(request: HttpRequest) -> bool:
    """Whether somebody on this machine asks, and not through a proxy on it."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    return address in ("127.0.0.1", "::1") and "X-Forwarded-For" not in request.headers


def check_database() -> str:
    """Empty when the database answers. Raises ``DatabaseError`` when it does not."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()
    _rows("SELECT 1")
    return ""


_migrated = False


def check_migrations() -> str:
    """Empty when every migration is applied, else how many are missing. A good answer is remembered by the process."""
    global _migrated  # noqa: PLW0603 - migrations do not go away while we run
    if _migrated:
        return ""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    _migrated = not missing
    return f"{len(missing)} migrations are not applied" if missing else ""


def check_queue() -> str:
    """Empty when jobs can be put into the queue. Raises ``DatabaseError`` when its tables are missing."""
    _rows("SELECT id FROM procrastinate_jobs LIMIT 1")
    return ""


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def metrics(_request: HttpRequest) -> HttpResponse:
    """Counters of all web processes and the state of database and queue, as Prometheus text."""
    registry = prometheus_client.CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = prometheus_client.generate_latest(registry)
    else:
        text = prometheus_client.generate_latest(prometheus_client.REGISTRY)
    return HttpResponse(text + _state_metrics(), content_type=prometheus_client.CONTENT_TYPE_LATEST)


class _State:
    """The state as it is when asked. Not as gauges: those are kept in files where several processes serve, and would tell of earlier."""

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        info = GaugeMetricFamily("guanxi_info", "Version", labels=["version"])
        info.add_metric([__version__], 1)
        up, jobs = 0, GaugeMetricFamily("guanxi_jobs", "Jobs by state", labels=["state"])
        alive = 0
        try:
            check_database()
            up = 1
            for state, number in queue_counts().items():
                jobs.add_metric([state], number)
            alive = workers_alive()
        except DatabaseError:
            connection.close()
        yield info
        yield GaugeMetricFamily("guanxi_database_up", "1 when the database answers", value=up)
        yield jobs
        yield GaugeMetricFamily("guanxi_workers_alive", "Workers seen in the last minute", value=alive)


def _state_metrics() -> bytes:
    registry = prometheus_client.CollectorRegistry()
    registry.register(_State())
    return prometheus_client.generate_latest(registry)


_DIRECT = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
urlpatterns = [path(place.removeprefix("/"), view, name=place.removeprefix("/")) for place, view in _DIRECT.items()]
