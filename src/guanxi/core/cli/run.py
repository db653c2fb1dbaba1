"""``guanxi demo`` and ``guanxi serve``: everything in one supervised process in the foreground."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from guanxi.core.cli.ground import embedded, tell
from guanxi.runtime import external, roles
from guanxi.runtime.backup.restoring import ERASE_AGAIN
from guanxi.runtime.continuous import keeping
from guanxi.runtime.environment import Environment, reload
from guanxi.runtime.postgres import EmbeddedPostgres, running_url
from guanxi.runtime.process import die_with_parent
from guanxi.runtime.supervisor import Supervisor, check_port
from guanxi.runtime.words import say as _

DEMO = "guanxi.config.demo:build"
ADMIN_LINK = "guanxi.core.people.links:admin_link"
#: Counters nobody added to for so long are those of a node that is gone.
_COUNTED_SECONDS = 30 * 86_400
_PARTS = {"": ("web", "events", "worker"), "web": ("web", "events"), "worker": ("worker",)}

_port = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help=_("Port of the web server (GUANXI_PORT); the next one carries live events."),
)
_host = click.option("--host", help=_("Address the web server listens on (GUANXI_HOST)."))


@click.command(help=_("Serve with the demo organisation: database, web and worker in one process."))
@_port
@_host
def demo(port: int | None, host: str | None) -> None:
    """Serve the demo organisation; prints the address and the logins."""
    _serve(_chosen(port, host), "", demo=True)


@click.command(help=_("Serve: database, web and worker in one process."))
@click.option("--only", type=click.Choice(["web", "worker"]), help=_("Run only this part."))
@_port
@_host
def serve(only: str | None, port: int | None, host: str | None) -> None:
    """Serve; the first start prints the link that makes the administrator."""
    _serve(_chosen(port, host), only or "", demo=False)


def _chosen(port: int | None, host: str | None) -> Environment:
    """The settings, with the options put into the environment so that the children see them."""
    if port is not None:
        os.environ["GUANXI_PORT"] = str(port)
    if host is not None:
        os.environ["GUANXI_HOST"] = host
    if sys.stderr.isatty():
        os.environ.setdefault("GUANXI_LOG_FORMAT", "text")
    return reload()


def _serve(settings: Environment, only: str, *, demo: bool) -> None:
    parts = _PARTS[only]
    signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit(143))  # until the supervisor takes over
    if "web" in parts:
        check_port(settings.host, settings.port, "--port")
        check_port(
            settings.host,
            settings.events_port,
            "GUANXI_EVENTS_PORT",
            _("it carries live events; the one after the web port unless told otherwise"),
        )
    server = _database(settings, only)
    try:
        result = _prepared(settings, parts, demo=demo)
        _folders(settings, parts)
        if server is not None and settings.archive_folder:
            parts = (*parts, "archive")
        elif server is not None:
            keeping.forget_slot(settings.owner_url)
        supervisor = Supervisor(settings, parts, server, tell=tell, ready=lambda: _announce(settings, parts, result))
    except BaseException:
        if server is not None:
            server.stop()
        raise
    sys.exit(supervisor.run())


def _database(settings: Environment, only: str) -> EmbeddedPostgres | None:
    """The embedded server, started; ``None`` when the database is another's, or a part joins a running one."""
    if not settings.embedded:
        external.check(settings)
        return None
    if only and running_url(settings.data, settings.run):
        return None
    server = embedded(settings)
    server.start()
    return server


def _folders(settings: Environment, parts: tuple[str, ...]) -> None:
    """The folders the processes expect. That in which those of the web add up their counters is empty, and theirs alone: other
    nodes may share the data folder.
    """
    for name in ("files", "static", "mail"):
        (settings.data / name).mkdir(parents=True, exist_ok=True)
    if "web" not in parts:
        return
    folder = settings.data / "run" / f"metrics-{socket.gethostname()}-{settings.port}"
    for each in folder.parent.glob("metrics-*"):
        if each == folder or _counted(each) < time.time() - _COUNTED_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _counted(folder: Path) -> float:
    """When something was last added to the counters in that folder."""
    with contextlib.suppress(OSError):
        return max(place.stat().st_mtime for place in (folder, *folder.iterdir()))
    return time.time()


# -- what must be there before pages are served ------------------------------------------------------------------------


def _prepared(settings: Environment, parts: tuple[str, ...], *, demo: bool) -> dict[str, Any]:
    """Migrations, demo data, the administrator's link. Nothing is loaded when all of it was done before.

    Who serves no pages makes no link: it would not open.
    """
    wanted = external.fingerprint()
    # Sums by day are those of the time zone: another one is prepared for.
    same = external.recorded(settings, "migrations") == wanted
    same = same and external.recorded(settings, "zone") == settings.time_zone
    same = same and not (settings.data / ERASE_AGAIN).exists()
    if same and roles.divided(settings):
        if demo:
            logins = _kept_logins(settings)
            if logins is not None:
                return {"logins": logins}
        elif "web" not in parts or external.recorded(settings, "administrator"):
            return {}
    arguments = ["--demo"] if demo else ["--administrator"] if "web" in parts else []
    # A child, so that the process that stays in the foreground remains small and quick to end.
    done = subprocess.run(
        [sys.executable, "-m", "guanxi", "prepare", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    if done.returncode != 0:
        sys.exit(1)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@click.command(hidden=True)
@click.option("--demo", is_flag=True)
@click.option("--administrator", is_flag=True)
def prepare(demo: bool, administrator: bool) -> None:
    """Migrate and, if asked, make the demo organisation or the administrator's link; prints JSON."""
    from guanxi.core.cli.workspace import load, workspace

    with workspace(migrated=False, owner=True) as settings:
        apply: Callable[..., int] = load("guanxi.core.cli.migrating:apply")
        apply(settings, tell)
        if (due := settings.data / ERASE_AGAIN).exists():  # a restore was killed before it came to that
            load("guanxi.core.privacy.register:again")()
            due.unlink()
        result: dict[str, Any] = {}
        if demo:
            tell(_("Making the demo organisation; this takes a moment on the first start …"))
            result["logins"] = load(DEMO)(settings.demo_password or None)
            _keep_logins(settings, result["logins"])
        if administrator:
            result["link"] = load(ADMIN_LINK)()
            external.record(settings, "administrator", "" if result["link"] else "there")
        click.echo(json.dumps(result, default=str))


def _logins_file(settings: Environment) -> Path:
    return settings.data / "demo.json"


def _mark(settings: Environment) -> str:
    """What the kept logins belong to: this release's demo and this password."""
    source = Path(__file__).resolve().parents[2] / "config"
    digest = hashlib.sha256(settings.demo_password.encode())
    for place in sorted(source.glob("demo*")) + sorted(source.glob("demo/**/*")):
        if place.is_file() and "__pycache__" not in place.parts:
            digest.update(place.read_bytes())
    return digest.hexdigest()


def _keep_logins(settings: Environment, logins: list[dict[str, Any]]) -> None:
    """Keep the demo's logins, readable by ourselves only, to print them at the next start."""
    place = _logins_file(settings)
    place.unlink(missing_ok=True)
    mark = _mark(settings)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"mark": mark, "logins": logins}, file, ensure_ascii=False)
    external.record(settings, "demo", mark)


def _kept_logins(settings: Environment) -> list[dict[str, Any]] | None:
    """The logins of an earlier start, when the database holds that very demo organisation."""
    mark = _mark(settings)
    with contextlib.suppress(OSError, ValueError, KeyError):
        kept = json.loads(_logins_file(settings).read_text())
        if kept["mark"] == mark == external.recorded(settings, "demo"):
            logins: list[dict[str, Any]] = kept["logins"]
            return logins
    return None


# -- what the operator reads -------------------------------------------------------------------------------------------


def _announce(settings: Environment, parts: tuple[str, ...], result: dict[str, Any]) -> None:
    if "web" in parts:
        click.echo(_("Guanxi is serving at %(url)s  (end with Ctrl-C)") % {"url": settings.url})
    else:
        click.echo(_("The worker is running  (end with Ctrl-C)"))
    if result.get("logins"):
        click.echo(_("Sign in as one of:"))
        rows = result["logins"]
        width = max(len(str(row.get("username", ""))) for row in rows)
        for row in rows:
            about = " · ".join(str(row[key]) for key in ("name", "role") if row.get(key))
            click.echo(f"  {str(row.get('username', '')).ljust(width)}  {row.get('password', '')}  {about}")
    if result.get("link"):
        click.echo(_("There is no administrator yet. Open this link, which works once, to make one:"))
        click.echo(f"  {result['link']}")
    sys.stdout.flush()
