"""Who may do what on which records: as SQL for sets (``visible``), in Python for one (``allowed``, ``require``).

Both follow the same sentence: a record is in reach of an action when a role gives the action within a scope that holds
its owner, or the owner of the record that carries it; or when it, or its carrier, is shared with the actor (viewing
needs a share of any level, changing one to write).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from guanxi.core.access import clients
from guanxi.core.kernel.actor import Actor, Reach
from guanxi.core.kernel.errors import Denied, NotFound
from guanxi.core.models.lookups import EqualsAny  # noqa: F401 - registers the lookup
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import entity_of

M = TypeVar("M", bound=models.Model)

#: Actions a share to read, and one to write, allow.
SHARED = {"read": frozenset({"view"}), "write": frozenset({"view", "change"})}
#: What a member, and an administrator, of a pool may do with records nobody owns in it.
POOLED = {"member": frozenset({"view", "claim"}), "admin": frozenset({"view", "claim", "change", "assign"})}

#: With more records shared with him than this an actor's queries are put together anew each time.
MANY_SHARES = 50


def among(column: str, ids: Sequence[int]) -> Q:
    """The column holds one of the ids. A single one is compared as itself: only so does an index give the order of the rest."""
    return Q(**{column: ids[0]}) if len(ids) == 1 else Q(**{f"{column}__any": ids})


def carrier_key(entity: Entity) -> str:
    """The entity key of the record that carries this one, or ''."""
    if not entity.access.carried_by:
        return ""
    related = entity.model._meta.get_field(entity.access.carried_by).related_model
    return related._meta.label_lower if related is not None and not isinstance(related, str) else ""


def by_share(entity: Entity, level: str, action: str) -> bool:
    """Whether a share of that level, of a record or of what carries it, gives the action on it."""
    return action in SHARED.get(level, ()) or (level == "write" and action in entity.access.shared)


def _shared_ids(entity: Entity, actor: Actor, key: str, action: str) -> list[int]:
    return sorted(record for record, level in actor.shared.get(key, {}).items() if by_share(entity, level, action))


def _pool_ids(actor: Actor, entity: Entity, action: str) -> list[int]:
    """Pools in which the actor may do the action with what nobody owns; none where no role lets him see such records."""
    if not entity.access.pool:
        return []
    reach = actor.rights.of(entity.key, "view")
    if not (reach.everyone or reach.owners or reach.unowned):
        return []
    return sorted(pool for pool, level in actor.pools.items() if action in POOLED[level])


def _token_allows(actor: Actor, action: str) -> bool:
    return actor.scopes is None or ("read" if action == "view" else "write") in actor.scopes


def condition(entity: Entity, actor: Actor, action: str = "view", prefix: str = "") -> Q | None:
    """The condition on rows of the entity, ``None`` for no limit. ``prefix`` leads there over a reference."""
    if actor.is_system:
        return None
    if actor.kind == "client":
        return clients.condition(entity, actor, action, prefix)
    if actor.kind == "anonymous" or not _token_allows(actor, action):
        return Q(**{f"{prefix}pk__isnull": True})
    reach = actor.rights.of(entity.key, action)
    if reach.everyone or (entity.access.public and action == "view"):
        return None
    return _limited(entity, actor, action, reach, prefix)


def _limited(entity: Entity, actor: Actor, action: str, reach: Reach, prefix: str) -> Q:
    owners = sorted(reach.owners)
    found = Q()
    if entity.access.owner and owners:
        found |= among(f"{prefix}{entity.access.owner}_id", owners)
    if entity.access.owner and reach.unowned:
        found |= Q(**{f"{prefix}{entity.access.owner}__isnull": True})
    pools = _pool_ids(actor, entity, action)
    if pools:
        found |= Q(**{f"{prefix}{entity.access.owner}__isnull": True, f"{prefix}{entity.access.pool}_id__any": pools})
    carrier = carrier_key(entity)
    if carrier and owners:
        found |= among(f"{prefix}carrier_owner_id", owners)
    if entity.access.deep and owners:
        found |= among(f"{prefix}{entity.access.carried_by}__carrier_owner_id", owners)
    own_shares = _shared_ids(entity, actor, entity.key, action)
    if own_shares:
        found |= Q(**{f"{prefix}id__any": own_shares})
    carrier_shares = _shared_ids(entity, actor, carrier, action) if carrier else []
    if carrier_shares:
        found |= Q(**{f"{prefix}{entity.access.carried_by}_id__any": carrier_shares})
    return found if found else Q(**{f"{prefix}pk__isnull": True})


def owners_in_reach(entity: Entity, actor: Actor, action: str, owners: Collection[int]) -> bool:
    """Whether all records of these owners are in reach because they are theirs: then nothing further limits them."""
    if not entity.access.owner or not owners or actor.kind != "user" or not _token_allows(actor, action):
        return False
    return actor.rights.of(entity.key, action).owners.issuperset(owners)


def only_by_owner(entity: Entity, actor: Actor, action: str = "view") -> bool:
    """Whether what limits the actor speaks of owners alone: of no pool, and of no record shared with him."""
    if actor.kind not in ("user", "system") or entity.access.deep:
        return False
    carrier = carrier_key(entity)
    shares = _shared_ids(entity, actor, entity.key, action) or (carrier and _shared_ids(entity, actor, carrier, action))
    return not shares and not _pool_ids(actor, entity, action)


def shared_condition(entity: Entity, actor: Actor, action: str = "view") -> Q | None:
    """The condition on rows that are in reach because they, or their carrier, are shared; ``None`` if none is."""
    found = Q()
    own = _shared_ids(entity, actor, entity.key, action)
    if own:
        found |= Q(id__any=own)
    carrier = carrier_key(entity)
    carried = _shared_ids(entity, actor, carrier, action) if carrier else []
    if carried:
        found |= Q(**{f"{entity.access.carried_by}_id__any": carried})
    return found if found else None


def visible(qs: models.QuerySet[M], actor: Actor, action: str = "view") -> models.QuerySet[M]:
    """The rows of ``qs`` on which ``actor`` may do ``action``."""
    limit = condition(entity_of(qs.model), actor, action)
    return qs if limit is None else qs.filter(limit)


def sight(actor: Actor) -> Hashable:
    """What ``visible`` looks at in an actor: equal for two who get the same conditions; ``None`` where that is not known.

    Holds while the actor's rights do: whoever keeps something under it must keep the actor too.
    """
    if actor.kind == "client" or sum(map(len, actor.shared.values())) > MANY_SHARES:
        return None
    shares = tuple((key, *sorted(ids.items())) for key, ids in sorted(actor.shared.items()) if ids)
    return (actor.kind, actor.user_id, id(actor.rights), actor.scopes, shares, tuple(sorted(actor.pools.items())))


def allowed(actor: Actor, action: str, target: Entity | str | models.Model) -> bool:
    """Whether the actor may do the action: on one record, or (for an entity or key) on any at all."""
    if actor.is_system:
        return True
    if actor.kind == "anonymous" or not _token_allows(actor, action):
        return False
    entity = entity_of(target)
    if actor.kind == "client":
        return clients.allowed(entity, actor, action, target if isinstance(target, models.Model) else None)
    reach = actor.rights.of(entity.key, action)
    if reach.everyone or (entity.access.public and action == "view"):
        return True
    if not isinstance(target, models.Model):
        carrier = carrier_key(entity)
        shares = _shared_ids(entity, actor, entity.key, action) or (
            carrier and _shared_ids(entity, actor, carrier, action)
        )
        return bool(reach.owners or reach.unowned or shares or _pool_ids(actor, entity, action))
    return _reaches(entity, actor, action, reach, target)


def at_home(actor: Actor, entity: Entity) -> bool:
    """Whether the entity is part of the actor's own work: by his roles, a pool, or records of that sort shared with him.

    Not merely because something that carries such records is shared with him: then he meets them there.
    """
    reach = actor.rights.of(entity.key, "view")
    own = reach.everyone or reach.owners or reach.unowned or _shared_ids(entity, actor, entity.key, "view")
    return allowed(actor, "view", entity) and bool(
        actor.kind != "user" or own or entity.access.public or _pool_ids(actor, entity, "view")
    )


def _reaches(entity: Entity, actor: Actor, action: str, reach: Reach, record: Any) -> bool:
    if entity.access.owner and reach.covers(getattr(record, f"{entity.access.owner}_id")):
        return True
    if by_share(entity, actor.shared.get(entity.key, {}).get(record.pk, ""), action):
        return True
    if in_pool(actor, entity, record, action):
        return True
    carrier = carrier_key(entity)
    if not carrier:
        return False
    if not reach.owners.isdisjoint(carrier_owners(entity, record)):
        return True
    carrier_id = getattr(record, f"{entity.access.carried_by}_id")
    return by_share(entity, actor.shared.get(carrier, {}).get(carrier_id, ""), action)


def carrier_owners(entity: Entity, record: Any) -> set[int]:
    """Ids of those who own what carries a record, and for ``deep`` entities what carries that."""
    found = {getattr(record, "carrier_owner_id", None)}
    if entity.access.deep:
        found.add(getattr(getattr(record, entity.access.carried_by), "carrier_owner_id", None))
    return {one for one in found if one is not None}


def in_pool(actor: Actor, entity: Entity, record: Any, action: str) -> bool:
    """Whether the record lies in a pool that lets the actor do the action."""
    if not entity.access.pool or getattr(record, f"{entity.access.owner}_id") is not None:
        return False
    return getattr(record, f"{entity.access.pool}_id") in _pool_ids(actor, entity, action)


def require(actor: Actor, action: str, target: Entity | str | models.Model) -> None:
    """Raise unless the actor may do the action: NotFound if he may not even see the record, else Denied."""
    if allowed(actor, action, target):
        return
    if isinstance(target, models.Model) and action != "view" and not allowed(actor, "view", target):
        raise NotFound
    if isinstance(target, models.Model) and action == "view":
        raise NotFound
    if not _token_allows(actor, action):
        raise Denied(_("This token may write only.") if action == "view" else _("This token may read only."))
    raise Denied(details={"action": action, "entity": entity_of(target).key})
