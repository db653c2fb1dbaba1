"""Addresses of workflows, and what they add to the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.web.contributions import Card, Entry, add_cards, add_due, add_entries
from guanxi.core.web.workflows import editor, runs

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/workflows/", editor.index, name="workflows"),
    path("settings/workflows/new/", editor.edit, name="workflow_new"),
    path("settings/workflows/<slug:key>/", editor.edit, name="workflow"),
    path("workflows/tasks/", runs.tasks, name="workflow_tasks"),
    path("workflows/tasks/<int:pk>/", runs.task, name="workflow_task"),
    path("workflows/runs/<int:pk>/", runs.run, name="workflow_run"),
    path("workflows/<slug:key>/begin/<slug:path>/<int:pk>/", runs.begin, name="workflow_begin"),
]

add_entries(
    Entry(
        key="workflows", label=_("Workflows"), url="/settings/workflows/", icon="sitemap", place="settings", order=102,
        hint=_("Longer processes, drawn: people, waiting, ways, rules"), shown=may_settings,
    )
)  # fmt: skip
add_cards(
    Card(
        key="workflows", label=_("My tasks in workflows"), template="workflows/card.jinja", context=runs.card, icon="sitemap",
        url="/workflows/tasks/", order=26,
    )
)  # fmt: skip
add_due("workflows", runs.waiting_count)
