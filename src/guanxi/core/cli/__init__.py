"""The command line ``guanxi``: a click group whose commands are loaded when they are asked for.

A room adds a command by adding a line to ``COMMANDS``: the name and where the click command is. Such a module imports
click and ``guanxi.core.cli.workspace`` at its top; Django code is reached through ``workspace.load`` when it runs.
Console text goes through ``guanxi.runtime.words.say``.
"""

import importlib
from typing import Final

import click

from guanxi import __version__
from guanxi.runtime.words import say as _

COMMANDS: Final[dict[str, str]] = {
    "demo": "guanxi.core.cli.run:demo",
    "serve": "guanxi.core.cli.run:serve",
    "prepare": "guanxi.core.cli.run:prepare",
    "test": "guanxi.core.cli.work:test",
    "check": "guanxi.core.cli.work:check",
    "migrate": "guanxi.core.cli.work:migrate",
    "doctor": "guanxi.core.cli.doctor:doctor",
    "settings": "guanxi.core.cli.settings:settings",
    "pack": "guanxi.core.cli.packs:pack",
    "user": "guanxi.core.cli.people:user",
    "token": "guanxi.core.cli.people:token",
    "import": "guanxi.core.cli.exchange:import_command",
    "export": "guanxi.core.cli.exchange:export_command",
    "backup": "guanxi.core.cli.backup:backup",
    "restore": "guanxi.core.cli.backup:restore",
    "audit": "guanxi.core.cli.audit:audit",
    "bench": "guanxi.core.cli.bench:bench",
    "mcp": "guanxi.core.cli.mcp:mcp",
    "mine": "guanxi.core.cli.mine:mine",
}
"""Command name -> ``module:attribute`` of the click command."""


class LazyGroup(click.Group):
    """A group that imports the module of a command when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of that name, or ``None``."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _colon, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{place} is not a click command")
        return command


@click.group(cls=LazyGroup, help=_("Guanxi (关系): customer relationship management."))
@click.version_option(__version__, prog_name="guanxi")
def guanxi() -> None:
    """The command line."""
