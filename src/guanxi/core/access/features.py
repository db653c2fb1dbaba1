"""Features a role can give beside rights on records: asked here, named in words by ``people.rights.FEATURES``."""

from __future__ import annotations

from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied

#: Whoever has it may change dictionaries, fields, calendars, flows, rules, templates and apply settings files.
SETTINGS = "settings"
#: Whoever has it sorts messages from outside nobody is known for.
MESSAGES = "messages"


def has_feature(actor: Actor, key: str) -> bool:
    """Whether the actor has the feature; whoever has every right has every feature."""
    return actor.is_system or actor.rights.everything or key in actor.rights.features


def require_feature(actor: Actor, key: str) -> None:
    """Raise ``Denied`` unless the actor has the feature."""
    if not has_feature(actor, key):
        raise Denied(code=f"feature.{key}")


def may_settings(actor: Actor) -> bool:
    """Whether the actor may change the settings of the workspace."""
    return has_feature(actor, SETTINGS)
