"""Small forms that one key opens on any page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from guanxi.core.kernel.errors import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickForm:
    """A small form that one key opens on any page, for instance to note a follow-up in ten seconds.

    ``entity`` is what it makes, ``right`` the action on it that must be allowed, ``subjects`` the keys of the entities it may be
    about (the first is the one offered when no record is open), ``fields`` names of the entity's fields or further
    fields. ``guess(actor, about) -> values`` proposes (``about`` is a record or ``None``; it never writes),
    ``run(actor, *, about, **values) -> record`` is the service that saves; values are raw, as in ``records.create``.
    ``at`` names the field that says when it was: what was written offline is given that moment.
    """

    key: str
    label: Text
    entity: str
    subjects: tuple[str, ...]
    fields: tuple[Any, ...]
    run: Callable[..., Any]
    guess: Callable[..., Mapping[str, Any]] | None = None
    right: str = "create"
    shortcut: str = ""
    icon: str = "plus"
    at: str = ""
