"""``guanxi doctor`` and ``guanxi settings``: what this installation is, and what is wrong with it."""

import contextlib
import datetime as dt
import importlib.metadata
import json
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import click
import psycopg

from guanxi import __version__
from guanxi.core.cli.ground import database
from guanxi.core.cli.workspace import load, set_up
from guanxi.runtime import binaries, external, outside
from guanxi.runtime.backup import watching
from guanxi.runtime.continuous import watching as archive_watching
from guanxi.runtime.environment import Environment, environment
from guanxi.runtime.supervisor import ready_status
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.tuning import machine_memory_mb
from guanxi.runtime.words import say as _

_JSON = click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))
_PACKAGES = ("django", "psycopg", "procrastinate", "granian", "django-ninja", "django-allauth", "jinja2")
_ROOM_MB = 1024
_CLOCK_SECONDS = 5.0


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``state`` is ok, warning or wrong; ``text`` says what was found."""

    name: str
    state: str
    text: str


def _labels() -> dict[str, str]:
    """The names of findings as a person reads them; scripts read the names themselves."""
    return {
        "version": _("version"),
        "packages": _("packages"),
        "memory": _("memory"),
        "data folder": _("data folder"),
        "disk": _("disk"),
        "secret": _("secret"),
        "database": _("database"),
        "clock": _("clock"),
        "migrations": _("migrations"),
        "queue": _("queue"),
        "worker": _("worker"),
        "backup": _("backup"),
        "archive": _("continuous archive"),
        "mail": _("mail"),
        "address": _("address"),
        "scanner": _("virus scanner"),
        "pages": _("pages"),
    }


def _table(settings: Environment) -> str:
    rows = settings.table()
    width = max(len(row["name"]) for row in rows)
    lines = []
    for row in rows:
        lines.append(f"  {row['name'].ljust(width)}  {row['value'] or '-'}")
        lines.append(f"  {' ' * width}  {row['kind']}; {row['source']}; {row['help']}")
    return "\n".join(lines)


def print_environment(*, as_json: bool) -> None:
    """The table of settings; secrets are not shown."""
    found = environment()
    click.echo(json.dumps(found.table(), ensure_ascii=False) if as_json else _table(found))


@click.command(help=_("Check this installation and print its settings and versions."))
@_JSON
def doctor(as_json: bool) -> None:
    """Run every check; exit code 1 when something is wrong."""
    found = environment()
    findings = [*_machine(found), *_data(found), *_database(found), *_outside(found), _serving(found)]
    wrong = any(each.state == "wrong" for each in findings)
    if as_json:
        report = {
            "ok": not wrong,
            "version": __version__,
            "checks": [asdict(each) for each in findings],
            "settings": found.table(),
        }
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        click.echo(_("Checks"))
        signs = {"ok": "✓", "warning": "!", "wrong": "✗"}
        for each in findings:
            click.echo(f"  {signs[each.state]} {_labels()[each.name]}: {each.text}")
        click.echo(_("Settings"))
        click.echo(_table(found))
    sys.exit(int(wrong))


def _machine(_settings: Environment) -> list[Finding]:
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    memory = machine_memory_mb()
    return [
        Finding("version", "ok", f"Guanxi {__version__}, Python {platform.python_version()}, {platform.platform()}"),
        Finding("packages", "ok", packages),
        Finding("memory", "ok" if memory >= 1500 else "warning", f"{memory} MB"),
    ]


def _data(settings: Environment) -> list[Finding]:
    """The data folder and the disk below it."""
    probe = settings.data / f".probe-{time.time_ns()}"
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        return [Finding("data folder", "wrong", f"{settings.data}: {error.strerror}")]
    free = shutil.disk_usage(settings.data).free // (1024 * 1024)
    state = "ok" if free >= _ROOM_MB else "warning" if free >= 100 else "wrong"
    findings = [
        Finding("data folder", "ok", str(settings.data)),
        Finding("disk", state, _("%(free)s MB free") % {"free": free}),
    ]
    return findings + [
        Finding("secret", "wrong", _("%(file)s can be read by others") % {"file": place})
        for place in outside.secrets_open(settings)
    ]


def _database(settings: Environment) -> list[Finding]:
    """Server, clock, migrations and queue; stops at the first thing that hides the rest."""
    kind = f"PostgreSQL {binaries.version()}" if settings.embedded else "DATABASE_URL"
    name = "database"
    try:
        with database(settings):
            shown = external.check(settings)
            origin = _("embedded") if settings.embedded else _("external")
            findings = [Finding(name, "ok", f"PostgreSQL {shown} ({origin})"), _clock(settings)]
            set_up(settings)
            return [*findings, _migrations(), *_queue(), _backup(settings), _archive(settings)]
    except Trouble as trouble:
        return [Finding(name, "wrong", str(trouble))]
    except psycopg.Error as error:
        return [Finding(name, "wrong", f"{kind}: {error}")]


def _clock(settings: Environment) -> Finding:
    """The clock of the database's machine against ours, and the year of both."""
    with psycopg.connect(settings.owner_url) as connection:
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
    apart = abs(float(row[0]) - time.time()) if row else 0.0
    state = "ok" if apart < _CLOCK_SECONDS else "wrong"
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return Finding("clock", state, _("%(now)s; the database is %(apart).1f s apart") % {"now": now, "apart": apart})


def _migrations() -> Finding:
    left = load("guanxi.core.cli.migrating:missing")()
    text = _("%(number)s are not applied; run: guanxi migrate") % {"number": len(left)} if left else _("all applied")
    return Finding("migrations", "wrong" if left else "ok", text)


def _queue() -> list[Finding]:
    name = "queue"
    with contextlib.suppress(ImportError):
        counts: Callable[[], dict[str, int]] = load("guanxi.core.automation.queue_state:queue_counts")
        alive: Callable[[], int] = load("guanxi.core.automation.queue_state:workers_alive")
        try:
            found, workers = counts(), alive()
        except Exception as error:  # noqa: BLE001 - whatever the queue's tables answer is the finding
            return [Finding(name, "wrong", str(error).strip().splitlines()[0])]
        text = _("%(todo)s waiting, %(doing)s at work, %(failed)s failed, %(late)s late") % found
        state = "warning" if found["late"] or found["failed"] else "ok"
        running = _("%(number)s alive") % {"number": workers}
        return [Finding(name, state, text), Finding("worker", "ok" if workers else "warning", running)]
    return []


def _backup(settings: Environment) -> Finding:
    """When the newest backup was made, and when one was last brought back in proof."""
    found = watching.state(settings, dt.datetime.now(dt.UTC))
    return Finding("backup", "ok" if found.good else "warning", found.text)


def _archive(settings: Environment) -> Finding:
    """Which moments can be brought back."""
    found = archive_watching.state(settings, dt.datetime.now(dt.UTC))
    return Finding("archive", "ok" if found.good else "wrong", found.text)


def _outside(settings: Environment) -> list[Finding]:
    """Mail server, certificate and virus scanner, where there are any."""
    found = outside.mail(settings)
    findings = [Finding("mail", found.state, found.text)]
    if (certificate := outside.certificate(settings, dt.datetime.now(dt.UTC))) is not None:
        findings.append(Finding("address", certificate.state, certificate.text))
    if settings.scanner:
        told = load("guanxi.core.records.scanner:greeting")()
        findings.append(Finding("scanner", "wrong" if told.state == "failed" else "ok", told.words))
    return findings


def _serving(settings: Environment) -> Finding:
    status = ready_status(settings)
    name = "pages"
    if status == 200:
        return Finding(name, "ok", _("served at %(url)s") % {"url": settings.url})
    if status:
        return Finding(name, "wrong", _("%(url)s answers %(status)s") % {"url": settings.url, "status": status})
    return Finding(name, "warning", _("not served at %(url)s now") % {"url": settings.url})
