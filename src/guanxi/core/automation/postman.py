"""The postman: a thread that sleeps until facts commit, then delivers them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time

import psycopg
from django.db import DatabaseError, Error, close_old_connections, connection
from procrastinate.contrib.django.utils import connector_params

from guanxi.core.automation import outbox
from guanxi.core.models.journal import OUTBOX_CHANNEL

logger = logging.getLogger("guanxi.outbox")

#: Facts are looked for at least this often (seconds), in case a wake-up call was lost.
LOOK_EVERY = 5.0
_LISTEN_SLICE = 0.5
_PAUSE_AFTER_TROUBLE = 1.0


class Postman(threading.Thread):
    """Delivers the outbox until :meth:`stop`. A lost database is waited for, and no other fault ends it."""

    def __init__(self, look_every: float = LOOK_EVERY) -> None:
        super().__init__(name="postman", daemon=True)
        self._look_every = look_every
        self._stopping = threading.Event()

    def stop(self, timeout: float = 5.0) -> None:
        """Finish the batch in hand and end; waits at most ``timeout`` seconds."""
        self._stopping.set()
        if self.is_alive():
            self.join(timeout)

    def run(self) -> None:
        """Listen and deliver."""
        while not self._stopping.is_set():
            try:
                with psycopg.connect(**connector_params(), autocommit=True) as listener:
                    listener.execute(f"LISTEN {OUTBOX_CHANNEL}")
                    self._attend(listener)
            except (psycopg.OperationalError, DatabaseError) as error:
                logger.warning("the outbox waits for the database", extra={"reason": str(error).strip()})
                self._stopping.wait(_PAUSE_AFTER_TROUBLE)
            except Exception:  # whatever it is, what waits is delivered when it is over
                logger.exception("the outbox could not be delivered")
                self._stopping.wait(_PAUSE_AFTER_TROUBLE)
            finally:
                with contextlib.suppress(Error):
                    connection.close()

    def _attend(self, listener: psycopg.Connection) -> None:
        while not self._stopping.is_set():
            close_old_connections()
            outbox.deliver_all(stopping=self._stopping.is_set)
            self._sleep(listener, outbox.seconds_to_next(self._look_every))

    def _sleep(self, listener: psycopg.Connection, seconds: float) -> None:
        """Until a commit wakes us, at most ``seconds``."""
        until = time.monotonic() + seconds
        while not self._stopping.is_set():
            left = until - time.monotonic()
            if left <= 0:
                return
            for _call in listener.notifies(timeout=min(left, _LISTEN_SLICE), stop_after=1):
                return
