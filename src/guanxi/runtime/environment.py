"""Every setting Guanxi reads from the environment: name, type, default and help, in one table.

The table is the dataclass ``Environment``; ``environment()`` reads it once and refuses wrong values with a sentence.
"""
# ruff: noqa: RUF009 - _setting() is dataclasses.field() with the table's columns

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

CHECKOUT = Path(__file__).resolve().parents[3]
"""The folder of the checkout; only meaningful when it holds ``pyproject.toml``."""


def _text(value: str) -> str:
    return value


def _path(value: str) -> Path:
    return Path(value).expanduser().absolute()


def _boolean(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError(_("write 1 or 0"))


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.strip().isdecimal() or not low <= int(value) <= high:
            raise ValueError(_("write a whole number from %(low)s to %(high)s") % {"low": low, "high": high})
        return int(value)

    parse.__name__ = "number"
    return parse


def _choice(*values: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.strip().lower() not in values:
            raise ValueError(_("choose one of: %(values)s") % {"values": ", ".join(values)})
        return value.strip().lower()

    parse.__name__ = " | ".join(values)
    return parse


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        raise ValueError(_("write a name such as Asia/Shanghai")) from None
    return value


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(_("write an address such as https://crm.example.com"))
    return value.rstrip("/")


def _database(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(_("write an address such as postgresql://user:password@host:5432/guanxi"))
    ports = [each.rpartition("]")[2].partition(":")[2] for each in parts.netloc.rpartition("@")[2].split(",")]
    if not all(port.isdecimal() and int(port) < 65536 for port in ports if port):
        raise ValueError(_("the port is not a number"))
    if not parts.path.strip("/"):
        raise ValueError(_("the name of the database is missing at the end"))
    return value


def _mail(value: str) -> str:
    if urlsplit(value).scheme not in {"smtp", "smtps", "smtp+tls", "file", "console", "memory"}:
        raise ValueError(_("write an address such as smtp+tls://user:password@mail.example.com:587"))
    return value


def _time_of_day(value: str) -> str:
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


def _map(value: str) -> str:
    name = value.strip()
    if name.lower() in MAPS:
        return MAPS[name.lower()]
    if urlsplit(name).scheme != "https" or "{address}" not in name:
        raise ValueError(
            _("write one of %(names)s, or an https address with {address} in it") % {"names": ", ".join(MAPS)}
        )
    return name


_map.__name__ = " | ".join((*MAPS, "address"))


def _names(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _origins(value: str) -> tuple[str, ...]:
    found = _names(value)
    for one in found:
        parts = urlsplit(one)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(_("write origins such as https://intranet.example.com, with commas"))
        if not re.fullmatch(r"[A-Za-z0-9.*:/\[\]-]+", one):
            raise ValueError(_("write origins such as https://intranet.example.com, with commas"))
    return tuple(one.rstrip("/") for one in found)


_origins.__name__ = "origins, with commas"


def _setting(name: str, parse: Callable[[str], Any], default: str, help_text: str, *, secret: bool = False) -> Any:
    """A field of the table. ``default`` is what an operator would write; an empty one is worked out from the others."""
    kind = {"_text": "text", "_path": "folder", "_boolean": "0 | 1", "_names": "names, with commas"}.get(parse.__name__)
    return field(
        metadata={
            "name": name,
            "parse": parse,
            "kind": kind or parse.__name__.strip("_").replace("_", " "),
            "default": default,
            "help": help_text,
            "secret": secret,
        }
    )


@dataclass(frozen=True)
class Environment:
    """The settings of one process. Attribute ``x`` holds the variable named in its table line."""

    data: Path = _setting("GUANXI_DATA", _path, "", "Folder of all state: database, files, backups, secret, logs")
    run: Path = _setting("GUANXI_RUN", _path, "/tmp", "Short folder for the socket of the embedded database")  # noqa: S108 - the socket folder in it is private
    database_url: str = _setting(
        "DATABASE_URL", _database, "", "PostgreSQL to use instead of the embedded one", secret=True
    )
    read_database_url: str = _setting(
        "GUANXI_READ_DATABASE_URL",
        _database,
        "",
        "A streaming replica that answers what may be a moment old: lists, reports, search",
        secret=True,
    )
    database_memory_mb: int = _setting(
        "GUANXI_DATABASE_MEMORY_MB",
        _whole(0, 4_000_000),
        "0",
        "Memory the embedded database may plan with; 0 means a quarter of the machine",
    )
    secret_key: str = _setting(
        "GUANXI_SECRET_KEY",
        _text,
        "",
        "Key that signs sessions and links; else made once and kept in the data folder",
        secret=True,
    )
    url: str = _setting("GUANXI_URL", _address, "", "Address people use; else made from host and port")
    allowed_hosts: tuple[str, ...] = _setting("GUANXI_ALLOWED_HOSTS", _names, "", "Further host names pages answer to")
    frames: tuple[str, ...] = _setting(
        "GUANXI_FRAMES", _origins, "", "Origins of pages that may show shared reports in a frame; none without"
    )
    host: str = _setting("GUANXI_HOST", _text, "127.0.0.1", "Address the web server listens on")
    port: int = _setting("GUANXI_PORT", _whole(1, 65535), "8000", "Port of the web server")
    events_port: int = _setting(
        "GUANXI_EVENTS_PORT", _whole(1, 65535), "", "Port of the process for live events; else the web port plus one"
    )
    behind_proxy: bool = _setting("GUANXI_BEHIND_PROXY", _boolean, "0", "Trust X-Forwarded-For and X-Forwarded-Proto")
    debug: bool = _setting("GUANXI_DEBUG", _boolean, "0", "Show tracebacks in pages; never on a public machine")
    language: str = _setting(
        "GUANXI_LANGUAGE", _choice("zh-hans", "en"), "zh-hans", "Language of people who chose none"
    )
    time_zone: str = _setting("GUANXI_TIME_ZONE", _time_zone, "Asia/Shanghai", "Time zone of people who chose none")
    email_url: str = _setting(
        "EMAIL_URL", _mail, "", "Mail server; else mails are written to the folder mail in the data folder", secret=True
    )
    email_from: str = _setting("GUANXI_EMAIL_FROM", _text, "Guanxi <guanxi@localhost>", "Sender of mails")
    web_workers: int = _setting("GUANXI_WEB_WORKERS", _whole(1, 256), "2", "Web processes")
    web_threads: int = _setting("GUANXI_WEB_THREADS", _whole(1, 256), "4", "Threads in each web process")
    worker_concurrency: int = _setting(
        "GUANXI_WORKER_CONCURRENCY", _whole(1, 256), "4", "Jobs worked on at the same time"
    )
    file_limit_mb: int = _setting("GUANXI_FILE_LIMIT_MB", _whole(1, 100_000), "50", "Largest file a person may upload")
    map_link: str = _setting(
        "GUANXI_MAP", _map, "amap", "Where the link beside an address leads when somebody follows it"
    )
    push: bool = _setting(
        "GUANXI_PUSH",
        _boolean,
        "1",
        "Let people have notifications on their devices, through the services of their browsers",
    )
    log_format: str = _setting("GUANXI_LOG_FORMAT", _choice("json", "text"), "json", "Form of log lines")
    log_level: str = _setting(
        "GUANXI_LOG_LEVEL", _choice("debug", "info", "warning", "error"), "info", "Least important line that is logged"
    )
    timing: bool = _setting(
        "GUANXI_TIMING", _boolean, "no", "Tell in a header of each answer what it cost; for measuring"
    )
    demo_password: str = _setting(
        "GUANXI_DEMO_PASSWORD", _text, "", "One password for all demo users; else made and printed", secret=True
    )
    backup_at: str = _setting(
        "GUANXI_BACKUP_AT", _time_of_day, "03:00", "Time of the daily backup in GUANXI_TIME_ZONE, or off"
    )
    backup_folder: Path | None = _setting(
        "GUANXI_BACKUP_FOLDER", _path, "", "Folder of backups; else backups in the data folder"
    )
    backup_keep: int = _setting("GUANXI_BACKUP_KEEP", _whole(1, 10_000), "7", "How many backups the folder keeps")
    backup_drill: bool = _setting(
        "GUANXI_BACKUP_DRILL", _boolean, "1", "Bring each daily backup into a scratch database to prove it"
    )
    backup_passphrase: str = _setting(
        "GUANXI_BACKUP_PASSPHRASE",
        _text,
        "",
        "Passphrase that encrypts backups; none leaves them readable",
        secret=True,
    )
    archive_folder: Path | None = _setting(
        "GUANXI_ARCHIVE_FOLDER",
        _path,
        "",
        "Folder of the continuous archive, from which any moment comes back; else none",
    )
    archive_days: int = _setting(
        "GUANXI_ARCHIVE_DAYS", _whole(1, 3650), "7", "How many days back the continuous archive reaches"
    )
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Variable name -> where its value comes from: environment, default, generated, embedded."""

    @property
    def embedded(self) -> bool:
        """Whether the database is our own server in the data folder."""
        return self.sources.get("DATABASE_URL") == "embedded"

    @property
    def socket_folder(self) -> Path:
        """Folder of the embedded server's socket: short whatever the data folder is, the same for every process."""
        return socket_folder(self.data, self.run)

    def table(self) -> list[dict[str, str]]:
        """All settings for printing: name, kind, value (secrets hidden), default, source, help."""
        rows = []
        for line in _lines():
            value = getattr(self, line.name)
            shown = ", ".join(value) if isinstance(value, tuple) else str(value)
            if line.metadata["secret"] and shown:
                shown = _hidden(shown)
            shown = "" if value is None else shown
            if isinstance(value, bool):
                shown = str(int(value))
            meta, about = line.metadata, line.metadata["help"]
            rows.append(
                {
                    "name": meta["name"],
                    "kind": meta["kind"],
                    "value": shown,
                    "default": meta["default"],
                    "source": self.sources.get(meta["name"], "default"),
                    "help": _(about),
                }
            )
        return rows


def _lines() -> list[Any]:
    return [line for line in fields(Environment) if "name" in line.metadata]


def _hidden(value: str) -> str:
    """A secret as it may be printed: an address without its password, anything else as dots."""
    parts = urlsplit(value)
    if parts.scheme and "://" in value:
        return value.replace(f":{parts.password}@", ":…@") if parts.password else value
    return "…"


def socket_folder(data: Path, run: Path) -> Path:
    """A private folder below ``run``, named after the data folder, short enough for a socket (107 bytes)."""
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
    return run / f"guanxi-{digest}"


def embedded_url(data: Path, run: Path, database: str = "guanxi") -> str:
    """Address of a database of the embedded server, without a password: the socket folder is private."""
    return f"postgresql://guanxi@/{database}?host={quote(str(socket_folder(data, run)), safe='/')}"


def default_data() -> Path:
    """``var`` in the checkout, wherever the command was called; ``var`` in the current folder after ``pip install``."""
    home = CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else Path.cwd()
    return home / "var"


def read(variables: Mapping[str, str]) -> Environment:
    """Read the table from ``variables``. Raises ``Trouble`` naming the variable, its value and what to write."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for line in _lines():
        meta = line.metadata
        raw = variables.get(meta["name"], "").strip()
        sources[meta["name"]] = "environment" if raw else "default"
        try:
            parsed = meta["parse"](raw or meta["default"]) if raw or meta["default"] else None
        except ValueError as error:
            shown = _hidden(raw) if meta["secret"] else raw
            raise Trouble(
                _("%(name)s cannot be “%(value)s”: %(reason)s.")
                % {"name": meta["name"], "value": shown, "reason": error}
            ) from None
        values[line.name] = parsed
    return Environment(**_worked_out(values, sources), sources=sources)


def _worked_out(values: dict[str, Any], sources: dict[str, str]) -> dict[str, Any]:
    values["data"] = values["data"] or default_data()
    values["allowed_hosts"] = values["allowed_hosts"] or ()
    values["frames"] = values["frames"] or ()
    values["demo_password"] = values["demo_password"] or ""
    values["read_database_url"] = values["read_database_url"] or ""
    values["backup_passphrase"] = values["backup_passphrase"] or ""
    if not values["database_url"]:
        values["database_url"] = embedded_url(values["data"], values["run"])
        sources["DATABASE_URL"] = "embedded"
    values["events_port"] = values["events_port"] or min(values["port"] + 1, 65535)
    if not values["url"]:
        shown = values["host"] if values["host"] not in {"0.0.0.0", "::", ""} else "localhost"  # noqa: S104 - compared only
        shown = f"[{shown}]" if ":" in shown else shown
        values["url"] = f"http://{shown}:{values['port']}"
    values["email_url"] = values["email_url"] or f"file://{quote(str(values['data'] / 'mail'))}"
    if not values["secret_key"]:
        values["secret_key"] = _kept_secret(values["data"])
        sources["GUANXI_SECRET_KEY"] = "generated"  # noqa: S105 - names the source
    return values


def _kept_secret(data: Path) -> str:
    """The key in ``data/secret``, made on first use; two first uses at the same moment agree on one."""
    place = data / "secret"
    try:
        data.mkdir(parents=True, exist_ok=True)
        if not place.is_file() or not place.read_text().strip():
            draft = data / f".secret-{os.getpid()}-{secrets.token_hex(4)}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48) + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                place.hardlink_to(draft)
            except FileExistsError:
                if not place.read_text().strip():
                    draft.replace(place)
            draft.unlink(missing_ok=True)
        return place.read_text().strip()
    except OSError as error:
        raise Trouble(
            _(
                "The data folder %(folder)s cannot be used: %(reason)s. "
                "Make it writable, or name another in GUANXI_DATA."
            )
            % {"folder": data, "reason": os.strerror(error.errno) if error.errno else str(error)}
        ) from None


@cache
def environment() -> Environment:
    """The settings of this process, read once. Raises ``Trouble`` when one is wrong."""
    return read(os.environ)


def reload() -> Environment:
    """Forget what was read and read again, after the command line has changed a variable."""
    environment.cache_clear()
    return environment()
