"""The list of workflows and the page one is drawn on."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.approvals import people
from guanxi.core.automation.rules.store import name_of as rule_name
from guanxi.core.automation.workflows import drawing, store
from guanxi.core.automation.workflows.store import WorkflowDraft
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import AutomationRule, Workflow
from guanxi.core.records import shape
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import editors
from guanxi.core.web.people.common import done, show, version_of
from guanxi.core.web.views.common import actor_of, page_view
from guanxi.core.web.workflows.words import WORDS, drawn

HOME = "/settings/workflows/"


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """All workflows, with what is under way."""
    require_feature(actor_of(request), SETTINGS)
    rows = [
        (
            one,
            store.name_of(one),
            entity_of(one.entity) if is_registered(one.entity) else None,
            store.STARTS.get(str(one.start.get("on", "")), ""),
            one.runs.filter(state="running").count(),
            one.runs.filter(state="failed").count(),
        )
        for one in Workflow.objects.all()
    ]
    return show(request, "workflows/index.jinja", {"title": _("Workflows"), "rows": rows})


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str = "") -> HttpResponseBase:
    """One workflow, or a new one."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    row = Workflow.objects.filter(key=key).first() if key else None
    if key and row is None:
        raise NotFound
    if request.method != "POST":
        return drawn(show(request, "workflows/editor.jinja", _context(row, _held(request, row))))
    if request.POST.get("do") == "delete" and row is not None:
        name = store.name_of(row)
        try:
            store.workflow_delete(actor, row)
        except GuanxiError as error:
            return drawn(show(request, "workflows/editor.jinja", _context(row, _held(request, row)), error))
        return done(request, HOME, _("“%(name)s” was removed.") % {"name": name})
    draft = _draft(request)
    try:
        saved = store.workflow_save(actor, row, draft, version=version_of(request))
    except GuanxiError as error:
        return drawn(
            show(
                request,
                "workflows/editor.jinja",
                {**_context(row, draft), "wrong": error.details.get("shape", "")},
                error,
            )
        )
    return done(request, f"{HOME}{saved.key}/", _("The workflow was saved. Runs under way keep their drawing."))


def _held(request: HttpRequest, row: Workflow | None) -> WorkflowDraft:
    if row is None:
        entity = request.GET.get("entity", editors.first_choice())
        return WorkflowDraft(name_zh="", entity=entity, xml=drawing.BEGINNING)
    names = ("name_zh", "name_en", "entity", "xml", "start", "position", "active")
    return WorkflowDraft(**{name: getattr(row, name) for name in names})


def _draft(request: HttpRequest) -> WorkflowDraft:
    sent = request.POST
    return WorkflowDraft(
        name_zh=sent.get("name_zh", ""), name_en=sent.get("name_en", ""), entity=sent.get("entity", ""),
        xml=sent.get("xml", ""), active=bool(sent.get("active")),
        start={"on": sent.get("on", ""), "formula": sent.get("formula", "").strip()},
    )  # fmt: skip


def _context(row: Workflow | None, draft: WorkflowDraft) -> dict[str, Any]:
    entity = editors.chosen(draft.entity)
    fields = shape.fields_of(entity) if entity else {}
    ways = [("owner", _("the owner")), ("starter", _("whoever began it"))]
    ways += [(kind, editors.kind_label(kind)) for kind in people.KINDS if kind != "applicant"]
    return {
        "title": store.name_of(row) if row else _("New workflow"),
        "row": row,
        "draft": draft,
        "entity": entity,
        "entities": editors.choices(),
        "starts": list(store.STARTS.items()),
        "wrong": "",
        "setup": {
            "words": {key: str(text) for key, text in WORDS.items()},
            "ways": ways,
            "roles": editors.roles(),
            "people": editors.users(),
            "peopleFields": editors.people_fields(entity),
            "fields": [(name, str(one.label)) for name, one in fields.items() if name != "id" and not one.readonly],
            "rules": [(one.key, rule_name(one)) for one in AutomationRule.objects.filter(entity=draft.entity)],
        },
        "runs": list(row.runs.select_related("by").order_by("-id")[:20]) if row else [],
    }  # fmt: skip
