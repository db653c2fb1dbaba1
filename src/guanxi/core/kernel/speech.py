"""The active language and its sentences, found in one step.

Django asks a holder made for any kind of concurrency which language is active, and then each catalog in turn: a page of a
thousand words spends a sixth of its time so. Here the active language holds the sentences that were said in it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from django.utils import translation
from django.utils.translation import trans_real
from markupsafe import Markup

#: Beyond so many sentences of one language all are forgotten: something asks for what is no sentence of ours.
MOST = 20_000


class Speech:
    """One language: Django's translation of it and what was said so far, as text and as markup."""

    __slots__ = ("language", "marked", "said", "translation")

    def __init__(self, made: Any) -> None:
        self.translation = made
        self.language: str | None = made.to_language() if hasattr(made, "to_language") else None
        self.said: dict[str, str] = {}
        self.marked: dict[str, Markup] = {}


_present: ContextVar[Speech | None] = ContextVar("speech", default=None)
_known: dict[int, Speech] = {}


class _Active:
    """Stands in the place of Django's holder of the active translation."""

    __slots__ = ()

    @property
    def value(self) -> Any:
        """The active translation; AttributeError where none is."""
        present = _present.get()
        if present is None:
            raise AttributeError("value")
        return present.translation

    @value.setter
    def value(self, made: Any) -> None:
        known = _known.get(id(made))
        if known is None or known.translation is not made:
            known = Speech(made)
            if len(_known) > 100:  # tests make translations anew
                _known.clear()
            _known[id(made)] = known
        _present.set(known)

    @value.deleter
    def value(self) -> None:
        _present.set(None)


_active = _Active()
_plain, _plain_language = trans_real.gettext, trans_real.get_language


def gettext(message: str) -> str:
    """A sentence in the active language."""
    present = _present.get()
    if present is None or type(message) is not str or trans_real._active is not _active:  # type: ignore[attr-defined]
        return _plain(message)
    found = present.said.get(message)
    if found is None:
        if len(present.said) >= MOST:
            present.said.clear()
        found = present.said[message] = _plain(message)
    return found


def marked(message: str) -> Markup:
    """The same as markup: sentences of ours, never what somebody typed."""
    present = _present.get()
    if present is None or trans_real._active is not _active:  # type: ignore[attr-defined]
        return Markup(_plain(message))  # noqa: S704 - our own sentences
    found = present.marked.get(message)
    if found is None:
        if len(present.marked) >= MOST:
            present.marked.clear()
        found = present.marked[message] = Markup(_plain(message))  # noqa: S704 - our own sentences
    return found


def get_language() -> str | None:
    """The active language."""
    present = _present.get()
    if present is None or trans_real._active is not _active:  # type: ignore[attr-defined]
        return _plain_language()
    return present.language or _plain_language()


def install() -> None:
    """Let Django, and all that asks it, speak so."""
    trans_real._active = _active  # type: ignore[attr-defined]
    translation._trans.gettext = gettext  # type: ignore[attr-defined]
    translation._trans.get_language = get_language  # type: ignore[attr-defined]
