"""Approval flows, rules, message templates and workflows over the API: read and written as their editors do, for who keeps
the settings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Body, NinjaAPI, Schema
from pydantic import Field

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.api import answers, routes
from guanxi.core.automation import templates
from guanxi.core.automation.approvals import flows
from guanxi.core.automation.rules import store as rules
from guanxi.core.automation.workflows import store as workflows
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid, NotFound
from guanxi.core.models import ApprovalFlow, AutomationRule, MessageTemplate, Segment, Workflow
from guanxi.core.shaping import segments

Answering = Callable[..., HttpResponse]


class DefinitionIn(Schema):
    """A definition as ``GET`` gives it; ``version`` is the one it started from, to notice what others saved meanwhile."""

    definition: dict[str, Any] = Field(description="the parts of a flow, rule, template or workflow, as GET gives them")
    version: int | None = None


@dataclass(frozen=True, slots=True)
class _Sort:
    """One sort of definition: where it lies, what it is made of, how it is saved and removed."""

    path: str
    word: str
    model: type[Model]
    names: tuple[str, ...]
    save: Callable[[Actor, Any, Mapping[str, Any], int | None], Any]
    remove: Callable[[Actor, Any], None]


def _drafted(draft: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    known = set(getattr(draft, "__dataclass_fields__", {}))
    unknown = set(given) - known
    if unknown:
        raise Invalid(
            _("Nobody knows “%(name)s”.") % {"name": min(unknown)}, code="definition.unknown", field=min(unknown)
        )
    try:
        return draft(**given)
    except TypeError:
        raise Invalid(_("Something is missing."), code="definition.incomplete") from None


_SORTS = (
    _Sort(
        "approval-flows", "approval_flow", ApprovalFlow,
        ("key", "name_zh", "name_en", "entity", "action", "condition", "fields", "free_fields", "steps", "options", "position", "active"),
        lambda actor, row, given, version: flows.flow_save(actor, row, _drafted(flows.FlowDraft, given), version=version),
        flows.flow_delete,
    ),
    _Sort(
        "rules", "rule", AutomationRule,
        ("key", "name_zh", "name_en", "entity", "trigger", "condition", "formula", "steps", "run_as", "person", "muted_in_imports",
         "per_hour", "position", "active"),
        lambda actor, row, given, version: rules.rule_save(actor, row, _drafted(rules.RuleDraft, given), version=version),
        rules.rule_delete,
    ),
    _Sort(
        "message-templates", "message_template", MessageTemplate, ("key", *templates.PARTS, "active"),
        lambda actor, row, given, _version: templates.template_save(actor, row, given), templates.removed,
    ),
    _Sort(
        "segments", "segment", Segment, ("key", "name_zh", "name_en", "description", "entity", "condition", "position"),
        lambda actor, row, given, version: segments.segment_save(actor, row, _drafted(segments.SegmentDraft, given), version=version),
        segments.segment_delete,
    ),
    _Sort(
        "workflows", "workflow", Workflow, ("key", "name_zh", "name_en", "entity", "xml", "start", "position", "active"),
        lambda actor, row, given, version: workflows.workflow_save(
            actor, row, _drafted(workflows.WorkflowDraft, given), version=version
        ),
        workflows.workflow_delete,
    ),
)  # fmt: skip


def _said(sort: _Sort, row: Any) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in sort.names}, "version": row.version}


def _row(sort: _Sort, key: str) -> Any:
    found = sort.model._default_manager.filter(key=key).first()
    if found is None:
        raise NotFound
    return found


def add_automation(api: NinjaAPI) -> None:
    """Five routes for each sort, and the rehearsal of a rule (first: its word is no key)."""

    @api.post(
        "/rules/rehearse", response={200: dict, **routes.PROBLEMS}, operation_id="rule_rehearse", tags=["settings"],
        summary="What a rule, saved or not, would do to the last records that fit; nothing is changed or sent",
    )  # fmt: skip
    def rehearse(request: HttpRequest, payload: Body[DefinitionIn]) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            found = rules.rehearse(actor, _drafted(rules.RuleDraft, payload.definition))
            shown = [
                {
                    "record": one.record_id,
                    "title": one.title,
                    "state": one.state,
                    "error": one.error,
                    "steps": list(one.trail),
                }
                for one in found.records
            ]
            return answers.reply({"items": shown, "fitting": found.fitting, "cut": found.cut})

        return routes.guarded(request, handler)

    for sort in _SORTS:
        _add(api, sort)


def _add(api: NinjaAPI, sort: _Sort) -> None:
    base, word = f"/{sort.path}", sort.word

    def guarded(request: HttpRequest, handler: Callable[[Actor], HttpResponse]) -> HttpResponse:
        def asked(actor: Actor) -> HttpResponse:
            require_feature(actor, SETTINGS)
            return handler(actor)

        return routes.guarded(request, asked)

    def route(method: str, path: str, name: str, summary: str) -> Callable[[Answering], Answering]:
        decorate: Callable[[Answering], Answering] = getattr(api, method)(
            path,
            response={200: dict, **routes.PROBLEMS},
            operation_id=f"{word}_{name}",
            summary=summary,
            tags=["settings"],
        )
        return decorate

    @route("get", base, "list", "All of them")
    def listing(request: HttpRequest) -> HttpResponse:
        rows = sort.model._default_manager.all()
        return guarded(request, lambda _actor: answers.reply({"items": [_said(sort, row) for row in rows]}))

    @route("post", base, "create", "A new one, checked as its editor checks it")
    def create(request: HttpRequest, payload: Body[DefinitionIn]) -> HttpResponse:
        return guarded(
            request, lambda actor: answers.reply(_said(sort, sort.save(actor, None, payload.definition, None)))
        )

    @route("get", f"{base}/{{key}}", "get", "One of them")
    def one(request: HttpRequest, key: str) -> HttpResponse:
        return guarded(request, lambda _actor: answers.reply(_said(sort, _row(sort, key))))

    @route("put", f"{base}/{{key}}", "update", "Another definition for one of them")
    def update(request: HttpRequest, key: str, payload: Body[DefinitionIn]) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            given = {name: one for name, one in payload.definition.items() if name != "version"}
            return answers.reply(_said(sort, sort.save(actor, _row(sort, key), given, payload.version)))

        return guarded(request, handler)

    @route("delete", f"{base}/{{key}}", "delete", "Remove one of them")
    def delete(request: HttpRequest, key: str) -> HttpResponse:
        def handler(actor: Actor) -> HttpResponse:
            sort.remove(actor, _row(sort, key))
            return answers.reply({"removed": key})

        return guarded(request, handler)
