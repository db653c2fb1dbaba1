"""The kinds of setting: how the text of one is read. What cannot be read raises ``ValueError`` that says what to write.

The name of each reader, in words, is what the reference of settings calls the kind.
"""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from guanxi.runtime.words import say as _


def text(value: str) -> str:
    """The text as it is written."""
    return value


def path(value: str) -> Path:
    """The absolute path of a folder; ``~`` is the home."""
    return Path(value).expanduser().absolute()


path.__name__ = "folder"


def boolean(value: str) -> bool:
    """Yes or no."""
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError(_("write 1 or 0"))


boolean.__name__ = "0 | 1"


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads whole numbers from ``low`` to ``high``, both allowed."""

    def parse(value: str) -> int:
        if not value.strip().isdecimal() or not low <= int(value) <= high:
            raise ValueError(_("write a whole number from %(low)s to %(high)s") % {"low": low, "high": high})
        return int(value)

    parse.__name__ = "number"
    return parse


def choice(*values: str) -> Callable[[str], str]:
    """Reads one of some words, in small or large letters."""

    def parse(value: str) -> str:
        if value.strip().lower() not in values:
            raise ValueError(_("choose one of: %(values)s") % {"values": ", ".join(values)})
        return value.strip().lower()

    parse.__name__ = " | ".join(values)
    return parse


def time_zone(value: str) -> str:
    """The name of a time zone this machine knows."""
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        raise ValueError(_("write a name such as Asia/Shanghai")) from None
    return value


def address(value: str) -> str:
    """A web address, without the stroke at its end."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(_("write an address such as https://crm.example.com"))
    return value.rstrip("/")


def database(value: str) -> str:
    """The address of a PostgreSQL database, of one or several hosts."""
    parts = urlsplit(value)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(_("write an address such as postgresql://user:password@host:5432/guanxi"))
    ports = [each.rpartition("]")[2].partition(":")[2] for each in parts.netloc.rpartition("@")[2].split(",")]
    if not all(port.isdecimal() and int(port) < 65536 for port in ports if port):
        raise ValueError(_("the port is not a number"))
    if not parts.path.strip("/"):
        raise ValueError(_("the name of the database is missing at the end"))
    return value


def mail(value: str) -> str:
    """The address of a mail server, or of what stands in for one."""
    if urlsplit(value).scheme not in {"smtp", "smtps", "smtp+tls", "file", "console", "memory"}:
        raise ValueError(_("write an address such as smtp+tls://user:password@mail.example.com:587"))
    return value


def scanner(value: str) -> str:
    """Where a clamd listens: a socket or a host with its port."""
    parts = urlsplit(value)
    try:
        fits = parts.scheme == "clamd" and bool(parts.hostname or parts.path.strip("/")) and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(_("write clamd:///run/clamav/clamd.ctl for a socket, or clamd://host:3310"))
    return value


def time_of_day(value: str) -> str:
    """``HH:MM``, or nothing for ``off``."""
    if value.strip().lower() == "off":
        return ""
    hour, colon, minute = value.strip().partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60):
        raise ValueError(_("write a time such as 03:00, or off"))
    return f"{int(hour):02}:{int(minute):02}"


#: Map services by name: where a link to an address leads.
MAPS = {
    "amap": "https://uri.amap.com/search?keyword={address}",
    "baidu": "https://api.map.baidu.com/geocoder?address={address}&output=html&src=guanxi",
    "tencent": "https://apis.map.qq.com/uri/v1/search?keyword={address}&referer=guanxi",
    "google": "https://www.google.com/maps/search/?api=1&query={address}",
    "osm": "https://www.openstreetmap.org/search?query={address}",
    "phone": "geo:0,0?q={address}",
    "off": "",
}


def map_service(value: str) -> str:
    """The address of a map with ``{address}`` in it, given by name or in full; nothing for ``off``."""
    name = value.strip()
    if name.lower() in MAPS:
        return MAPS[name.lower()]
    if urlsplit(name).scheme != "https" or "{address}" not in name:
        raise ValueError(
            _("write one of %(names)s, or an https address with {address} in it") % {"names": ", ".join(MAPS)}
        )
    return name


map_service.__name__ = " | ".join((*MAPS, "address"))


def names(value: str) -> tuple[str, ...]:
    """Names, with commas between them."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


names.__name__ = "names, with commas"


def origins(value: str) -> tuple[str, ...]:
    """Web origins as a content security policy takes them; nothing else passes."""
    found = names(value)
    for one in found:
        parts = urlsplit(one)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(_("write origins such as https://intranet.example.com, with commas"))
        if not re.fullmatch(r"[A-Za-z0-9.*:/\[\]-]+", one):
            raise ValueError(_("write origins such as https://intranet.example.com, with commas"))
    return tuple(one.rstrip("/") for one in found)


origins.__name__ = "origins, with commas"
