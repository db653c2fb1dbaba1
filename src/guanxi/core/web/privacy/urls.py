"""Addresses of personal data, and its entry among the settings."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.people.guards import is_administrator
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.privacy import retention, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/privacy/", views.index, name="privacy"),
    path("settings/privacy/limits/", views.limits, name="privacy_limits"),
    path("settings/privacy/marketing/", views.marketing_rule, name="privacy_marketing"),
    path("settings/privacy/retention/", retention.index, name="retention"),
    path("settings/privacy/retention/new/", retention.create, name="retention_new"),
    path("settings/privacy/retention/<slug:key>/", retention.edit, name="retention_rule"),
    path("settings/privacy/<slug:path>/<int:pk>/copy/", views.copy, name="privacy_copy"),
    path("settings/privacy/<slug:path>/<int:pk>/erase/", views.erase, name="privacy_erase"),
]

add_entries(
    Entry(
        key="privacy",
        label=_("Personal data"),
        url=views.ADDRESS,
        icon="user-shield",
        place="settings",
        order=45,
        shown=is_administrator,
        hint=_("Requests of persons, how long records are kept, limits of looks and exports"),
    )
)
