"""``python -m guanxi``: the command line. A ``Trouble`` becomes its sentence and exit code 1."""

import importlib
import sys

import click

from guanxi.runtime.messages import compile_catalogues
from guanxi.runtime.trouble import Trouble


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 something is in the way, 2 wrong usage."""
    try:
        compile_catalogues()
        cli = importlib.import_module("guanxi.core.cli")  # its help texts are translated when it is imported
        cli.guanxi(prog_name="guanxi")
    except Trouble as trouble:
        click.echo(str(trouble), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
