"""The pages and the API, for any WSGI server."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")

application = get_wsgi_application()
_ = get_resolver().url_patterns  # loaded now, before worker processes are forked, not by the first visitor
