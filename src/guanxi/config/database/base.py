"""The database backend of the settings (Django looks for it under this name)."""

from __future__ import annotations

import datetime as dt
import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus
from psycopg.types.datetime import TimestamptzLoader

#: So many statements of ``models.fixed`` are held ready by a connection. Pages of all sorts ask some hundred; the driver's own
#: limit of a hundred made them push each other out, each to be parsed and planned anew when it came back.
PREPARED = 500


class Moments(TimestamptzLoader):
    """Moments in UTC as PostgreSQL writes them, read in one step; whatever else it may write, as the driver reads it."""

    #: Django asks it for its own before each cursor.
    timezone = dt.UTC

    def load(self, data: Any) -> dt.datetime:
        """The moment."""
        text = str(data, "ascii")
        if text[-3:] == "+00":
            try:
                return dt.datetime.fromisoformat(text)
            except ValueError:
                pass
        return super().load(data).astimezone(dt.UTC)


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL as Django speaks to it.

    Before the first statement of a request Django asks a kept connection for ``SELECT 1``. A server that ended, was ended or
    was promoted elsewhere has closed its side: the socket says so without a question. Only when something waits there is it asked;
    one whose transaction failed serves nobody.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection that keeps what is prepared on it."""
        line = super().get_new_connection(conn_params)
        line.prepared_max = PREPARED
        if self.timezone is dt.UTC:
            line.adapters.register_loader("timestamptz", Moments)
        return line

    def is_usable(self) -> bool:
        """Whether the connection can be used."""
        line = self.connection
        if line is None or line.closed or line.info.transaction_status == TransactionStatus.INERROR:
            return False
        waiting = select.poll()
        waiting.register(line.fileno(), select.POLLIN)
        return not waiting.poll(0) or super().is_usable()
