"""``guanxi import`` and ``guanxi export``: files in and out from the console."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from guanxi.core.cli.recipes import run_recipe
from guanxi.core.cli.workspace import load, workspace
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import GuanxiError
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _

_JSON = click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))
_IMPORTS = "guanxi.core.exchange.imports"


def _actor(login: str) -> Actor:
    """The person named, or the system itself when nobody is."""
    if not login:
        return system_actor("guanxi", via="cli")
    made: Actor = load("guanxi.core.access.actors:load")(_user(login), via="cli")
    return made


def _user(login: str) -> Any:
    model: Any = load("guanxi.core.models:User")
    found = model.objects.filter(username__iexact=login, is_active=True).first()
    if found is None:
        raise Trouble(_("There is no user called %(name)s.") % {"name": login})
    return found


def _owner(word: str) -> int | None:
    """Whose new records are: 0 of whoever imports, ``None`` of nobody."""
    if word == "-":
        return None
    return int(_user(word).pk) if word else 0


def _entity(word: str) -> str:
    """The key of the entity somebody names by its path, key or label."""
    registry: Any = load("guanxi.core.schema.registry:entities")
    for entity in registry():
        names = (entity.key, entity.path, entity.key.rpartition(".")[2], str(entity.label), str(entity.plural))
        if word.casefold() in (name.casefold() for name in names):
            return str(entity.key)
    known = ", ".join(entity.path for entity in registry() if entity.importable)
    raise Trouble(_("There is nothing called %(name)s. There are: %(names)s.") % {"name": word, "names": known})


def _given_json(text: str, what: str) -> Any:
    """JSON given on the command line, or in the file named after an @."""
    if text.startswith("@"):
        text = Path(text[1:]).read_text("utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise Trouble(_("%(what)s is not valid JSON: %(reason)s") % {"what": what, "reason": error}) from error


@click.command(
    "import", help=_("Bring in a file: XLSX, XLS, ODS, CSV in any encoding, vCard or JSON; packed ones too.")
)
@click.argument("file", type=click.Path(exists=True))
@click.option("--recipe", default="", help=_("Bring in a folder of files that belong together, as this recipe says."))
@click.option("--step", "steps", type=int, multiple=True, help=_("Only this step of the recipe; may be repeated."))
@click.option("--limit", type=int, default=0, help=_("At most so many records per action of the recipe (a trial)."))
@click.option("--entity", default="", help=_("What the rows are, for instance customers; else it is guessed."))
@click.option("--map", "mapping", default="auto", help=_("auto, or JSON {column: field}, or @file with it."))
@click.option(
    "--mode", type=click.Choice(["create", "update", "both"]), default="both", help=_("What to do with rows.")
)
@click.option("--match", default="", help=_("Fields that tell which record is meant: credit_code,name or email+name."))
@click.option("--owner", default="", help=_("Login of the owner of new records; “-”: nobody."))
@click.option("--as", "login", default="", help=_("Login of the person who imports; else the system does."))
@click.option("--set", "defaults", multiple=True, metavar="FIELD=VALUE", help=_("A value for rows that have none."))
@click.option("--sheet", default=None, help=_("Sheet of a workbook, or file of an archive; ALL takes every file."))
@click.option("--encoding", default=None, help=_("Encoding of the text, for instance gb18030; else it is found out."))
@click.option("--delimiter", default=None, help=_("Delimiter of the columns; else it is found out."))
@click.option(
    "--unreadable",
    type=click.Choice(["note", "refuse"]),
    default="note",
    help=_("Keep unreadable phones and the like as a note, or refuse the row."),
)
@click.option("--create-choices", is_flag=True, help=_("Add unknown values to dictionaries."))
@click.option(
    "--create-references",
    is_flag=True,
    help=_("Make records that are named and missing, for instance a contact's company."),
)
@click.option("--keep-filled", is_flag=True, help=_("Do not overwrite filled fields."))
@click.option(
    "--errors", default=None, type=click.Path(dir_okay=False), help=_("Write refused rows to this file (CSV or XLSX).")
)
@click.option("--dry-run", is_flag=True, help=_("Only say what would happen."))
@click.option(
    "--trusted",
    is_flag=True,
    help=_("Load a clean CSV of the table's columns unchecked, with COPY; audit and search follow."),
)
@click.option("--later", is_flag=True, help=_("With --trusted: leave audit and search to the worker."))
@click.option("--resume", type=int, default=0, help=_("Go on with the import of this number instead."))
@_JSON
def import_command(file: str, **given: Any) -> None:
    """Import one file, or every file of an archive. Exit code 0 when each row has an outcome, 1 when a file was refused."""
    with workspace():
        if given["trusted"]:
            _trusted(file, given)
            return
        actor = _actor(given["login"])
        if given["recipe"]:
            owner = _owner(given["owner"])
            _end(run_recipe(actor, file, given, owner), as_json=given["as_json"], several=True)
            return
        if Path(file).is_dir():
            raise Trouble(_("%(name)s is a folder. Say with --recipe how its files belong together.") % {"name": file})
        members: Any = load("guanxi.core.exchange.reading:members_of")
        names = members(file) if (given["sheet"] or "") == "ALL" else ()
        results = [_one(actor, file, {**given, "sheet": name}) for name in names] or [_one(actor, file, given)]
    _end(results, as_json=given["as_json"], several=bool(names))


def _end(results: list[dict[str, Any]], *, as_json: bool, several: bool) -> None:
    """The results as JSON if asked; exit code 1 when a file was refused."""
    if as_json:
        click.echo(json.dumps(results if several else results[0], ensure_ascii=False, default=str))
    if any(result["state"] == "refused" for result in results):
        sys.exit(1)


def _trusted(file: str, given: dict[str, Any]) -> None:
    """Load a file unchecked. Only the operator, at the console, can."""
    if given["login"] or not given["entity"]:
        raise Trouble(_("--trusted needs --entity, and takes no --as: it is the operator's."))
    source, begun = "guanxi.core.exchange.trusted", time.monotonic()
    try:
        operation: Any = load(f"{source}:load")(
            system_actor("guanxi", via="cli"),
            entity=_entity(given["entity"]),
            file=Path(file),
            owner=_owner(given["owner"]) or None,
        )
    except (GuanxiError, OSError, UnicodeDecodeError) as error:
        raise Trouble(_("%(file)s was refused: %(reason)s") % {"file": file, "reason": error}) from error
    pace = round(operation.total / (time.monotonic() - begun))
    if not given["later"]:
        load(f"{source}:catch_up")()
        _catch_up(hidden=given["as_json"] or not sys.stderr.isatty())
    result = {"operation": operation.pk, "rows": operation.total, "rows_per_second": pace, "later": given["later"]}
    if given["as_json"]:
        click.echo(json.dumps(result))
    else:
        click.echo(_("%(rows)d rows loaded, %(pace)d a second.") % {"rows": operation.total, "pace": pace})


def _one(actor: Actor, file: str, given: dict[str, Any]) -> dict[str, Any]:
    """Import one table; what came of it, printed unless JSON is wanted."""
    quiet = given["as_json"]
    try:
        run = _staged(actor, file, given)
        result = _checked(actor, run, quiet=quiet) if given["dry_run"] else _run(actor, run, given)
    except GuanxiError as error:
        result = {
            "file": given["sheet"] or Path(file).name,
            "state": "refused",
            "code": error.code,
            "reason": str(error),
        }
    if not quiet:
        _tell(result)
    return result


def _staged(actor: Actor, file: str, given: dict[str, Any]) -> Any:
    """The run, staged and configured."""
    if given["resume"]:
        return load(f"{_IMPORTS}:import_get")(actor, run_id=given["resume"])
    entity = _entity(given["entity"]) if given["entity"] else ""
    stage = load(f"{_IMPORTS}:import_stage")
    run = stage(
        actor,
        content=Path(file),
        name=given["sheet"] or Path(file).name,
        entity=entity,
        sheet=given["sheet"],
        encoding=given["encoding"],
        delimiter=given["delimiter"],
    )
    if not run.facts.get("encoding_sure", True) and not given["encoding"]:
        invalid: Any = load("guanxi.core.kernel.errors:Invalid")
        refusal = _("The encoding of the text is not certain (perhaps %(name)s). Name it with --encoding.")
        raise invalid(refusal % {"name": run.facts.get("encoding")}, code="file.encoding_unsure")
    options = {
        "mode": given["mode"],
        "match": given["match"],
        "owner": _owner(given["owner"]),
        "unreadable": given["unreadable"],
        "create_choices": given["create_choices"],
        "create_references": given["create_references"],
        "keep_filled": given["keep_filled"],
    }
    return load(f"{_IMPORTS}:import_configure")(actor, run=run, mapping=_mapping(run, given), options=options)


def _mapping(run: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The mapping: the guessed one, or the one given by column names; with defaults."""
    mapping = dict(run.mapping)
    if given["mapping"] != "auto":
        asked = _given_json(given["mapping"], "--map")
        columns = asked.get("columns", asked) if isinstance(asked, dict) else {}
        places = {name: str(index) for index, name in enumerate(run.columns)}
        mapping = {"columns": {}, "defaults": dict(asked.get("defaults", {}))}
        for name, target in columns.items():
            if name == "defaults":
                continue
            if name not in places and not name.isdecimal():
                raise Trouble(_("The file has no column %(name)s.") % {"name": name})
            mapping["columns"][places.get(name, name)] = target
    pairs = [pair.partition("=") for pair in given["defaults"]]
    mapping["defaults"] = {**mapping.get("defaults", {}), **{name: value for name, _equals, value in pairs}}
    return mapping


def _checked(actor: Actor, run: Any, *, quiet: bool) -> dict[str, Any]:
    """A dry run."""
    check = load(f"{_IMPORTS}:import_check")(actor, run=run, problems=50)
    result = {
        "run": run.pk,
        "file": run.file_name,
        "entity": run.entity,
        "state": "dry run",
        "rows": check.rows,
        **check.counts,
    }
    result["problems"] = [{"row": row.number, "outcome": row.outcome, "reasons": row.reasons} for row in check.problems]
    load("guanxi.core.models.exchange:ImportRun").objects.filter(pk=run.pk).delete()  # type: ignore[attr-defined]
    if not quiet:
        for row in check.problems:
            click.echo(f"{row.number}: {row.reasons}")
    return result | _described(run)


def _described(run: Any) -> dict[str, Any]:
    """How the file was read and mapped."""
    columns = run.mapping.get("columns", {})
    mapped = {run.columns[int(index)]: target["field"] for index, target in columns.items()}
    unmapped = [name for index, name in enumerate(run.columns) if str(index) not in columns]
    return {"mapping": mapped, "unmapped": unmapped, "encoding": run.facts.get("encoding", "")}


def _run(actor: Actor, run: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The import itself, with a progress bar on a terminal."""
    run = load(f"{_IMPORTS}:import_start")(actor, run=run)
    hidden = given["as_json"] or not sys.stderr.isatty()
    with click.progressbar(length=max(run.total, 1), label=run.file_name, file=sys.stderr, hidden=hidden) as bar:
        run = load(f"{_IMPORTS}:import_run")(actor, run=run, progress=lambda now: bar.update(now.done - bar.pos))
    _catch_up(hidden=hidden)
    if given["errors"] and run.failed:
        with Path(given["errors"]).open("wb") as out:
            name = "xlsx" if given["errors"].lower().endswith(".xlsx") else "csv"
            load("guanxi.core.exchange.results:import_write_errors")(actor, run=run, out=out, format=name)
    rate, _left = load(f"{_IMPORTS}:import_pace")(run)
    return {
        "run": run.pk, "file": run.file_name, "entity": run.entity, "state": run.state, "rows": run.total,
        "created": run.created, "updated": run.updated, "skipped": run.skipped, "failed": run.failed,
        "rows_per_second": round(rate), "operation": run.operation_id, **_described(run),
    }  # fmt: skip


def _catch_up(*, hidden: bool) -> None:
    """Make the search documents that a long import left for later, with a progress bar on a terminal."""
    waiting = load("guanxi.core.records.search.index:lagging")()
    if waiting:
        label = _("Search is catching up")
        with click.progressbar(length=waiting, label=label, file=sys.stderr, hidden=hidden) as bar:
            load("guanxi.core.records.search.index:catch_up")(lambda done: bar.update(done - bar.pos))


def _tell(result: dict[str, Any]) -> None:
    """One result for people."""
    if result["state"] == "refused":
        click.echo(_("%(file)s was refused: %(reason)s") % result, err=True)
        return
    click.echo(
        _(
            "%(file)s → %(entity)s: %(rows)d rows; created %(created)d, updated %(updated)d, skipped %(skipped)d, refused %(failed)d."
        )
        % result
    )
    if result["unmapped"]:
        click.echo(_("Columns left out: %(names)s") % {"names": ", ".join(result["unmapped"])})


@click.command("export", help=_("Take a list out as XLSX, CSV, ZIP of CSV files, or vCard."))
@click.argument("entity")
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False),
    help=_("File to write: .xlsx, .csv, .zip (tables within records as files of their own) or .vcf."),
)
@click.option("--query", default="", help=_("Filter as JSON, or @file with it."))
@click.option("--text", default="", help=_("Words to search for."))
@click.option("--columns", default="", help=_("Fields, separated by commas; else all."))
@click.option("--sort", default="", help=_("Fields, separated by commas; - before one turns it round."))
@click.option("--as", "login", default="", help=_("Login of the person who exports; else the system does."))
@click.option("--template", is_flag=True, help=_("Write an empty file to fill in instead."))
@_JSON
def export_command(entity: str, out: str, as_json: bool, **given: Any) -> None:
    """Export one list."""
    with workspace():
        actor, key = _actor(given["login"]), _entity(entity)
        form = Path(out).suffix.lower().lstrip(".") or "xlsx"
        draft = Path(out).with_name(Path(out).name + ".part")
        try:
            with draft.open("wb") as stream:
                result = _exported(actor, key, stream, form, given)
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)
    if as_json:
        click.echo(json.dumps({**result, "file": out}, ensure_ascii=False))
    else:
        click.echo(_("%(rows)d rows written to %(file)s.") % {**result, "file": out})


def _exported(actor: Actor, key: str, stream: Any, form: str, given: dict[str, Any]) -> dict[str, Any]:
    if given["template"]:
        names = load("guanxi.core.exchange.results:template_write")(actor, key, out=stream, format=form)
        return {"rows": 0, "columns": list(names)}
    made = load("guanxi.core.exchange.exports:export_write")(
        actor,
        key,
        out=stream,
        format=form,
        columns=[name for name in given["columns"].split(",") if name],
        filter=_given_json(given["query"], "--query") if given["query"] else None,
        text=given["text"],
        sort=[name for name in given["sort"].split(",") if name],
    )
    return {"rows": made.rows, "columns": list(made.columns)}
