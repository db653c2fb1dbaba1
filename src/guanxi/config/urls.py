"""All addresses of the product: pages at /, the API at /api/v1/, health beside them."""

from __future__ import annotations

from contextlib import nullcontext

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import include, path, re_path
from django.utils import translation

from guanxi.config import observe
from guanxi.core.api import made
from guanxi.core.api.problems import failed, missing
from guanxi.core.api.service import api
from guanxi.core.web import errors
from guanxi.core.web import urls as web
from guanxi.core.web.middleware import guest_language

urlpatterns = [
    path("", include(observe.urlpatterns)),
    path("api/v1/", api.urls),
    *made.urlpatterns,
    re_path(r"^api/", missing),
    path("account/", include("guanxi.core.web.people.account_urls")),
    path("", include("guanxi.areas.billing.pages")),
    path("insight/", include("guanxi.areas.insight.pages")),
    path("", include(web.urlpatterns)),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found


def handler500(request: HttpRequest) -> HttpResponseBase:
    """What nobody caught: a problem for programs, a page for people; in his language, also before it is known who asks."""
    known = hasattr(request, "actor")
    with nullcontext() if known else translation.override(guest_language(request)):
        return failed(request) if request.path_info.startswith("/api/") else errors.server_error(request)
