"""Addresses of people outside as whoever reads them may see them."""

from __future__ import annotations

from guanxi.core import access
from guanxi.core.kernel import masking
from guanxi.core.kernel.actor import Actor
from guanxi.core.models.incoming import SMS
from guanxi.core.schema.registry import entities, entity_of


def addressed(kind: str) -> list[str]:
    """The entities whose records are known by an ``email`` or a ``phone``."""
    return [one.key for one in entities() if any(key.how == kind for key in one.match_keys)]


def address_seen(actor: Actor, channel: str, address: str) -> str:
    """An address as the reader sees those of records: masked where he sees some of this kind masked or not at all."""
    kind, mask = ("phone", masking.mask_phone) if channel == SMS else ("email", masking.mask_email)
    for key in addressed(kind):
        if key == "core.user" or not access.allowed(actor, "view", key):
            continue
        fields = (one.field for one in entity_of(key).match_keys if one.how == kind)
        if any(access.field_level(actor, key, one) in ("masked", "hidden") for one in fields):
            return mask(address)
    return address
