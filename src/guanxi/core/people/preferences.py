"""A person's own settings: language, appearance, row height, how numbers and names are written, what was chosen in lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings

from guanxi.core.kernel import regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import User
from guanxi.core.records.writing import writing

#: Preferences with a fixed set of values.
CHOICES: dict[str, tuple[str, ...]] = {
    "density": ("normal", "compact"),
    "keys": ("on", "off"),
    "page_size": ("20", "50", "100", "200"),
    "numbers": tuple(regional.NUMBERS),
    "dates": tuple(regional.DATES),
    "week": regional.WEEKS,
    "names": regional.NAMES,
    "short": regional.SHORT,
}
#: At most this many entries of one mapping are kept (the oldest go first).
KEPT = 200


def preferences_set(
    actor: Actor, *, language: str | None = None, theme: str | None = None, values: Mapping[str, str] | None = None
) -> User:
    """Store the acting person's own settings; what is ``None`` stays. Raises Invalid for an unknown value."""
    if actor.user_id is None:
        raise Denied
    if language is not None and language not in dict(settings.LANGUAGES):
        raise Invalid(field="language")
    if theme is not None and theme not in ("auto", "light", "dark"):
        raise Invalid(field="theme")
    for name, value in (values or {}).items():
        if value not in CHOICES.get(name, ()):
            raise Invalid(field=name)
    with writing(actor):
        user = User.objects.select_for_update().get(pk=actor.user_id)
        user.language = language or user.language
        user.theme = theme or user.theme
        user.preferences = {**user.preferences, **(values or {})}
        user.save(update_fields=["language", "theme", "preferences"])
    return user


def preferences_remember(actor: Actor, group: str, key: str, value: Any) -> None:
    """Keep ``value`` under ``group`` → ``key`` of the acting person (column widths, the last view of a list …).

    ``None`` forgets it.
    """
    if actor.user_id is None:
        raise Denied
    with writing(actor):
        user = User.objects.select_for_update().get(pk=actor.user_id)
        kept = {name: one for name, one in user.preferences.get(group, {}).items() if name != key}
        if value is not None:
            kept[key] = value
        user.preferences = {**user.preferences, group: dict(list(kept.items())[-KEPT:])}
        user.save(update_fields=["preferences"])


def timezone_set(actor: Actor, name: str) -> User:
    """The acting person's time zone (IANA name). Raises Invalid for an unknown one."""
    if actor.user_id is None:
        raise Denied
    if name not in time_zones():
        raise Invalid(field="timezone")
    with writing(actor):
        user = User.objects.select_for_update().get(pk=actor.user_id)
        user.timezone = name
        user.save(update_fields=["timezone"])
    return user


#: Zones most people here live in; they stand first in pickers.
NEAR = ("Asia/Shanghai", "Asia/Hong_Kong", "Asia/Macau", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Asia/Urumqi")


@cache
def time_zones() -> tuple[str, ...]:
    """Every time zone a person may choose: those of China and its neighbours, then the others by name, then UTC."""
    others = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return (*NEAR, *(name for name in others if name not in NEAR), "UTC")
