"""Faults nobody thought of: what comes after them has its turn, and people read a plain sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import Logger

from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import GuanxiError


@contextmanager
def apart(logger: Logger, trouble: str, **about: object) -> Iterator[None]:
    """Log a fault with what it was ``about`` and let it go no further: one of many keeps none of the others."""
    try:
        yield
    except Exception:
        logger.exception(trouble, extra=about)


def told(error: Exception) -> str:
    """What people read of a fault; the log has the rest."""
    if isinstance(error, GuanxiError):
        return str(error)
    return _("Something unexpected went wrong; the log of the server says what.")
