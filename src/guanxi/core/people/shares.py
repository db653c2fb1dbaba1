"""Collaborators: one record given to a colleague to read or to write, until a day if wanted."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import Collaborator, User
from guanxi.core.records.writing import emit, writing
from guanxi.core.schema.registry import carried_by, entity_of

Level = Literal["read", "write"]
LEVELS: tuple[Level, ...] = ("read", "write")


def _check(actor: Actor, user: User, level: str, until: dt.date | None) -> None:
    errors: dict[str, list[Invalid]] = {}
    if level not in LEVELS:
        errors["level"] = [Invalid(_("Choose one of the values offered."), code="share.level", field="level")]
    if not user.is_active or user.deleted_at is not None:
        errors["user"] = [Invalid(_("Choose a colleague who is active."), code="share.user", field="user")]
    elif user.pk == actor.user_id:
        errors["user"] = [Invalid(_("You cannot share with yourself."), code="share.self", field="user")]
    if until is not None and until < clock.today(settings.TIME_ZONE):
        errors["until"] = [Invalid(_("Choose today or a later day."), code="share.until", field="until")]
    if errors:
        raise Invalid.collect(errors)


def share_set(
    actor: Actor, record: Any, user: User, *, level: Level = "read", until: dt.date | None = None
) -> Collaborator:
    """Give ``user`` the record, and with it what it carries (of a customer: its contacts and activities).

    ``until`` is the last day it holds, by the time zone of the workspace. Sharing again changes level and day. The colleague hears of it by the event ``shared``.
    Raises ``NotFound``, ``Denied`` (without the right to share, or to write what is shared to write), ``Invalid``.
    """
    entity = entity_of(record)
    access.require(actor, "share", record)
    if level == "write":
        access.require(actor, "change", record)
    _check(actor, user, level, until)
    with writing(actor):
        share, made = Collaborator.objects.select_for_update().get_or_create(
            entity=entity.key,
            record_id=record.pk,
            user=user,
            defaults={"level": level, "until": until, "created_at": clock.now(), "created_by_id": actor.user_id},
        )
        before = None if made else share.level
        if not made and (share.level, share.until) == (level, until):
            return share
        share.level, share.until = level, until
        if not made:
            share.save(update_fields=["level", "until"])
        emit(actor, "shared", record, {f"collaborator.{user.pk}": [before, level]})
    return share


def share_remove(actor: Actor, record: Any, user: User) -> None:
    """Take a record back from a colleague; anyone may also give back what was shared with himself.

    Raises ``NotFound`` when it is not shared with him, ``Denied``.
    """
    entity = entity_of(record)
    access.require(actor, "view", record)
    if user.pk != actor.user_id:
        access.require(actor, "share", record)
    with writing(actor):
        share = Collaborator.objects.filter(entity=entity.key, record_id=record.pk, user=user).first()
        if share is None:
            raise NotFound(code="share.none")
        emit(actor, "unshared", record, {f"collaborator.{user.pk}": [share.level, None]})
        share.delete()


def shares_of(actor: Actor, record: Any) -> list[Collaborator]:
    """With whom the record is shared, by name; for whoever may see the record. Past ones are left out. Raises ``NotFound``."""
    access.require(actor, "view", record)
    found = Collaborator.objects.filter(entity=entity_of(record).key, record_id=record.pk).select_related(
        "user", "created_by"
    )
    today = clock.today(settings.TIME_ZONE)
    living = [one for one in found if one.until is None or one.until >= today]
    return sorted(living, key=lambda one: (one.user.sort_key, one.user.name))


def may_share(actor: Actor, record: Any) -> bool:
    """Whether the actor may share this record."""
    return access.allowed(actor, "share", record)


def carried_labels(record: Any) -> list[str]:
    """What goes along when the record is shared, by name: contacts, activities …"""
    return [str(child.plural) for child, _field in carried_by(entity_of(record).key)]
