"""The area's declarations: follow-ups, follow-up plans, tasks, and what they add to customers, contacts and home."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from guanxi.areas.activities import panels, policies, services
from guanxi.areas.activities.models import (
    PLAN_OPEN,
    REMINDERS,
    TASK_UNFINISHED,
    WEEKDAYS,
    Activity,
    ActivityTally,
    FollowUpPlan,
    Participant,
    Task,
)
from guanxi.core.kernel.errors import Text
from guanxi.core.schema.entity import (
    Access,
    Action,
    Board,
    Entity,
    Form,
    Lines,
    MatchKey,
    Menu,
    Panel,
    Related,
    Search,
    Section,
    Timeline,
    Writer,
)
from guanxi.core.schema.fields import Field
from guanxi.core.schema.registry import extend, register

KIND_ICONS = {
    "call": "phone",
    "visit": "map-pin",
    "meeting": "users",
    "message": "message",
    "email": "mail",
    "meal": "tools-kitchen-2",
    "gift": "gift",
    "note": "note",
}
SPANS: tuple[tuple[str, Text], ...] = (
    ("hour", _("in one hour")),
    ("evening", _("this evening")),
    ("tomorrow", _("tomorrow")),
    ("monday", _("next Monday")),
    ("week", _("in one week")),
    ("month", _("in one month")),
)
SNOOZE_FIELDS = (
    Field(name="span", kind="choice", label=_("Put off"), choices=SPANS, default="tomorrow"),
    Field(name="until", kind="datetime", label=_("or until")),
)


def plan_is_open(plan: FollowUpPlan) -> bool | Text:
    """Only an open plan can be worked on."""
    return plan.status == PLAN_OPEN or _("This plan is closed already.")


def task_is_open(task: Task) -> bool | Text:
    """Only an unfinished task can be done, put off or handed over."""
    return task.status in TASK_UNFINISHED or _("This task is closed already.")


def task_is_closed(task: Task) -> bool | Text:
    """Only a finished task can be opened again."""
    return task.status not in TASK_UNFINISHED or _("This task is open.")


ACTIVITY = Entity(
    key=services.ACTIVITY,
    model=Activity,
    tally=ActivityTally,
    label=_("Follow-up"),
    plural=_("Follow-ups"),
    path="activities",
    icon="messages",
    color="teal",
    title="subject",
    columns=("occurred_at", "kind", "customer", "contact", "subject", "result", "owner", "next_contact_at"),
    filters=("kind", "result", "owner", "customer", "contact", "occurred_at", "direction", "next_contact_at", "tags"),
    sort=("-occurred_at",),
    facts=("kind", "occurred_at", "customer", "contact", "result", "owner", "next_contact_at"),
    fields={"kind": {"required": True}},
    form=Form(
        sections=(
            Section(_("Follow-up"), ("kind", "customer", "contact", "occurred_at", "subject", "body", "result")),
            Section(_("Next contact"), ("next_contact_at",)),
            Section(_("Circumstances"), ("direction", "duration", "place", "others", "pinned", "owner", "tags")),
            Section(_("Further"), ("external_id",)),
        ),
        create=("kind", "customer", "contact", "body", "result", "occurred_at", "next_contact_at"),
    ),
    lines=(
        Lines(
            key="participants",
            label=_("Further contacts"),
            entity="activities.participant",
            field="activity",
            columns=("contact", "note"),
        ),
    ),
    related=(Related(field="customer", shown=False), Related(field="contact", shown=False)),
    actions=(
        Action(
            key="pin",
            label=_("Pin or unpin"),
            run=services.activity_pin,
            icon="pin",
            description=_("A pinned follow-up stands first on the timeline."),
        ),
    ),
    match_keys=(MatchKey(field="external_id", how="exact", weight=100),),
    access=Access(owner="owner", carried_by="customer"),
    timeline=Timeline(
        on=("customer", "contact"),
        at="occurred_at",
        title="subject",
        body="body",
        icon_by="kind",
        icons=KIND_ICONS,
        pinned="pinned",
    ),
    menu=Menu(group="work", order=30),
    writer=Writer(create=services.activity_create, update=services.activity_update, delete=services.activity_delete),
    clean=policies.activity_clean,
    description=_("What passed between us and our customers: calls, visits, meetings, messages, notes."),
)

PLAN = Entity(
    key=services.PLAN,
    model=FollowUpPlan,
    label=_("Follow-up plan"),
    plural=_("Follow-up plans"),
    path="plans",
    icon="calendar-event",
    color="cyan",
    title="subject",
    columns=("planned_at", "kind", "customer", "contact", "subject", "status", "owner"),
    filters=("status", "owner", "planned_at", "kind", "customer", "contact", "tags"),
    sort=("planned_at",),
    facts=("status", "planned_at", "kind", "customer", "contact", "owner", "activity"),
    fields={"reminders": {"choices": REMINDERS}, "kind": {"required": True}, "status": {"required": True}},
    hidden=("next_reminder_at",),
    form=Form(
        sections=(
            Section(_("Plan"), ("customer", "contact", "kind", "planned_at", "subject", "note")),
            Section(_("Circumstances"), ("duration", "place", "reminders", "status", "owner", "tags")),
        ),
        create=("customer", "contact", "kind", "planned_at", "subject"),
    ),
    board=Board(field="status", card=("customer", "planned_at", "kind", "owner"), age="planned_at", age_days=(1, 3)),
    related=(
        Related(field="customer", columns=("planned_at", "kind", "subject", "status", "owner"), sort=("-planned_at",)),
        Related(field="contact", columns=("planned_at", "kind", "subject", "status", "owner"), sort=("-planned_at",)),
        Related(field="activity", label=_("Fulfilled plans"), shown=False),
        Related(field="origin", label=_("Agreed plans"), shown=False),
    ),
    actions=(
        Action(
            key="convert",
            label=_("Note as done"),
            run=services.plan_convert,
            fields=(
                Field(name="body", kind="long_text", label=_("What was said")),
                Field(name="result", kind="choice", label=_("Result"), dictionary="follow_up_result"),
                Field(name="next_contact_at", kind="datetime", label=_("Next contact")),
            ),
            icon="check",
            applies=plan_is_open,
            description=_("Makes the follow-up of the plan."),
        ),
        Action(
            key="snooze",
            label=_("Put off"),
            run=services.plan_snooze,
            fields=SNOOZE_FIELDS,
            icon="clock-pause",
            applies=plan_is_open,
            bulk=True,
        ),
        Action(
            key="cancel", label=_("Cancel the plan"), run=services.plan_cancel, icon="calendar-x", applies=plan_is_open
        ),
    ),
    access=Access(owner="owner", carried_by="customer"),
    menu=Menu(group="work", order=20),
    writer=Writer(create=services.plan_create, update=services.plan_update, delete=services.plan_delete),
    clean=policies.plan_clean,
    description=_("Whom to be in touch with next, when and what for."),
)

TASK = Entity(
    key=services.TASK,
    model=Task,
    label=_("Task"),
    plural=_("Tasks"),
    path="tasks",
    icon="checkbox",
    color="orange",
    title="subject",
    columns=("subject", "due_at", "priority", "status", "customer", "contact", "owner"),
    filters=("status", "owner", "due_at", "priority", "customer", "contact", "repeat", "completed_at", "tags"),
    sort=("due_at",),
    facts=("status", "due_at", "priority", "owner", "customer", "contact", "repeat"),
    fields={
        "reminders": {"choices": REMINDERS},
        "repeat_weekdays": {"choices": WEEKDAYS},
        "status": {"required": True},
    },
    hidden=("next_reminder_at", "repeat_day"),
    search=Search(names=("subject",), subtitle=("customer",)),
    form=Form(
        sections=(
            Section(_("Task"), ("subject", "due_at", "owner", "priority", "status", "description")),
            Section(_("Steps"), ("checklist",)),
            Section(_("Concerns"), ("customer", "contact", "tags")),
            Section(
                _("Repetition and reminders"),
                ("reminders", "repeat", "repeat_interval", "repeat_weekdays", "repeat_until", "repeat_count"),
            ),
            Section(_("Further"), ("external_id",)),
        ),
        create=("subject", "due_at", "owner", "priority", "customer", "description"),
    ),
    board=Board(field="status", card=("due_at", "priority", "customer", "owner"), age="due_at", age_days=(1, 3)),
    related=(
        Related(field="customer", columns=("subject", "due_at", "priority", "status", "owner"), sort=("due_at",)),
        Related(field="contact", columns=("subject", "due_at", "priority", "status", "owner"), sort=("due_at",)),
        Related(field="series", label=_("Repetitions"), columns=("subject", "due_at", "status"), sort=("due_at",)),
    ),
    actions=(
        Action(
            key="complete",
            label=_("Done"),
            run=services.task_complete,
            icon="check",
            applies=task_is_open,
            bulk=True,
            description=_("Of a repeated task the next one appears."),
        ),
        Action(
            key="snooze",
            label=_("Put off"),
            run=services.task_snooze,
            fields=SNOOZE_FIELDS,
            icon="clock-pause",
            applies=task_is_open,
            bulk=True,
        ),
        Action(
            key="delegate",
            label=_("Hand over"),
            run=services.task_delegate,
            fields=(
                Field(name="to", kind="user", label=_("To"), target="core.user", required=True),
                Field(name="note", kind="long_text", label=_("Note")),
            ),
            icon="user-share",
            applies=task_is_open,
            bulk=True,
        ),
        Action(key="reopen", label=_("Open again"), run=services.task_reopen, icon="rotate", applies=task_is_closed),
        Action(
            key="tick",
            label=_("Tick a step"),
            run=services.task_tick,
            fields=(
                Field(name="step", kind="integer", label=_("Step (from 0)"), required=True, minimum=0),
                Field(name="done", kind="boolean", label=_("Done"), default=True),
            ),
            icon="list-check",
            applies=lambda task: bool(task.checklist),
        ),
    ),
    match_keys=(MatchKey(field="external_id", how="exact", weight=100),),
    access=Access(owner="owner", carried_by="customer"),
    timeline=Timeline(on=("customer", "contact"), at="completed_at", title="subject", body="description"),
    menu=Menu(group="work", order=10),
    writer=Writer(update=services.task_update),
    clean=policies.task_clean,
    description=_("What has to be done, by whom and until when."),
)

PARTICIPANT = Entity(
    key="activities.participant",
    model=Participant,
    label=_("Participant"),
    plural=_("Participants"),
    path="participants",
    icon="users",
    title="contact.name",
    columns=("activity", "contact", "note"),
    filters=("activity", "contact"),
    sort=("activity", "position"),
    related=(Related(field="activity", shown=False), Related(field="contact", shown=False)),
    form=Form(sections=(Section(_("Participant"), ("activity", "contact", "note", "owner")),)),
    access=Access(owner="owner", carried_by="activity"),
    description=_("Further contacts who took part in a follow-up."),
)

register(ACTIVITY, PARTICIPANT, PLAN, TASK)

# -- contributions -----------------------------------------------------------------------------------------------------

_AHEAD = Panel(
    key="ahead",
    label=_("What comes next"),
    template="activities/ahead.jinja",
    context=panels.ahead,
    where="main",
    order=1,
)
extend("customers.customer", panels=(_AHEAD,))
extend("customers.contact", panels=(_AHEAD,))
