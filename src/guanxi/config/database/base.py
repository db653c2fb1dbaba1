"""The database backend of the settings (Django looks for it under this name)."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL as Django speaks to it.

    Before the first statement of a request Django asks a kept connection for ``SELECT 1``. A server that ended, was ended or
    was promoted elsewhere has closed its side: the socket says so without a question. Only when something waits there is it asked;
    one whose transaction failed serves nobody.
    """

    def is_usable(self) -> bool:
        """Whether the connection can be used."""
        line = self.connection
        if line is None or line.closed or line.info.transaction_status == TransactionStatus.INERROR:
            return False
        waiting = select.poll()
        waiting.register(line.fileno(), select.POLLIN)
        return not waiting.poll(0) or super().is_usable()
