"""Addresses of automation and templates, and their entries in the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.rules import editor, runs, texts

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/rules/", editor.index, name="rules"),
    path("settings/rules/new/", editor.create, name="rule_new"),
    path("settings/rules/runs/", runs.index, name="rule_runs"),
    path("settings/rules/runs/<int:pk>/", runs.page, name="rule_run"),
    path("settings/rules/<slug:key>/", editor.edit, name="rule"),
    path("rules/<slug:key>/press/<slug:path>/<int:pk>/", runs.press, name="rule_press"),
    path("settings/templates/", texts.index, name="templates"),
    path("settings/templates/new/", texts.edit, name="template_new"),
    path("settings/templates/<slug:key>/", texts.edit, name="template"),
    path("account/snippets/", texts.own_snippets, name="own_snippets"),
    path("settings/snippets/new/", texts.snippet, name="snippet_new"),
    path("settings/snippets/<slug:key>/", texts.snippet, name="snippet"),
]

add_entries(
    Entry(
        key="rules", label=_("Automation"), url="/settings/rules/", icon="settings-automation", place="settings", order=100,
        shown=may_settings, hint=_("When something happens or is due: change, remind, send, ask"),
    ),
    Entry(
        key="templates", label=_("Message templates"), url="/settings/templates/", icon="mail", place="settings", order=105,
        shown=may_settings, hint=_("Mails and messages with fields filled in, and snippets"),
    ),
)  # fmt: skip
