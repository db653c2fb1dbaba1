"""Approvals as people read them: what waits for me, what I sent, the path with what happened, how long it took."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from guanxi.core import access
from guanxi.core.automation.approvals import deciding, flows, people
from guanxi.core.automation.approvals.path import Step, step_from
from guanxi.core.automation.approvals.running import record_of
from guanxi.core.kernel import clock, regional
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import NotFound
from guanxi.core.kernel.working_time import working_between
from guanxi.core.models import Approval, ApprovalEntry, ApprovalTurn, User
from guanxi.core.models.fixed import Fixed, Shaped
from guanxi.core.records import display, positions, shape, timeline, worktime
from guanxi.core.records.moments import TimelineEntry, Wish
from guanxi.core.schema.entity import Entity
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import entity_of, is_registered

VERBS = {
    "sent": gettext_lazy("sent it for approval"),
    "sent_again": gettext_lazy("sent it again"),
    "approved": gettext_lazy("approved"),
    "rejected": gettext_lazy("rejected"),
    "returned": gettext_lazy("returned it for change"),
    "transferred": gettext_lazy("passed it on"),
    "added": gettext_lazy("asked one more person"),
    "copied": gettext_lazy("let somebody know"),
    "recalled": gettext_lazy("took it back"),
    "reminded": gettext_lazy("reminded the approvers"),
    "auto": gettext_lazy("passed by itself"),
    "failed": gettext_lazy("approved, but could not be carried out"),
    "late_pass": gettext_lazy("passed because the deadline was over"),
    "late_reject": gettext_lazy("rejected because the deadline was over"),
    "late_superior": gettext_lazy("went to the superior because the deadline was over"),
    "left": gettext_lazy("went to somebody else because the approver left"),
}
COLORS = {
    "draft": "slate", "pending": "amber", "approved": "green", "rejected": "red", "returned": "orange", "recalled": "slate",
    "failed": "red",
}  # fmt: skip
RANK = 4


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a path with what its people did; ``state``: done, now, next."""

    step: Step
    state: str
    turns: tuple[ApprovalTurn, ...]
    names: tuple[str, ...]


def waiting_for(actor: Actor) -> QuerySet[ApprovalTurn]:
    """Turns the actor has to decide, oldest first."""
    return (
        ApprovalTurn.objects.filter(user_id=actor.user_id or 0, state="asked", approval__state="pending")
        .select_related("approval", "approval__flow", "approval__applicant", "behalf")
        .order_by("asked_at")
    )


#: The keys of what waits for a person, 99 at most; the number in the navigation of every page.
WAITING = Fixed(
    lambda user_id: ApprovalTurn.objects.filter(user_id=user_id, state="asked", approval__state="pending").values_list(
        "pk"
    )[:99],
    [-1],
)


def sent_by(actor: Actor) -> QuerySet[Approval]:
    """What the actor sent, newest first."""
    return Approval.objects.filter(applicant_id=actor.user_id or 0).select_related("flow", "applicant").order_by("-id")


def seen_by(actor: Actor, *, copies: bool) -> QuerySet[Approval]:
    """What the actor decided on, or (``copies``) was told of, newest first."""
    turns = ApprovalTurn.objects.filter(user_id=actor.user_id or 0, copy=copies)
    if not copies:
        turns = turns.filter(state__in=("approved", "rejected", "returned", "transferred", "auto"))
    return (
        Approval.objects.filter(pk__in=turns.values("approval_id")).select_related("flow", "applicant").order_by("-id")
    )


def get(actor: Actor, approval_id: int) -> Approval:
    """An approval for somebody who takes part in it or may see its record. Raises NotFound."""
    found = Approval.objects.select_related("flow", "applicant").filter(pk=approval_id).first()
    if found is None or not may_see(actor, found):
        raise NotFound
    return found


def may_see(actor: Actor, approval: Approval) -> bool:
    """Whether the actor takes part in it, or may see the record."""
    if deciding.takes_part(actor, approval):
        return True
    record = record_of(approval)
    return record is not None and access.allowed(actor, "view", record)


def of_record(record: Any) -> Approval | None:
    """The approval whose strip stands on a record's page: the one under way or waiting to be sent, else the last one."""
    rows = Approval.objects.filter(entity=entity_of(record).key, record_id=record.pk).select_related(
        "flow", "applicant"
    )
    return (
        rows.filter(state__in=("pending", "draft", "returned")).order_by("-id").first() or rows.order_by("-id").first()
    )


def _subject(approval: Approval) -> Any:
    """The record it is about, also in the trash; ``None`` when there is none (any more). Looked up once."""
    if "subject" not in approval.__dict__:
        known = approval.record_id is not None and is_registered(approval.entity)
        rows = entity_of(approval.entity).model._base_manager if known else None
        approval.__dict__["subject"] = rows.filter(pk=approval.record_id).first() if rows is not None else None
    return approval.__dict__["subject"]


def told(actor: Actor, approval: Approval) -> bool:
    """Whether the actor is told what it would change and what was said: who takes part but lost the record is not."""
    if approval.record_id is None or actor.rights.everything:
        return True
    record = _subject(approval)
    return record is not None and access.allowed(actor, "view", record)


def entries_of(actor: Actor, approval: Approval) -> list[ApprovalEntry]:
    """Everything that was done with it, in order; what others said only for whom it is told."""
    rows = list(approval.entries.select_related("user"))
    _hush(actor, approval, rows)
    return rows


def _hush(actor: Actor, approval: Approval, rows: Iterable[ApprovalEntry | ApprovalTurn]) -> None:
    if told(actor, approval):
        return
    for row in rows:
        if row.user_id is None or row.user_id != actor.user_id:
            row.comment = ""


def title_of(actor: Actor, approval: Approval) -> str:
    """What it is about, as the actor may see it."""
    record = _subject(approval)
    if record is None or getattr(record, "deleted_at", None) is not None:
        return str(entity_of(approval.entity).plural) if is_registered(approval.entity) else approval.entity
    if not access.allowed(actor, "view", record):
        return str(entity_of(record).label)
    return display.title_of(entity_of(record), record, actor)


def path_of(actor: Actor, approval: Approval) -> list[StepView]:
    """The whole path, each step with its people and what they did in this round."""
    turns = list(approval.turns.filter(copy=False).select_related("user", "behalf"))
    _hush(actor, approval, turns)
    steps = [step_from(one) for one in approval.path]
    names = people_names(user for step in steps for user in step.users)
    return [
        StepView(
            step,
            _state(approval, number),
            tuple(turn for turn in turns if turn.step == number and turn.round == approval.round),
            tuple(names.get(user, "?") for user in step.users),
        )
        for number, step in enumerate(steps)
    ]


def people_names(ids: Any) -> dict[int, str]:
    """Names by id."""
    return dict(User.everything.filter(pk__in=list(ids)).values_list("pk", "name"))


def _state(approval: Approval, number: int) -> str:
    if approval.state in ("approved", "failed") or number < approval.step:
        return "done"
    return "now" if number == approval.step else "next"


#: What an action is given besides fields, in words.
FURTHER = {"format": gettext_lazy("Format"), "text": gettext_lazy("Search")}


def changes_of(actor: Actor, approval: Approval) -> list[tuple[str, str, str]]:
    """What it would change, as far as the actor may see the record and the fields: label, before, after."""
    if not is_registered(approval.entity) or not told(actor, approval):
        return []
    entity = entity_of(approval.entity)
    readable = {**shape.readable(actor, entity), **_asked_by(entity, approval.action)}
    lines = []
    for name, value in approval.values.items():
        field = readable.get(name)
        if field is None:
            if name not in shape.fields_of(entity) and value not in (None, "") and not isinstance(value, dict | list):
                lines.append((str(FURTHER.get(name, name)), "", str(value)))
            continue
        lines.append((str(field.label), plain(actor, field, approval.before.get(name)), plain(actor, field, value)))
    return lines


def _asked_by(entity: Entity, action: str) -> dict[str, Field]:
    """What an action asks for itself, by name; it may ask for something else than the field of that name holds."""
    fields = next((one.fields for one in entity.actions if one.key == action), ())
    return {one.name: one for one in fields if isinstance(one, Field)}


def plain(actor: Actor, field: Any, value: Any) -> str:
    """A stored value of a field in words."""
    if value in (None, "", []):
        return ""
    if field.target and isinstance(value, int):
        target = entity_of(field.target)
        row = target.model._base_manager.filter(pk=value).first()
        return display.title_of(target, row, actor) if row is not None and access.allowed(actor, "view", row) else "…"
    try:
        text = str(display.text_of(actor, field, value))
        return regional.figure(text) if field.kind in ("integer", "decimal", "money") else text
    except (TypeError, ValueError, AttributeError):
        return str(value)


# -- the record's timeline ---------------------------------------------------------------------------------------------


def _entries(wish: Wish) -> list[TimelineEntry]:
    plain = not wish.people and not wish.text and wish.before is None
    rows = _ENTRIES.rows(wish.limit if plain else None, (wish,), entity_of(wish.record).key, wish.record.pk)
    return [
        TimelineEntry(
            kind="approval", id=row.pk, at=row.at, rank=RANK, by_id=row.user_id, body=row.comment, icon="rubber-stamp",
            color=COLORS.get(row.verb, "amber"), label=str(VERBS.get(row.verb, row.verb)),
            title=flows.name_of(row.approval.flow), variety=str(row.approval_id),
        )
        for row in rows
    ]  # fmt: skip


def _query(wish: Wish, entity: str, pk: int) -> QuerySet[ApprovalEntry]:
    rows = ApprovalEntry.objects.filter(entity=entity, record_id=pk)
    if wish.people:
        rows = rows.filter(user_id__in=wish.people)
    if wish.text:
        rows = rows.filter(comment__icontains=wish.text)
    rows = rows.filter(positions.older(wish, RANK, "at")).select_related("approval", "approval__flow")
    return rows.order_by("-at", "-id")[: wish.limit + 1]


_ENTRIES = Shaped(_query, ["\0", -7001])


timeline.add_source(timeline.FurtherSource("approval", gettext_lazy("Approvals"), "rubber-stamp", RANK, _entries))


# -- how long it takes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a flow or a person took: how many, hours of working time on average and at most, how many were late."""

    name: str
    count: int
    average: float
    longest: float
    late: int


def durations(since: dt.datetime) -> dict[str, list[Duration]]:
    """Hours of working time from being asked to deciding, by flow, by step and by person, since a moment."""
    turns = ApprovalTurn.objects.filter(
        decided_at__gte=since, asked_at__isnull=False, copy=False, state__in=("approved", "rejected", "returned")
    ).select_related("user", "approval", "approval__flow")
    plain = worktime.calendar()
    groups: dict[str, dict[str, list[tuple[float, bool]]]] = {"flow": {}, "step": {}, "person": {}}
    for turn in turns.order_by("-decided_at")[:20000]:
        if turn.asked_at is None or turn.decided_at is None:
            continue
        spent = working_between(turn.asked_at, turn.decided_at, plain).total_seconds() / 3600
        late = turn.due_at is not None and turn.decided_at > turn.due_at
        flow = flows.name_of(turn.approval.flow)
        step = step_from(turn.approval.path[turn.step]).name if turn.step < len(turn.approval.path) else ""
        for sort, name in (("flow", flow), ("step", f"{flow} · {step}"), ("person", turn.user.name)):
            groups[sort].setdefault(name, []).append((spent, late))
    return {sort: _durations(found) for sort, found in groups.items()}


def _durations(found: Mapping[str, list[tuple[float, bool]]]) -> list[Duration]:
    lines = [
        Duration(
            name,
            len(some),
            sum(one[0] for one in some) / len(some),
            max(one[0] for one in some),
            sum(one[1] for one in some),
        )
        for name, some in found.items()
    ]
    return sorted(lines, key=lambda one: -one.average)


def counts(since: dt.datetime) -> dict[str, int]:
    """How many requests were sent since a moment, and how they ended."""
    rows = Approval.objects.filter(sent_at__gte=since).values("state").annotate(n=Count("pk"))
    found = {row["state"]: row["n"] for row in rows}
    late = ApprovalTurn.objects.filter(Q(state="asked", due_at__lt=clock.now())).count()
    return {**found, "late": late}


def words(state: str) -> str:
    """A state in words."""
    return str(dict(Approval._meta.get_field("state").choices or ()).get(state, _("unknown")))


def step_from_name(stored: Mapping[str, Any]) -> tuple[str, str]:
    """A step of a flow as its name and the people in words."""
    joined = _(", ").join(people.words(one) for one in stored.get("who") or ())
    return shape.spoken(str(stored.get("name_zh") or ""), str(stored.get("name_en") or "")), joined
