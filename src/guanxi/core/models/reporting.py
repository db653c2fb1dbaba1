"""Stored reports and dashboards, and when they are mailed."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import SILENT, audit_triggers
from guanxi.core.models.record import Record

VISIBILITIES = [("private", _("only me")), ("team", _("my department")), ("public", _("everyone"))]


class SharedSetup(Record):
    """Something set up under a stable key, for oneself, one's department or everyone; without a user it is built in."""

    key = models.SlugField(max_length=80, unique=True)
    name_zh = models.CharField(_("name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    about_zh = models.CharField(max_length=300, blank=True, default="")
    about_en = models.CharField(max_length=300, blank=True, default="")
    user = models.ForeignKey("core.User", models.CASCADE, null=True, blank=True, related_name="+")
    visibility = models.CharField(max_length=10, choices=VISIBILITIES, default="private")
    department = models.ForeignKey("core.Department", models.SET_NULL, null=True, blank=True, related_name="+")
    definition = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=50)

    class Meta(Record.Meta):
        abstract = True


class Report(SharedSetup):
    """A stored report; ``definition`` is that of ``reporting.spec``, ``group`` where it stands in the list of reports."""

    group = models.CharField(max_length=40, blank=True, default="")

    class Meta(SharedSetup.Meta):
        verbose_name = _("report")


class Dashboard(SharedSetup):
    """A board of tiles: ``definition`` holds ``tiles`` (report, size, title); ``roles`` open with it (keys of roles)."""

    roles = ArrayField(models.CharField(max_length=60), default=list, blank=True)

    class Meta(SharedSetup.Meta):
        verbose_name = _("dashboard")


class ReportSchedule(models.Model):
    """When a report or dashboard is mailed to whom. Everybody gets his own figures, under his own rights.

    ``weekday`` is 1 to 7 (Monday first), ``day`` of the month 1 to 28, ``hour`` in the time zone of the maker.
    """

    id = models.BigAutoField(primary_key=True)
    report = models.ForeignKey(Report, models.CASCADE, null=True, blank=True, related_name="schedules")
    dashboard = models.ForeignKey(Dashboard, models.CASCADE, null=True, blank=True, related_name="schedules")
    user = models.ForeignKey("core.User", models.CASCADE, related_name="+")
    recipients = ArrayField(models.BigIntegerField(), default=list)
    every = models.CharField(max_length=10, default="week")
    weekday = models.PositiveSmallIntegerField(default=1)
    day = models.PositiveSmallIntegerField(default=1)
    hour = models.PositiveSmallIntegerField(default=8)
    next_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["next_at"], name="report_schedule_next")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(report__isnull=False) ^ models.Q(dashboard__isnull=False),
                name="report_schedule_of_one",
            )
        ]
        triggers: ClassVar[list[object]] = [*audit_triggers()]

    def __str__(self) -> str:
        return f"{self.report_id or self.dashboard_id} every {self.every}"


AUDIENCES = [
    ("anyone", _("whoever has the address")),
    ("code", _("whoever has the address and the code")),
    ("people", _("colleagues who are signed in")),
]


class ReportLink(models.Model):
    """An address under which one report or board is shown with the rights of ``user``, until it expires or is ended.

    ``query`` is how it was narrowed when it was shared; ``nonce`` is the part of the address that is signed.
    """

    id = models.BigAutoField(primary_key=True)
    nonce = models.CharField(max_length=40, unique=True)
    sort = models.CharField(max_length=10)
    key = models.SlugField(max_length=80)
    user = models.ForeignKey("core.User", models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    audience = models.CharField(max_length=10, choices=AUDIENCES, default="anyone")
    code = models.CharField(max_length=200, blank=True, default="")
    query = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    opened = models.PositiveIntegerField(default=0)
    last_opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["sort", "key"], name="report_link_of")]
        triggers: ClassVar[list[object]] = [*audit_triggers((*SILENT, "code", "nonce", "opened", "last_opened_at"))]

    def __str__(self) -> str:
        return f"{self.sort} {self.key} for {self.name}"
