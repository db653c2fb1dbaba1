"""All addresses of the product: pages at /, the API at /api/v1/, health beside them."""

from __future__ import annotations

from django.urls import include, path, re_path

from guanxi.config import observe
from guanxi.core.api import made
from guanxi.core.api.problems import missing
from guanxi.core.api.service import api
from guanxi.core.web import errors
from guanxi.core.web import urls as web

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
handler500 = errors.server_error
