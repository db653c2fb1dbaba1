"""Which approval flows, rules, templates, workflows, pages for outsiders and keeping rules name a field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from guanxi.core.automation import templates
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models import (
    ApprovalFlow,
    AutomationRule,
    MessageTemplate,
    PortalView,
    PublicPage,
    Report,
    RetentionRule,
    SavedView,
    Workflow,
)
from guanxi.core.records.segments import named
from guanxi.core.records.shape import spoken
from guanxi.core.schema.registry import entity_of
from guanxi.core.shaping import segments, uses
from guanxi.core.shaping.uses import Use


def _texts(given: Any) -> Iterator[str]:
    """Every text of a stored definition, the names of its parts included."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        for name, one in given.items():
            yield str(name)
            yield from _texts(one)
    elif isinstance(given, list | tuple):
        for one in given:
            yield from _texts(one)


def names(given: Any, field: str) -> bool:
    """Whether a definition, a formula or a text with merge fields names the field."""
    word = re.compile(rf"(?<![\w.]){re.escape(field)}(?!\w)|\.{re.escape(field)}(?!\w)")
    return any(word.search(text) for text in _texts(given))


def _reaches(entity: str, about: str, given: Any, field: str) -> bool:
    """Whether a definition about one entity names a field of another: its own, over a reference, or in a step about it."""
    if not names(given, field):
        return False
    if entity == about:
        return True
    return entity in _texts(given) or any(f".{field}" in text for text in _texts(given))


def find(entity: str, field: str) -> list[Use]:
    """The flows, rules and templates that name the field, each with its page."""
    found: list[tuple[str, Any, str, list[Any]]] = [
        (
            _("Approval flow"),
            row,
            f"/settings/approvals/{row.key}/",
            [row.condition, row.fields, row.free_fields, row.steps],
        )
        for row in ApprovalFlow.objects.order_by("position", "pk")
    ]
    found += [
        (_("Rule"), row, f"/settings/rules/{row.key}/", [row.trigger, row.condition, row.formula, row.steps])
        for row in AutomationRule.objects.order_by("position", "pk")
    ]
    found += [
        (
            _("Message template"),
            row,
            f"/settings/templates/{row.key}/",
            [getattr(row, name) for name in templates.TEXTS],
        )
        for row in MessageTemplate.objects.order_by("position", "pk")
    ]
    found += [
        (_("Workflow"), row, f"/settings/workflows/{row.key}/", [row.start, row.xml]) for row in Workflow.objects.all()
    ]
    found += [
        (_("Public page"), row, f"/settings/outside/pages/{row.pk}/", [row.definition])
        for row in PublicPage.objects.all()
    ]
    found += [
        (_("What clients see"), row, f"/settings/outside/views/{row.pk}/", [row.fields, row.create, row.preset])
        for row in PortalView.objects.all()
    ]
    found += [
        (_("Keeping rule"), row, f"/settings/privacy/retention/{row.key}/", [row.condition])
        for row in RetentionRule.objects.all()
    ]
    return [
        Use(sort, spoken(row.name_zh, row.name_en) or str(entity_of(row.entity).plural), url)
        for sort, row, url, parts in found
        if _reaches(entity, row.entity, parts, field)
    ]


@asked_once(lambda: ())
def _naming_segments() -> list[tuple[Use, frozenset[str]]]:
    """The rules, flows, shared views, reports and keeping rules, each with the segments it names."""
    found: list[tuple[str, Any, str, list[Any]]] = [
        (_("Rule"), row, f"/settings/rules/{row.key}/", [row.condition, row.steps])
        for row in AutomationRule.objects.order_by("position", "pk")
    ]
    found += [
        (_("Approval flow"), row, f"/settings/approvals/{row.key}/", [row.condition, row.steps])
        for row in ApprovalFlow.objects.order_by("position", "pk")
    ]
    found += [
        (_("Keeping rule"), row, f"/settings/privacy/retention/{row.key}/", [row.condition])
        for row in RetentionRule.objects.all()
    ]
    found += [(_("Report"), row, f"/reports/{row.key}/", [row.definition]) for row in Report.objects.all()]
    listed = []
    for sort, row, url, parts in found:
        waited_for = {str(row.trigger.get("segment", ""))} if isinstance(row, AutomationRule) else set()
        use = Use(sort, spoken(row.name_zh, row.name_en), url, alone=True)
        listed.append((use, frozenset(named(parts)) | waited_for))
    shared = SavedView.objects.filter(deleted_at__isnull=True).exclude(visibility="private")
    return [*listed, *((Use(_("View"), one.name), frozenset(named(one.definition))) for one in shared)]


def standing_on(segment: str) -> list[Use]:
    """The rules, flows, shared views, reports and keeping rules that name a segment."""
    return [use for use, keys in _naming_segments() if segment in keys]


uses.add_finder(find)
segments.add_finder(standing_on)
