"""Where the pages of this room stand in the navigation: duplicate check, import, operations, trash."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.core import access
from guanxi.core.kernel.actor import Actor
from guanxi.core.schema.registry import entities
from guanxi.core.web.contributions import Entry, add_entries


def _checks(actor: Actor) -> bool:
    """Not for what everybody sees anyway: whoever sees no customers has no double to look for."""
    kept = (one for one in entities() if one.match_keys and one.menu.group and not one.access.public)
    return any(access.allowed(actor, "view", one) for one in kept)


def _imports(actor: Actor) -> bool:
    return any(one.importable and one.menu.group and access.allowed(actor, "import", one) for one in entities())


def _deletes(actor: Actor) -> bool:
    return any(one.menu.group and access.allowed(actor, "delete", one) for one in entities())


add_entries(
    Entry(
        key="duplicates", label=_("Duplicate check"), url="/duplicates/", icon="copy", place="customers", order=90,
        color="amber", shown=_checks,
    ),
    Entry(key="import", label=_("Import"), url="/import/", icon="file-import", order=60, shown=_imports),
    Entry(key="operations", label=_("Operations and undo"), url="/operations/", icon="arrow-back-up", place="account", order=60),
    Entry(key="trash", label=_("Trash"), url="/trash/", icon="trash", order=80, shown=_deletes),
)  # fmt: skip
