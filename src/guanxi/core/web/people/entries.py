"""What this room adds to the shell: the account menu and the administration of people."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Department, Role, User
from guanxi.core.models.exchange import ImportRun
from guanxi.core.people.guards import is_administrator
from guanxi.core.people.rights import role_name
from guanxi.core.schema.entity import Panel
from guanxi.core.schema.registry import extend
from guanxi.core.web.contributions import Card, Entry, add_cards, add_entries


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
        hint=_("Invite people, give roles, end sessions, deactivate"),
    ),
    Entry(
        key="people.departments",
        label=_("Organisation"),
        url="/people/departments/",
        icon="sitemap",
        place="settings",
        order=20,
        hint=_("The tree of departments, who works where and under whom"),
    ),
    Entry(
        key="people.roles",
        label=_("Roles"),
        url="/people/roles/",
        icon="shield",
        place="settings",
        order=30,
        shown=sees_roles,
        hint=_("What a role may do, on whose records, and which fields it sees"),
    ),
    Entry(
        key="people.second_factor",
        label=_("Second factor"),
        url="/people/second-factor/",
        icon="shield-lock",
        place="settings",
        order=35,
        shown=is_administrator,
        hint=_("Of whom it is demanded, and who has none yet"),
    ),
    Entry(
        key="people.tokens",
        label=_("API tokens"),
        url="/people/tokens/",
        icon="key",
        place="settings",
        order=40,
        shown=is_administrator,
        hint=_("Programs that act for people: scopes, expiry, last use"),
    ),
    Entry(
        key="people.log",
        label=_("Access log"),
        url="/people/log/",
        icon="history",
        place="settings",
        order=50,
        shown=is_administrator,
        hint=_("Who signed in, looked at, took out what"),
    ),
)


#: So many people make a workspace that needs no first steps any more.
SETTLED = 4


def first_steps(actor: Actor) -> dict[str, Any] | None:
    """What the administrator of a new workspace does next, with what is done; gone once a few people work there, or a
    colleague and data have come.
    """
    many = User.objects.count() if is_administrator(actor) else SETTLED
    people = many > 1
    if many >= SETTLED or (people and ImportRun.objects.filter(state="done").exists()):
        return None
    organised = Department.objects.exists()
    return {
        "steps": [
            (_("Draw the organisation"), _("Departments decide who sees whose records."), "/people/departments/", "sitemap", organised),
            (_("Invite your colleagues"), _("Each gets a mail with a link, and a role from you."), "/users/", "users", people),
            (_("Bring your data in"), _("A spreadsheet of customers is enough; an import can be undone."), "/import/", "file-import", False),
            (_("Choose an industry pack"), _("Fields, stages and sample data of your trade."), "/settings/packs/", "package", False),
        ]
    }  # fmt: skip


add_cards(
    Card(
        key="first_steps", label=_("First steps"), template="people/first_steps.jinja", context=first_steps, icon="flag",
        order=-10, wide=True,
    )
)  # fmt: skip


def about_user(actor: Actor, user: User) -> dict[str, Any]:
    """What the panel of a user says: his roles, for whom they are no secret, and where to administer him."""
    roles = user.roles.filter(deleted_at__isnull=True).order_by("name")
    known = sees_roles(actor) or actor.user_id == user.pk
    return {
        "user": user,
        "roles": [role_name(role) for role in roles] if known else None,
        "administers": is_administrator(actor),
        "me": actor.user_id == user.pk,
        "waits": user.is_active and not user.has_usable_password(),
    }


def about_role(_actor: Actor, role: Role) -> dict[str, Any]:
    """What the panel of a role says: where its matrix is, and who holds it."""
    holders = role.users.filter(is_active=True, deleted_at__isnull=True).order_by("sort_key")
    return {"role": role, "holders": [user.name for user in holders[:50]], "more": holders.count() > 50}


extend(
    "core.user",
    panels=[
        Panel(
            key="rights", label=_("Roles and access"), template="people/user_panel.jinja", context=about_user, order=10
        )
    ],
)
extend(
    "core.role",
    panels=[Panel(key="matrix", label=_("Rights"), template="people/role_panel.jinja", context=about_role, order=10)],
)
