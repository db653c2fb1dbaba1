"""When people work: calendars, their special days, and who is away."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import audit_triggers


class WorkCalendar(models.Model):
    """Working hours as a pattern of days that repeats (seven days from a Monday: a week), with special days.

    ``pattern`` holds per day a list of ``["09:00", "12:00"]``; an end before its begin lies on the next day. Special
    days are the calendar's own and, beneath them, those of the calendar it is ``based_on``. Who works by it:
    ``people`` before ``departments`` (with those below) before the one calendar that ``is_default``.
    """

    id = models.BigAutoField(primary_key=True)
    key = models.SlugField(max_length=60, unique=True)
    name_zh = models.CharField(_("Chinese name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    timezone = models.CharField(_("time zone"), max_length=60, default="Asia/Shanghai")
    pattern = models.JSONField(default=list)
    cycle_start = models.DateField(null=True, blank=True)
    based_on = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="dependants")
    is_default = models.BooleanField(default=False)
    departments = ArrayField(models.BigIntegerField(), default=list, blank=True)
    people = ArrayField(models.BigIntegerField(), default=list, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="work_calendar_default_once"
            )
        ]
        ordering: ClassVar[list[str]] = ["-is_default", "key"]
        triggers: ClassVar[list[Any]] = audit_triggers()
        verbose_name = _("working calendar")

    def __str__(self) -> str:
        return self.name_zh


class CalendarDay(models.Model):
    """A day that does not follow its calendar's pattern: a holiday, or a make-up working day."""

    id = models.BigAutoField(primary_key=True)
    calendar = models.ForeignKey(WorkCalendar, models.CASCADE, related_name="days")
    day = models.DateField()
    works = models.BooleanField(default=False)
    hours = models.JSONField(default=list, blank=True)
    name_zh = models.CharField(max_length=60, blank=True, default="")
    name_en = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["calendar", "day"], name="calendar_day_once")
        ]
        ordering: ClassVar[list[str]] = ["day"]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.day} {self.name_zh}"


class Absence(models.Model):
    """Somebody is away (leave, a journey, illness); ``deputy`` decides for him meanwhile."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("core.User", models.CASCADE, related_name="absences")
    begins_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    deputy = models.ForeignKey(
        "core.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("deputy")
    )
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("begins_at")), name="absence_has_length")
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user", "ends_at"])]
        ordering: ClassVar[list[str]] = ["begins_at"]
        triggers: ClassVar[list[Any]] = audit_triggers()

    def __str__(self) -> str:
        return f"{self.user_id}: {self.begins_at:%Y-%m-%d} – {self.ends_at:%Y-%m-%d}"
