"""Every setting Guanxi reads from the environment: name, type, default and help, in one table.

The table is the dataclass ``Environment``; ``environment()`` reads it once and refuses wrong values with a sentence.
"""
# ruff: noqa: RUF009 - _setting() is dataclasses.field() with the table's columns

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from guanxi.runtime import setting_kinds as kinds
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

CHECKOUT = Path(__file__).resolve().parents[3]
"""The folder of the checkout; only meaningful when it holds ``pyproject.toml``."""


APPLICATION_ROLE = "guanxi_app"
"""The application's role in the embedded server; its owner is called ``guanxi``."""


def _setting(name: str, parse: Callable[[str], Any], default: str, help_text: str, *, secret: bool = False) -> Any:
    """A field of the table. ``default`` is what an operator would write; an empty one is worked out from the others."""
    return field(
        metadata={
            "name": name,
            "parse": parse,
            "kind": parse.__name__.replace("_", " "),
            "default": default,
            "help": help_text,
            "secret": secret,
        }
    )


@dataclass(frozen=True)
class Environment:
    """The settings of one process. Attribute ``x`` holds the variable named in its table line."""

    data: Path = _setting("GUANXI_DATA", kinds.path, "", "Folder of all state: database, files, backups, secret, logs")
    run: Path = _setting("GUANXI_RUN", kinds.path, "/tmp", "Short folder for the socket of the embedded database")  # noqa: S108 - the socket folder in it is private
    database_url: str = _setting(
        "DATABASE_URL", kinds.database, "", "PostgreSQL to use instead of the embedded one", secret=True
    )
    read_database_url: str = _setting(
        "GUANXI_READ_DATABASE_URL",
        kinds.database,
        "",
        "A streaming replica that answers what may be a moment old: lists, reports, search",
        secret=True,
    )
    owner_database_url: str = _setting(
        "GUANXI_OWNER_DATABASE_URL",
        kinds.database,
        "",
        "The same database as its owner, who migrates and keeps the audit; else DATABASE_URL",
        secret=True,
    )
    database_memory_mb: int = _setting(
        "GUANXI_DATABASE_MEMORY_MB",
        kinds.whole(0, 4_000_000),
        "0",
        "Memory the embedded database may plan with; 0 means a quarter of the machine",
    )
    secret_key: str = _setting(
        "GUANXI_SECRET_KEY",
        kinds.text,
        "",
        "Key that signs sessions and links; else made once and kept in the data folder",
        secret=True,
    )
    url: str = _setting("GUANXI_URL", kinds.address, "", "Address people use; else made from host and port")
    allowed_hosts: tuple[str, ...] = _setting(
        "GUANXI_ALLOWED_HOSTS", kinds.names, "", "Further host names pages answer to"
    )
    frames: tuple[str, ...] = _setting(
        "GUANXI_FRAMES", kinds.origins, "", "Origins of pages that may show shared reports in a frame; none without"
    )
    host: str = _setting("GUANXI_HOST", kinds.text, "127.0.0.1", "Address the web server listens on")
    port: int = _setting("GUANXI_PORT", kinds.whole(1, 65535), "8000", "Port of the web server")
    events_port: int = _setting(
        "GUANXI_EVENTS_PORT",
        kinds.whole(1, 65535),
        "",
        "Port of the process for live events; else the web port plus one",
    )
    behind_proxy: bool = _setting(
        "GUANXI_BEHIND_PROXY", kinds.boolean, "0", "Trust X-Forwarded-For and X-Forwarded-Proto"
    )
    debug: bool = _setting("GUANXI_DEBUG", kinds.boolean, "0", "Show tracebacks in pages; never on a public machine")
    language: str = _setting(
        "GUANXI_LANGUAGE", kinds.choice("zh-hans", "en"), "zh-hans", "Language of people who chose none"
    )
    time_zone: str = _setting(
        "GUANXI_TIME_ZONE", kinds.time_zone, "Asia/Shanghai", "Time zone of people who chose none"
    )
    email_url: str = _setting(
        "EMAIL_URL",
        kinds.mail,
        "",
        "Mail server; else mails are written to the folder mail in the data folder",
        secret=True,
    )
    email_from: str = _setting("GUANXI_EMAIL_FROM", kinds.text, "Guanxi <guanxi@localhost>", "Sender of mails")
    web_workers: int = _setting("GUANXI_WEB_WORKERS", kinds.whole(1, 256), "2", "Web processes")
    web_threads: int = _setting("GUANXI_WEB_THREADS", kinds.whole(1, 256), "4", "Threads in each web process")
    worker_concurrency: int = _setting(
        "GUANXI_WORKER_CONCURRENCY",
        kinds.whole(1, 256),
        "4",
        "Jobs worked on at the same time; long ones have as many places of their own",
    )
    file_limit_mb: int = _setting(
        "GUANXI_FILE_LIMIT_MB", kinds.whole(1, 100_000), "50", "Largest file a person may upload"
    )
    scanner: str = _setting(
        "GUANXI_SCANNER", kinds.scanner, "", "Virus scanner (clamd) that looks at each uploaded file; none without"
    )
    scanner_down: str = _setting(
        "GUANXI_SCANNER_DOWN",
        kinds.choice("hold", "pass"),
        "hold",
        "Files the scanner could not look at: hold them back until it has, or let them pass",
    )
    map_link: str = _setting(
        "GUANXI_MAP", kinds.map_service, "amap", "Where the link beside an address leads when somebody follows it"
    )
    push: bool = _setting(
        "GUANXI_PUSH",
        kinds.boolean,
        "1",
        "Let people have notifications on their devices, through the services of their browsers",
    )
    log_format: str = _setting("GUANXI_LOG_FORMAT", kinds.choice("json", "text"), "json", "Form of log lines")
    log_level: str = _setting(
        "GUANXI_LOG_LEVEL",
        kinds.choice("debug", "info", "warning", "error"),
        "info",
        "Least important line that is logged",
    )
    timing: bool = _setting(
        "GUANXI_TIMING", kinds.boolean, "no", "Tell in a header of each answer what it cost; for measuring"
    )
    demo_password: str = _setting(
        "GUANXI_DEMO_PASSWORD", kinds.text, "", "One password for all demo users; else made and printed", secret=True
    )
    backup_at: str = _setting(
        "GUANXI_BACKUP_AT", kinds.time_of_day, "03:00", "Time of the daily backup in GUANXI_TIME_ZONE, or off"
    )
    backup_folder: Path | None = _setting(
        "GUANXI_BACKUP_FOLDER", kinds.path, "", "Folder of backups; else backups in the data folder"
    )
    backup_keep: int = _setting("GUANXI_BACKUP_KEEP", kinds.whole(1, 10_000), "7", "How many backups the folder keeps")
    backup_drill: bool = _setting(
        "GUANXI_BACKUP_DRILL", kinds.boolean, "1", "Bring each daily backup into a scratch database to prove it"
    )
    backup_passphrase: str = _setting(
        "GUANXI_BACKUP_PASSPHRASE",
        kinds.text,
        "",
        "Passphrase that encrypts backups; none leaves them readable",
        secret=True,
    )
    archive_folder: Path | None = _setting(
        "GUANXI_ARCHIVE_FOLDER",
        kinds.path,
        "",
        "Folder of the continuous archive, from which any moment comes back; else none",
    )
    archive_days: int = _setting(
        "GUANXI_ARCHIVE_DAYS", kinds.whole(1, 3650), "7", "How many days back the continuous archive reaches"
    )
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Variable name -> where its value comes from: environment, default, generated, embedded."""

    @property
    def embedded(self) -> bool:
        """Whether the database is our own server in the data folder."""
        return self.sources.get("DATABASE_URL") == "embedded"

    @property
    def owner_url(self) -> str:
        """Address of the database for who may do everything: migrations, backups, restoring."""
        return self.owner_database_url or self.database_url

    @property
    def acting_url(self) -> str:
        """Address of the database for this process: the application's role, after ``act_as_owner`` the owner's."""
        return self.owner_url if _acting else self.database_url

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


def embedded_url(data: Path, run: Path, database: str = "guanxi", role: str = "guanxi") -> str:
    """Address of a database of the embedded server, without a password: the socket folder is private."""
    return f"postgresql://{role}@/{database}?host={quote(str(socket_folder(data, run)), safe='/')}"


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
    values["scanner"] = values["scanner"] or ""
    values["backup_passphrase"] = values["backup_passphrase"] or ""
    if not values["database_url"]:
        values["database_url"] = embedded_url(values["data"], values["run"], role=APPLICATION_ROLE)
        values["owner_database_url"] = embedded_url(values["data"], values["run"])
        sources["DATABASE_URL"] = sources["GUANXI_OWNER_DATABASE_URL"] = "embedded"
    values["owner_database_url"] = values["owner_database_url"] or ""
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


_acting: set[str] = set()


def act_as_owner() -> None:
    """Let this process work on the database as its owner, for migrations; before Django's settings are loaded."""
    _acting.add("owner")


@cache
def environment() -> Environment:
    """The settings of this process, read once. Raises ``Trouble`` when one is wrong."""
    return read(os.environ)


def reload() -> Environment:
    """Forget what was read and read again, after the command line has changed a variable."""
    environment.cache_clear()
    return environment()
