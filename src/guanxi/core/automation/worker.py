"""The worker process: jobs and their schedule, delivery of the outbox, rescue of jobs whose worker died.

Started by the supervisor, or by hand: ``python -m guanxi.core.automation.worker``. SIGTERM ends it after the jobs in
hand, at most ``STOP_SECONDS`` later. Several may run, on several machines.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")
django.setup()

from asgiref.sync import sync_to_async  # noqa: E402 - Django's settings come first
from django.db import DatabaseError  # noqa: E402
from procrastinate import App  # noqa: E402
from procrastinate.contrib.django.utils import connector_params  # noqa: E402
from procrastinate.exceptions import ConnectorException  # noqa: E402
from procrastinate.psycopg_connector import PsycopgConnector  # noqa: E402

from guanxi.core.automation import housekeeping, rescue  # noqa: E402
from guanxi.core.automation.postman import Postman  # noqa: E402
from guanxi.core.automation.queue import LONG, app  # noqa: E402
from guanxi.runtime import logs  # noqa: E402
from guanxi.runtime.environment import environment  # noqa: E402

logger = logging.getLogger("guanxi.worker")
STOP_SECONDS = 5.0
_RESCUE_EVERY = 20.0


def worker_app(places: int) -> App:
    """The jobs over a connection pool of their own. Jobs deferred by jobs still go through Django's transaction."""
    connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=places + 4)
    mine = App(connector=connector, worker_defaults=app.worker_defaults)
    mine.tasks = app.tasks
    mine.periodic_registry = app.periodic_registry
    return mine


async def _rescue_again_and_again() -> None:
    while True:
        with contextlib.suppress(DatabaseError):
            rescued = await sync_to_async(rescue.stalled_jobs_retry)()
            if rescued:
                logger.warning("jobs of a lost worker were taken up again", extra={"jobs": rescued})
        await asyncio.sleep(_RESCUE_EVERY)


async def run() -> None:
    """Work until SIGTERM or SIGINT. Long work and short have places of their own, so that neither waits for the other."""
    app.perform_import_paths()  # type: ignore[no-untyped-call]
    each = environment().worker_concurrency
    loop, mine = asyncio.get_running_loop(), worker_app(2 * each)
    loop.set_default_executor(ThreadPoolExecutor(2 * each + 1))  # a thread for each place, and one for the rescue
    async with mine.open_async():
        helper = asyncio.create_task(_rescue_again_and_again())
        sides = [
            asyncio.create_task(
                mine.run_worker_async(
                    queues=queues,
                    concurrency=each,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=STOP_SECONDS,
                    update_heartbeat_interval=5,
                    stalled_worker_timeout=rescue.SILENCE_SECONDS,
                )
            )
            for queues in ([LONG], sorted({task.queue for task in mine.tasks.values()} - {LONG}))
        ]
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([*sides, stopped], return_when=asyncio.FIRST_COMPLETED)  # one that ends alone has failed
        for task in (*sides, helper, stopped):
            task.cancel()
        for ended in await asyncio.gather(*sides, helper, stopped, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


def main() -> None:
    """Run until a signal; exit code 1 when the database was lost (the supervisor starts a new one)."""
    settings = environment()
    logs.configure(settings.log_format, settings.log_level)
    postman = Postman()
    postman.start()
    try:
        housekeeping.audit_partitions()
        asyncio.run(run())
    except (DatabaseError, ConnectorException) as error:
        logger.error("the worker lost the database", extra={"reason": str(error).strip()})
        sys.exit(1)
    finally:
        postman.stop()


if __name__ == "__main__":
    main()
