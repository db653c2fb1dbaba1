"""What a child of the supervisor runs: ``python -m guanxi.runtime.child web|worker|events|archive``.

Django is loaded here, never in the supervisor itself. The parts are named, not imported: this room knows no other.
"""

import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from guanxi.runtime import logs
from guanxi.runtime.environment import Environment, environment
from guanxi.runtime.process import die_with_parent

PAGES = "guanxi.config.wsgi:application"
EVENTS = "guanxi.core.web.events:app"
WORKER = "guanxi.core.automation.worker:main"
ARCHIVE = "guanxi.runtime.continuous.keeping:main"
_STOP_SECONDS = 6
#: So many requests come in at once for each that is answered.
_SENDERS = 64


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _in_worker(settings: Environment, application: Any) -> Callable[[], Any]:
    """A loader for granian's worker processes: they end with the process that made them, whatever ended it."""
    tie = die_with_parent(signal.SIGKILL)

    def load() -> Any:
        tie()
        logs.configure(settings.log_format, settings.log_level)
        return application

    return load


def _settle() -> None:
    """What was loaded stays: it is never looked through again, and the pages of memory stay shared with forked children."""
    gc.collect()
    gc.freeze()


def web(settings: Environment) -> None:
    """Serve pages and API. Django is loaded once, before the worker processes are forked from this one."""
    application = _load(PAGES)
    _settle()
    server = Granian(
        PAGES,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.web_workers,
        blocking_threads=settings.web_threads * _SENDERS,  # they take requests in; seats answer them
        backpressure=settings.web_threads * _SENDERS,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=_STOP_SECONDS,
    )
    logging.getLogger("_granian").addFilter(
        lambda record: "Python threads" not in record.getMessage()
    )  # most only wait
    server.serve(target_loader=_in_worker(settings, application), wrap_loader=False)


def events(settings: Environment) -> None:
    """Serve live events (server-sent) from one small ASGI process."""
    application = _load(EVENTS)
    _settle()
    server = Granian(
        EVENTS,
        address=settings.host,
        port=settings.events_port,
        interface=Interfaces.ASGINL,
        workers=1,
        websockets=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=2,
    )
    server.serve(target_loader=_in_worker(settings, application), wrap_loader=False)


def worker(_settings: Environment) -> None:
    """Work on jobs and start the periodic ones."""
    _load(WORKER)()


def archive(_settings: Environment) -> None:
    """Keep the continuous archive; Django is not loaded."""
    _load(ARCHIVE)()


def main() -> None:
    """Entry point: run the part named in the first argument until a signal ends it."""
    settings = environment()
    gc.set_threshold(
        100_000, 20, 20
    )  # loading makes a million lasting objects; looking through them costs a third of the start
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")
    logs.configure(settings.log_format, settings.log_level)
    {"web": web, "events": events, "worker": worker, "archive": archive}[sys.argv[1]](settings)


if __name__ == "__main__":
    main()
