"""Doing something with a request: sending it with its path in sight, deciding, passing on, taking back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from guanxi.core import records
from guanxi.core.automation.approvals import deciding, flows, history, path, people
from guanxi.core.automation.approvals.gate import ApprovalNeeded
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import GuanxiError, Invalid, NotFound
from guanxi.core.models import Approval, User
from guanxi.core.records import drafts
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import addresses, toasts
from guanxi.core.web.people.common import number, show
from guanxi.core.web.record.common import came_from, done
from guanxi.core.web.toasts import toast
from guanxi.core.web.views.common import actor_of, draw, into_dialog, page_view


def _sheet(
    request: HttpRequest, steps: tuple[path.Step, ...], flow_name: str, asked: Mapping[str, Any], changes: list[Any],
    *, status: int, error: str = "", comment: str = "",
) -> HttpResponseBase:  # fmt: skip
    """The dialog (or page) that shows the whole path before sending."""
    now, me = clock.now(), actor_of(request).user_id
    asks = [[(people.stand_in(user, now, but=me), user) for user in step.users] for step in steps]
    names = history.people_names(
        user for step, who in zip(steps, asks, strict=True) for user in (*sum(who, ()), *step.copies)
    )
    context = {
        "title": _("Send for approval"),
        "flow": flow_name,
        "steps": [
            (
                step,
                [(names.get(one, "?"), names.get(user, "?") if one != user else "") for one, user in who],
                [names.get(user, "?") for user in step.copies],
            )
            for step, who in zip(steps, asks, strict=True)
        ],
        "modes": flows.MODES,
        "asked": {**asked, "values": json.dumps(asked.get("values") or {}, ensure_ascii=False)},
        "changes": changes,
        "error": error,
        "comment": comment,
    }  # fmt: skip
    response = draw(request, "approvals/send.jinja", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return into_dialog(response) if "HX-Request" in request.headers else response


def needed(request: HttpRequest, error: ApprovalNeeded) -> HttpResponseBase:
    """The answer when something needs approval: the path, and the button that sends it."""
    asked = {"entity": error.entity, "record": error.record_id or "", "action": error.action, "values": error.values}
    return _sheet(request, error.steps, error.flow_name, asked, _changes(actor_of(request), asked), status=409)


def _changes(actor: Actor, asked: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> list[Any]:
    record = number(str(asked["record"])) if asked["record"] else None
    old: Mapping[str, Any] = before or {}
    if record is not None and asked["action"] == "change" and not old:
        row = records.get(actor, entity_of(asked["entity"]), record)
        old = {name: deciding.record_value(row, name) for name in asked["values"]}
    trial = Approval(
        entity=asked["entity"], record_id=record, action=asked["action"], values=dict(asked["values"]), before=dict(old)
    )
    return history.changes_of(actor, trial)


def _asked(data: QueryDict) -> dict[str, Any]:
    try:
        values = json.loads(data.get("values") or "{}")
    except ValueError:
        raise Invalid(_("These values cannot be read."), code="approval.values") from None
    if not isinstance(values, dict):
        raise Invalid(_("These values cannot be read."), code="approval.values")
    return {
        "entity": data.get("entity", ""),
        "record": data.get("record", ""),
        "action": data.get("action", ""),
        "values": values,
    }


@page_view("GET", "POST")
def send(request: HttpRequest) -> HttpResponseBase:
    """GET: the path an action would go. POST: send it."""
    actor = actor_of(request)
    asked = _asked(request.POST if request.method == "POST" else request.GET)
    entity = entity_of(asked["entity"])
    record_id = number(asked["record"]) if asked["record"] else None
    if record_id is not None:
        records.get(actor, entity, record_id)
    if request.method != "POST":
        flow, steps, before = deciding.attempt(actor, entity.key, record_id, asked["action"], asked["values"])
        if flow is None:
            raise NotFound
        return _sheet(request, steps, flows.name_of(flow), asked, _changes(actor, asked, before), status=200)
    made = deciding.submit(
        actor, entity.key, record_id, asked["action"], asked["values"], request.POST.get("comment", "")
    )
    shown = toast(_("Sent for approval."), url=f"/approvals/{made.pk}/")
    if record_id is None:
        return done(request, shown, go=f"/approvals/{made.pk}/")
    go = addresses.record_url(entity, record_id)
    drafts.drop(actor, f"edit:{entity.key}:{record_id}")
    page = urlsplit(came_from(request, go)).path
    if page != go and page.startswith((go, request.path)):  # a form's own page would still hold what was sent
        return done(request, shown, go=go)
    return done(request, shown, go=go, events={"gx:close": {}, "gx:refresh": {}})


def _user(request: HttpRequest) -> User:
    chosen = request.POST.get("user", "")
    found = User.objects.filter(pk=number(chosen)).first() if chosen else None
    if found is None:
        raise Invalid(_("Choose a person."), code="value.required", field="user")
    return found


def _do(request: HttpRequest, actor: Actor, pk: int, verb: str) -> str:
    """Carry a verb out; what to say."""
    comment = request.POST.get("comment", "")
    if verb == "approve":
        found = deciding.approve(actor, pk, comment)
        if found.state == "failed":
            return _("Approved, but it could not be carried out: %(reason)s") % {"reason": found.error}
        return _("Approved.")
    if verb == "reject":
        step = request.POST.get("to", "")
        deciding.reject(actor, pk, comment, to=number(step) if step else None)
        return _("Rejected.")
    if verb == "return":
        deciding.send_back(actor, pk, comment)
        return _("Returned for change.")
    if verb == "transfer":
        deciding.transfer(actor, pk, _user(request), comment)
        return _("Passed on.")
    if verb in ("add", "add-after"):
        deciding.add_signer(actor, pk, _user(request), comment, first=verb == "add")
        return _("One more person is asked.")
    if verb == "copy":
        deciding.copy_to(actor, pk, _user(request))
        return _("They were told.")
    if verb == "recall":
        deciding.recall(actor, pk)
        return _("Taken back.")
    if verb == "remind":
        count = deciding.remind(actor, pk)
        if not count:
            return _("They were reminded within the last hour.")
        return ngettext("%(num)d person was reminded.", "%(num)d people were reminded.", count) % {"num": count}
    raise NotFound


WORDS = ("approve", "reject", "return", "transfer", "add", "add-after", "copy", "recall", "remind")
#: Verbs whose dialog asks for a person.
PEOPLE = ("transfer", "add", "add-after", "copy")


@page_view("GET", "POST")
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponseBase:
    """GET: the small form of a verb (a comment, a person). POST: do it."""
    actor = actor_of(request)
    approval = history.get(actor, pk)
    if verb not in WORDS:
        raise NotFound
    error: GuanxiError | None = None
    if request.method == "POST":
        try:
            text = _do(request, actor, pk, verb)
        except Invalid as found:
            error = found
        else:
            return done(
                request,
                toast(text),
                go=came_from(request, f"/approvals/{pk}/"),
                events={"gx:close": {}, "gx:refresh": {}},
            )
    context = {
        "title": _titles()[verb],
        "verb": verb,
        "approval": approval,
        "name": history.title_of(actor, approval),
        "needs_user": verb in PEOPLE,
        "needs_reason": verb in ("reject", "return"),
        "steps": [(number_, one.step.name) for number_, one in enumerate(history.path_of(actor, approval)) if number_ < approval.step],
        "users": User.objects.filter(is_active=True).exclude(pk=actor.user_id or 0).order_by("sort_key")[:1000] if verb in PEOPLE else (),
        "comment": request.POST.get("comment", ""),
    }  # fmt: skip
    return show(request, "approvals/act.jinja", context, error)


def _titles() -> dict[str, str]:
    return {
        "approve": _("Approve"), "reject": _("Reject"), "return": _("Return for change"), "transfer": _("Pass on"),
        "add": _("Ask somebody before me"), "add-after": _("Approve, and ask somebody after me"), "copy": _("Let somebody know"),
        "recall": _("Take back"), "remind": _("Remind"),
    }  # fmt: skip


@page_view("POST")
def batch(request: HttpRequest) -> HttpResponseBase:
    """Approve or reject what was ticked."""
    verb = request.POST.get("do", "")
    if verb not in ("approve", "reject"):
        raise NotFound
    ids = [number(one) for one in request.POST.getlist("ids")][:200]
    if not ids:
        toasts.keep(request, toast(_("Tick what you want to decide."), level="error"))
        return done(request, go="/approvals/")
    count, problems = deciding.decide_many(actor_of(request), ids, verb, request.POST.get("comment", ""))
    text = ngettext("%(num)d was decided.", "%(num)d were decided.", count) % {"num": count}
    shown = [toast(text)] if count or not problems else []
    shown += [toast(" ".join(dict.fromkeys(problems)), level="error")] if problems else []
    toasts.keep(request, *shown)
    return done(request, go="/approvals/")
