"""What a client outside the house may see: records that lead to his own, in the fields an administrator opened to him.

Whatever no :class:`PortalView` names does not exist for him. He may change nothing; where a view says so he may make
records of his own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q

from guanxi.core.kernel.actor import Actor, Level
from guanxi.core.models import PortalView
from guanxi.core.models.stamps import kept
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import is_registered

STAMP = "portal"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One entity as clients see it; see :class:`guanxi.core.models.PortalView`."""

    entity: str
    subject: str
    path: str
    fields: tuple[str, ...]
    create: tuple[str, ...]
    preset: Mapping[str, Any]
    name_zh: str
    name_en: str
    position: int

    @property
    def lookup(self) -> str:
        """The path as Django writes it, '' for the record itself."""
        return self.path.replace(".", "__")


@kept(STAMP)
def _views(subject: str) -> Mapping[str, View]:
    rows = PortalView.objects.filter(subject=subject, active=True)
    return {
        row.entity: View(
            entity=row.entity, subject=row.subject, path=row.path, fields=tuple(row.fields), create=tuple(row.create),
            preset=row.preset, name_zh=row.name_zh, name_en=row.name_en, position=row.position,
        )
        for row in rows
        if is_registered(row.entity)
    }  # fmt: skip


def opened(subject: str) -> Iterable[View]:
    """Everything opened to clients who sign in as records of an entity."""
    return _views(subject).values()


def views(actor: Actor) -> list[View]:
    """Everything opened to the client, in order."""
    found = opened(actor.subject[0]) if actor.subject else ()
    return sorted(found, key=lambda one: (one.position, one.entity))


def view(actor: Actor, entity: str) -> View | None:
    """How the client sees an entity, ``None`` if not at all."""
    return _views(actor.subject[0]).get(entity) if actor.subject else None


@kept(STAMP, size=1)
def subjects() -> frozenset[str]:
    """Entities whose records may sign in."""
    return frozenset(PortalView.objects.filter(active=True).values_list("subject", flat=True))


def condition(entity: Entity, actor: Actor, action: str, prefix: str = "") -> Q:
    """The condition on rows: those that lead to the client's own record."""
    found = view(actor, entity.key)
    if found is None or action != "view" or actor.subject is None:
        return Q(**{f"{prefix}pk__isnull": True})
    return Q(**{f"{prefix}{found.lookup}_id" if found.lookup else f"{prefix}pk": actor.subject[1]})


def allowed(entity: Entity, actor: Actor, action: str, record: models.Model | None) -> bool:
    """Whether the client may do the action: view what leads to him, make what is opened for making; nothing else."""
    found = view(actor, entity.key)
    if found is None or action not in ("view", "create"):
        return False
    if action == "create":
        return bool(found.create) and record is None
    if record is None:
        return True
    rows = type(record)._default_manager.filter(condition(entity, actor, "view"), pk=record.pk)
    return rows.exists()


def level(actor: Actor, entity: str, field: str) -> Level:
    """``read`` for what is shown, ``write`` for what he may fill in when making a record, else ``hidden``."""
    found = view(actor, entity)
    if found is None:
        return "hidden"
    if field in found.create:
        return "write"
    return "read" if field in found.fields else "hidden"
