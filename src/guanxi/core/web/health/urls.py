"""Addresses of the health of the workspace, and its entry among the settings."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.people.guards import is_administrator
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.health import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/health/", views.index, name="health"),
    path("settings/health/backup/", views.backup, name="health_backup"),
    path("settings/health/jobs/<str:job>/again/", views.again, name="health_job_again"),
]

add_entries(
    Entry(
        key="health",
        label=_("Health"),
        url=views.ADDRESS,
        icon="activity",
        place="settings",
        order=185,
        shown=is_administrator,
        hint=_("Whether database, jobs, mail, disk and backups are well"),
    )
)
