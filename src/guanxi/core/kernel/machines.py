"""What the house calls itself where it acts by itself, in words people read. The audit keeps the short names."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel.errors import Text

_names: dict[str, Text] = {
    "approvals": _("Approvals"), "base data": _("Base data"), "demo": _("Demo data"), "derived values": _("Derived values"), "first start": _("First start"),
    "client": _("Client"), "form": _("Form"), "guanxi": _("system"), "housekeeping": _("Housekeeping"), "import": _("Import"), "link": _("Link in a mail"),
    "packs": _("Industry pack"), "portal": _("Client sign-in"), "privacy": _("Privacy"), "public page": _("Public page"),
    "retention": _("Retention"), "rule": _("Rule"), "rules": _("Rules"), "settings": _("Settings"), "system": _("system"),
}  # fmt: skip


_carrying: set[str] = set()


def register_machines(names: Mapping[str, Text], *, carrying: bool = False) -> None:
    """Enter what an area is called where it acts by itself: the names of its ``system_actor``, in words.

    ``carrying``: it only repeats elsewhere what somebody decided, so a new owner was told of that already.
    """
    _names.update(names)
    if carrying:
        _carrying.update(names)


def carries(name: str, user_id: int | None) -> bool:
    """Whether whoever acted is the house, repeating what somebody decided elsewhere."""
    return user_id is None and name in _carrying


def own(short: str, name: str) -> str:
    """What the audit calls somebody outside by: the house's word for his sort, and the name he gave himself."""
    return f"{short}: {name}"[:150] if name else short


def spoken(name: str, user_id: int | None) -> str:
    """The name of whoever acted: a person's as it is, the house's own in the reader's language."""
    if user_id is not None:
        return name
    short, colon, rest = name.partition(": ")
    return f"{_names[short]} {rest}" if colon and short in _names else str(_names.get(name, name))
