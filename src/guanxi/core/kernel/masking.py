"""What somebody sees of a value he may only see in part. The full value never reaches his browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guanxi.core.kernel.phones import digits
from guanxi.core.kernel.text import has_han

STARS = "****"


def mask_phone(value: str) -> str:
    """Head and last four digits: 138****8000, 010****5678, +1415****2671; short numbers keep two digits."""
    if not value:
        return value
    plain = digits(value)
    if value.startswith("+86"):
        plain = plain[2:]
        if plain[:1] != "1" or plain[:2] == "10":
            plain = plain if len(plain) <= 6 else "0" + plain
        prefix = ""
    else:
        prefix = "+" if value.startswith("+") else ""
    if len(plain) < 9:
        return STARS + plain[-2:] if len(plain) > 4 else STARS
    return prefix + plain[: min(len(plain) - 8, 4)] + STARS + plain[-4:]


def mask_email(value: str) -> str:
    """First letter and domain: z****@example.com."""
    local, at, domain = value.rpartition("@")
    if not at:
        return STARS if value else value
    return f"{local[:1]}{STARS}@{domain}"


def mask_identity(value: str) -> str:
    """An identity or account number: the first three and last four of long ones, the last one of short ones."""
    if not value:
        return value
    if len(value) >= 12:
        return value[:3] + "*" * (len(value) - 7) + value[-4:]
    return STARS + value[-1] if len(value) > 3 else STARS


def mask_name(value: str) -> str:
    """A name: 张*, 欧**, J**** S****."""
    if not value:
        return value
    if has_han(value):
        return value[0] + "*" * max(1, min(len(value) - 1, 4))
    return " ".join(word[0] + STARS for word in value.split())


def mask_text(value: str) -> str:
    """Anything else: only that there is something."""
    return STARS if value else value


_BY_KIND: dict[str, Callable[[str], str]] = {
    "phone": mask_phone,
    "phones": mask_phone,
    "email": mask_email,
    "emails": mask_email,
    "identity": mask_identity,
    "name": mask_name,
}


def mask(kind: str, value: Any) -> Any:
    """The masked form of a value of any shape.

    Texts are masked by ``kind`` (phone, email, identity, name; any other: hidden whole). Lists and the dictionaries of
    phones and e-mails keep their shape: ``value`` and ``written`` are masked, ``label`` and ``primary`` stay. Empty
    values stay empty; other values (numbers, dates, yes and no) become stars.
    """
    if value is None or value == "":
        return value
    if isinstance(value, str):
        return _BY_KIND.get(kind, mask_text)(value)
    if isinstance(value, (list, tuple)):
        return [mask(kind, item) for item in value]
    if isinstance(value, dict):
        kept = ("label", "primary", "kind")
        masked = {
            key: item if key in kept or isinstance(item, bool) else mask(kind, item) for key, item in value.items()
        }
        if "written" in masked and "value" in masked:
            masked["written"] = masked["value"] or masked["written"]
        masked.pop("extension", None)
        return masked
    return STARS
