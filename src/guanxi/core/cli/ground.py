"""What a command stands on before Django is loaded: the console and a reachable database."""

import contextlib
from collections.abc import Iterator

import click

from guanxi.runtime import external
from guanxi.runtime.environment import Environment
from guanxi.runtime.postgres import EmbeddedPostgres, running_url


def tell(text: str) -> None:
    """Print a sentence for the operator; standard output is kept for results that scripts read."""
    click.echo(text, err=True)


def embedded(settings: Environment) -> EmbeddedPostgres:
    """The embedded server of the data folder, not started."""
    return EmbeddedPostgres(
        settings.data / "pg",
        settings.data / "logs",
        run=settings.run,
        memory_mb=settings.database_memory_mb,
        tell=tell,
    )


@contextlib.contextmanager
def database(settings: Environment) -> Iterator[None]:
    """A reachable database: the one of ``DATABASE_URL``, the running embedded one, or the embedded one started for us.

    Raises ``Trouble`` when there is none to be had.
    """
    if not settings.embedded:
        external.check(settings)
        yield
    elif running_url(settings.data, settings.run):
        yield
    else:
        server = embedded(settings)
        server.start()
        try:
            yield
        finally:
            server.stop()
