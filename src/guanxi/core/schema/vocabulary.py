"""The words all entities share: groups of the navigation and the actions of rights."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Text

#: Groups of the navigation, in order: key → (label, icon).
GROUPS: dict[str, tuple[Text, str]] = {
    "work": (_("Work"), "checklist"),
    "customers": (_("Customers"), "building"),
    "sales": (_("Sales"), "target-arrow"),
    "catalog": (_("Products"), "box"),
    "money": (_("Receivables"), "cash"),
    "performance": (_("Performance"), "target"),
    "marketing": (_("Marketing"), "speakerphone"),
    "service": (_("Service"), "headset"),
    "analysis": (_("Analysis"), "chart-bar"),
    "settings": (_("Settings"), "settings"),
}

#: Actions every entity has; rights are granted per action. An entity adds its own in ``Access.extra_actions``.
ACTIONS: dict[str, Text] = {
    "view": _("View"),
    "create": _("Create"),
    "change": _("Change"),
    "delete": _("Delete"),
    "export": _("Export"),
    "import": _("Import"),
    "assign": _("Assign"),
    "share": _("Share"),
    "merge": _("Merge"),
    "reveal": _("Show masked values"),
}
