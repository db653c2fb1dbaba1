"""Rules of how long records are kept: the list, and an editor that shows whom the rule would take tonight."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _

from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import RetentionRule
from guanxi.core.models.privacy import ERASE, RETENTION_ACTIONS
from guanxi.core.people.guards import require_administrator
from guanxi.core.privacy import retention
from guanxi.core.privacy.retention import RuleDraft
from guanxi.core.records import display
from guanxi.core.records.query import is_empty
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import addresses, editors
from guanxi.core.web.lists import builder
from guanxi.core.web.lists.wording import describe
from guanxi.core.web.people.common import done, show, version_of
from guanxi.core.web.views.common import actor_of, page_view

HOME = "/settings/privacy/retention/"
SHOWN = 10


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """All rules, what each did last night."""
    actor = actor_of(request)
    require_administrator(actor)
    rows = []
    for rule in RetentionRule.objects.all():
        entity = entity_of(rule.entity) if is_registered(rule.entity) else None
        when = describe(actor, entity, rule.condition) if entity else ""
        rows.append((rule, retention.name_of(rule), entity, when, dict(RETENTION_ACTIONS)[rule.action]))
    return show(request, "privacy/rules.jinja", {"title": _("How long records are kept"), "rows": rows})


@page_view("GET", "POST")
def create(request: HttpRequest) -> HttpResponseBase:
    """A new rule."""
    require_administrator(actor_of(request))
    if request.method == "POST":
        return _post(request, None)
    return show(request, "privacy/rule.jinja", _context(request, None, RuleDraft(entity=retention.choices()[0].key)))


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str) -> HttpResponseBase:
    """One rule."""
    require_administrator(actor_of(request))
    rule = RetentionRule.objects.filter(key=key).first()
    if rule is None:
        raise NotFound
    if request.method == "POST":
        return _post(request, rule)
    names = RuleDraft.__dataclass_fields__
    return show(
        request, "privacy/rule.jinja", _context(request, rule, RuleDraft(**{one: getattr(rule, one) for one in names}))
    )


def _post(request: HttpRequest, rule: RetentionRule | None) -> HttpResponseBase:
    actor, what = actor_of(request), request.POST.get("do", "")
    if what == "delete" and rule is not None:
        retention.rule_delete(actor, rule)
        return done(request, HOME, _("“%(name)s” was removed.") % {"name": retention.name_of(rule)})
    draft = _draft(request.POST)
    if what != "save":
        return show(request, "privacy/rule.jinja", _context(request, rule, draft))
    try:
        retention.rule_save(actor, rule, draft, version=version_of(request))
    except GuanxiError as error:
        return show(request, "privacy/rule.jinja", _context(request, rule, draft), error)
    return done(request, HOME, _("Saved."))


def _draft(data: QueryDict) -> RuleDraft:
    key = data.get("entity", "")
    return RuleDraft(
        name_zh=data.get("name_zh", ""), name_en=data.get("name_en", ""), entity=key, action=data.get("action", ""),
        condition=editors.condition_from(data, key), active="active" in data,
    )  # fmt: skip


def _context(request: HttpRequest, rule: RetentionRule | None, draft: RuleDraft) -> dict[str, Any]:
    actor = actor_of(request)
    entity = editors.chosen(draft.entity)
    context: dict[str, Any] = {
        "title": retention.name_of(rule) if rule else _("New rule of keeping"),
        "rule": rule, "draft": draft, "entity": entity,
        "entities": sorted(((one.key, str(one.plural)) for one in retention.choices(draft.action)), key=lambda one: one[1]),
        "actions": RETENTION_ACTIONS,
        "for_good": draft.action == ERASE,
        **builder.asked(actor, entity, draft.condition or {}),
        "count": None,
    }  # fmt: skip
    if entity and not is_empty(draft.condition):
        try:
            rows = retention.fitting(draft)
            context["count"] = rows.count()
            context["some"] = [
                (display.title_of(entity, one, actor), addresses.record_url(entity, one.pk)) for one in rows[:SHOWN]
            ]
        except GuanxiError:
            pass
    return context
