"""Addresses of the settings of the shape, and their entries in the shell."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

from guanxi.core.access.features import may_settings
from guanxi.core.kernel.errors import Text
from guanxi.core.web.contributions import Entry, add_entries
from guanxi.core.web.shaping import (
    dictionaries,
    fields,
    firm,
    formulas,
    hub,
    layouts,
    numberings,
    objects,
    processes,
    segments,
    setups,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/", hub.index, name="settings"),
    path("settings/firm/", firm.edit, name="firm"),
    path("settings/objects/", objects.index, name="objects"),
    path("settings/objects/new/", objects.create, name="object_new"),
    path("settings/objects/<slug:key>/", objects.edit, name="object"),
    path("settings/processes/", processes.index, name="processes"),
    path("settings/processes/<slug:path>/<str:name>/", processes.edit, name="process"),
    path("settings/layouts/", layouts.index, name="layouts"),
    path("settings/layouts/own/<slug:face>/", layouts.own, name="layout_own"),
    path("settings/layouts/<slug:path>/", layouts.edit, name="layout"),
    path("settings/layouts/<slug:path>/whens/", layouts.whens, name="layout_whens"),
    path("settings/dictionaries/", dictionaries.index, name="dictionaries"),
    path("settings/dictionaries/<slug:key>/", dictionaries.edit, name="dictionary"),
    path("settings/dictionaries/<slug:key>/order/", dictionaries.order, name="dictionary_order"),
    path("settings/dictionaries/<slug:key>/values/", dictionaries.value, name="dictionary_value_new"),
    path("settings/dictionaries/<slug:key>/values/<str:name>/", dictionaries.value, name="dictionary_value"),
    path("settings/numbering/", numberings.index, name="numberings"),
    path("settings/numbering/<slug:path>/<str:name>/", numberings.edit, name="numbering"),
    path("settings/fields/", fields.index, name="fields"),
    path("settings/fields/<slug:path>/", fields.listing, name="fields_of"),
    path("settings/fields/<slug:path>/order/", fields.order, name="fields_order"),
    path("settings/fields/<slug:path>/new/", fields.create, name="field_new"),
    path("settings/fields/<slug:path>/built-in/<slug:name>/", setups.edit, name="field_built_in"),
    path("settings/fields/<slug:path>/<slug:key>/", fields.edit, name="field_edit"),
    path("settings/fields/<slug:path>/<slug:key>/kind/", fields.kind, name="field_kind"),
    path("settings/segments/", segments.index, name="segments"),
    path("settings/segments/new/", segments.edit, name="segment_new"),
    path("settings/segments/<slug:key>/", segments.edit, name="segment"),
    path("settings/formula/<slug:path>/", formulas.check, name="formula_check"),
]


def _entry(key: str, label: Text, icon: str, order: int, hint: Text) -> Entry:
    return Entry(
        key=f"shaping.{key}",
        label=label,
        hint=hint,
        url=f"/settings/{key}/",
        icon=icon,
        place="settings",
        order=order,
        shown=may_settings,
    )


add_entries(
    _entry(
        "firm", _("Our firm"), "building", 5, _("Name, address, bank and tax number on documents; the business year")
    ),
    _entry("objects", _("Objects"), "box", 60, _("Sorts of records of your own")),
    _entry("fields", _("Fields"), "forms", 62, _("Further fields for everything, with conditions and formulas")),
    _entry("dictionaries", _("Dictionaries"), "list", 64, _("Values of choices: names, colours, order")),
    _entry("numbering", _("Numbering"), "hash", 65, _("Numbers of customers, contracts …: format, restart, gaps")),
    _entry("layouts", _("Layouts"), "layout-board", 66, _("Forms, pages, lists, cards, menu and home page per role")),
    _entry(
        "segments",
        _("Segments"),
        "chart-pie",
        67,
        _("Groups of customers and others, for lists, pools, rules and reports"),
    ),
    _entry("processes", _("Processes"), "arrows-exchange", 68, _("Stages: which moves, for whom, what on the way")),
)
