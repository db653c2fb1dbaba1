"""What this room adds to the shell: the account menu and the administration of people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.kernel.actor import Actor
from guanxi.core.people.guards import is_administrator
from guanxi.core.web.contributions import Entry, add_entries


def sees_roles(actor: Actor) -> bool:
    """Whether the actor may look at roles."""
    return access.allowed(actor, "view", "core.role")


add_entries(
    Entry(key="account", label=_("My account"), url="/account/", icon="user-circle", place="account", order=10),
    Entry(
        key="security",
        label=_("Password and security"),
        url="/account/security/",
        icon="shield-lock",
        place="account",
        order=20,
    ),
    Entry(
        key="people.users",
        label=_("Users"),
        url="/users/",
        icon="users",
        place="settings",
        order=10,
        shown=is_administrator,
    ),
    Entry(
        key="people.departments",
        label=_("Organisation"),
        url="/people/departments/",
        icon="sitemap",
        place="settings",
        order=20,
    ),
    Entry(
        key="people.roles",
        label=_("Roles"),
        url="/people/roles/",
        icon="shield",
        place="settings",
        order=30,
        shown=sees_roles,
    ),
    Entry(
        key="people.tokens",
        label=_("API tokens"),
        url="/people/tokens/",
        icon="key",
        place="settings",
        order=40,
        shown=is_administrator,
    ),
    Entry(
        key="people.log",
        label=_("Access log"),
        url="/people/log/",
        icon="history",
        place="settings",
        order=50,
        shown=is_administrator,
    ),
)
