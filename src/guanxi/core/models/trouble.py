"""What a fault of the database or the disk is called: one sentence for whoever was about to read or save."""

from __future__ import annotations

import errno
from typing import Final

import psycopg
from django.db import DatabaseError, DataError, OperationalError
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import GuanxiError, Invalid, Text, Unavailable

#: Most telling first: what the server said → code, sentence.
_SAID: Final[tuple[tuple[type[Exception], str, Text], ...]] = (
    (psycopg.errors.QueryCanceled, "database.slow", _("This took too long and was stopped. Narrow it down, or try again later.")),
    (psycopg.errors.LockNotAvailable, "database.locked", _("Somebody else is changing the same just now. Please try again.")),
    (psycopg.errors.DeadlockDetected, "database.locked", _("Somebody else is changing the same just now. Please try again.")),
    (psycopg.errors.SerializationFailure, "database.locked", _("Somebody else is changing the same just now. Please try again.")),
    (psycopg.errors.DiskFull, "database.full", _("The disk is full: nothing can be saved until there is room again. Tell your administrator.")),
    (psycopg.errors.TooManyConnections, "database.busy", _("Too many people are at work at once. Please try again in a moment.")),
    (psycopg.errors.IdleInTransactionSessionTimeout, "database.slow", _("This took too long and was stopped. Narrow it down, or try again later.")),
    (psycopg.errors.ReadOnlySqlTransaction, "database.changing", _("The database is changing over to another machine. Please try again in a moment.")),
)  # fmt: skip
_NO_VALUE = ("NUL (0x00)", "unsupported Unicode escape sequence", "for integer string conversion")
#: What a server, a pooler or the limit of a role or database says when nobody else is let in.
_TAKEN = ("too many clients", "too many connections", "remaining connection slots", "no more connections allowed")
_FULL = (errno.ENOSPC, errno.EDQUOT)

#: What one request may wait for in the database: for a lock, for one statement, and in a transaction that does nothing.
LIMITS: Final = (
    "SET lock_timeout = '10s'; SET statement_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'"
)


def told(error: BaseException) -> GuanxiError | None:
    """The error for people, or ``None`` when this is no fault of database or disk.

    A text with a zero byte, which no database can hold or look for, a number of thousands of digits and a text longer than
    its column or an index of it can hold are wrong values of whoever sent them.
    """
    if isinstance(error, DataError | ValueError) and any(words in str(error) for words in _NO_VALUE):
        return Invalid(_("Some values cannot be accepted."))
    if isinstance(error.__cause__, psycopg.errors.StringDataRightTruncation | psycopg.errors.ProgramLimitExceeded):
        return Invalid(_("A text is too long."), code="value.too_long")
    if isinstance(error, OSError) and error.errno in _FULL:
        return Unavailable(_said_of(psycopg.errors.DiskFull), code="disk.full")
    cause = error.__cause__ if isinstance(error, DatabaseError) else None
    for kind, code, text in _SAID:
        if isinstance(cause, kind):
            return Unavailable(text, code=code)
    if isinstance(error, OperationalError):
        if any(words in str(cause) for words in _TAKEN):
            return Unavailable(_said_of(psycopg.errors.TooManyConnections), code="database.busy")
        return Unavailable(_("The database does not answer at the moment."))
    return None


def _said_of(kind: type[Exception]) -> Text:
    return next(text for each, _code, text in _SAID if each is kind)
