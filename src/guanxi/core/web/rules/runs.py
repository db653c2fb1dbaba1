"""Runs of rules: the list, one with its steps, trying again from the step that failed; and the button on a record."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access, records
from guanxi.core.access.features import SETTINGS, require_feature
from guanxi.core.automation import messages
from guanxi.core.automation.rules import hearing, running, store
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.models import AutomationRule, OutboundMessage, RuleRun
from guanxi.core.models.automation import RUN_STATES
from guanxi.core.records import display
from guanxi.core.schema.registry import entity_at, entity_of, is_registered
from guanxi.core.web import addresses
from guanxi.core.web.people.common import done, show
from guanxi.core.web.record.common import done as answered
from guanxi.core.web.rules.editor import step_icon, step_label, trail_text
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, page_view

HOME = "/settings/rules/runs/"
SHOWN = 100
COLORS = {"running": "blue", "waiting": "amber", "done": "green", "failed": "red", "stopped": "orange"}


def _title(actor: Actor, run: RuleRun) -> tuple[str, str]:
    """The record a run was about, and its address."""
    if not run.record_id or not is_registered(run.entity):
        return "", ""
    entity = entity_of(run.entity)
    record = entity.model._default_manager.filter(pk=run.record_id).first()
    if record is None or not access.allowed(actor, "view", record):
        return f"#{run.record_id}", ""
    return display.title_of(entity, record, actor), addresses.record_url(entity, record.pk)


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """The latest runs, of one rule or in one state if asked."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    asked = {name: request.GET.get(name, "") for name in ("rule", "state", "before")}
    rows = RuleRun.objects.select_related("rule").order_by("-id")
    if asked["rule"]:
        rows = rows.filter(rule__key=asked["rule"])
    if asked["state"]:
        rows = rows.filter(state=asked["state"])
    if asked["before"].isdecimal() and len(asked["before"]) < 18:
        rows = rows.filter(pk__lt=int(asked["before"]))
    some = list(rows[: SHOWN + 1])
    context = {
        "title": _("Runs"),
        "asked": asked,
        "rows": [(run, store.name_of(run.rule), *_title(actor, run)) for run in some[:SHOWN]],
        "older": some[SHOWN - 1].pk if len(some) > SHOWN else 0,
        "rules": [(rule.key, store.name_of(rule)) for rule in AutomationRule.objects.all()],
        "states": RUN_STATES,
        "colors": COLORS,
    }
    return show(request, "rules/runs.jinja", context)


@page_view("GET", "POST")
def page(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One run with its steps and messages; a failed one may be tried again."""
    actor = actor_of(request)
    require_feature(actor, SETTINGS)
    run = RuleRun.objects.select_related("rule", "by").filter(pk=pk).first()
    if run is None:
        raise NotFound
    if request.method == "POST":
        if request.POST.get("message", "").isdecimal():
            row = OutboundMessage.objects.filter(pk=int(request.POST["message"][:18]), run=run).first()
            if row is None:
                raise NotFound
            messages.send_again(row)
        else:
            running.again(actor, run)
        return done(request, f"{HOME}{pk}/", _("It is tried again."))
    title, address = _title(actor, run)
    context: dict[str, Any] = {
        "title": f"{store.name_of(run.rule)}: {title}",
        "run": run,
        "name": store.name_of(run.rule),
        "about": title,
        "address": address,
        "lines": [(one, step_label(one["do"]), step_icon(one["do"])) for one in run.trail],
        "told": trail_text,
        "messages": run.messages.order_by("id"),
        "color": COLORS.get(run.state, "slate"),
    }
    return show(request, "rules/run.jinja", context)


@page_view("POST")
def press(request: HttpRequest, key: str, path: str, pk: int) -> HttpResponseBase:
    """Start a rule from a record's menu."""
    actor, entity = actor_of(request), entity_at(path)
    record = records.get(actor, entity, pk)
    hearing.press(actor, key, record)
    return answered(
        request,
        toast(_("The rule is running.")),
        go=addresses.record_url(entity, pk),
        events={"gx:close": {}, "gx:refresh": {}},
    )
