"""A database and a loaded Django for a command, whether or not Guanxi is running."""

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import django
from django.db import connections
from django.utils import translation

from guanxi.core.cli.ground import database
from guanxi.core.kernel.errors import GuanxiError
from guanxi.runtime import external, logs, roles
from guanxi.runtime.environment import Environment, act_as_owner, environment
from guanxi.runtime.trouble import Trouble
from guanxi.runtime.words import console_language
from guanxi.runtime.words import say as _


def set_up(settings: Environment) -> None:
    """Load Django, with log lines from warnings up, in the language of the console."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")
    logs.configure("text" if sys.stderr.isatty() else settings.log_format, "warning")
    django.setup(set_prefix=False)
    translation.activate("zh-hans" if console_language() == "zh_Hans" else "en")


@contextlib.contextmanager
def workspace(*, migrated: bool = True, owner: bool = False) -> Iterator[Environment]:
    """Database and Django for the body. ``migrated`` asks that all migrations are applied; ``owner`` works as the owner of
    the database, as migrations have to, and gives the application's role what is its own afterwards.

    Errors of the engine become a ``Trouble`` with their message.
    """
    settings = environment()
    with database(settings):
        behind = migrated and external.recorded(settings, "migrations") != external.fingerprint()
        if owner or behind or not roles.divided(settings):
            act_as_owner()
            owner = True
        set_up(settings)
        if behind:
            if load("guanxi.core.cli.migrating:missing")():
                raise Trouble(_("The database is not up to date. Run first: guanxi migrate"))
            external.record(settings, "migrations", external.fingerprint())
        try:
            yield settings
            if owner:
                roles.divide(settings)
        except GuanxiError as error:
            raise Trouble(describe(error)) from error
        finally:
            connections.close_all()


def describe(error: GuanxiError) -> str:
    """The message of an error of the engine, with the message of each field it carries."""
    lines = [str(error)]
    for name, found in getattr(error, "errors", {}).items():
        lines += [f"  {name}: {each}" if name else f"  {each}" for each in found if str(each) not in lines[0]]
    return "\n".join(lines)


def load(place: str) -> Callable[..., Any]:
    """The function at ``module:attribute``; for Django code, once ``workspace`` has set it up."""
    module, _colon, attribute = place.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if not callable(found):
        raise TypeError(f"{place} is not a function")
    return found  # type: ignore[no-any-return]
