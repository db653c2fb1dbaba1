"""Why somebody may, or may not, see or do something: the roles, scopes and shares that decide, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.db import models
from django.utils.translation import gettext as _

from guanxi.core.access.levels import field_level
from guanxi.core.access.rules import allowed, by_share, carrier_key, carrier_owners, in_pool
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import Role, User
from guanxi.core.models.people import SCOPES
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

ReasonKind = Literal["system", "role", "share", "pool", "carrier", "public", "token", "field", "nothing"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that decides: ``for_it`` says in which direction, ``name`` the role or share, ``text`` a sentence."""

    kind: ReasonKind
    name: str
    text: str
    for_it: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether it is allowed, and every reason for and against."""

    allowed: bool
    reasons: tuple[Reason, ...]


def explain(actor: Actor, record: models.Model | Entity | str, *, action: str = "view", field: str = "") -> Explanation:
    """Name what lets the actor do the action on the record (or see the field), or what is missing."""
    entity = entity_of(record)
    reasons = [*_general(entity, actor, action)]
    if not actor.is_system and not actor.rights.everything:
        reasons += _role_reasons(entity, actor, action, record)
        if isinstance(record, models.Model):
            reasons += _share_reasons(entity, actor, action, record)
    ok = allowed(actor, action, record)
    if not ok and not any(not reason.for_it for reason in reasons):
        reasons.append(Reason("nothing", "", _("No role, scope or share gives this."), for_it=False))
    if field:
        ok, reasons = _field_reasons(entity, actor, field, ok, reasons)
    return Explanation(ok, tuple(reasons))


def _general(entity: Entity, actor: Actor, action: str) -> list[Reason]:
    if actor.is_system or actor.rights.everything:
        return [Reason("system", "", _("A role with all rights is held."), for_it=True)]
    found = []
    if entity.access.public and action == "view":
        found.append(Reason("public", "", _("Everyone signed in may see records of this kind."), for_it=True))
    if actor.scopes is not None and ("read" if action == "view" else "write") not in actor.scopes:
        found.append(Reason("token", "", _("The token used does not have the scope for this."), for_it=False))
    return found


def _owner_name(user_id: int | None) -> str:
    if user_id is None:
        return ""
    return User.everything.filter(pk=user_id).values_list("name", flat=True).first() or f"#{user_id}"


def _role_reasons(entity: Entity, actor: Actor, action: str, record: Any) -> list[Reason]:
    reach = actor.rights.of(entity.key, action)
    roles = Role.everything.filter(key__in=[key for key, _scope in reach.sources])
    names = {role.key: role.spoken for role in roles}
    labels = {key: str(label) for key, label in SCOPES}
    if not reach.sources:
        text = _("No role gives the right “%(action)s” on %(entity)s.")
        return [
            Reason(
                "nothing",
                "",
                text % {"action": str(entity.all_actions.get(action, action)), "entity": str(entity.plural)},
                for_it=False,
            )
        ]
    if not isinstance(record, models.Model):
        text = _("The role “%(role)s” gives it for: %(scope)s.")
        return [
            Reason(
                "role", names.get(key, key), text % {"role": names.get(key, key), "scope": labels[scope]}, for_it=True
            )
            for key, scope in reach.sources
        ]
    owner_id = getattr(record, f"{entity.access.owner}_id") if entity.access.owner else None
    owners = {owner_id, *carrier_owners(entity, record)} - {None}
    reaches = reach.everyone or bool(owners & reach.owners) or (owner_id is None and reach.unowned)
    owner = _owner_name(owner_id) or _("nobody")
    good = _("The role “%(role)s” gives it for: %(scope)s. The owner is %(owner)s.")
    bad = _("The role “%(role)s” gives it only for: %(scope)s; the owner %(owner)s is not among them.")
    return [
        Reason(
            "role",
            names.get(key, key),
            (good if reaches else bad) % {"role": names.get(key, key), "scope": labels[scope], "owner": owner},
            for_it=reaches,
        )
        for key, scope in reach.sources
    ]


def _share_reasons(entity: Entity, actor: Actor, action: str, record: Any) -> list[Reason]:
    found = []
    if in_pool(actor, entity, record, action):
        found.append(Reason("pool", "", _("It lies in a pool you belong to, and nobody owns it."), for_it=True))
    own = actor.shared.get(entity.key, {}).get(record.pk, "")
    if own:
        good = by_share(entity, own, action)
        text = _("The record is shared to read and write.") if own == "write" else _("The record is shared to read.")
        found.append(Reason("share", own, text, for_it=good))
    carrier = carrier_key(entity)
    level = actor.shared.get(carrier, {}).get(getattr(record, f"{entity.access.carried_by}_id"), "") if carrier else ""
    if level:
        found.append(
            Reason(
                "carrier",
                level,
                _("The %(carrier)s it belongs to is shared.") % {"carrier": str(entity_of(carrier).label)},
                for_it=by_share(entity, level, action),
            )
        )
    return found


def _field_reasons(
    entity: Entity, actor: Actor, field: str, ok: bool, reasons: list[Reason]
) -> tuple[bool, list[Reason]]:
    level = field_level(actor, entity, field)
    texts = {
        "hidden": _("The field is hidden for all your roles."),
        "masked": _("The field is shown masked for your roles."),
        "read": _("The field may be read but not written."),
        "write": _("The field may be read and written."),
    }
    return ok and level != "hidden", [*reasons, Reason("field", level, texts[level], for_it=level != "hidden")]
