"""``guanxi migrate``, ``test`` and ``check``."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click

from guanxi.core.cli import rehearsing
from guanxi.core.cli.ground import database, tell
from guanxi.runtime.environment import CHECKOUT, environment
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _


@click.command(help=_("Bring the database up to date."))
@click.option("--check", is_flag=True, help=_("Only say what is missing; exit code 1 when something is."))
@click.option(
    "--rehearse", is_flag=True, help=_("Try it on a copy of the database and say how long it took; nothing is changed.")
)
@click.option("--done", metavar="APP.NAME", help=_("Record a migration as applied without running it."))
@click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))
def migrate(check: bool, rehearse: bool, done: str | None, as_json: bool) -> None:
    """Apply migrations, tell which are missing, or try them on a copy."""
    from guanxi.core.cli.workspace import workspace

    if rehearse:
        settings = environment()
        with database(settings):
            found = rehearsing.rehearse(settings, tell)
        text = _("%(applied)s migrations were applied to a copy in %(seconds)s s; nothing was changed.") % asdict(found)
        click.echo(json.dumps(asdict(found)) if as_json else text)
        return
    with workspace(migrated=False, owner=True) as settings:
        from guanxi.core.cli import migrating

        if done:
            migrating.mark_done(done)
        left = migrating.missing()
        if check:
            click.echo(json.dumps({"missing": left}) if as_json else "\n".join(left) or _("Nothing is missing."))
            sys.exit(bool(left))
        applied = migrating.apply(settings, tell)
        text = _("The database is up to date; %(number)s migrations were applied.") % {"number": applied}
        click.echo(json.dumps({"applied": applied}) if as_json else text)


def _checkout() -> Path:
    if not (CHECKOUT / "pyproject.toml").is_file():
        raise Trouble(_("This needs a checkout of Guanxi; an installed package brings no tests."))
    return CHECKOUT


@click.command(
    help=_("Run the tests; arguments go to pytest."),
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run pytest in the checkout; without a number of processes it takes one per processor."""
    home = _checkout()
    chosen = list(arguments)
    if not any(each.startswith(("-n", "--numprocesses", "-p", "--pdb", "-h", "--help")) for each in chosen):
        chosen = ["-n", "auto", *chosen]
    command = [sys.executable, "-m", "pytest", "--rootdir", str(home), "-c", str(home / "pyproject.toml"), *chosen]
    _become(command)


@click.command(help=_("Run all checks of the source: formatting, types, imports, templates, translations."))
def check() -> None:
    """Run ``make check``."""
    _become(["make", "check"])


def _become(command: list[str]) -> NoReturn:
    """Run it in the checkout in place of this process, so that Ctrl-C is its own to answer."""
    os.chdir(_checkout())
    os.execvpe(command[0], command, dict(os.environ) | {"PYTHONPATH": str(CHECKOUT / "src")})  # noqa: S606 - no shell is meant
