"""Who is doing something, and what he may do.

An :class:`Actor` is made once per request, job or command by ``guanxi.core.people.actors`` and passed as the first
argument of every service and selector. It is plain data: everything the access floor needs to answer without a query.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from guanxi.core.kernel.regional import NEUTRAL, Regional

ActorKind = Literal["user", "system", "anonymous", "client"]
Via = Literal["web", "api", "cli", "mcp", "job", "import", "test"]
Level = Literal["hidden", "masked", "read", "write"]
LEVELS: tuple[Level, ...] = ("hidden", "masked", "read", "write")


@dataclass(frozen=True, slots=True)
class Reach:
    """On whose records a right holds: ``everyone``, or the records owned by ``owners`` (user ids).

    ``unowned`` also covers records without an owner. ``sources`` names the roles that gave it, for explanations.
    """

    everyone: bool = False
    owners: frozenset[int] = frozenset()
    unowned: bool = False
    sources: tuple[tuple[str, str], ...] = ()

    def __or__(self, other: Reach) -> Reach:
        return Reach(
            everyone=self.everyone or other.everyone,
            owners=self.owners | other.owners,
            unowned=self.unowned or other.unowned,
            sources=self.sources + tuple(source for source in other.sources if source not in self.sources),
        )

    def covers(self, owner_id: int | None) -> bool:
        """Whether a record of that owner lies within reach."""
        if self.everyone:
            return True
        return self.unowned if owner_id is None else owner_id in self.owners


NOWHERE = Reach()
EVERYWHERE = Reach(everyone=True, unowned=True, sources=(("system", "all"),))


@dataclass(frozen=True, slots=True)
class Rights:
    """Effective rights: ``reach[entity][action]`` and ``levels[entity][field]``; several roles (their keys) add up."""

    reach: Mapping[str, Mapping[str, Reach]] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, Level]] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    everything: bool = False
    roles: frozenset[str] = frozenset()
    #: What follows from the roles alone, kept by whoever works it out; people with the same roles share it.
    memo: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def of(self, entity: str, action: str) -> Reach:
        """The reach of one action on one entity (dotted key)."""
        if self.everything:
            return EVERYWHERE
        return self.reach.get(entity, {}).get(action, NOWHERE)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody acting: a person, or the system itself.

    ``shared`` maps an entity key to the record ids shared with the person ({id: "read"|"write"}).
    ``scopes`` limits a token (``None``: no token). ``departments`` are the ids of the own department and those below.
    ``pools`` are the pools he belongs to, by id. A ``client`` is somebody outside the house: ``subject`` is the record
    (entity, id) he signs in as, and he sees what leads to it as far as an administrator opened it.
    """

    kind: ActorKind
    user_id: int | None = None
    name: str = ""
    rights: Rights = Rights()
    shared: Mapping[str, Mapping[int, Literal["read", "write"]]] = field(default_factory=dict)
    department_id: int | None = None
    departments: tuple[int, ...] = ()
    pools: Mapping[int, Literal["member", "admin"]] = field(default_factory=dict)
    language: str = "zh-hans"
    timezone: str = "Asia/Shanghai"
    regional: Regional = NEUTRAL
    via: Via = "web"
    scopes: frozenset[str] | None = None
    subject: tuple[str, int] | None = None
    address: str = ""
    request_id: str = ""

    @property
    def roles(self) -> frozenset[str]:
        """Keys of the roles the person holds."""
        return self.rights.roles

    @property
    def is_system(self) -> bool:
        """Whether the system itself acts (migrations, jobs of the house); it may do everything."""
        return self.kind == "system"

    def acting_via(self, via: Via) -> Actor:
        """The same actor coming through another door."""
        return replace(self, via=via)


def system_actor(name: str = "system", via: Via = "job") -> Actor:
    """The system itself, with every right; its name appears in the audit."""
    return Actor(kind="system", name=name, rights=Rights(everything=True), via=via)


ANONYMOUS = Actor(kind="anonymous", name="anonymous")
