"""What passed between us and a customer, what is intended next, and what has to be done."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core.kernel import clock
from guanxi.core.models import CarriedRecord, ChoiceField, ListField
from guanxi.core.models.audit_triggers import SILENT, audit_triggers
from guanxi.core.models.tally import DAY_OF_MOMENT, DayField, counted_reference, tally_triggers
from guanxi.core.schema.fields import Field

#: The type of follow-up that is no contact with the customer.
NOTE = "note"
LIVING = Q(deleted_at__isnull=True)
OUTWARD, INWARD = "out", "in"
DIRECTIONS = [(OUTWARD, _("from us")), (INWARD, _("from the customer"))]

PLAN_OPEN, PLAN_DONE, PLAN_CANCELLED = "open", "done", "cancelled"
PLAN_STATUSES = [(PLAN_OPEN, _("planned")), (PLAN_DONE, _("done")), (PLAN_CANCELLED, _("cancelled"))]

TASK_OPEN, TASK_STARTED, TASK_DONE, TASK_CANCELLED = "open", "started", "done", "cancelled"
TASK_STATUSES = [
    (TASK_OPEN, _("to do")),
    (TASK_STARTED, _("in progress")),
    (TASK_DONE, _("done")),
    (TASK_CANCELLED, _("cancelled")),
]
TASK_UNFINISHED = (TASK_OPEN, TASK_STARTED)
PRIORITIES = [("high", _("high")), ("normal", _("normal")), ("low", _("low"))]

DAILY, WEEKLY, MONTHLY, YEARLY = "daily", "weekly", "monthly", "yearly"
REPETITIONS = [
    (DAILY, _("every day")),
    (WEEKLY, _("every week")),
    (MONTHLY, _("every month")),
    (YEARLY, _("every year")),
]
#: Weekdays by ISO number (1 is Monday), as text because a choice is text.
WEEKDAYS = (
    ("1", _("Monday")),
    ("2", _("Tuesday")),
    ("3", _("Wednesday")),
    ("4", _("Thursday")),
    ("5", _("Friday")),
    ("6", _("Saturday")),
    ("7", _("Sunday")),
)
#: Reminders by minutes before the moment.
REMINDERS = (
    ("0", _("when due")),
    ("5", _("5 minutes before")),
    ("15", _("15 minutes before")),
    ("30", _("30 minutes before")),
    ("60", _("1 hour before")),
    ("120", _("2 hours before")),
    ("1440", _("1 day before")),
    ("2880", _("2 days before")),
    ("10080", _("1 week before")),
)
CHECKLIST_COLUMNS = (
    Field(name="text", kind="text", label=_("Step"), max_length=200, required=True),
    Field(name="done", kind="boolean", label=_("Done")),
)


def when_due() -> list[str]:
    """One reminder, at the moment itself."""
    return ["0"]


TALLY_TRIGGERS = tally_triggers(
    "activities_activitytally",
    keys=("kind", "owner_id", "carrier_owner_id", "occurred_at"),
    dates={"occurred_at": DAY_OF_MOMENT},
)


class Activity(CarriedRecord):
    """A follow-up: a dated fact of contact. ``duration`` is in minutes; ``next_contact_at`` becomes a follow-up plan.

    A note is no contact: it does not move the customer's last contact.
    """

    kind = ChoiceField(_("type"), dictionary="follow_up_kind", max_length=40, default="call")
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="activities", verbose_name=_("customer"), db_index=False
    )
    contact = models.ForeignKey(
        Contact,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="activities",
        verbose_name=_("contact"),
        db_index=False,
    )
    others = models.CharField(
        _("others present"), max_length=300, blank=True, default="", help_text=_("Names, separated by commas.")
    )
    subject = models.CharField(_("subject"), max_length=200, blank=True, default="")
    body = models.TextField(_("content"), blank=True, default="")
    result = ChoiceField(_("result"), dictionary="follow_up_result", max_length=40)
    direction = ChoiceField(_("direction"), choices=DIRECTIONS, max_length=3, default=OUTWARD)
    occurred_at = models.DateTimeField(_("when"), default=clock.now)
    duration = models.PositiveIntegerField(_("minutes"), null=True, blank=True)
    place = models.CharField(_("place"), max_length=200, blank=True, default="")
    next_contact_at = models.DateTimeField(
        _("next contact"), null=True, blank=True, help_text=_("Makes a follow-up plan for that moment.")
    )
    pinned = models.BooleanField(_("pinned"), default=False, help_text=_("Stands first on the timeline."))
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("follow-up")
        verbose_name_plural = _("follow-ups")
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["customer", "-occurred_at", "-id"], name="activity_timeline"),
            models.Index(
                fields=["contact", "-occurred_at", "-id"],
                name="activity_contact",
                condition=Q(contact__isnull=False),
            ),
            models.Index(
                fields=["owner", "-occurred_at", "-id"],
                include=["kind", "carrier_owner"],
                name="activity_by_owner",
                condition=LIVING,
            ),
            models.Index(
                fields=["-occurred_at", "-id"],
                include=["kind", "owner", "carrier_owner"],
                name="activity_latest",
                condition=LIVING,
            ),
            models.Index(fields=["customer"], name="activity_pinned", condition=LIVING & Q(pinned=True)),
            models.Index(fields=["external_id"], name="activity_by_external_id", condition=~Q(external_id="")),
        ]
        triggers: ClassVar[list[Any]] = [*audit_triggers(), *TALLY_TRIGGERS]

    def __str__(self) -> str:
        return self.subject or " ".join(self.body.split())[:60] or f"#{self.pk}"


class ActivityTally(models.Model):
    """How many follow-ups there are by type, owners and day. See ``records.tallies``."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    owner = counted_reference("core.User")
    carrier_owner = counted_reference("core.User")
    occurred_at = DayField()
    number = models.BigIntegerField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["occurred_at"],
                include=["kind", "owner", "carrier_owner", "number"],
                name="activity_tally_day",
            )
        ]

    def __str__(self) -> str:
        return f"{self.occurred_at} {self.kind} {self.number}"


class Participant(CarriedRecord):
    """A further contact who took part in a follow-up; it stands on his timeline too."""

    activity = models.ForeignKey(
        Activity, models.CASCADE, related_name="participants", verbose_name=_("follow-up"), db_index=False
    )
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="participations", verbose_name=_("contact"))
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    position = models.PositiveIntegerField(_("position"), default=0, editable=False)

    class Meta(CarriedRecord.Meta):
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["activity", "position"], name="participant_of_activity"),
        ]


class FollowUpPlan(CarriedRecord):
    """The intended next contact with a customer. Done, it has become the follow-up ``activity``.

    ``origin`` is the follow-up in which it was agreed; there is at most one open plan of one origin.
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="plans", verbose_name=_("customer"))
    contact = models.ForeignKey(
        Contact, models.SET_NULL, null=True, blank=True, related_name="plans", verbose_name=_("contact")
    )
    kind = ChoiceField(_("type"), dictionary="follow_up_kind", max_length=40, default="call")
    subject = models.CharField(_("purpose"), max_length=200, blank=True, default="")
    note = models.TextField(_("note"), blank=True, default="")
    planned_at = models.DateTimeField(_("planned for"))
    duration = models.PositiveIntegerField(_("minutes"), null=True, blank=True)
    place = models.CharField(_("place"), max_length=200, blank=True, default="")
    status = ChoiceField(_("status"), choices=PLAN_STATUSES, max_length=10, default=PLAN_OPEN)
    reminders = ListField(_("reminders"), kind="choices", default=when_due)
    next_reminder_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)
    activity = models.ForeignKey(
        Activity,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="fulfilled_plans",
        verbose_name=_("follow-up"),
        editable=False,
    )
    origin = models.ForeignKey(
        Activity,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="agreed_plans",
        verbose_name=_("agreed in"),
        editable=False,
    )

    class Meta(CarriedRecord.Meta):
        verbose_name = _("follow-up plan")
        verbose_name_plural = _("follow-up plans")
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, "next_reminder_at"))
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["customer", "planned_at"], name="plan_next", condition=LIVING & Q(status=PLAN_OPEN)),
            models.Index(fields=["owner", "planned_at"], name="plan_to_do", condition=LIVING & Q(status=PLAN_OPEN)),
            models.Index(
                fields=["contact", "planned_at"],
                name="plan_contact",
                condition=LIVING & Q(status=PLAN_OPEN, contact__isnull=False),
            ),
            models.Index(
                fields=["next_reminder_at"], name="plan_reminder", condition=Q(next_reminder_at__isnull=False)
            ),
        ]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["origin"], condition=LIVING & Q(status=PLAN_OPEN), name="plan_of_origin_once"
            )
        ]

    def __str__(self) -> str:
        return self.subject or f"#{self.pk}"


class Task(CarriedRecord):
    """Something to do; its owner is the one who does it.

    ``repeat_interval`` counts days, weeks, months or years; ``repeat_weekdays`` matters weekly. The next task of the
    ``series`` is made when this one is done, until ``repeat_until`` or until ``repeat_count`` tasks have been made;
    ``occurrence`` numbers them from 1 and ``repeat_day`` keeps the day of the month the series began with.
    """

    subject = models.CharField(_("task"), max_length=200)
    description = models.TextField(_("description"), blank=True, default="")
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="tasks", verbose_name=_("customer")
    )
    contact = models.ForeignKey(
        Contact, models.SET_NULL, null=True, blank=True, related_name="tasks", verbose_name=_("contact")
    )
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    priority = ChoiceField(_("priority"), choices=PRIORITIES, max_length=10, default="normal")
    status = ChoiceField(_("status"), choices=TASK_STATUSES, max_length=10, default=TASK_OPEN)
    checklist = ListField(_("checklist"), kind="table", columns=CHECKLIST_COLUMNS)
    reminders = ListField(_("reminders"), kind="choices", default=when_due)
    repeat = ChoiceField(_("repetition"), choices=REPETITIONS, max_length=10)
    repeat_interval = models.PositiveSmallIntegerField(_("every how many"), default=1)
    repeat_weekdays = ListField(_("on weekdays"), kind="choices")
    repeat_until = models.DateField(_("repeat until"), null=True, blank=True)
    repeat_count = models.PositiveSmallIntegerField(_("how many times"), null=True, blank=True)
    repeat_day = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    occurrence = models.PositiveSmallIntegerField(_("number in the series"), default=1, editable=False)
    series = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="repetitions",
        verbose_name=_("series"),
        editable=False,
    )
    next_reminder_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True, editable=False)
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, "next_reminder_at", "repeat_day", "occurrence"))
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(
                fields=["owner", "due_at"],
                name="task_to_do",
                condition=LIVING & Q(status__in=TASK_UNFINISHED),
            ),
            models.Index(
                fields=["customer", "due_at"],
                name="task_of_customer",
                condition=LIVING & Q(status__in=TASK_UNFINISHED, customer__isnull=False),
            ),
            models.Index(
                fields=["customer", "-completed_at", "-id"],
                name="task_timeline",
                condition=LIVING & Q(completed_at__isnull=False),
            ),
            models.Index(
                fields=["contact", "-completed_at", "-id"],
                name="task_contact",
                condition=LIVING & Q(completed_at__isnull=False, contact__isnull=False),
            ),
            models.Index(
                fields=["next_reminder_at"], name="task_reminder", condition=Q(next_reminder_at__isnull=False)
            ),
            models.Index(fields=["external_id"], name="task_by_external_id", condition=~Q(external_id="")),
        ]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["series", "occurrence"], condition=LIVING, name="task_occurrence_once"),
            models.CheckConstraint(condition=Q(repeat_interval__gte=1), name="task_repeat_interval"),
        ]

    def __str__(self) -> str:
        return self.subject
