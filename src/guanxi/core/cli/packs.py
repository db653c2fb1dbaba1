"""``guanxi pack``: industry packs listed, applied, removed."""

from __future__ import annotations

import json
from typing import Any

import click

from guanxi.core.cli.workspace import load, workspace
from guanxi.runtime.words import say as _

_JSON = click.option("--json", "as_json", is_flag=True, help=_("Print the result as JSON."))


@click.group(help=_("Industry packs: settings and sample records of one trade."))
def pack() -> None:
    """Packs are data; nothing of them is code."""


def _actor() -> Any:
    return load("guanxi.core.kernel.actor:system_actor")("packs", via="cli")


@pack.command("list", help=_("Which packs there are, and which are applied."))
@_JSON
def list_(as_json: bool) -> None:
    """One line per pack."""
    with workspace():
        found = load("guanxi.core.exchange.packs:listed")()
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        click.echo(f"{'*' if one['applied'] else ' '} {one['key'].ljust(12)} {one['name']}: {one['about']}")


def _tell(result: Any, *, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "changed": result.changed,
                    "kept": list(result.kept),
                    "samples": result.samples,
                    "samples_kept": result.samples_kept,
                },
                ensure_ascii=False,
            )
        )
        return
    click.echo(
        _("%(changed)d settings, %(samples)d sample records.") % {"changed": result.changed, "samples": result.samples}
    )
    if result.samples_kept:
        click.echo(_("%(count)d sample records stay: somebody worked on them.") % {"count": result.samples_kept})
    for name in result.kept:
        click.echo(_("left as it is, somebody changed it: %(name)s") % {"name": name})


@pack.command("apply", help=_("Bring a pack in, or up to date; what somebody changed since stays."))
@click.argument("name")
@click.option("--no-samples", is_flag=True, help=_("Without sample records."))
@click.option(
    "--language",
    type=click.Choice(["both", "zh-hans", "en"]),
    default="both",
    show_default=True,
    help=_("The language of the sample records."),
)
@_JSON
def apply(name: str, no_samples: bool, language: str, as_json: bool) -> None:
    """Applying it again changes nothing that is as the pack says."""
    with workspace():
        result = load("guanxi.core.exchange.packs:apply")(
            _actor(), name, with_samples=not no_samples, language=language
        )
    _tell(result, as_json=as_json)


@pack.command("remove", help=_("Take a pack out: samples to the trash, settings away unless changed or in use."))
@click.argument("name")
@_JSON
def remove(name: str, as_json: bool) -> None:
    """Settings in use are retired."""
    with workspace():
        result = load("guanxi.core.exchange.packs:remove")(_actor(), name)
    _tell(result, as_json=as_json)
