"""The list of rules, and an editor that needs no programming: when, if, then; rehearsed before it is used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation import messages
from guanxi.core.automation.approvals import flows, people
from guanxi.core.automation.merge_fields import fields_offered
from guanxi.core.automation.rules import hearing, store
from guanxi.core.automation.rules.steps import KINDS
from guanxi.core.automation.rules.store import RuleDraft
from guanxi.core.automation.rules.telling_steps import SENDER
from guanxi.core.automation.workflows.store import name_of as workflow_name
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, NotFound
from guanxi.core.models import AutomationRule, MessageTemplate, Workflow
from guanxi.core.records import dictionaries, segments, shape
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.registry import children_of, entities, entity_of, is_registered
from guanxi.core.shaping.segments import name_of as segment_name
from guanxi.core.web import addresses, editors, formats
from guanxi.core.web.lists import builder
from guanxi.core.web.people.common import done, show, version_of
from guanxi.core.web.rules.reading import BRANCH, changed, draft_from
from guanxi.core.web.views.common import actor_of, page_view

HOME = "/settings/rules/"
#: Steps that are no kind of their own: the run itself does them.
OWN = {
    "if": ("git-merge", "Split by a condition"),
    "wait": ("hourglass", "Wait"),
    "run": ("route", "Run another rule"),
    "stop": ("player-stop", "Stop here"),
}


@page_view("GET", "POST")
def index(request: HttpRequest) -> HttpResponseBase:
    """All rules; a switch puts one into use or out of it."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    if request.method == "POST":
        rule = AutomationRule.objects.filter(key=request.POST.get("key", "")).first()
        if rule is None:
            raise NotFound
        store.rule_switch(actor, rule, active=request.POST.get("active") == "1")
        return done(
            request,
            HOME,
            _("“%(name)s” is in use.") % {"name": store.name_of(rule)}
            if rule.active
            else _("“%(name)s” is out of use.") % {"name": store.name_of(rule)},
        )
    rows = []
    for rule in AutomationRule.objects.all():
        entity = entity_of(rule.entity) if is_registered(rule.entity) else None
        last = rule.runs.order_by("-id").first()
        steps = [(step_icon(str(one.get("do"))), step_label(str(one.get("do")))) for one in rule.steps]
        rows.append((rule, store.name_of(rule), entity, trigger_words(entity, rule.trigger), steps, last))
    return show(request, "rules/index.jinja", {"title": _("Automation"), "rows": rows})


def trail_text(line: Mapping[str, Any]) -> str:
    """What a run notes of a step, for its reader: a moment in his time zone, words as they are; so is why a step failed."""
    if line["do"] != "wait" or line["state"] != "done":
        return str(line.get("text", ""))
    return _("until %(moment)s") % {"moment": formats.absolute(dt.datetime.fromisoformat(line["text"]))}


def step_label(sort: str) -> str:
    """What a kind of step is called."""
    if sort in OWN:
        return {
            "if": _("Split by a condition"),
            "wait": _("Wait"),
            "run": _("Run another rule"),
            "stop": _("Stop here"),
        }[sort]
    return str(KINDS[sort].label) if sort in KINDS else sort


def step_icon(sort: str) -> str:
    """The icon of a kind of step."""
    return OWN[sort][0] if sort in OWN else KINDS[sort].icon if sort in KINDS else "question-mark"


def trigger_words(entity: Entity | None, trigger: Mapping[str, Any]) -> str:
    """When a rule runs, in words."""
    on = str(trigger.get("on"))
    fields = shape.fields_of(entity) if entity else {}
    label = str(store.TRIGGERS.get(on, on))
    if on == "changed" and trigger.get("fields"):
        names = ", ".join(str(fields[name].label) for name in trigger["fields"] if name in fields)
        return _("%(fields)s changes") % {"fields": names}
    if on == "date" and trigger.get("field") in fields:
        offset, unit = int(trigger.get("offset") or 0), str(store.UNITS.get(str(trigger.get("unit")), ""))
        values = {"number": abs(offset), "unit": unit, "field": fields[trigger["field"]].label}
        return (
            _("%(number)d %(unit)s before %(field)s") if offset < 0 else _("%(number)d %(unit)s after %(field)s")
        ) % values
    if on == "schedule":
        return f"{label}: {trigger.get('cron')}"
    if on in hearing.MOVES:
        known = segments.every().get(str(trigger.get("segment")))
        values = {"segment": segment_name(known) if known else "—"}
        return (_("comes into “%(segment)s”") if on == "enters" else _("leaves “%(segment)s”")) % values
    if on == "message":
        ways = [str(hearing.WAYS[one]) for one in trigger.get("channels") or () if one in hearing.WAYS]
        return f"{label}: {', '.join(ways)}" if ways else label
    if on == "event":
        return str(store.EVENTS.get(str(trigger.get("event")), trigger.get("event")))
    return label


def _prepared(
    actor: Actor, entity: Entity, steps: Sequence[Mapping[str, Any]], prefix: str, place: str, count: list[int]
) -> list[dict[str, Any]]:
    """Steps as the template draws them: names in the form, places for the buttons, the widgets of their values."""
    found = []
    for number, step in enumerate(steps):
        sort, at, path = str(step.get("do", "")), f"{prefix}{number}.", f"{place}{number}"
        one: dict[str, Any] = {
            "do": sort, "at": at, "path": path, "label": step_label(sort), "icon_name": step_icon(sort), "step": step,
            "parts": KINDS[sort].parts if sort in KINDS else (), "asks": _asked(sort, step), "error_at": _error_place(path), "then": [], "else": [], "row": None,
        }  # fmt: skip
        if sort == "if":
            count[0] += 1
            when = step.get("when") or {}
            one["row"] = builder.condition(actor, entity, str(BRANCH + count[0]), "0", when if "field" in when else {})
            one["then"] = _prepared(actor, entity, step.get("then") or (), f"{at}t.", f"{path}.t.", count)
            one["else"] = _prepared(actor, entity, step.get("else") or (), f"{at}e.", f"{path}.e.", count)
        if "values" in one["parts"]:
            target = (
                entity_of(step["entity"])
                if "entity" in one["parts"] and is_registered(str(step.get("entity")))
                else entity
            )
            one["target"] = target
            one["values"] = [_value(target, name, value) for name, value in (step.get("values") or {}).items()]
            one["value_fields"] = [
                (name, str(field.label))
                for name, field in shape.fields_of(target).items()
                if not field.readonly and name != "id"
            ]
        if "reference" in one["parts"]:
            key = str(step.get("entity"))
            one["references"] = [
                (name, str(field.label))
                for name, field in (shape.fields_of(key) if is_registered(key) else {}).items()
                if field.target == entity.key
            ]
        found.append(one)
    return found


def _asked(sort: str, step: Mapping[str, Any]) -> list[tuple[str, Any, list[tuple[str, str]]]]:
    """What a kind of step asks of its own: name, label and choices, among them one that is chosen though no longer offered."""
    found = []
    for ask in KINDS[sort].asks if sort in KINDS else ():
        options, chosen = ask.options(), str(step.get(ask.name) or "")
        known = not chosen or chosen in {key for key, _label in options}
        found.append((ask.name, ask.label, options if known else [*options, (chosen, chosen)]))
    return found


def _error_place(path: str) -> str:
    """Where a mistake in the step is told, as the checks name it."""
    return "steps." + path.replace(".t.", ".then.").replace(".e.", ".else.")


def _value(target: Entity, name: str, value: Any) -> dict[str, Any]:
    """One field and its value: choices are chosen, everything else is typed."""
    field = shape.fields_of(target).get(name)
    options: list[tuple[str, str]] = []
    if field is not None and field.kind == "choice":
        options = [(one.key, str(one.label)) for one in dictionaries.choices_of(field) if one.active]
    elif field is not None and field.kind == "boolean":
        options = [("true", _("Yes")), ("false", _("No"))]
    known = {key for key, _label in options}
    text = "" if value is None else str(value)
    return {
        "name": name,
        "value": text,
        "options": options if not text or text in known or not options else [*options, (text, text)],
    }


def _context(request: HttpRequest, rule: AutomationRule | None, draft: RuleDraft) -> dict[str, Any]:
    actor = actor_of(request)
    entity = editors.chosen(draft.entity)
    fields = shape.fields_of(entity) if entity else {}
    pick = next((name for name in draft.trigger.get("fields") or () if name in fields), "")
    choosable = (
        [(one.key, str(one.label)) for one in dictionaries.choices_of(fields[pick])]
        if pick and fields[pick].kind == "choice"
        else []
    )
    listens = draft.trigger.get("on") == "message"
    writer = [(SENDER, _("whoever wrote the message"))] if listens else []
    heard = (
        [
            ("message.subject", _("Subject of the message")),
            ("message.text", _("Text of the message")),
            ("message.name", _("Who wrote it")),
        ]
        if listens
        else []
    )
    return {
        "title": store.name_of(rule) if rule else _("New rule"),
        "rule": rule,
        "draft": draft,
        **editors.about(actor, draft.entity, draft.condition or {}),
        "targets": sorted({(one.key, str(one.label)) for one, _name in children_of(draft.entity)} | {(one.key, str(one.label)) for one in entities() if one.creatable and one.access.owner}, key=lambda one: one[1]) if entity else [],
        "triggers": store.TRIGGERS.items(),
        "events": store.EVENTS.items(),
        "ways": hearing.WAYS.items(),
        "units": store.UNITS.items(),
        "segments": [(one.key, segment_name(one)) for one in segments.of(entity)] if entity else [],
        "fields": editors.fields_of(entity),
        "dates": [(name, str(one.label)) for name, one in fields.items() if one.kind in ("date", "datetime")],
        "choosable": choosable,
        "addresses": [*writer, *((name, str(one.label)) for name, one in fields.items() if one.kind in ("email", "emails", "phone", "phones"))],
        "actions": flows.actions_of(draft.entity).items() if entity else (),
        "own_actions": [(one.key, one.label) for one in entity.actions] if entity else [],
        "steps": _prepared(actor, entity, draft.steps, "s.", "", [0]) if entity else [],
        "step_kinds": [(sort, step_label(sort)) for sort in (*KINDS, *OWN)],
        "run_as": store.RUN_AS.items(),
        "methods": [("round", _("in turn")), ("least", _("whoever has the fewest")), ("first", _("the first"))],
        "channels": [(key, one.label) for key, one in messages.CHANNELS.items() if key != "webhook"],
        "templates": [(one.key, one.name_zh) for one in MessageTemplate.objects.filter(entity=draft.entity, active=True)],
        "others": [(one.key, store.name_of(one)) for one in AutomationRule.objects.filter(entity=draft.entity).exclude(pk=rule.pk if rule else 0)],
        "workflows": [(one.key, workflow_name(one)) for one in Workflow.objects.filter(entity=draft.entity)],
        "merge": [("{{ " + path + " }}", label) for path, label in [*heard, *fields_offered(actor, entity)[:60]]] if entity else [],
        "kinds": [(kind, editors.kind_label(kind) if kind != "applicant" else _("the owner")) for kind in people.KINDS],
        "people_fields": editors.people_fields(entity),
        "roles": editors.roles(),
        "users": editors.users(),
        "rehearsal": None,
    }  # fmt: skip


@page_view("GET", "POST")
def create(request: HttpRequest) -> HttpResponseBase:
    """A new rule."""
    require_feature(actor_of(request), SETTINGS)
    if request.method == "POST":
        return _post(request, None)
    entity = request.GET.get("entity", editors.first_choice())
    draft = RuleDraft(name_zh="", entity=entity, trigger={"on": "created"}, steps=())
    return show(request, "rules/rule.jinja", _context(request, None, draft))


@page_view("GET", "POST")
def edit(request: HttpRequest, key: str) -> HttpResponseBase:
    """One rule."""
    require_feature(actor_of(request), SETTINGS)
    rule = AutomationRule.objects.filter(key=key).first()
    if rule is None:
        raise NotFound
    if request.method == "POST":
        return _post(request, rule)
    names = [name for name in RuleDraft.__dataclass_fields__ if name != "key"]
    return show(
        request, "rules/rule.jinja", _context(request, rule, RuleDraft(**{name: getattr(rule, name) for name in names}))
    )


def _post(request: HttpRequest, rule: AutomationRule | None) -> HttpResponseBase:
    actor, what = actor_of(request), request.POST.get("do", "")
    if what == "delete" and rule is not None:
        store.rule_delete(actor, rule)
        return done(request, HOME, _("“%(name)s” was removed.") % {"name": store.name_of(rule)})
    draft = draft_from(request.POST)
    try:
        if what == "save":
            saved = store.rule_save(actor, rule, draft, version=version_of(request))
            return done(request, f"{HOME}{saved.key}/", _("The rule was saved."))
        if what == "rehearse":
            found = store.rehearse(actor, draft)
            base = addresses.list_url(entity_of(draft.entity))
            labels = {sort: step_label(sort) for sort in (*KINDS, *OWN)}
            context = {
                **_context(request, rule, draft),
                "rehearsal": found,
                "base": base,
                "labels": labels,
                "told": trail_text,
            }
            return show(request, "rules/rule.jinja", context)
    except GuanxiError as error:
        return show(request, "rules/rule.jinja", _context(request, rule, draft), error)
    return show(request, "rules/rule.jinja", _context(request, rule, changed(draft, what)))
