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
    help=_(
        "Print all settings of this installation; or take the workspace's out, look at them, compare, apply or revert them."
    ),
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
    signs = {"add": "+", "change": "~", "remove": "-", "leave": "="}
    for one in found:
        names = ", ".join(name for name, _before, _after in one.fields) if one.sort == "change" else ""
        if one.sort == "leave":
            names = _("left out, not here: %(names)s") % {"names": ", ".join(str(each[2]) for each in one.fields)}
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


@settings.command("list", help=_("List the tables of the settings, or the rows of one (rules, flows, layouts …)."))
@click.argument("table", required=False, default="")
@_JSON
def list_(table: str, as_json: bool) -> None:
    """A row is named by its key, as ``settings show`` takes it."""
    with workspace():
        tables = load("guanxi.core.exchange.settingsfile:tables")(_actor())
    if table and table not in tables:
        raise Trouble(
            _("There is no table %(table)s. There are: %(names)s") % {"table": table, "names": ", ".join(tables)}
        )
    if as_json:
        click.echo(
            json.dumps(
                [*tables[table].values()] if table else {name: [*rows] for name, rows in tables.items()},
                ensure_ascii=False,
            )
        )
        return
    for name, row in (tables[table] if table else {}).items():
        click.echo(f"{name}  {row.get('name_zh') or row.get('label_zh') or row.get('name') or ''}".rstrip())
    for name, rows in ({} if table else tables).items():
        click.echo(f"{str(len(rows)).rjust(5)}  {name}")


@settings.command("show", help=_("Print one row of the settings as JSON: guanxi settings show rules KEY."))
@click.argument("table")
@click.argument("row")
def show(table: str, row: str) -> None:
    """As it stands in the file of ``settings export``."""
    with workspace():
        tables = load("guanxi.core.exchange.settingsfile:tables")(_actor())
    found = tables.get(table, {}).get(row)
    if found is None:
        raise Trouble(_("There is no %(row)s in %(table)s.") % {"row": row, "table": table})
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))


@settings.command("history", help=_("List the versions of the settings that were kept, newest first."))
@_JSON
def history(as_json: bool) -> None:
    """A version is kept before and after each file or pack, and whenever somebody changed settings on the pages."""
    with workspace():
        found = [
            {
                "version": one.pk,
                "at": one.at.isoformat(timespec="seconds"),
                "by": one.by.name if one.by else "",
                "sort": one.sort,
                "comment": one.comment,
            }
            for one in load("guanxi.core.exchange.settingsfile:versions")().select_related("by")
        ]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo(
            f"{str(one['version']).rjust(5)}  {one['at']}  {one['sort'].ljust(8)} {one['by']} {one['comment']}".rstrip()
        )
    if not found:
        click.echo(_("No version was kept yet."))


@settings.command("revert", help=_("Make the settings those of a version again, all or nothing."))
@click.argument("version", type=int)
@_JSON
def revert(version: int, as_json: bool) -> None:
    """The state before is kept as a version of its own, so that this can be taken back too."""
    with workspace():
        row = load("guanxi.core.exchange.settingsfile:versions")().filter(pk=version).first()
        if row is None:
            raise Trouble(_("There is no version %(version)d. See: guanxi settings history") % {"version": version})
        found = load("guanxi.core.exchange.settingsfile:revert")(_actor(), row)
    _tell(found, as_json=as_json, nothing=_("Nothing was changed."))
