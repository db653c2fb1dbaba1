"""``guanxi mcp``: the MCP face on standard input and output, for assistants on this machine."""

import os

import click

from guanxi.core.cli.workspace import load, workspace
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import say as _


@click.command(help=_("Serve assistants over MCP on standard input and output, with the token in GUANXI_TOKEN."))
def mcp() -> None:
    """Runs until the assistant hangs up."""
    secret = os.environ.get("GUANXI_TOKEN", "")
    if not secret:
        raise Trouble(_("Set GUANXI_TOKEN to a token made with: guanxi token create"))
    with workspace():
        load("guanxi.core.mcp.server:build")(secret).run("stdio")
