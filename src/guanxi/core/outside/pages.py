"""Public pages as rows: found by their key, spoken in the reader's language."""

from __future__ import annotations

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound, TooMany
from guanxi.core.kernel.text import fold
from guanxi.core.models import PublicPage
from guanxi.core.people import throttle
from guanxi.core.records.shape import spoken
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of, is_registered


def page_of(key: str) -> PublicPage:
    """The page of a key while it is in use. Raises NotFound."""
    found = PublicPage.objects.filter(key=key, active=True).first()
    if found is None or (found.entity and not is_registered(found.entity)):
        raise NotFound
    return found


def name_of(page: PublicPage) -> str:
    """What it is called."""
    return spoken(page.name_zh, page.name_en)


def about_of(page: PublicPage) -> str:
    """What it is for."""
    return spoken(page.about_zh, page.about_en)


def entity_for(page: PublicPage) -> Entity:
    """What it is about."""
    return entity_of(page.entity)


def said(words: object, name: str) -> str:
    """``name_zh`` or ``name_en`` of a part of a definition, in the present language."""
    given = words if isinstance(words, dict) else {}
    return spoken(str(given.get(f"{name}_zh") or ""), str(given.get(f"{name}_en") or ""))


def attempt(page: PublicPage, what: str, actor: Actor) -> str:
    """Count a guess at ``what`` from an address. Returns the counter's key, to be forgotten on success. Raises TooMany."""
    key = f"public:{page.key}:{fold(what)[:80]}"
    throttle.address_take(actor.address)
    throttle.attempt_take(key)
    return key


__all__ = ["TooMany", "about_of", "attempt", "entity_for", "name_of", "page_of", "said"]
