"""The settings of the workspace as one readable file: written, compared, applied all or nothing, kept in versions.

The file is JSON. A ``complete`` file (an export) makes the workspace the same as itself; another one (a pack) only adds and
changes.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.exchange.settings_applying import Applying
from guanxi.core.exchange.settings_document import (
    FORMAT,
    HEAD,
    LONGEST,
    Difference,
    differences,
    document,
    plain,
    read,
    row_name,
    text_of,
)
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.models import SettingsVersion
from guanxi.core.records import objects
from guanxi.core.records.settings_registry import settings_models
from guanxi.core.records.writing import writing

__all__ = [
    "FORMAT",
    "HEAD",
    "LONGEST",
    "SENT",
    "Applying",
    "Difference",
    "apply",
    "diff",
    "differences",
    "document",
    "export",
    "hold",
    "keep",
    "keep_changed",
    "plain",
    "read",
    "revert",
    "row_name",
    "tables",
    "text_of",
    "versions",
]

#: Versions kept.
KEPT = 200
#: The sort of a version that is only held, not kept.
SENT = "sent"


def export(actor: Actor) -> str:
    """The settings as a file. Raises Denied without the feature ``settings``."""
    require_feature(actor, SETTINGS)
    return text_of(document())


def tables(actor: Actor) -> dict[str, dict[str, Any]]:
    """The rows of each table as they stand in the file, by the name a difference calls them. Raises Denied."""
    require_feature(actor, SETTINGS)
    held = document()
    return {one.key: {row_name(one, row): row for row in held.get(one.key, ())} for one in settings_models()}


def diff(actor: Actor, content: str) -> list[Difference]:
    """What applying a file would change. Raises Denied, Invalid."""
    require_feature(actor, SETTINGS)
    return differences(document(), read(content))


def apply(actor: Actor, content: str, *, comment: str = "") -> list[Difference]:
    """Make the settings those of a file, all or nothing; what was changed. Doing it again changes nothing.

    What a complete file lacks but is in use is retired, not removed; retired once, it counts as done.

    Only for whoever has all rights, for a file may give rights. The state before and after is kept as a version.
    Raises Denied, Invalid or RuleBroken naming the row, and then nothing was changed.
    """
    if not (actor.is_system or actor.rights.everything):
        raise Denied(_("Only somebody with all rights may apply settings."), code="settings.all_rights")
    wanted = read(content)
    with objects.changing(), writing(actor):
        keep(actor, "before", comment)
        found = [one for one in differences(document(), wanted) if one.sort != "leave"]
        if found:
            Applying(actor, complete=bool(wanted[HEAD].get("complete"))).run(wanted)
            keep(actor, "applied", comment)
            left = differences(document(), wanted)
            found = [one for one in found if one not in left]
    return found


# -- versions -------------------------------------------------------------------------------------------------------------


def versions() -> models.QuerySet[SettingsVersion]:
    """The versions kept, newest first."""
    return SettingsVersion.objects.exclude(sort=SENT).order_by("-id")


def hold(actor: Actor, content: str) -> SettingsVersion:
    """Hold a file somebody sent until he says whether to apply it; an earlier one of his goes."""
    require_feature(actor, SETTINGS)
    read(content)
    SettingsVersion.objects.filter(sort=SENT, by_id=actor.user_id).delete()
    digest = hashlib.sha256(content.encode()).hexdigest()
    return SettingsVersion.objects.create(
        at=clock.now(), by_id=actor.user_id, sort=SENT, digest=digest, content=content
    )


def keep(actor: Actor, sort: str = "kept", comment: str = "") -> SettingsVersion | None:
    """Keep the present settings as a version, unless they are those of the last one."""
    content = text_of(document())
    digest = hashlib.sha256(content.encode()).hexdigest()
    last = versions().first()
    if last is not None and last.digest == digest:
        return None
    made = SettingsVersion.objects.create(
        at=clock.now(), by_id=actor.user_id, sort=sort, comment=comment[:300], digest=digest, content=content
    )
    old = versions().values_list("pk", flat=True)[KEPT:]
    SettingsVersion.objects.filter(pk__in=list(old)).delete()
    return made


def keep_changed() -> bool:
    """Keep a version when somebody changed settings on the pages; called by a job."""
    with transaction.atomic():
        return keep(system_actor("settings")) is not None


def revert(actor: Actor, version: SettingsVersion) -> list[Difference]:
    """Make the settings those of a version again."""
    return apply(
        actor,
        version.content,
        comment=_("back to the version of %(moment)s") % {"moment": version.at.isoformat(timespec="minutes")},
    )
