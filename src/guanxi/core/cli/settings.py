"""``guanxi settings``: of the environment as a table; of the workspace as one file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from guanxi.core.cli.doctor import print_environment
from guanxi.core.cli.workspace import load, workspace
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_JSON = click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))


@click.group(
    invoke_without_command=True,
    help=_("Print all settings of this installation; or take the workspace's out, compare or apply them as one file."),
)
@_JSON
@click.pass_context
def settings(context: click.Context, as_json: bool) -> None:
    """Without a command: the table of environment settings."""
    if context.invoked_subcommand is None:
        print_environment(as_json=as_json)


def _actor() -> Any:
    return load("guanxi.core.kernel.actor:system_actor")("settings", via="cli")


def _content(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(_("The file cannot be read: %(reason)s") % {"reason": error}) from error


def _tell(found: list[Any], *, as_json: bool, nothing: str) -> None:
    if as_json:
        rows = [
            {"change": one.sort, "table": one.table, "row": one.name, "fields": [list(each) for each in one.fields]}
            for one in found
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, default=str))
        return
    signs = {"add": "+", "change": "~", "remove": "-"}
    for one in found:
        names = ", ".join(name for name, _before, _after in one.fields) if one.sort == "change" else ""
        click.echo(f"{signs[one.sort]} {one.table}/{one.name}{': ' + names if names else ''}")
    if not found:
        click.echo(nothing)


@settings.command("export", help=_("Write the workspace's settings into a file (- prints them)."))
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
def export(file: str) -> None:
    """Dictionaries, fields, objects, layouts, views, roles, flows, rules, templates, calendars, reports."""
    with workspace():
        content = load("guanxi.core.exchange.settingsfile:export")(_actor())
    if file == "-":
        click.echo(content, nl=False)
    else:
        Path(file).write_text(content, encoding="utf-8")


@settings.command("diff", help=_("Say what applying a file would change; exit code 1 when it would change something."))
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@_JSON
def diff(file: str, as_json: bool) -> None:
    """One line per row: + added, ~ changed, - removed."""
    with workspace():
        found = load("guanxi.core.exchange.settingsfile:diff")(_actor(), _content(file))
    _tell(found, as_json=as_json, nothing=_("Nothing would change."))
    sys.exit(bool(found))


@settings.command("apply", help=_("Make the workspace's settings those of a file, all or nothing."))
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@_JSON
def apply(file: str, as_json: bool) -> None:
    """Applying the same file again changes nothing."""
    with workspace():
        found = load("guanxi.core.exchange.settingsfile:apply")(_actor(), _content(file))
    _tell(found, as_json=as_json, nothing=_("Nothing was changed."))
