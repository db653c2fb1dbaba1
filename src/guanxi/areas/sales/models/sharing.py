"""How new records find their owner: territories, and rules that hand out."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models.pools import SUBJECTS
from guanxi.core.models import ChoiceField, Record, RegionField

ROUND, LOAD, TERRITORY = "round", "load", "territory"
METHODS = [
    (ROUND, _("in turn")),
    (LOAD, _("whoever holds least")),
    (TERRITORY, _("by territory")),
]


class Territory(Record):
    """A part of the market that belongs to a team; ``user`` gets what falls into it unless the team takes turns."""

    name = models.CharField(_("name"), max_length=100)
    position = models.PositiveSmallIntegerField(_("order"), default=1)
    department = models.ForeignKey(
        "core.Department", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("team")
    )
    user = models.ForeignKey(
        "core.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("responsible")
    )
    active = models.BooleanField(_("in use"), default=True)
    description = models.TextField(_("description"), blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("territory")
        verbose_name_plural = _("territories")


class TerritoryRule(Record):
    """What falls into a territory: everything given must fit (region and those below it, industry, level, source)."""

    territory = models.ForeignKey(Territory, models.CASCADE, related_name="rules", verbose_name=_("territory"))
    region = RegionField(_("region"))
    industry = ChoiceField(_("industry"), dictionary="industry", max_length=20)
    level = ChoiceField(_("level"), dictionary="customer_level", max_length=20)
    source = ChoiceField(_("source"), dictionary="customer_source")
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("territory rule")

    def __str__(self) -> str:
        return self.note or f"#{self.pk}"


class AssignRule(Record):
    """Hands out new records without an owner that fit the filters; rules are tried in order.

    ``last_user`` is who got one last, for taking turns.
    """

    name = models.CharField(_("name"), max_length=100)
    subject = ChoiceField(_("hands out"), choices=SUBJECTS, max_length=40, default="sales.lead")
    position = models.PositiveSmallIntegerField(_("order"), default=1)
    method = ChoiceField(_("to whom"), choices=METHODS, max_length=12, default=ROUND)
    region = RegionField(_("region"))
    industry = ChoiceField(_("industry"), dictionary="industry", max_length=20)
    source = ChoiceField(_("source"), dictionary="customer_source")
    segment = ChoiceField(_("segment"), dictionary="segment", max_length=60)
    least_score = models.PositiveSmallIntegerField(_("least score"), null=True, blank=True)
    working_only = models.BooleanField(_("only to those at work"), default=False)
    active = models.BooleanField(_("in use"), default=True)
    last_user = models.ForeignKey(
        "core.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("last got one"),
    )

    class Meta(Record.Meta):
        verbose_name = _("assignment rule")
        verbose_name_plural = _("assignment rules")


class AssignMember(Record):
    """Somebody a rule hands out to, and how many he may hold at most (empty: any number)."""

    rule = models.ForeignKey(AssignRule, models.CASCADE, related_name="members", verbose_name=_("rule"))
    user = models.ForeignKey("core.User", models.CASCADE, related_name="+", verbose_name=_("person"))
    capacity = models.PositiveIntegerField(_("capacity"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("who gets")

    def __str__(self) -> str:
        return self.note or f"{self.rule_id}: {self.user_id}"
