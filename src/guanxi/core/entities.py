"""The core's own entities: people and how they are organised, roles, tags. They are served like any other."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.core.models import Department, Position, Role, Tag, User
from guanxi.core.people import departments, inviting, roles, users
from guanxi.core.schema.entity import Access, Action, Entity, Form, MatchKey, Menu, Search, Section, Writer
from guanxi.core.schema.registry import register

#: The colours a tag may have.
COLORS = (
    ("blue", _("blue")),
    ("teal", _("teal")),
    ("green", _("green")),
    ("lime", _("lime")),
    ("amber", _("amber")),
    ("orange", _("orange")),
    ("red", _("red")),
    ("pink", _("pink")),
    ("purple", _("purple")),
    ("indigo", _("indigo")),
    ("cyan", _("cyan")),
    ("slate", _("slate")),
)

register(
    Entity(
        key="core.department",
        model=Department,
        label=_("Department"),
        plural=_("Departments"),
        path="departments",
        icon="sitemap",
        columns=("name", "code", "parent", "head", "position"),
        filters=("parent",),
        sort=("path", "position"),
        fields={"position": {"plain": True}},
        hidden=("path",),
        search=Search(names=("name",), numbers=("code",)),
        form=Form(
            sections=(Section(_("Department"), ("name", "code", "parent", "head", "position")),),
            create=("name", "code", "parent", "head"),
        ),
        access=Access(owner="", public=True),
        menu=Menu(),
        writer=Writer(delete=departments.department_delete),
        clean=departments.department_clean,
        description=_("The organisation as a tree; rights follow it."),
    ),
    Entity(
        key="core.position",
        model=Position,
        label=_("Position"),
        plural=_("Positions"),
        path="positions",
        icon="id-badge",
        columns=("name", "rank"),
        fields={"rank": {"plain": True}},
        sort=("rank", "name"),
        form=Form(sections=(Section(_("Position"), ("name", "rank")),)),
        access=Access(owner="", public=True),
        description=_("Job titles people hold."),
    ),
    Entity(
        key="core.role",
        model=Role,
        label=_("Role"),
        plural=_("Roles"),
        path="roles",
        icon="shield",
        columns=("name", "key", "description", "all_rights"),
        hidden=("features",),
        sort=("name",),
        form=Form(sections=(Section(_("Role"), ("name", "name_en", "key", "description", "all_rights")),)),
        access=Access(owner=""),
        importable=False,
        writer=Writer(delete=roles.role_delete),
        clean=roles.role_clean,
        description=_("Bundles of rights given to people; several roles add up."),
    ),
    Entity(
        key="core.user",
        model=User,
        label=_("User"),
        plural=_("Users"),
        path="users",
        icon="users",
        columns=("name", "username", "department", "job", "superior", "email", "is_active"),
        filters=("department", "is_active"),
        sort=("name",),
        fields={"username": {"required": True}},
        search=Search(names=("name",), numbers=("username", "staff_number"), subtitle=("department",)),
        form=Form(
            sections=(
                Section(_("Person"), ("name", "username", "staff_number", "email", "phone")),
                Section(_("Place in the organisation"), ("department", "job", "superior", "is_active")),
                Section(_("Preferences"), ("language", "timezone", "theme")),
            ),
            create=("name", "username", "email", "department", "job", "superior"),
        ),
        match_keys=(
            MatchKey(field="username", how="exact", weight=100),
            MatchKey(field="staff_number", how="exact", weight=100),
        ),
        access=Access(owner="", public=True),
        writer=Writer(create=users.user_create, update=users.user_update, delete=users.user_delete),
        actions=(
            Action(
                key="deactivate",
                label=_("Deactivate"),
                run=users.user_deactivate,
                icon="user-off",
                danger=True,
                applies=users.can_deactivate,
                description=_("The user can no longer sign in; sessions and tokens end at once, records stay."),
            ),
            Action(
                key="reactivate",
                label=_("Activate again"),
                run=users.user_reactivate,
                icon="user-check",
                applies=users.can_reactivate,
            ),
            Action(
                key="invite",
                label=_("Mail a link to set the password"),
                run=inviting.user_invite,
                icon="mail",
                applies=inviting.can_invite,
            ),
        ),
        clean=users.user_clean,
        description=_("People who sign in."),
    ),
    Entity(
        key="core.tag",
        model=Tag,
        label=_("Tag"),
        plural=_("Tags"),
        path="tags",
        icon="tag",
        columns=("name", "color", "entity"),
        sort=("name",),
        form=Form(sections=(Section(_("Tag"), ("name", "color", "entity")),)),
        fields={"color": {"kind": "choice", "choices": COLORS}, "entity": {"label": _("only for")}},
        access=Access(owner="", public=True),
        description=_("Words people put on records."),
    ),
)
