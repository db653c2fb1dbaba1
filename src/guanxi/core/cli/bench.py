"""``guanxi bench``: measure this installation and put it to the test."""

import click

from guanxi.core.cli import faults
from guanxi.runtime.words import say as _


@click.group(help=_("Measure speed, and prove that faults lose nothing."))
def bench() -> None:
    """A group of commands."""


bench.add_command(faults.command, "faults")
