"""Which records others rely on, so that they are not to vanish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guanxi.core.kernel.errors import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Records of an entity that others rely on: signed, issued, received.

    ``where`` is their query tree. While one stands, the records its references ``holds`` name stay out of the trash, and
    it does itself, unless ``itself`` says otherwise. ``instead`` tells what is done to it rather than deleting it.
    """

    where: Mapping[str, Any]
    holds: tuple[str, ...] = ()
    itself: bool = True
    instead: Text = ""
