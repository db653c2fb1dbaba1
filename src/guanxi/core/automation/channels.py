"""By which ways a person hears of what: on the page, on devices, by mail at once or once a day; chosen per sort of notification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid, Text
from guanxi.core.models import User

Mail = Literal["off", "digest", "now"]
MAIL_LABELS: dict[str, Text] = {
    "off": gettext_lazy("not by mail"),
    "digest": gettext_lazy("in the daily mail"),
    "now": gettext_lazy("by mail at once"),
}
_KEY = "notifications"


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of notification: its name, icon, usual ways, and whether muting a record silences it.

    ``url`` is where one leads that is about no record.
    """

    key: str
    label: Text
    icon: str = "bell"
    web: bool = True
    mail: Mail = "off"
    push: bool = False
    mutable: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Ways:
    """How one person hears of one sort."""

    web: bool
    mail: Mail
    push: bool = False


SORTS: dict[str, Sort] = {}


def register_sort(sort: Sort) -> None:
    """Enter a sort of notification; areas do so at start."""
    SORTS[sort.key] = sort


def ways(user: User, sort: str) -> Ways:
    """How the person hears of that sort; an unknown sort is shown on the page."""
    usual = SORTS.get(sort) or Sort(sort, sort)
    chosen: Mapping[str, Any] = user.preferences.get(_KEY, {}).get(sort, {})
    mail = chosen.get("mail", usual.mail)
    push = bool(chosen.get("push", usual.push))
    return Ways(bool(chosen.get("web", usual.web)), mail if mail in MAIL_LABELS else usual.mail, push)


def settings_of(user: User) -> list[tuple[Sort, Ways]]:
    """Every sort with the person's ways, for the settings page."""
    return [(sort, ways(user, sort.key)) for sort in SORTS.values()]


def ways_set(
    actor: Actor, sort: str, *, web: bool | None = None, mail: str | None = None, push: bool | None = None
) -> Ways:
    """Choose one's own ways for a sort; ``None`` leaves one as it is. Raises Invalid for an unknown sort or way."""
    if actor.user_id is None:
        raise Denied
    if sort not in SORTS or (mail is not None and mail not in MAIL_LABELS):
        raise Invalid(_("There is no such setting."), code="notification.setting")
    with transaction.atomic():
        user = User.everything.select_for_update().get(pk=actor.user_id)
        chosen = user.preferences.setdefault(_KEY, {}).setdefault(sort, {})
        if web is not None:
            chosen["web"] = web
        if mail is not None:
            chosen["mail"] = mail
        if push is not None:
            chosen["push"] = push
        user.save(update_fields=["preferences"])
    return ways(user, sort)


for _sort in (
    Sort("mention", gettext_lazy("Somebody mentions me"), "at", mail="digest", push=True),
    Sort("assigned", gettext_lazy("A record is given to me"), "user-check", mail="digest", push=True),
    Sort("shared", gettext_lazy("A record is shared with me"), "share", mail="digest"),
    Sort("comment", gettext_lazy("Comments on my records and those I follow"), "message-circle", mutable=True),
    Sort("change", gettext_lazy("Changes of records I follow"), "history", mutable=True),
    Sort("approval", gettext_lazy("Approvals"), "rubber-stamp", mail="now", push=True),
    Sort("rule", gettext_lazy("Automation"), "settings-automation", mail="digest"),
    Sort("workflow", gettext_lazy("Tasks of workflows"), "sitemap", mail="digest", push=True),
    Sort("reminder", gettext_lazy("Reminders"), "alarm", push=True),
    Sort("operation", gettext_lazy("Long work has finished"), "circle-check"),
):
    register_sort(_sort)
