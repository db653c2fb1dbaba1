"""Jobs: slow or outside work, put into the queue in the transaction that needs it, done by the worker at least once.

    @job()
    def report_send(report_id: int) -> None: ...

    report_send.defer(report_id=7)                       # inside the transaction: leaves with its commit
    report_send.configure(schedule_in={"hours": 1}).defer(report_id=7)

    @every("* * * * *")
    def reminders_send(now: dt.datetime) -> None: ...

Areas keep theirs in ``jobs.py``, which is found at start. A job must bear being done twice. What may take minutes says
``queue=LONG``: it has places of its own in the worker, so that reminders and mails do not wait for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import Any

from django.db import transaction
from procrastinate import App, RetryStrategy
from procrastinate.contrib.django import app as _app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.tasks import Task

from guanxi.runtime.failpoints import reach

app: App = _app
LONG = "long"

#: Five further tries after 4 s, 16 s, 64 s … when a job fails: some twenty minutes in all.
AGAIN = RetryStrategy(max_attempts=5, exponential_wait=4)


def job(*, name: str = "", queue: str = "default", retry: bool = True, lock: str | None = None) -> Callable[..., Any]:
    """Make a function a job. ``lock`` names jobs that never run side by side; ``retry`` tries again after failure."""

    def make(function: Callable[..., Any]) -> Task[Any, Any, Any]:
        return app.task(
            name=name or f"{function.__module__}.{function.__name__}",
            queue=queue,
            retry=AGAIN if retry else False,
            lock=lock,
        )(_done_before_told(function))

    return make


def _done_before_told(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def run(*given: Any, **named: Any) -> Any:
        result = function(*given, **named)
        reach("jobs.after_work")
        return result

    return run


def defer_once(task: str, once: str, given: Mapping[str, Any], *, queue: str = "default", **how: Any) -> None:
    """Put a job into the queue, unless one of the same ``once`` waits there already."""
    with suppress(AlreadyEnqueued), transaction.atomic():
        app.configure_task(task, queueing_lock=once, queue=queue, **how).defer(**given)


def every(cron: str, *, queue: str = "default") -> Callable[[Callable[[dt.datetime], Any]], Task[Any, Any, Any]]:
    """Make a function of the planned moment (aware) a periodic job; ``cron`` is minute hour day month weekday in UTC.

    At most one is waiting and one running at a time, however many workers there are. A failure waits for the next turn.
    """

    def make(function: Callable[[dt.datetime], Any]) -> Task[Any, Any, Any]:
        name = f"{function.__module__}.{function.__name__}"

        @wraps(function)
        def run(timestamp: int) -> Any:
            return function(dt.datetime.fromtimestamp(timestamp, dt.UTC))

        task = app.task(name=name, queue=queue, queueing_lock=name, lock=name, priority=1)(
            run
        )  # before a heap of others
        return app.periodic(cron=cron, periodic_id="")(task)

    return make
