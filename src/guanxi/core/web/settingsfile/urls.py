"""Addresses of the settings file, and its entry in the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.settingsfile import packs, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/file/", views.index, name="settings_file"),
    path("settings/file/download/", views.download, name="settings_download"),
    path("settings/packs/", packs.index, name="packs"),
    path("settings/file/<int:pk>/", views.compare, name="settings_compare"),
]

add_entries(
    Entry(
        key="packs", label=_("Industry packs"), url="/settings/packs/", icon="package", place="settings", order=190, shown=may_settings,
        hint=_("A trade’s settings and sample data, in one step and out again"),
    ),
    Entry(
        key="settings.file", label=_("Settings as a file"), url="/settings/file/", icon="file-code", place="settings", order=195,
        shown=may_settings, hint=_("Take all settings out, bring them in elsewhere, go back to earlier ones"),
    ),
)  # fmt: skip
