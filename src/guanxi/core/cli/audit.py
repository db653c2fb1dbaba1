"""``guanxi audit``: the newest seal of the audit's chain, and whether the chain holds."""

import json
import sys
from typing import Any

import click

from guanxi.core.cli.workspace import load, workspace
from guanxi.runtime.words import say as _

_JSON = click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))


@click.group(help=_("Prove that nobody tampered with the audit."))
def audit() -> None:
    """A group of commands."""


@audit.command(help=_("Print the digest of the newest seal, to be kept elsewhere."))
@_JSON
def head(as_json: bool) -> None:
    """Digest, moment and last entry of the newest finished seal."""
    with workspace():
        found: Any = load("guanxi.core.records.sealing:head")()
        if as_json:
            seal = {"digest": found.digest, "at": found.at.isoformat(), "last_entry": found.last_entry} if found else {}
            click.echo(json.dumps(seal))
        elif found is None:
            click.echo(_("There is no seal yet; the worker makes one every ten minutes."))
        else:
            click.echo(f"{found.digest}  {found.at:%Y-%m-%d %H:%M:%S} UTC  {found.last_entry}")


@audit.command(help=_("Check the whole chain: entries changed, removed, added or reordered, and an end cut off."))
@click.option("--head", "expected", default="", help=_("A digest kept elsewhere, which must stand in the chain."))
@_JSON
def verify(expected: str, as_json: bool) -> None:
    """Exit code 1 when the chain does not hold."""
    with workspace():
        found: Any = load("guanxi.core.records.sealing:verify")(expected)
        if as_json:
            click.echo(json.dumps([{"seal": e.seal, "first": e.first, "last": e.last, "what": e.what} for e in found]))
        for each in found if not as_json else ():
            click.echo(_sentence(each.what) % {"first": each.first, "last": each.last, "seal": each.seal})
        if not found and not as_json:
            click.echo(_("The chain holds: no sealed entry was changed, removed, added or reordered."))
    sys.exit(1 if found else 0)


def _sentence(what: str) -> str:
    return {
        "entries": _("Entries %(first)s to %(last)s are not those that seal %(seal)s was made over."),
        "end": _("The digest given does not stand in the chain: its end was cut off or made anew."),
        "added": _("There are more entries up to number %(last)s than were sealed: some were added later."),
        "erased": _("An entry whose values were erased says something again: it was changed since."),
    }[what]
