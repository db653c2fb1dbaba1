"""Passwords of other systems, kept so that a copy of the database alone does not give them away."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import Unavailable


def _box() -> Fernet:
    key = hashlib.sha256(f"sealed:{settings.SECRET_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def seal(secret: str) -> str:
    """The secret under the workspace's key; '' stays ''."""
    return _box().encrypt(secret.encode()).decode() if secret else ""


def unseal(kept: str) -> str:
    """The secret again. Raises Unavailable when it was sealed under another key."""
    if not kept:
        return ""
    try:
        return _box().decrypt(kept.encode()).decode()
    except InvalidToken:
        raise Unavailable(
            _("The stored password belongs to another secret key of the workspace. Type it again."), code="sealed.key"
        ) from None
