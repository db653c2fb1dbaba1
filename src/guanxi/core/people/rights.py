"""What a user can do: every right and field level with the roles that give it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core.access import actors
from guanxi.core.kernel.actor import Actor, Level
from guanxi.core.models import Department, Role, RoleRight, User
from guanxi.core.models.people import FIELD_LEVELS, SCOPES
from guanxi.core.people.guards import WIDTH, require_administrator
from guanxi.core.records.shape import fields_of
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entities


@dataclass(frozen=True, slots=True)
class Given:
    """One source of a right: the role and the scope or level it gives, in words."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class ActionLine:
    """One action on an entity: ``scope`` is the widest given ('' for none, ``public`` for everybody's)."""

    action: str
    label: str
    scope: str
    text: str
    given: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field whose level is not simply read and write."""

    name: str
    label: str
    level: Level
    text: str
    given: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class EntityRights:
    """Everything a user can do with one entity."""

    entity: Entity
    actions: tuple[ActionLine, ...]
    fields: tuple[FieldLine, ...]
    shared: int

    @property
    def reaches(self) -> list[tuple[str, str, tuple[Given, ...]]]:
        """The actions there is a right to: those of the same reach from the same roles together, by label."""
        found: dict[tuple[str, tuple[Given, ...]], list[str]] = {}
        for line in self.actions:
            if line.scope:
                found.setdefault((line.text, line.given), []).append(line.label)
        return [(_(", ").join(labels), text, given) for (text, given), labels in found.items()]

    @property
    def missing(self) -> list[str]:
        """The actions nothing gives, by label."""
        return [line.label for line in self.actions if not line.scope]

    @property
    def any(self) -> bool:
        """Whether there is anything at all."""
        return self.shared > 0 or any(line.scope for line in self.actions)


#: Features a role can give beside rights on records, in words.
FEATURES = {
    "views.public": gettext_lazy("Share list views with everyone"),
    "reports.links": gettext_lazy("Show reports outside by a link"),
    "messages": gettext_lazy("Sort messages of unknown senders"),
    "settings": gettext_lazy("Change the settings of the workspace"),
}


@dataclass(frozen=True, slots=True)
class EffectiveRights:
    """What a user can do. ``everything``: he holds a role with all rights."""

    user: User
    everything: bool
    roles: tuple[Role, ...]
    features: tuple[str, ...]
    entities: tuple[EntityRights, ...]


def role_name(role: Role) -> str:
    """The role's name in the active language."""
    return role.spoken


def role_description(role: Role) -> str:
    """The role's description; that of a default role in the active language."""
    return _(role.description) if role.description else ""


def scope_text(scope: str, departments: list[int] | tuple[int, ...] = ()) -> str:
    """A scope in words; chosen departments are named."""
    label = str(dict(SCOPES).get(scope, scope))
    if scope == "chosen" and departments:
        names = Department.everything.filter(pk__in=departments).order_by("path").values_list("name", flat=True)
        return _("%(scope)s: %(names)s") % {"scope": label, "names": ", ".join(names)}
    return label


def field_sources(user: User, entity: Entity) -> dict[str, tuple[Given, ...]]:
    """Which of the user's roles say something about which field, and what."""
    words = {key: str(label) for key, label in FIELD_LEVELS}
    found: dict[str, tuple[Given, ...]] = {}
    for role in user.roles.filter(deleted_at__isnull=True).prefetch_related("fields").order_by("name", "pk"):
        for limit in role.fields.all():
            if limit.entity == entity.key:
                found[limit.field] = (*found.get(limit.field, ()), Given(role_name(role), words[limit.level]))
    return found


def effective_rights(actor: Actor, user: User) -> EffectiveRights:
    """What ``user`` can do, with sources: one's own, or anybody's for administrators. Raises ``Denied``."""
    if actor.user_id != user.pk:
        require_administrator(actor, "view")
    roles = tuple(
        user.roles.filter(deleted_at__isnull=True).prefetch_related("rights", "fields").order_by("name", "pk")
    )
    return EffectiveRights(
        user=user,
        everything=any(role.all_rights for role in roles),
        roles=roles,
        features=tuple(sorted({feature for role in roles for feature in role.features})),
        entities=tuple(
            _entity_rights(entity, user, roles) for entity in sorted(entities(), key=lambda one: not one.access.owner)
        ),
    )


def _entity_rights(entity: Entity, user: User, roles: tuple[Role, ...]) -> EntityRights:
    subject = actors.load(user)
    rights = [(role, right) for role in roles for right in role.rights.all() if right.entity == entity.key]
    return EntityRights(
        entity=entity,
        actions=tuple(
            _action(entity, action, str(label), rights, roles) for action, label in entity.all_actions.items()
        ),
        fields=tuple(_fields(entity, subject, roles)),
        shared=len(subject.shared.get(entity.key, {})),
    )


def _action(
    entity: Entity, action: str, label: str, rights: list[tuple[Role, RoleRight]], roles: tuple[Role, ...]
) -> ActionLine:
    everything = [role for role in roles if role.all_rights]
    if everything:
        given = tuple(Given(role_name(role), scope_text("all")) for role in everything)
        return ActionLine(action, label, "all", scope_text("all"), given)
    found = [(role, right) for role, right in rights if right.action == action]
    given = tuple(Given(role_name(role), scope_text(right.scope, right.departments)) for role, right in found)
    if entity.access.public and action == "view":
        return ActionLine(
            action,
            label,
            "public",
            _("all records"),
            (*given, Given("", _("Everyone signed in may see records of this kind."))),
        )
    if not found:
        return ActionLine(action, label, "", "", ())
    widest = max((right for _role, right in found), key=lambda right: WIDTH[right.scope])
    return ActionLine(action, label, widest.scope, scope_text(widest.scope, widest.departments), given)


def _fields(entity: Entity, subject: Actor, roles: tuple[Role, ...]) -> list[FieldLine]:
    lines = []
    words = {key: str(label) for key, label in FIELD_LEVELS}
    for name, field in fields_of(entity).items():
        given = tuple(
            Given(role_name(role), words[limit.level])
            for role in roles
            for limit in role.fields.all()
            if limit.entity == entity.key and limit.field == name
        )
        stated = subject.rights.levels.get(entity.key, {}).get(name)
        level: Level = "write" if subject.rights.everything else stated or actors.default_level(entity.key, name)
        if level != "write" or given:
            default = () if given else (Given("", _("Usual for personal data")),)
            lines.append(FieldLine(name, str(field.label), level, words[level], given or default))
    return lines
