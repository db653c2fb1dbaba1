"""The pages and the API, for any ASGI server; ``guanxi serve`` uses the WSGI one, which needs half the processor."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guanxi.config.settings")

application = get_asgi_application()
