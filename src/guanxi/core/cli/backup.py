"""``guanxi backup`` and ``guanxi restore``: everything in one file, and back again."""

import json
from pathlib import Path
from typing import Any

import click

from guanxi.core.cli.ground import database, tell
from guanxi.core.cli.workspace import load, set_up
from guanxi.runtime.backup import archive, making, restoring
from guanxi.runtime.environment import environment
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_JSON = click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))
_FILE = click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
_MB = 1024 * 1024


@click.group(
    invoke_without_command=True,
    help=_("Write a backup of everything, also while Guanxi runs; check and prove backups."),
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help=_("File to write; else a new one in the folder of backups."),
)
@_JSON
@click.pass_context
def backup(context: click.Context, out: Path | None, as_json: bool) -> None:
    """Write a backup unless another command is named."""
    if context.invoked_subcommand is not None:
        return
    settings = environment()
    with database(settings):
        made = making.make(settings, target=out, passphrase=settings.backup_passphrase, tell=tell)
        if out is None:
            making.keep(settings)
    if as_json:
        click.echo(json.dumps({"file": str(made.place), "bytes": made.size, "rows": made.rows, "files": made.files}))
        return
    words = {"file": made.place, "rows": made.rows, "files": made.files, "size": max(made.size // _MB, 1)}
    click.echo(_("%(file)s: %(rows)s rows, %(files)s files, %(size)s MB; read again and whole.") % words)
    if not settings.backup_passphrase:
        tell(_("It is not encrypted. Set GUANXI_BACKUP_PASSPHRASE before backups leave this machine."))


@backup.command("list", help=_("List the backups in the folder."))
@_JSON
def list_command(as_json: bool) -> None:
    """Name, moment, size and release of each, oldest first."""
    found = []
    for place in making.backups(environment()):
        head = archive.head_of(place)
        sealed = bool(head["sealed"])
        found.append({"file": str(place), "bytes": place.stat().st_size, "sealed": sealed, "made_at": head["made_at"]})
    if as_json:
        click.echo(json.dumps(found))
        return
    for each in found:
        sign = _("encrypted") if each["sealed"] else ""
        click.echo(f"{each['made_at'][:19]}  {each['bytes'] // _MB:>8} MB  {each['file']}  {sign}".rstrip())
    if not found:
        click.echo(_("There are no backups in %(folder)s.") % {"folder": making.folder(environment())})


@backup.command(help=_("Read a backup whole and compare every sum; the newest one if none is named."))
@_FILE
def verify(file: Path | None) -> None:
    """Exit code 1 when it is damaged."""
    settings = environment()
    place = file or _newest()
    manifest = restoring.check(place, settings.backup_passphrase, _known(), tell)
    click.echo(_("%(file)s is whole: made %(at)s by release %(version)s.") % _about(place, manifest))


@backup.command(help=_("Prove a backup: bring its rows into a scratch database, compare them, remove it again."))
@_FILE
def drill(file: Path | None) -> None:
    """Exit code 1 when the rows do not come back."""
    settings = environment()
    place = file or _newest()
    with database(settings):
        manifest = restoring.drill(settings, place, settings.backup_passphrase, _known(), tell)
    click.echo(
        _("%(file)s was brought back and its rows are the same: made %(at)s by release %(version)s.")
        % _about(place, manifest)
    )


@click.command(help=_("Bring a backup into an empty data folder (GUANXI_DATA) and database."))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_JSON
def restore(file: Path, as_json: bool) -> None:
    """All of it or nothing; exit code 1 when the file or the place will not do."""
    settings = environment()
    manifest = restoring.restore(settings, file, settings.backup_passphrase, _known(), tell)
    erased = 0
    if restoring.bring_register(settings, file):
        tell(_("Erasing again what was erased since …"))
        with database(settings):
            erased = load("guanxi.core.privacy.register:again")()
    number = sum(count for count, _sum in manifest.tables.values())
    if as_json:
        click.echo(
            json.dumps(
                {
                    "rows": number,
                    "files": manifest.of_files(),
                    "made_at": manifest.made_at,
                    "audit_head": manifest.audit_head,
                    "erased": erased,
                }
            )
        )
        return
    words = {"rows": number, "files": manifest.of_files(), "folder": settings.data}
    click.echo(
        _("%(rows)s rows and %(files)s files are back in %(folder)s; all rows are the same. Now: guanxi serve") % words
    )


def _newest() -> Path:
    found = making.backups(environment())
    if not found:
        raise Trouble(_("There are no backups in %(folder)s.") % {"folder": making.folder(environment())})
    return found[-1]


def _known() -> set[str]:
    """The migrations of this release, so that a backup of a newer one is refused."""
    set_up(environment())
    names: set[str] = load("guanxi.core.cli.migrating:known")()
    return names


def _about(place: Path, manifest: archive.Manifest) -> dict[str, Any]:
    return {"file": place, "at": manifest.made_at[:19].replace("T", " "), "version": manifest.version}
