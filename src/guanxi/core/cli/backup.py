"""``guanxi backup`` and ``guanxi restore``: everything in one file, and back again."""

import datetime as dt
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from guanxi.core.cli.ground import database, tell
from guanxi.core.cli.workspace import load, set_up
from guanxi.runtime import roles
from guanxi.runtime.backup import archive, making, restoring
from guanxi.runtime.continuous import returning, store
from guanxi.runtime.environment import act_as_owner, environment
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


@backup.command(help=_("Say which moments the continuous archive can bring back."))
@_JSON
def window(as_json: bool) -> None:
    """From and to of each copy with the journal after it; exit code 1 when nothing can be brought back."""
    settings = environment()
    if settings.archive_folder is None:
        raise Trouble(_("No continuous archive is kept; name its folder in GUANXI_ARCHIVE_FOLDER."))
    found = [(place, span) for place in store.Store.all(settings.archive_folder) for span in place.spans()]
    if as_json:
        rows = [
            {"folder": str(place.folder), "begin": span.begin.isoformat(), "end": span.end.isoformat()}
            for place, span in found
        ]
        click.echo(json.dumps(rows))
    for place, span in () if as_json else found:
        click.echo(f"{store.shown(span.begin)} – {store.shown(span.end)}  {place.folder}")
    if not found:
        raise Trouble(
            _("The archive in %(folder)s is not whole yet: no moment can be brought back from it.")
            % {"folder": settings.archive_folder}
        )


@click.command(
    help=_(
        "Bring a backup into an empty data folder (GUANXI_DATA) and database; with --to, a moment from the continuous archive."
    )
)
@click.argument("file", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--to",
    "moment",
    help=_(
        "A moment such as “2026-11-27 10:05”, in GUANXI_TIME_ZONE; FILE is then the archive's folder, else GUANXI_ARCHIVE_FOLDER."
    ),
)
@_JSON
def restore(file: Path | None, moment: str | None, as_json: bool) -> None:
    """All of it or nothing; exit code 1 when the file, the moment or the place will not do."""
    act_as_owner()
    settings = environment()
    if moment is not None:
        _bring_moment(file or settings.archive_folder, _parsed(moment, settings.time_zone), as_json=as_json)
        return
    if file is None or file.is_dir():
        raise Trouble(_("Name the backup to bring back, or a moment with --to."))
    manifest = restoring.restore(settings, file, settings.backup_passphrase, _known(), tell)
    erased = _erased_again(file)
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


def _bring_moment(archive_folder: Path | None, moment: dt.datetime, *, as_json: bool) -> None:
    settings = environment()
    if archive_folder is None:
        raise Trouble(_("No continuous archive is kept; name its folder in GUANXI_ARCHIVE_FOLDER."))
    came = returning.bring(settings, archive_folder, moment, _known(), tell)
    erased = _erased_again(came.store / "bases")
    if as_json:
        facts = {"moment": moment.isoformat(), "files": came.files, "missing_files": came.missing, "erased": erased}
        click.echo(json.dumps(facts))
        return
    if came.missing:
        tell(_("%(number)s uploaded files are not in the archive.") % {"number": came.missing})
    words = {"moment": store.shown(moment), "files": came.files, "folder": settings.data}
    click.echo(
        _("Everything is back in %(folder)s as it was at %(moment)s, with %(files)s files. Now: guanxi serve") % words
    )


def _erased_again(beside: Path) -> int:
    """Erase again what was erased since; returns how many persons."""
    settings = environment()
    if not restoring.bring_register(settings, beside):
        return 0
    tell(_("Erasing again what was erased since …"))
    with database(settings):
        load("guanxi.core.cli.migrating:apply")(settings, tell)
        number: int = load("guanxi.core.privacy.register:again")()
        (settings.data / restoring.ERASE_AGAIN).unlink(missing_ok=True)
        roles.divide(settings)
    return number


def _parsed(text: str, zone: str) -> dt.datetime:
    written = text.strip()
    try:
        found = dt.datetime.fromisoformat(written.removesuffix(" UTC"))
    except ValueError:
        raise Trouble(_("“%(text)s” is no moment; write one such as 2026-11-27 10:05.") % {"text": text}) from None
    if found.tzinfo:
        return found
    return found.replace(tzinfo=dt.UTC if written.endswith(" UTC") else ZoneInfo(zone))


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
