"""What the house calls itself where it acts by itself, in words people read. The audit keeps the short names."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

NAMES: Mapping[str, str | Promise] = {
    "activities": _("Follow-up"), "approvals": _("Approvals"), "assignment": _("Assignment"), "base data": _("Base data"),
    "customer": _("Customer"), "demo": _("Demo data"), "derived values": _("Derived values"), "first start": _("First start"), "form": _("Form"),
    "guanxi": _("system"), "handover": _("Handover"), "housekeeping": _("Housekeeping"), "import": _("Import"),
    "link": _("Link in a mail"), "packs": _("Industry pack"), "pools": _("Pools"), "portal": _("Client sign-in"),
    "privacy": _("Privacy"), "public page": _("Public page"), "retention": _("Retention"), "rule": _("Rule"), "rules": _("Rules"),
    "settings": _("Settings"), "system": _("system"),
}  # fmt: skip


def spoken(name: str, user_id: int | None) -> str:
    """The name of whoever acted: a person's as it is, the house's own in the reader's language."""
    return str(NAMES.get(name, name)) if user_id is None else name
