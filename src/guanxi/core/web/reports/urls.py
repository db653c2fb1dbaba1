"""Addresses of reports and boards, and their entries in the navigation."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import pgettext_lazy

from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.reports import builder, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("reports/", views.index, name="reports"),
    path("reports/new/", builder.build, name="report-new"),
    path("reports/<slug:key>/", views.show, name="report"),
    path("reports/<slug:key>/edit/", builder.build, name="report-edit"),
    path("reports/<slug:key>/copy/", views.copy, {"sort": "report"}, name="report-copy"),
    path("reports/<slug:key>/delete/", views.delete, {"sort": "report"}, name="report-delete"),
    path("reports/<slug:key>/restore/", views.restore, {"sort": "report"}, name="report-restore"),
    path("reports/<slug:key>/export/<slug:format_name>/", views.export, name="report-export"),
]

add_entries(
    Entry(
        key="reports",
        label=pgettext_lazy("analysis", "Reports"),
        url="/reports/",
        icon="report-analytics",
        place="analysis",
        color="purple",
        order=20,
    ),
)
