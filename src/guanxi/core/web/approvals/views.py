"""Reading approvals: the lists, one request with its path, how long they take, the card of Today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from guanxi.core import access
from guanxi.core.access.features import may_settings
from guanxi.core.automation.approvals import deciding, flows, gate, history
from guanxi.core.automation.approvals.running import record_of
from guanxi.core.kernel import clock
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied
from guanxi.core.kernel.memo import asked_once
from guanxi.core.models import Approval, User
from guanxi.core.schema.registry import entity_of, is_registered
from guanxi.core.web import addresses
from guanxi.core.web.people.common import show
from guanxi.core.web.record.header import facts
from guanxi.core.web.views.common import actor_of, page_view

SHOWN = 100
ON_CARD = 6


@asked_once(lambda actor: actor.user_id)
def waiting_count(actor: Actor) -> int:
    """How many requests wait for the actor."""
    return len(history.WAITING.rows(actor.user_id or 0))


def line(actor: Actor, approval: Approval, **more: Any) -> dict[str, Any]:
    """One request as a row of a list."""
    return {
        "one": approval,
        "title": history.title_of(actor, approval),
        "what": flows.action_label(approval.entity, approval.action),
        "flow": flows.name_of(approval.flow),
        "state": history.words(approval.state),
        "color": history.COLORS.get(approval.state, "slate"),
        "icon_name": entity_of(approval.entity).icon if is_registered(approval.entity) else "file",
        "changes": history.changes_of(actor, approval)[:3],
        "spoken": history.told(actor, approval) or approval.applicant_id == actor.user_id,
        **more,
    }


def waiting_lines(actor: Actor, most: int) -> list[dict[str, Any]]:
    """What waits for the actor, late ones marked."""
    now = clock.now()
    return [
        line(actor, turn.approval, turn=turn, late=turn.due_at is not None and turn.due_at < now)
        for turn in history.waiting_for(actor)[:most]
    ]


def card(actor: Actor) -> dict[str, Any] | None:
    """The card of Today; nobody sees it for whom nothing waits."""
    waiting = waiting_count(actor)
    return {"lines": waiting_lines(actor, ON_CARD), "count": waiting} if waiting else None


def tabs(actor: Actor, now: str) -> list[dict[str, Any]]:
    """The tabs of the lists."""
    pages = [
        ("", _("To decide")),
        ("sent", _("Sent by me")),
        ("done", _("Decided by me")),
        ("copies", _("For information")),
    ]
    found: list[dict[str, Any]] = [
        {"text": text, "href": f"/approvals/{'?show=' + key if key else ''}", "current": key == now, "count": None}
        for key, text in pages
    ]
    found[0]["count"] = waiting_count(actor)
    if may_settings(actor):
        found.append(
            {"text": _("Durations"), "href": "/approvals/durations/", "current": now == "durations", "count": None}
        )
    return found


@page_view()
def index(request: HttpRequest) -> HttpResponseBase:
    """What waits for me, what I sent, what I decided, what I was told of."""
    actor, chosen = actor_of(request), request.GET.get("show", "")
    if chosen not in ("sent", "done", "copies"):
        chosen = ""
    if chosen == "":
        lines = waiting_lines(actor, SHOWN)
    else:
        rows: Iterable[Approval] = (
            history.sent_by(actor) if chosen == "sent" else history.seen_by(actor, copies=chosen == "copies")
        )[:SHOWN]
        lines = [line(actor, one) for one in rows]
    context = {"title": _("Approvals"), "tabs": tabs(actor, chosen), "lines": lines, "chosen": chosen}
    return show(request, "approvals/index.jinja", context)


def strip(actor: Actor, record: Any) -> dict[str, Any] | None:
    """The strip on a record's page: its approval with the path and what the actor may do; ``None`` for none."""
    if not gate.watches(entity_of(record).key):
        return None
    approval = history.of_record(record)
    return whole(actor, approval) if approval is not None else None


def whole(actor: Actor, approval: Approval) -> dict[str, Any]:
    """Everything a page says of one request."""
    mine = history.waiting_for(actor).filter(approval=approval).first()
    own = approval.applicant_id == actor.user_id
    part = approval.state == "pending" and deciding.takes_part(actor, approval)
    return {
        **line(actor, approval),
        "path": history.path_of(actor, approval),
        "mine": mine,
        "may_send": own and approval.state in ("draft", "returned") and approval.action == "create",
        "may_recall": approval.state == "pending" and (own or actor.rights.everything),
        "may_remind": part,
        "may_copy": part and history.told(actor, approval),
        "now": clock.now(),
    }


@page_view()
def page(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One request: what it is about, its path, everything that was said, and the buttons."""
    actor = actor_of(request)
    approval = history.get(actor, pk)
    record = record_of(approval)
    visible = record is not None and access.allowed(actor, "view", record)
    entries = [
        (one, str(history.VERBS.get(one.verb, one.verb)), history.COLORS.get(one.verb, "slate"))
        for one in history.entries_of(actor, approval)
    ]
    names = history.people_names(one.details.get("user") for one, _verb, _color in entries if one.details.get("user"))
    context = {
        "title": history.title_of(actor, approval),
        **whole(actor, approval),
        "changes": history.changes_of(actor, approval),
        "entries": entries,
        "names": names,
        "told": history.told(actor, approval),
        "copies": [turn.user.name for turn in approval.turns.filter(copy=True).select_related("user")],
        "address": addresses.record_url(entity_of(approval.entity), record.pk) if visible else "",
        "record_facts": facts(actor, entity_of(approval.entity), record) if visible else (),
        "users": User.objects.filter(is_active=True).exclude(pk=actor.user_id or 0).order_by("sort_key")[:1000],
    }
    return show(request, "approvals/page.jinja", context)


@page_view()
def durations(request: HttpRequest) -> HttpResponseBase:
    """How long approvals take, by flow, step and person, in hours of working time."""
    actor = actor_of(request)
    if not may_settings(actor):
        raise Denied
    asked = request.GET.get("days", "90")
    days = int(asked) if asked.isdecimal() and len(asked) < 5 and 0 < int(asked) < 2000 else 90
    since = clock.now() - dt.timedelta(days=days)
    context = {
        "title": _("How long approvals take"),
        "tabs": tabs(actor, "durations"),
        "days": days,
        "groups": history.durations(since),
        "counts": history.counts(since),
        "words": {state: history.words(state) for state in history.COLORS},
    }
    return show(request, "approvals/durations.jinja", context)
