"""Codes of authenticator apps that were used: remembered in the database, so that none opens the door twice anywhere."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache

#: Seconds for which a code is accepted: its own period and the tolerance on both sides (RFC 6238).
PERIOD = 30


class UsedCodes(DatabaseCache):
    """Django's cache in a table; what is added stays at least as long as a code is accepted."""

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Whether the key was new."""
        least = PERIOD * (2 * settings.MFA_TOTP_TOLERANCE + 1)
        longer = max(timeout, least) if isinstance(timeout, int | float) else timeout
        return bool(super().add(key, value, longer, version))
