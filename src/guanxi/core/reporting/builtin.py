"""Reports and boards every workspace starts with: data, entered by areas from their ``seeds.py``.

They are declarations, not rows: they come and change with the version. Somebody who may share with everyone can save
his own over one, under the same key; deleting that brings the built-in one back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Text

#: Groups of the list of reports, in order.
GROUPS: dict[str, Text] = {
    "customers": _("Customers"),
    "activities": _("Follow-ups"),
    "sales": _("Sales"),
    "billing": _("Contracts and money"),
    "marketing": _("Marketing"),
    "service": _("Service"),
    "": _("Further reports"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """A report or board under a stable key. ``about`` says what it tells, in one sentence."""

    key: str
    zh: str
    en: str
    definition: Mapping[str, Any]
    group: str = ""
    about_zh: str = ""
    about_en: str = ""
    position: int = 50
    roles: tuple[str, ...] = ()


_reports: dict[str, BuiltIn] = {}
_boards: dict[str, BuiltIn] = {}


def report(
    key: str,
    zh: str,
    en: str,
    definition: Mapping[str, Any],
    *,
    group: str,
    about: tuple[str, str] = ("", ""),
    position: int = 50,
) -> None:
    """Enter a report; ``definition`` is that of ``reporting.spec``, ``about`` its sentence in Chinese and English."""
    _reports[key] = BuiltIn(
        key=key, zh=zh, en=en, definition=definition, group=group, about_zh=about[0], about_en=about[1], position=position
    )  # fmt: skip


def tile(report_key: str, width: int = 1, *, chart: str = "") -> dict[str, Any]:
    """One tile of a board: a report, one to three columns wide, with another chart if wanted."""
    return {"report": report_key, "width": width, **({"chart": chart} if chart else {})}


def board(
    key: str, zh: str, en: str, tiles: Sequence[Mapping[str, Any]], *, roles: Sequence[str] = (),
    about: tuple[str, str] = ("", ""), position: int = 50,
) -> None:  # fmt: skip
    """Enter a board; people of the ``roles`` (keys) open with it."""
    _boards[key] = BuiltIn(
        key=key, zh=zh, en=en, definition={"tiles": [dict(one) for one in tiles]}, about_zh=about[0], about_en=about[1],
        position=position, roles=tuple(roles),
    )  # fmt: skip


def add_tiles(key: str, *tiles: Mapping[str, Any]) -> None:
    """A higher area adds tiles to a board entered before."""
    held = _boards[key]
    _boards[key] = BuiltIn(
        key=held.key, zh=held.zh, en=held.en, about_zh=held.about_zh, about_en=held.about_en, position=held.position,
        roles=held.roles, definition={"tiles": [*held.definition["tiles"], *(dict(one) for one in tiles)]},
    )  # fmt: skip


def reports() -> Mapping[str, BuiltIn]:
    """All built-in reports by key."""
    return _reports


def boards() -> Mapping[str, BuiltIn]:
    """All built-in boards by key."""
    return _boards
