"""Addresses of the settings of the shape, and their entries in the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.shaping import dictionaries, fields, formulas

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/dictionaries/", dictionaries.index, name="dictionaries"),
    path("settings/dictionaries/<slug:key>/", dictionaries.edit, name="dictionary"),
    path("settings/dictionaries/<slug:key>/order/", dictionaries.order, name="dictionary_order"),
    path("settings/dictionaries/<slug:key>/values/", dictionaries.value, name="dictionary_value_new"),
    path("settings/dictionaries/<slug:key>/values/<str:name>/", dictionaries.value, name="dictionary_value"),
    path("settings/fields/", fields.index, name="fields"),
    path("settings/fields/<slug:path>/", fields.listing, name="fields_of"),
    path("settings/fields/<slug:path>/order/", fields.order, name="fields_order"),
    path("settings/fields/<slug:path>/new/", fields.create, name="field_new"),
    path("settings/fields/<slug:path>/<slug:key>/", fields.edit, name="field_edit"),
    path("settings/fields/<slug:path>/<slug:key>/kind/", fields.kind, name="field_kind"),
    path("settings/formula/<slug:path>/", formulas.check, name="formula_check"),
]


def _entry(key: str, label: object, icon: str, order: int) -> Entry:
    return Entry(
        key=f"shaping.{key}",
        label=label,  # type: ignore[arg-type]
        url=f"/settings/{key}/",
        icon=icon,
        place="settings",
        order=order,
        shown=may_settings,
    )


add_entries(
    _entry("dictionaries", _("Dictionaries"), "list", 60),
    _entry("fields", _("Fields"), "forms", 62),
)
