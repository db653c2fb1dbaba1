"""Addresses of reports and boards, and their entries in the navigation."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.reports import boards, builder, home, links, mailing, past, views

#: Modules that only contribute; they are known by being imported here.
FURTHER = (home,)

urlpatterns: list[URLPattern | URLResolver] = [
    path("reports/", views.index, name="reports"),
    path("reports/new/", builder.build, name="report-new"),
    path("reports/past/", past.show, name="report-past"),
    path("reports/shared/", links.index, name="report-links"),
    path("reports/shared/<int:link_id>/end/", links.end, name="report-link-end"),
    path("shared/<str:secret>/", links.opened, name="report-shared"),
    path("reports/<slug:key>/share/", links.share, {"sort": "report"}, name="report-share"),
    path("dashboards/<slug:key>/share/", links.share, {"sort": "board"}, name="dashboard-share"),
    path("reports/<slug:key>/", views.show, name="report"),
    path("reports/<slug:key>/edit/", builder.build, name="report-edit"),
    path("reports/<slug:key>/copy/", views.copy, {"sort": "report"}, name="report-copy"),
    path("reports/<slug:key>/delete/", views.delete, {"sort": "report"}, name="report-delete"),
    path("reports/<slug:key>/restore/", views.restore, {"sort": "report"}, name="report-restore"),
    path("reports/<slug:key>/picture/", views.picture, name="report-picture"),
    path("reports/<slug:key>/mail/", mailing.schedule, {"sort": "report"}, name="report-mail"),
    path("dashboards/<slug:key>/mail/", mailing.schedule, {"sort": "board"}, name="dashboard-mail"),
    path("reports/<slug:key>/pin/", boards.pin, name="report-pin"),
    path("dashboards/", boards.index, name="dashboards"),
    path("dashboards/new/", boards.edit, name="dashboard-new"),
    path("dashboards/<slug:key>/", boards.show, name="dashboard"),
    path("dashboards/<slug:key>/edit/", boards.edit, name="dashboard-edit"),
    path("dashboards/<slug:key>/order/", boards.order, name="dashboard-order"),
    path("dashboards/<slug:key>/copy/", views.copy, {"sort": "board"}, name="dashboard-copy"),
    path("dashboards/<slug:key>/delete/", views.delete, {"sort": "board"}, name="dashboard-delete"),
    path("dashboards/<slug:key>/restore/", views.restore, {"sort": "board"}, name="dashboard-restore"),
    path("dashboards/<slug:key>/tiles/<int:place>/", boards.show_tile, name="dashboard-tile"),
    path("dashboards/<slug:key>/tiles/<int:place>/<slug:verb>/", boards.change_tile, name="dashboard-tile-change"),
    path("reports/<slug:key>/export/<slug:format_name>/", views.export, name="report-export"),
]

add_entries(
    Entry(
        key="dashboards",
        label=_("Dashboards"),
        url="/dashboards/",
        icon="layout-dashboard",
        place="analysis",
        color="indigo",
        order=10,
    ),
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
