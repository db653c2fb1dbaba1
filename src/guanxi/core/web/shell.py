"""What surrounds every page: navigation, menus, counts, words for the scripts. Made once per page that draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import Error as DatabaseError
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.access import actors
from guanxi.core.automation.notify import unread_count
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import ANONYMOUS, Actor
from guanxi.core.kernel.errors import Text
from guanxi.core.kernel.regional import Regional, present
from guanxi.core.models import SavedView
from guanxi.core.models.fixed import Fixed
from guanxi.core.records import layouts
from guanxi.core.records.discretion import discretion
from guanxi.core.records.firm import firm
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities, quick_forms
from guanxi.core.schema.vocabulary import GROUPS
from guanxi.core.web import addresses, contributions, sentences, surroundings, toasts
from guanxi.core.web.middleware import events_origin

LANGUAGES = (("zh-hans", "简体中文"), ("en", "English"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One entry of the navigation; ``views`` are its pinned saved views."""

    key: str
    label: Text
    url: str
    icon: str
    color: str = "slate"
    badge: int = 0
    views: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A named group of the navigation; ``closed`` when the person folded it and the page is not one of its own."""

    key: str
    label: Text
    entries: tuple[Place, ...]
    closed: bool = False


_PINNED = Fixed(
    lambda user_id, department_id: SavedView.objects.filter(
        Q(user_id=user_id) | Q(visibility="public") | Q(visibility="team", department_id=department_id),
        pinned_by__contains=[user_id],
    ).order_by("position", "name"),
    [-1, -2],
)


def workspace_name(language: str) -> str:
    """The name the administrator gave the workspace, else the product's."""
    return firm().name or ("关系" if language.startswith("zh") else "Guanxi")


class Shell:
    """The surroundings of one request's page; each part is made when the template asks for it."""

    home_url = "/"
    search_url = "/search/"
    notifications_url = "/notifications/"
    live_url = "/notifications/live/"
    preferences_url = "/preferences/"
    sign_out_url = "/account/logout/"
    languages = LANGUAGES

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.actor: Actor = getattr(request, "actor", ANONYMOUS)
        self.user: Any = self._user()

    def _user(self) -> Any:
        """The person signed in; nobody when the database does not answer (error pages must still be drawn)."""
        try:
            user = getattr(self.request, "user", None)
            return user if user is not None and user.is_authenticated else None
        except DatabaseError:
            return None

    @property
    def language(self) -> str:
        """The active language: ``zh-hans`` or ``en``."""
        return translation.get_language() or "zh-hans"

    @property
    def lang(self) -> str:
        """The language as the ``lang`` attribute writes it."""
        return "zh-Hans" if self.language.startswith("zh") else "en"

    @property
    def theme(self) -> str:
        """``auto``, ``light`` or ``dark``."""
        return self.user.theme if self.user else self.request.COOKIES.get("guanxi_theme", "auto")

    @property
    def density(self) -> str:
        """``normal`` or ``compact``."""
        return str(self.user.preferences.get("density", "normal")) if self.user else "normal"

    @property
    def keys(self) -> str:
        """``off`` when the person turned keyboard shortcuts off."""
        return str(self.user.preferences.get("keys", "on")) if self.user else "on"

    @property
    def regional(self) -> Regional:
        """The reader's habits, for what scripts write."""
        return present()

    @property
    def zone(self) -> str:
        """The reader's time zone."""
        return timezone.get_current_timezone_name()

    @property
    def watermark(self) -> str:
        """What stands across the page where the workspace wants it: the reader's name and the day; else empty."""
        if self.user is None or not discretion().watermark:
            return ""
        return f"{self.user.name} {clock.today(self.actor.timezone).isoformat()}"

    @property
    def workspace(self) -> str:
        """The name of the workspace."""
        try:
            return str(workspace_name(self.language))
        except DatabaseError:
            return "关系" if self.language.startswith("zh") else "Guanxi"

    @property
    def user_name(self) -> str:
        """The name of the person."""
        return self.actor.name

    @cached_property
    def here(self) -> str:
        """Which entry of the navigation the page belongs to."""
        first = self.request.path_info.strip("/").partition("/")[0]
        return next((entity.key for entity in entities() if entity.path == first), first or "home")

    @cached_property
    def due(self) -> int:
        """How many things are due today."""
        return contributions.due_count(self.actor) if self.user else 0

    @property
    def stream_url(self) -> str:
        """Where live events come from."""
        return f"{events_origin(self.request)}/events/"

    @cached_property
    def rights(self) -> str:
        """What changes with the person's rights; his open pages compare it."""
        return actors.fingerprint(self.actor) if self.user else ""

    @cached_property
    def unread(self) -> int:
        """Unread notifications."""
        return unread_count(self.actor) if self.user else 0

    @cached_property
    def groups(self) -> list[Group]:
        """The navigation: entities by group, and what was contributed to a group; empty groups are left out."""
        pinned = self._pinned
        found: list[Group] = []
        arranged = layouts.layout_of(self.actor, None, "menu") or {}
        wanted = {key: place for place, key in enumerate(arranged.get("order", ()))}
        for key, (label, _icon) in GROUPS.items():
            places = [
                (entity.menu.order, self._place(entity, pinned)) for entity in self.listed if entity.menu.group == key
            ]
            places += [(entry.order, self._entry(entry)) for entry in contributions.entries_at(key, self.actor)]
            places = [
                (wanted.get(place.key, len(wanted) + order), place)
                for order, place in places
                if place.key not in arranged.get("hidden", ())
            ]
            if places and key == "settings":
                entries: tuple[Place, ...] = (
                    Place(key="settings", label=_("Settings"), url="/settings/", icon="settings", color="slate"),
                )
            else:
                entries = tuple(place for _order, place in sorted(places, key=lambda one: one[0]))
            if entries:
                here = any(entry.key == self.here for entry in entries)
                found.append(Group(key, label, entries, closed=key in self.folded and not here))
        return found

    @cached_property
    def folded(self) -> frozenset[str]:
        """Groups of the navigation folded in this browser; the script of the page keeps them in a cookie."""
        return frozenset(GROUPS.keys() & self.request.COOKIES.get("gx_folded", "").split("."))

    @cached_property
    def badges(self) -> tuple[tuple[str, int], ...]:
        """Numbers beside entries of the navigation."""
        return contributions.badges(self.actor)

    @cached_property
    def surroundings(self) -> surroundings.Surroundings:
        """The parts around the page, drawn."""
        return surroundings.around(self)

    @cached_property
    def listed(self) -> list[Entity]:
        """Entities of the menu the person may see."""
        return [entity for entity in entities() if entity.menu.group and access.at_home(self.actor, entity)]

    def _place(self, entity: Entity, pinned: Mapping[str, list[SavedView]]) -> Place:
        views = tuple(
            {"name": view.name, "url": addresses.view_url(entity, view)} for view in pinned.get(entity.key, ())
        )
        return Place(
            key=entity.key,
            label=entity.plural,
            url=addresses.list_url(entity),
            icon=entity.icon,
            color=entity.color,
            views=views,
        )

    def _entry(self, entry: contributions.Entry) -> Place:
        badge = dict(self.badges).get(entry.key, 0)
        return Place(key=entry.key, label=entry.label, url=entry.url, icon=entry.icon, color=entry.color, badge=badge)

    @property
    def pinned_key(self) -> tuple[tuple[int, int, str], ...]:
        """What changes when the pinned views do."""
        return tuple((view.pk, view.version, view.name) for views in self._pinned.values() for view in views)

    @cached_property
    def _pinned(self) -> dict[str, list[SavedView]]:
        if self.user is None:
            return {}
        found: dict[str, list[SavedView]] = {}
        for view in _PINNED.rows(self.user.pk, self.user.department_id or 0):
            found.setdefault(view.entity, []).append(view)
        return found

    @cached_property
    def foot(self) -> list[Place]:
        """Entries below the navigation."""
        return [self._entry(entry) for entry in contributions.entries_at("foot", self.actor)]

    @cached_property
    def account(self) -> list[Place]:
        """Entries of the menu at the avatar."""
        return [self._entry(entry) for entry in contributions.entries_at("account", self.actor)]

    @cached_property
    def creatable(self) -> list[dict[str, Any]]:
        """What the person may create from anywhere: small forms first, then entities of the menu."""
        small = {form.entity for form in quick_forms()}
        quick = [
            {
                "label": form.label,
                "url": f"/quick/{form.key}/",
                "icon": form.icon,
                "color": "amber",
                "key": form.shortcut,
            }
            for form in quick_forms()
            if access.allowed(self.actor, "create", form.entity)
        ]
        return quick + [
            {
                "label": entity.label,
                "url": addresses.create_url(entity),
                "icon": entity.icon,
                "color": entity.color,
                "key": "",
            }
            for entity in self.listed
            if entity.creatable and entity.key not in small and access.allowed(self.actor, "create", entity)
        ]

    @property
    def themes(self) -> tuple[tuple[str, str, str], ...]:
        """Choices of appearance: key, label, icon."""
        return (
            ("auto", _("As the system"), "device-desktop"),
            ("light", _("Light"), "sun"),
            ("dark", _("Dark"), "moon"),
        )

    @property
    def densities(self) -> tuple[tuple[str, str], ...]:
        """Choices of row height."""
        return (("normal", _("Normal")), ("compact", _("Compact")))

    @cached_property
    def toasts(self) -> list[dict[str, Any]]:
        """Toasts kept for this page."""
        return toasts.take(self.request)

    @property
    def strings(self) -> dict[str, str]:
        """Sentences the scripts show, by key."""
        return sentences.shown()
