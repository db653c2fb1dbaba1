"""Approval flows in the settings: the list, and an editor that needs no programming. Its form is drawn anew after each step."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation.approvals import flows, history, people
from guanxi.core.automation.approvals.flows import FlowDraft
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import ApprovalFlow
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import editors
from guanxi.core.web.lists.wording import describe
from guanxi.core.web.people.common import done, show, version_of
from guanxi.core.web.views.common import actor_of, page_view

HOME = "/settings/approvals/"
#: What a step says unless it says otherwise.
_BLANK: dict[str, Any] = {
    "key": "", "name_zh": "", "name_en": "", "who": [], "copy": [], "mode": "any", "nobody": "admin", "late": "remind", "hours": None,
}  # fmt: skip
MOST = 20


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """All flows by what they are about."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    rows = []
    for flow in ApprovalFlow.objects.all():
        entity = entity_of(flow.entity) if is_registered(flow.entity) else None
        when = describe(actor, entity, flow.condition) if entity and flow.condition else ""
        steps = [history.step_from_name(one) for one in flow.steps]
        rows.append((flow, flows.name_of(flow), entity, flows.action_label(flow.entity, flow.action), when, steps))
    return show(request, "approvals/flows.jinja", {"title": _("Approval flows"), "rows": rows})


def numbers_of(data: QueryDict, prefix: str) -> list[str]:
    """The numbers of a repeated part, in order."""
    found = {name[len(prefix) :].partition(".")[0] for name in data if name.startswith(prefix)}
    return sorted((one for one in found if one.isdecimal() and len(one) < 5), key=int)[: MOST * 2]


def whom_from(data: QueryDict, prefix: str) -> list[dict[str, Any]]:
    """People as the repeated part of a form names them."""
    found = []
    for number in numbers_of(data, prefix):
        at = f"{prefix}{number}."
        one: dict[str, Any] = {"kind": data.get(f"{at}kind", "")}
        level = data.get(f"{at}level", "")
        if one["kind"] in ("superior", "department_head"):
            one["level"] = int(level) if level.isdecimal() and 0 < int(level) < 10 else 1
        elif one["kind"] == "role":
            one["role"] = data.get(f"{at}role", "")
            if data.get(f"{at}within"):
                one["within"] = "department"
        elif one["kind"] == "people":
            one["users"] = data.getlist(f"{at}users")
        elif one["kind"] == "field":
            one["field"] = data.get(f"{at}field", "")
        found.append(one)
    return found


def _when(data: QueryDict, name: str) -> Any:
    text = data.get(name, "")
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {}


def _step(data: QueryDict, number: str) -> dict[str, Any]:
    at = f"s.{number}."
    hours = data.get(f"{at}hours", "").strip()
    step: dict[str, Any] = {
        "key": data.get(f"{at}key", "")[:40],
        "name_zh": data.get(f"{at}name_zh", "").strip()[:60],
        "name_en": data.get(f"{at}name_en", "").strip()[:60],
        "who": whom_from(data, f"{at}who."),
        "copy": whom_from(data, f"{at}copy."),
        "mode": data.get(f"{at}mode", "any"),
        "nobody": data.get(f"{at}nobody", "admin"),
        "late": data.get(f"{at}late", "remind"),
        "when": _when(data, f"{at}when"),
    }
    try:
        step["hours"] = float(hours) if hours else None
    except ValueError:
        step["hours"] = -1
    return step


def draft_from(data: QueryDict) -> FlowDraft:
    """The draft a sent editor stands for."""
    key = data.get("entity", "")
    return FlowDraft(
        name_zh=data.get("name_zh", ""),
        name_en=data.get("name_en", ""),
        entity=key,
        action=data.get("action", ""),
        condition=editors.condition_from(data, key),
        fields=data.getlist("fields"),
        free_fields=data.getlist("free_fields"),
        steps=[_step(data, number) for number in numbers_of(data, "s.")],
        options={"self": data.get("self", "superior"), "repeat": "pass" if data.get("repeat") else "ask"},
        position=editors.position_from(data),
        active=bool(data.get("active")),
    )


def changed(draft: FlowDraft, what: str) -> FlowDraft:
    """The draft after a button of the editor: a step or a person added, taken away, moved up."""
    steps = [{**one, "who": list(one.get("who") or []), "copy": list(one.get("copy") or [])} for one in draft.steps]
    verb, _colon, place = what.partition(":")
    numbers = [int(one) for one in place.split(".") if one.isdecimal()]
    if verb == "step":
        steps.append({"who": [{"kind": "superior", "level": 1}], "copy": []})
    elif numbers and numbers[0] < len(steps):
        at = numbers[0]
        if verb in ("who", "copy"):
            steps[at][verb].append({"kind": "superior" if verb == "who" else "people", "level": 1})
        elif verb in ("drop-who", "drop-copy") and len(numbers) > 1:
            part = steps[at][verb.removeprefix("drop-")]
            del part[numbers[1] : numbers[1] + 1]
        elif verb == "drop":
            del steps[at]
        elif verb == "up" and at:
            steps[at - 1], steps[at] = steps[at], steps[at - 1]
    values = {name: getattr(draft, name) for name in FlowDraft.__dataclass_fields__}
    return FlowDraft(**{**values, "steps": steps})


def stored(flow: ApprovalFlow) -> FlowDraft:
    """The draft of a stored flow."""
    names = (
        "name_zh",
        "name_en",
        "entity",
        "action",
        "condition",
        "fields",
        "free_fields",
        "steps",
        "options",
        "position",
        "active",
    )
    return FlowDraft(**{name: getattr(flow, name) for name in names})


def _context(request: HttpRequest, flow: ApprovalFlow | None, draft: FlowDraft) -> dict[str, Any]:
    actor = actor_of(request)
    entity = editors.chosen(draft.entity)
    return {
        **editors.about(actor, draft.entity, draft.condition or {}),
        "title": flows.name_of(flow) if flow else _("New approval flow"),
        "flow": flow,
        "draft": draft,
        "actions": list(flows.actions_of(draft.entity).items()) if entity else [],
        "fields": editors.fields_of(entity),
        "people_fields": editors.people_fields(entity),
        "steps": [{**_BLANK, **one} for one in draft.steps],
        "whens": [
            (describe(actor, entity, one["when"]) if entity and one.get("when") else "", json.dumps(one.get("when") or {}, ensure_ascii=False))
            for one in draft.steps
        ],
        "modes": flows.MODES,
        "nobody": flows.NOBODY,
        "late": flows.LATE,
        "self_rules": flows.SELF,
        "kinds": [(kind, editors.kind_label(kind)) for kind in people.KINDS],
        "roles": editors.roles(),
        "users": editors.users(),
    }  # fmt: skip


@page_view("GET", "POST")
def create(request: HttpRequest) -> HttpResponseBase:
    """A new flow."""
    require_feature(actor_of(request), SETTINGS)
    if request.method == "POST":
        return _post(request, None)
    entity = request.GET.get("entity", editors.first_choice())
    draft = FlowDraft(
        name_zh="", entity=entity, action="change", options={"self": "superior", "repeat": "pass"},
        steps=[
            {"name_zh": "初审", "name_en": "First check", "who": [{"kind": "superior", "level": 1}]},
            {"name_zh": "复审", "name_en": "Second check", "who": [{"kind": "superior", "level": 2}]},
        ],
    )  # fmt: skip
    return show(request, "approvals/flow.jinja", _context(request, None, draft))


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str) -> HttpResponseBase:
    """One flow."""
    require_feature(actor_of(request), SETTINGS)
    flow = ApprovalFlow.objects.filter(key=key).first()
    if flow is None:
        raise NotFound
    if request.method == "POST":
        return _post(request, flow)
    return show(request, "approvals/flow.jinja", _context(request, flow, stored(flow)))


def _post(request: HttpRequest, flow: ApprovalFlow | None) -> HttpResponseBase:
    actor, what = actor_of(request), request.POST.get("do", "")
    if what == "delete" and flow is not None:
        flows.flow_delete(actor, flow)
        return done(request, HOME, _("“%(name)s” was removed.") % {"name": flows.name_of(flow)})
    draft = draft_from(request.POST)
    if what != "save":
        return show(request, "approvals/flow.jinja", _context(request, flow, changed(draft, what)))
    try:
        saved = flows.flow_save(actor, flow, draft, version=version_of(request))
    except GuanxiError as error:
        return show(request, "approvals/flow.jinja", _context(request, flow, draft), error)
    return done(request, f"{HOME}{saved.key}/", _("The flow was saved. It counts from now on."))
