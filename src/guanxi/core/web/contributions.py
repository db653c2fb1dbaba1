"""What areas and other rooms add to the shell: entries of the navigation, cards of the home page, commands.

Contributions are data, entered at start from ``panels.py`` of an area (or a room of the web face); the shell reads
them. Who may see one is said by ``shown(actor)``; a card's ``context`` is a selector that never writes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.records import layouts


def everyone(_actor: Actor) -> bool:
    """Shown to everybody signed in."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry that leads somewhere.

    ``place``: ``foot`` (below the navigation), ``account`` (menu at the avatar), ``command`` (palette only), or a key
    of ``schema.vocabulary.GROUPS``. ``badge(actor)`` counts what waits; ``dialog`` opens the address in the dialog, ``hint``
    is the line under it on the page of settings.
    """

    key: str
    label: Text
    url: str
    icon: str
    place: str = "foot"
    order: int = 50
    color: str = "slate"
    shown: Callable[[Actor], bool] = everyone
    badge: Callable[[Actor], int] | None = None
    dialog: bool = False
    hint: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card of the home page: ``context(actor)`` gives the template's values, ``None`` hides the card.

    ``wide`` cards take the whole row; ``url`` leads to everything behind the card.
    """

    key: str
    label: Text
    template: str
    context: Callable[[Actor], Mapping[str, Any] | None]
    icon: str = ""
    url: str = ""
    order: int = 50
    wide: bool = False
    shown: Callable[[Actor], bool] = everyone


_entries: dict[str, Entry] = {}
_added = 0
_cards: dict[str, Card] = {}
_pages: list[URLPattern] = []
_due: dict[str, Callable[[Actor], int]] = {}


def add_entries(*entries: Entry) -> None:
    """Enter entries; one with a known key replaces it."""
    global _added  # noqa: PLW0603 - counts what the process was told
    _added += 1
    _entries.update({entry.key: entry for entry in entries})


def add_cards(*cards: Card) -> None:
    """Enter cards of the home page; one with a known key replaces it."""
    _cards.update({card.key: card for card in cards})


def add_pages(*patterns: URLPattern) -> None:
    """Enter addresses of an area's own pages; they stand before those of entities."""
    _pages.extend(one for one in patterns if one.name not in {known.name for known in _pages})


def pages() -> list[URLPattern]:
    """Every page an area entered."""
    return list(_pages)


def add_due(key: str, count: Callable[[Actor], int]) -> None:
    """Add to the number beside “Today”: how many things are due for the actor."""
    _due[key] = count


def badges(actor: Actor) -> tuple[tuple[str, int], ...]:
    """What waits behind entries of the navigation, by key, for those the actor may see."""
    return tuple((one.key, one.badge(actor)) for one in _entries.values() if one.badge is not None and one.shown(actor))


def state() -> int:
    """Another number whenever entries were added."""
    return _added


def entries_at(place: str, actor: Actor) -> list[Entry]:
    """The entries of one place the actor may see, in order."""
    found = [entry for entry in _entries.values() if entry.place == place and entry.shown(actor)]
    return sorted(found, key=lambda entry: (entry.order, entry.key))


def entries_in(places: Collection[str]) -> list[Entry]:
    """The entries of these places, whoever may see them."""
    return [entry for entry in _entries.values() if entry.place in places]


def all_entries(actor: Actor) -> list[Entry]:
    """Every entry the actor may see (for the palette)."""
    return [entry for entry in _entries.values() if entry.shown(actor)]


def cards(actor: Actor) -> list[Card]:
    """The cards of the actor's home page, in order."""
    arranged = layouts.layout_of(actor, None, "home") or {}
    wanted = {key: place for place, key in enumerate(arranged.get("order", ()))}
    shown = [one for one in _cards.values() if one.key not in arranged.get("hidden", ()) and one.shown(actor)]
    return sorted(shown, key=lambda card: (wanted.get(card.key, len(wanted) + card.order), card.key))


def all_cards() -> list[Card]:
    """Every card there is, in order."""
    return sorted(_cards.values(), key=lambda card: (card.order, card.key))


def due_count(actor: Actor) -> int:
    """How many things are due for the actor."""
    return sum(count(actor) for count in _due.values())
