"""Where sessions are kept: Django's table, read by a prepared query, because every request reads one."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session

from guanxi.core.kernel import clock
from guanxi.core.models.fixed import Fixed

_OPEN = Fixed(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now).values_list("session_data"),
    ["\0", dt.datetime(1, 1, 2, tzinfo=dt.UTC)],
)


class SessionStore(db.SessionStore):
    """Sessions in the database."""

    def load(self) -> dict[str, Any]:
        """What the session holds; an unknown or expired one is empty and gets a new key when something is stored."""
        found = _OPEN.rows(self.session_key, clock.now()) if "\0" not in (self.session_key or "\0") else []
        if not found:
            self._session_key = None
            return {}
        held: dict[str, Any] = self.decode(found[0][0])
        return held
