"""Unfinished forms, kept per person until they are sent or thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.utils.translation import gettext as _

from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import Draft

#: A draft larger than this many bytes is not kept.
LIMIT = 200_000
#: How many drafts one person may have; the oldest go first.
MANY = 100


def keep(actor: Actor, key: str, values: Mapping[str, Any]) -> Draft:
    """Keep what was typed so far under a key such as ``new:customers.customer``."""
    if actor.user_id is None or not key or len(key) > 200:
        raise Invalid(_("This draft cannot be kept."), code="draft.key")
    if len(orjson.dumps(dict(values))) > LIMIT:
        raise Invalid(_("This draft is too large to be kept."), code="draft.size")
    draft, made = Draft.objects.update_or_create(
        user_id=actor.user_id, key=key, defaults={"values": dict(values), "updated_at": clock.now()}
    )
    if made:
        old = Draft.objects.filter(user_id=actor.user_id).order_by("-updated_at").values_list("pk", flat=True)[MANY:]
        Draft.objects.filter(pk__in=list(old)).delete()
    return draft


def kept(actor: Actor, key: str) -> Draft | None:
    """The draft under a key, if there is one."""
    return Draft.objects.filter(user_id=actor.user_id, key=key).first() if actor.user_id else None


def drop(actor: Actor, key: str) -> None:
    """Throw a draft away (it was sent, or is not wanted)."""
    if actor.user_id:
        Draft.objects.filter(user_id=actor.user_id, key=key).delete()
