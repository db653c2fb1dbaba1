"""Addresses of working time and leave, and their entries in the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.worktime import leave, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/working-time/", views.index, name="worktime"),
    path("settings/working-time/new/", views.create, name="worktime_new"),
    path("settings/working-time/<slug:key>/", views.edit, name="worktime_calendar"),
    path("settings/working-time/<slug:key>/days/", views.days, name="worktime_days"),
    path("leave/", leave.index, name="leave"),
    path("leave/<int:pk>/end/", leave.end, name="leave_end"),
]

add_entries(
    Entry(
        key="worktime",
        label=_("Working time"),
        url="/settings/working-time/",
        icon="calendar-time",
        place="settings",
        order=120,
        shown=may_settings,
        hint=_("Working hours, holidays and make-up days; due times count by them"),
    ),
    Entry(key="leave", label=_("Leave and deputy"), url="/leave/", icon="plane", place="account", order=30),
)
