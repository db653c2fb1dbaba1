"""``guanxi bench``: measure this installation and put it to the test."""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from guanxi.core.cli.faults.run import command as faults_command
from guanxi.core.cli.faults.workspace import Workspace
from guanxi.core.cli.workspace import load, workspace
from guanxi.runtime.environment import environment
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

#: Longer than this nobody may be without service when a machine dies.
_AWAY_SECONDS = 30.0


@click.group(help=_("Measure speed, and prove that faults lose nothing."))
def bench() -> None:
    """A group of commands."""


@bench.command(
    "run", help=_("Build data of a known size, open pages as people with different rights, and say what each costs.")
)
@click.option(
    "--size",
    type=click.Choice(["XS", "S", "P", "M"]),
    default="S",
    help=_("10,000 (S), 100,000 (P) or a million (M) customers; XS to try it."),
)
@click.option(
    "--json",
    "target",
    default=None,
    type=click.Path(dir_okay=False),
    help=_("Write the figures to this file, and a page to read beside it."),
)
@click.option(
    "--folder",
    default=None,
    type=click.Path(file_okay=False),
    help=_("Folder of the bench; else bench-SIZE in the data folder."),
)
@click.option("--port", type=click.IntRange(1, 65535), default=8090, help=_("Port to serve at while measuring."))
@click.option("--requests", type=click.IntRange(5), default=40, help=_("Requests for each page and person."))
@click.option("--seconds", type=click.FloatRange(1), default=20.0, help=_("How long sixteen people work at once."))
def run_command(size: str, target: str | None, folder: str | None, **given: Any) -> None:
    """Measure. Everything lives in a folder of its own with the embedded database, and is used again by the next run."""
    place = Path(folder) if folder else environment().data / f"bench-{size}"
    place.mkdir(parents=True, exist_ok=True)
    os.environ.pop("DATABASE_URL", None)
    os.environ["GUANXI_DATA"] = str(place)
    environment.cache_clear()
    Workspace(place, given["port"]).command("migrate")
    with workspace(owner=True):
        try:
            load("guanxi.config.bench.run:fill")(size, place, _Told())
        except ValueError as error:
            raise Trouble(str(error)) from error
    found = load("guanxi.config.bench.run:pages")(size, place, told=lambda line: click.echo(line, err=True), **given)
    page = load("guanxi.config.bench.report:page")(found)
    if target:
        Path(target).write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
        Path(target).with_suffix(".md").write_text(page, "utf-8")
    click.echo(page)


class _Told:
    """Says how far the data are: everything to a terminal, a line every few seconds to a file."""

    def __init__(self) -> None:
        self.begun = self.last = time.monotonic()

    def __call__(self, what: str, done: int) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() or now - self.last > 5:
            self.last = now
            click.echo(f"{now - self.begun:6.0f} s  {what}: {done:,}", err=True)


@bench.command(
    "compare",
    help=_(
        "Put two runs side by side; exit code 1 when a page costs more than before, or takes more than twice as long at a larger size."
    ),
)
@click.argument("before", type=click.Path(exists=True, dir_okay=False))
@click.argument("after", type=click.Path(exists=True, dir_okay=False))
def compare_command(before: str, after: str) -> None:
    """Compare the processor time of each page (less than 15 % counts as noise); at two sizes, how long 95 of 100 took."""
    runs = [json.loads(Path(path).read_text("utf-8")) for path in (before, after)]
    text, slower = load("guanxi.config.bench.report:comparison")(*runs)
    click.echo(text)
    if slower:
        sys.exit(1)


@bench.command(
    "fuzz", help=_("Send bad input through every page, form and operation; exit code 1 when anything breaks.")
)
@click.option("--seed", type=int, default=1, show_default=True, help=_("The same seed sends the same."))
@click.option("--count", type=click.IntRange(1), default=10_000, show_default=True, help=_("How many requests."))
@click.option(
    "--pages", type=click.IntRange(1), default=600, show_default=True, help=_("How many pages to look for forms.")
)
@click.option(
    "--json", "target", default=None, type=click.Path(dir_okay=False), help=_("Write what was found to this file.")
)
def fuzz_command(seed: int, count: int, pages: int, target: str | None) -> None:
    """Works on the workspace of GUANXI_DATA, best one with the demo organisation; every change is taken back."""
    with workspace():
        try:
            found = load("guanxi.config.bench.fuzz:run")(seed, count, pages, lambda line: click.echo(line, err=True))
        except ValueError as error:
            raise Trouble(str(error)) from error
    if target:
        Path(target).write_text(json.dumps(asdict(found), ensure_ascii=False, indent=1, default=str) + "\n", "utf-8")
    words = {"sent": found.sent, "seconds": found.slowest_seconds, "size": found.grown_mb, "number": len(found.faults)}
    click.echo(
        _("%(sent)s requests, the slowest %(seconds)s s, memory grew by %(size)s MB, %(number)s faults.") % words
    )
    for each in found.faults.values():
        click.echo(f"  ✗ {each.what}\n    {each.request[:300]}")
    if found.faults:
        sys.exit(1)


@bench.command(
    "nodes",
    help=_(
        "Serve from three nodes, a primary and a standby behind a balancer; kill a node and the primary under work."
    ),
)
@click.option(
    "--balancer",
    type=click.Choice(["nginx", "haproxy"]),
    default="nginx",
    show_default=True,
    help=_("Who shares out the requests, with the file of deploy/."),
)
@click.option(
    "--seconds", type=click.FloatRange(1), default=8.0, show_default=True, help=_("Seconds of work around each fault.")
)
@click.option(
    "--port", type=click.IntRange(1024, 65000), default=8400, show_default=True, help=_("First of twelve ports.")
)
def nodes_command(balancer: str, seconds: float, port: int) -> None:
    """Exit code 1 when the ledger and the database differ, or service was away for more than 30 seconds."""
    folder = Path(tempfile.mkdtemp(prefix="guanxi-nodes-"))
    told: Callable[[str], None] = lambda line: click.echo(line, err=True)  # noqa: E731
    found = load("guanxi.config.bench.nodes:run")(folder, port, seconds, balancer, told)
    words = {"number": found.acknowledged, "lost": found.unanswered}
    click.echo(_("%(number)s changes acknowledged, %(lost)s requests never answered.") % words)
    words = {"number": found.looked, "reads": found.replica_reads}
    click.echo(
        _("%(number)s times people looked for what they had saved; the replica answered %(reads)s reads.") % words
    )
    for each in found.faults:
        click.echo(f"  ✗ {each}")
    if found.faults or max(found.seconds.values()) > _AWAY_SECONDS:
        click.echo(_("See %(folder)s.") % {"folder": folder})
        sys.exit(1)
    click.echo(_("The ledger is clean."))
    shutil.rmtree(folder, ignore_errors=True)


bench.add_command(faults_command, "faults")
