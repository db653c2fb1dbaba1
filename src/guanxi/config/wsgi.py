"""The pages and the API, for any WSGI server."""

import os
from importlib import import_module
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.db.backends.signals import connection_created
from django.urls import get_resolver

from guanxi.config.seats import Seats
from guanxi.runtime.environment import environment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")

_environment = environment()
application = Seats(get_wsgi_application(), _environment.web_threads, 4 * _environment.file_limit_mb * 1024 * 1024)


def _limit(connection: Any, **_how: Any) -> None:
    """No page waits for ever; jobs and commands may."""
    with connection.cursor() as cursor:
        cursor.execute(import_module("guanxi.core.models.trouble").LIMITS)


connection_created.connect(_limit)
_ = get_resolver().url_patterns  # loaded now, before worker processes are forked, not by the first visitor
