"""Handing over what a leaver holds: sort by sort, to one colleague or several in turn, each step one operation with undo.

Only the owner changes: stages, amounts and history stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.areas.activities.models import PLAN_OPEN, TASK_UNFINISHED
from guanxi.areas.customers.models import Contact
from guanxi.areas.sales.models import OPEN
from guanxi.core import records
from guanxi.core.access import visible
from guanxi.core.automation.approvals import deciding
from guanxi.core.kernel.actor import Actor, system_actor
from guanxi.core.kernel.errors import Denied, GuanxiError, Invalid, Text
from guanxi.core.kernel.machines import register_machines
from guanxi.core.models import ApprovalTurn, Operation, User
from guanxi.core.schema.registry import entity_of

register_machines({"handover": gettext_lazy("Handover")})
HANDOVER, USER = "handover", "core.user"
#: A step hands over at most so many records; the next step goes on.
MOST = 5000


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of thing that is handed over: its entity, its name, which of the leaver's records are still open.

    ``field`` names him in them. Where it is no owner, it is for those with all rights alone.
    """

    key: str
    label: Text
    open: Q
    field: str = "owner"


SORTS = (
    Sort("customers.customer", gettext_lazy("Customers"), Q()),
    Sort("sales.lead", gettext_lazy("Leads"), Q(converted_at__isnull=True)),
    Sort("sales.opportunity", gettext_lazy("Open opportunities"), Q(category=OPEN)),
    Sort("activities.task", gettext_lazy("Unfinished tasks"), Q(status__in=TASK_UNFINISHED)),
    Sort("activities.followupplan", gettext_lazy("Follow-up plans"), Q(status=PLAN_OPEN)),
    Sort("sales.milestone", gettext_lazy("Milestones to come"), Q(done_on__isnull=True)),
    Sort(USER, gettext_lazy("People who report to him"), Q(is_active=True), "superior"),
    Sort("core.department", gettext_lazy("Departments he leads"), Q(), "head"),
)
APPROVALS = "approvals"


def held(actor: Actor, sort: Sort, leaver_id: int) -> Any:
    """The leaver's open records of a sort that the actor may assign."""
    rows = entity_of(sort.key).model._default_manager.filter(sort.open, **{f"{sort.field}_id": leaver_id})
    if sort.field != "owner":
        return (rows if actor.rights.everything else rows.none()).order_by("pk")
    return visible(rows, actor, "assign").order_by("pk")


def approvals_of(leaver_id: int) -> Any:
    """Approvals that wait for the leaver."""
    return ApprovalTurn.objects.filter(user_id=leaver_id, state__in=("asked", "waiting"), approval__state="pending")


def handover_run(
    actor: Actor, *, leaver: int, sort: str, to: Sequence[int], only: Sequence[int] | None = None
) -> Operation:
    """Give the leaver's open records of one sort to ``to``, in turn when they are several; ``only`` names some of them.

    A customer's contacts go along. What cannot be handed over stays and is named in the operation's result.
    """
    people = list(dict.fromkeys(int(one) for one in to))
    known = set(User.objects.filter(pk__in=people, is_active=True).values_list("pk", flat=True)) - {leaver}
    if not people or set(people) != known:
        raise Invalid(_("Choose colleagues who are active and not the leaver."), code="handover.to", field="to")
    if sort == APPROVALS:
        return _approvals(actor, leaver, people)
    chosen = next((one for one in SORTS if one.key == sort), None)
    if chosen is None:
        raise Invalid(_("Choose one of the values offered."), code="handover.sort", field="sort")
    rows = held(actor, chosen, leaver)
    if only is not None:
        rows = rows.filter(pk__in=list(only))
    found = list(rows[:MOST])
    if not found:
        raise Invalid(_("There is nothing to hand over."), code="handover.nothing", field="sort")
    with records.writing(actor):
        step = records.operation_begin(
            actor,
            HANDOVER,
            sort,
            total=len(found),
            parameters={"ids": [one.pk for one in found], "from": leaver, "right": "assign"},
        )
        return _each(actor, step, chosen, found, people, leaver)


def _each(actor: Actor, step: Operation, sort: Sort, found: list[Any], people: list[int], leaver: int) -> Operation:
    problems = []
    above = User.everything.filter(pk=leaver).values_list("superior", flat=True).first()
    for number, record in enumerate(found):
        owner = people[number % len(people)]
        himself = sort.key == USER and record.pk == owner  # nobody reports to himself
        try:
            records.update(actor, record, {sort.field: above if himself else owner}, operation=step, trusted=True)
            if entity_of(record).key == "customers.customer":
                for contact in Contact.objects.filter(customer_id=record.pk, owner_id=leaver):
                    records.update(actor, contact, {"owner": owner}, operation=step, trusted=True)
        except GuanxiError as error:
            problems.append({"id": record.pk, "code": error.code, "message": str(error)})
    step.progress = len(found)
    done = len(found) - len(problems)
    step.result = {"done": done, "skipped": 0, "failed": len(problems), "problems": problems}
    step.save(update_fields=["progress", "result"])
    return step


def _approvals(actor: Actor, leaver: int, people: list[int]) -> Operation:
    """Waiting approvals go on to somebody else; that is said on each and is not undone."""
    if not actor.rights.everything:
        raise Denied
    turns = list(approvals_of(leaver).select_related("approval", "approval__flow"))
    with records.writing(system_actor("handover")):
        for number, turn in enumerate(turns):
            user = User.objects.get(pk=people[number % len(people)])
            deciding.hand_on(turn, user, "left")
        return records.operation_begin(
            actor,
            HANDOVER,
            total=len(turns),
            progress=len(turns),
            parameters={"from": leaver},
            undo_until=None,
            result={"done": len(turns), "skipped": 0, "failed": 0, "problems": []},
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the cockpit: how many are still with the leaver, and the first of them."""

    key: str
    label: Text
    count: int
    first: list[tuple[int, str]]
    url: str


def cockpit(actor: Actor, leaver_id: int, name_of: Callable[[Any], str]) -> list[Part]:
    """What the leaver still holds, sort by sort, as far as the actor may hand it over."""
    found = []
    for sort in SORTS:
        if sort.field != "owner" and not actor.rights.everything:
            continue
        rows = held(actor, sort, leaver_id)
        entity = entity_of(sort.key)
        first = [(row.pk, name_of(row)) for row in rows[:8]]
        found.append(Part(sort.key, sort.label, rows.count(), first, f"/{entity.path}/"))
    if actor.rights.everything:
        found.append(Part(APPROVALS, gettext_lazy("Approvals waiting"), approvals_of(leaver_id).count(), [], ""))
    return found
