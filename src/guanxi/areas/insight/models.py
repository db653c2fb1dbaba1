"""What was found out about customers: one row each, and the calculation it came from."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models import Customer
from guanxi.core.kernel import clock
from guanxi.core.models.audit_triggers import SILENT, audit_triggers
from guanxi.core.models.fields import ChoiceField, MoneyField
from guanxi.core.models.record import CarriedRecord

SEGMENTS = [
    ("champion", _("Champions")), ("loyal", _("Loyal")), ("promising", _("Potential loyalists")), ("new", _("Newcomers")),
    ("attention", _("Need attention")), ("sleeping", _("About to sleep")), ("cannot_lose", _("Cannot lose")),
    ("at_risk", _("At risk")), ("hibernating", _("Hibernating")), ("lost", _("Gone")),
]  # fmt: skip
STAGES = [
    ("potential", _("Potential")), ("developing", _("Developing")), ("growing", _("Growing")), ("mature", _("Mature")),
    ("declining", _("Declining")), ("lost", _("Lost customer")),
]  # fmt: skip
CLASSES = [("A", "A"), ("B", "B"), ("C", "C")]
RISKS = [("high", _("High")), ("middle", _("Middle")), ("low", _("Low"))]
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


class Calculation(models.Model):
    """One run of all models: which transactions, as of when, with which version and settings, and what it found as a whole."""

    asked_at = models.DateTimeField(default=clock.now)
    asked_by = models.ForeignKey("core.User", models.SET_NULL, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, default=WAITING)
    progress = models.PositiveSmallIntegerField(default=0)
    step = models.CharField(max_length=100, blank=True, default="")
    source = models.CharField(max_length=200, blank=True, default="")
    as_of = models.DateField(null=True, blank=True)
    model_version = models.CharField(max_length=20, blank=True, default="")
    rows = models.BigIntegerField(default=0)
    customers = models.BigIntegerField(default=0)
    settings = models.JSONField(default=dict)
    results = models.JSONField(default=dict)
    notes = models.JSONField(default=list)
    error = models.TextField(blank=True, default="")

    class Meta:
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, "progress", "step", "results", "notes"))
        indexes = (models.Index(fields=["-finished_at"], name="calculation_latest"),)

    def __str__(self) -> str:
        return f"#{self.pk}"


class CustomerValue(CarriedRecord):
    """What the last calculation says about one customer. Written by the calculation only; seen by whoever sees the customer.

    Money is in the workspace's currency; probabilities are in per cent; days are days.
    """

    #: A calculation is audited as one.
    reckoned = True

    customer = models.OneToOneField(Customer, models.CASCADE, related_name="insight", verbose_name=_("customer"))
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    as_of = models.DateField(_("as of"), null=True, blank=True, editable=False)
    value_class = ChoiceField(_("value class"), choices=CLASSES, max_length=1, editable=False)
    segment = ChoiceField(_("segment"), choices=SEGMENTS, max_length=20, editable=False)
    stage = ChoiceField(_("stage by purchases"), choices=STAGES, max_length=20, editable=False)
    stage_from = ChoiceField(_("stage three months ago"), choices=STAGES, max_length=20, editable=False)
    recency = models.PositiveSmallIntegerField(_("recency score"), null=True, blank=True, editable=False)
    frequency = models.PositiveSmallIntegerField(_("frequency score"), null=True, blank=True, editable=False)
    monetary = models.PositiveSmallIntegerField(_("value score"), null=True, blank=True, editable=False)
    purchases = models.PositiveIntegerField(_("purchase days"), default=0, editable=False)
    first_bought_on = models.DateField(_("first bought"), null=True, blank=True, editable=False)
    last_bought_on = models.DateField(_("last bought"), null=True, blank=True, editable=False)
    spent = MoneyField(_("bought in all"), currency="", max_digits=20, editable=False)
    cumulative = models.DecimalField(max_digits=9, decimal_places=8, null=True, blank=True, editable=False)
    recent = MoneyField(_("last half year"), currency="", max_digits=20, editable=False)
    before = MoneyField(_("half year before"), currency="", max_digits=20, editable=False)
    active = models.DecimalField(
        _("still a customer, %"), max_digits=5, decimal_places=2, null=True, blank=True, editable=False
    )
    expected = models.DecimalField(
        _("purchases to expect in a year"), max_digits=9, decimal_places=2, null=True, blank=True, editable=False
    )
    lifetime_value = MoneyField(_("lifetime value, 12 months"), currency="", max_digits=20, editable=False)
    leaving = models.DecimalField(
        _("risk of leaving, %"), max_digits=5, decimal_places=2, null=True, blank=True, editable=False
    )
    risk = ChoiceField(_("risk"), choices=RISKS, max_length=10, editable=False)
    gap = models.DecimalField(
        _("usual days between purchases"), max_digits=7, decimal_places=1, null=True, blank=True, editable=False
    )
    spread = models.DecimalField(max_digits=9, decimal_places=1, null=True, blank=True, editable=False)
    silent = models.PositiveIntegerField(_("days silent"), null=True, blank=True, editable=False)
    gain = MoneyField(_("gain of winning back"), currency="", max_digits=20, editable=False)
    out_of_rhythm = models.BooleanField(_("out of rhythm"), default=False, editable=False)
    details = models.JSONField(default=dict, editable=False)

    class Meta(CarriedRecord.Meta):
        verbose_name = _("customer value")
        verbose_name_plural = _("customer values")
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["segment"], name="customervalue_segment"),
            models.Index(fields=["recency", "frequency"], name="customervalue_rf"),
            models.Index(fields=["-lifetime_value"], name="customervalue_clv"),
        ]
