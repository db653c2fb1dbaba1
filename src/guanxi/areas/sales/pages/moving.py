"""Pages of the area that belong to no single record: handover, and trying out the rules of a pool."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext

from guanxi.areas.customers.models import Pool
from guanxi.areas.customers.models.pools import GROUNDS
from guanxi.areas.sales import services
from guanxi.areas.sales.selectors import pools as read
from guanxi.areas.sales.selectors import returns
from guanxi.areas.sales.services import handover
from guanxi.core import records
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import Operation, User
from guanxi.core.records import dictionaries, segments
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of
from guanxi.core.web import toasts
from guanxi.core.web.contributions import Entry, add_entries, add_pages
from guanxi.core.web.forms import choosing
from guanxi.core.web.record.common import done
from guanxi.core.web.views.common import actor_of, draw, page_view

ROWS = 8


def rules_from(data: QueryDict, subject: str) -> list[returns.Rule]:
    """The rules typed into the simulator; rows without days are none. Raises Invalid at the row."""
    found = []
    levels = {"", *(one.key for one in dictionaries.values("customer_level"))}
    known = {"", *(one.key for one in segments.of(subject))}
    for row in range(ROWS):
        days = data.get(f"days.{row}", "").strip()
        if not days:
            continue
        if not days.isdecimal() or not 1 <= int(days[:6]) <= 3650:
            raise Invalid(_("Days are a whole number from 1 to 3650."), code="rule.days", field=f"days.{row}")
        ground, level, segment = (data.get(f"{name}.{row}", "") for name in ("ground", "level", "segment"))
        if ground not in dict(GROUNDS) or level not in levels or segment not in known:
            raise Invalid(_("Choose one of the values offered."), code="rule.ground", field=f"days.{row}")
        found.append(returns.Rule(ground, int(days), level, segment))
    return found


@page_view("GET", "POST")
def simulate(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Who would lose what on each of the next 30 days under rules that are not saved yet; saving replaces them."""
    actor = actor_of(request)
    pool: Pool = records.get(actor, "customers.pool", pk)
    if not returns.may_try(actor):
        raise Denied
    present = rules = returns.rules_of(pool)
    error = ""
    if request.method == "POST":
        try:
            rules = rules_from(request.POST, pool.subject)
            if request.POST.get("do") == "save":
                services.pools.rules_replace(actor, pool, rules)
                shown = toasts.toast(_("The rules of “%(name)s” are saved.") % {"name": pool.name})
                return done(request, shown, go=f"/pools/{pool.pk}/")
        except Invalid as found:
            error = str(found)
    figures = returns.pool_figures(actor, pool, rules)
    context: dict[str, Any] = {
        "title": _("Try rules of “%(name)s”") % {"name": pool.name},
        "rows": [*rules, *[None] * (ROWS - len(rules))],
        "typed": request.POST if error else {},
        "grounds": GROUNDS,
        "levels": dictionaries.values("customer_level"),
        "segments": [(one.key, one.label) for one in dictionaries.values(f"segment:{pool.subject}")],
        "error": error,
        "at_present": figures["total"] if rules == present else returns.loses(pool, present),
        **figures,
    }
    return draw(request, "sales/simulate.jinja", context, status=422 if error else 200)


WHO = Field(name="leaver", kind="user", label=_lazy("Who hands over"), target="core.user")


def may_hand_over(actor: Actor) -> bool:
    """Whoever may assign customers of others may hand over for somebody."""
    reach = actor.rights.of(read.CUSTOMER, "assign")
    return reach.everyone or len(reach.owners) > 1


@page_view("GET", "POST")
def hand_over(request: HttpRequest) -> HttpResponseBase:
    """The cockpit of a leaver: what he holds, handed over sort by sort, each step with undo."""
    actor = actor_of(request)
    if not may_hand_over(actor):
        raise Denied
    data = request.POST if request.method == "POST" else request.GET
    number = data.get("leaver", "")
    leaver = User.everything.filter(pk=int(number[:18])).first() if number.isdecimal() else None
    error = ""
    if request.method == "POST" and leaver is not None:
        to = [int(one) for one in request.POST.getlist("to") if one.isdecimal()]
        try:
            step = handover.handover_run(actor, leaver=leaver.pk, sort=request.POST.get("sort", ""), to=to)
        except Invalid as found:
            error = str(found)
        else:
            words = ngettext(
                "%(count)d record was handed over.", "%(count)d records were handed over.", step.result["done"]
            )
            undo = f"/operations/{step.pk}/undo/" if step.undo_until else ""
            shown = toasts.toast(words % {"count": step.result["done"]}, undo=undo)
            return done(request, shown, go=f"/handover/?leaver={leaver.pk}")
    rows = Operation.objects.filter(sort=handover.HANDOVER, parameters__contains={"from": leaver.pk if leaver else 0})
    context = {
        "title": _("Handover of a leaver"),
        "who": choosing.inputs(actor, entity_of(read.CUSTOMER), [WHO], {"leaver": leaver.pk if leaver else None})[
            "leaver"
        ],
        "leaver": leaver,
        "parts": handover.cockpit(actor, leaver.pk, partial(title_of, actor)) if leaver else [],
        "people": User.objects.filter(is_active=True).exclude(pk=leaver.pk if leaver else 0).order_by("sort_key"),
        "steps": list(rows.order_by("-pk")[:30]) if leaver else [],
        "labels": {one.key: one.label for one in handover.SORTS},
        "error": error,
    }
    return draw(request, "sales/handover.jinja", context, status=422 if error else 200)


def title_of(actor: Actor, record: Any) -> str:
    """What a record is called for who reads it."""
    return choosing.title_of(entity_of(record), record, actor)


add_entries(
    Entry(
        key="sales.handover", label=_lazy("Handover of a leaver"), url="/handover/", icon="users-minus", place="sales", order=90,
        shown=may_hand_over,
    )
)  # fmt: skip
add_pages(path("handover/", hand_over, name="handover"))
add_pages(path("pools/<int:pk>/simulate/", simulate, name="pool-simulate"))
