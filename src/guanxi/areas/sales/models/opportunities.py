"""Opportunities, what they were on any day, and who has a part in them."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.campaigns.models import Campaign
from guanxi.areas.customers.models import Contact, Customer
from guanxi.areas.sales.models.pipelines import CATEGORIES, FORECASTS, OPEN, Pipeline, Stage
from guanxi.core.models import CarriedRecord, ChoiceField, MoneyField, Record, TextKindField
from guanxi.core.models.audit_triggers import audit_triggers
from guanxi.core.models.record import carrying
from guanxi.core.models.tally import MONTH, MONTH_OF_MOMENT, counted_reference, tally_triggers

LIVING = Q(deleted_at__isnull=True)


#: Notes what an opportunity was from this moment on, however its row was written; ``updated_at`` is the moment, so
#: that a load of old data keeps its own time.
_STATE = """
    INSERT INTO sales_opportunitystate
        (opportunity_id, at, pipeline_id, stage_id, category, value, probability, close_on, owner_id, forecast, alive)
    SELECT n.id, {at}, n.pipeline_id, n.stage_id, n.category, coalesce(n.value, 0), n.probability, n.close_on, n.owner_id,
           n.forecast, n.deleted_at IS NULL
    FROM new_rows n {join};
    RETURN NULL;
"""
_WATCHED = ("pipeline_id", "stage_id", "category", "value", "probability", "close_on", "owner_id", "forecast")
_DIFFERS = " OR ".join(f"o.{name} IS DISTINCT FROM n.{name}" for name in _WATCHED)
STATE_TRIGGERS = [
    pgtrigger.Trigger(
        name="state_insert",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func=_STATE.format(at="n.created_at", join=""),
    ),
    pgtrigger.Trigger(
        name="state_update",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
        func=_STATE.format(
            at="CASE WHEN n.updated_at IS DISTINCT FROM o.updated_at THEN n.updated_at ELSE clock_timestamp() END",
            join=f"JOIN old_rows o ON o.id = n.id WHERE {_DIFFERS} OR (o.deleted_at IS NULL) <> (n.deleted_at IS NULL)",
        ),
    ),
]


TALLY_TRIGGERS = tally_triggers(
    "sales_opportunitytally",
    keys=("pipeline_id", "stage_id", "category", "forecast", "owner_id", "carrier_owner_id", "close_on", "closed_at"),
    dates={"close_on": MONTH, "closed_at": MONTH_OF_MOMENT},
    amounts=("value", "weighted"),
)


class Competitor(Record):
    """Somebody who sells against us."""

    name = models.CharField(_("name"), max_length=200)
    website = TextKindField(_("website"), kind="url")
    strengths = models.TextField(_("strengths"), blank=True, default="")
    weaknesses = models.TextField(_("weaknesses"), blank=True, default="")
    active = models.BooleanField(_("in use"), default=True)

    class Meta(Record.Meta):
        verbose_name = _("competitor")
        verbose_name_plural = _("competitors")


class Opportunity(CarriedRecord):
    """A qualified chance with stage, amount and expected close.

    ``value`` is ``amount`` in the workspace's currency at ``rate``; ``weighted`` is ``value`` times ``probability`` (percent).
    ``amount`` is the sum of the lines (``lines_total``, empty without any) unless ``amount_manual``.
    ``category`` repeats what the stage counts as; ``stage_since`` is when it came to its stage and ``stale_on`` the day
    from which it has stayed too long.
    """

    name = models.CharField(_("name"), max_length=200)
    number = TextKindField(_("opportunity number"), kind="serial", max_length=40)
    customer = models.ForeignKey(
        Customer, models.CASCADE, related_name="opportunities", verbose_name=_("customer"), db_index=False
    )
    contact = models.ForeignKey(
        Contact, models.SET_NULL, null=True, blank=True, related_name="opportunities", verbose_name=_("contact")
    )
    pipeline = models.ForeignKey(
        Pipeline, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("pipeline"), db_index=False
    )
    stage = models.ForeignKey(
        Stage, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("stage"), db_index=False
    )
    category = ChoiceField(_("state"), choices=CATEGORIES, max_length=10, default=OPEN, editable=False)
    amount = MoneyField(_("amount"), currency="currency")
    amount_manual = models.BooleanField(
        _("amount set by hand"),
        default=False,
        help_text=_("Otherwise the amount of an opportunity with lines is their sum."),
    )
    lines_total = MoneyField(_("sum of the lines"), currency="currency", editable=False)
    currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    rate = models.DecimalField(
        _("exchange rate"), max_digits=18, decimal_places=8, default=1, help_text=_("To the workspace's currency.")
    )
    value = MoneyField(_("value"), currency="", editable=False)
    probability = models.DecimalField(_("probability"), max_digits=5, decimal_places=2, null=True, blank=True)
    weighted = MoneyField(_("weighted value"), currency="", editable=False)
    forecast = ChoiceField(_("forecast category"), choices=FORECASTS, max_length=20)
    close_on = models.DateField(_("expected close"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True, editable=False)
    kind = ChoiceField(_("type"), dictionary="opportunity_kind", max_length=40)
    source = ChoiceField(_("source"), dictionary="customer_source")
    campaign = models.ForeignKey(
        Campaign,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("came from campaign"),
        db_index=False,
    )
    next_step = models.CharField(_("next step"), max_length=300, blank=True, default="")
    next_step_on = models.DateField(_("next step on"), null=True, blank=True)
    competitor = models.ForeignKey(
        Competitor,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="opportunities",
        verbose_name=_("main competitor"),
    )
    close_reason = ChoiceField(_("reason"), dictionary="close_reason", max_length=40)
    close_note = models.TextField(_("how it was decided"), blank=True, default="")
    hot = models.BooleanField(_("hot"), default=False)
    large = models.BooleanField(_("large deal"), default=False, editable=False)
    is_project = models.BooleanField(_("run as a project"), default=False)
    description = models.TextField(_("description"), blank=True, default="")
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")
    stage_since = models.DateTimeField(_("in this stage since"), null=True, blank=True, editable=False)
    stale_on = models.DateField(_("stale from"), null=True, blank=True, editable=False)
    #: Whether the amount was written in the present change, not kept from before.
    amount_given = False

    class Meta(CarriedRecord.Meta):
        verbose_name = _("opportunity")
        verbose_name_plural = _("opportunities")
        indexes: ClassVar[list[models.Index]] = [
            *carrying(CarriedRecord.Meta.indexes, "stage", "category", "value", "close_on"),
            models.Index(
                fields=["customer"],
                include=["owner", "carrier_owner"],
                name="opportunity_hot",
                condition=LIVING & models.Q(hot=True, category=OPEN),
            ),
            models.Index(
                fields=["pipeline", "stage"],
                include=["value", "weighted", "close_on", "owner", "carrier_owner"],
                name="opportunity_board",
                condition=LIVING,
            ),
            models.Index(
                fields=["stage", "-updated_at", "-id"],
                include=["owner", "carrier_owner"],
                name="opportunity_lane",
                condition=LIVING,
            ),
            models.Index(
                fields=["category", "close_on"],
                include=["value", "weighted", "forecast", "owner", "carrier_owner"],
                name="opportunity_by_close",
                condition=LIVING,
            ),
            models.Index(
                fields=["category", "closed_at"],
                include=["value", "owner", "carrier_owner"],
                name="opportunity_by_closed",
                condition=LIVING & Q(closed_at__isnull=False),
            ),
            models.Index(
                fields=["category", "stale_on"],
                include=["owner", "carrier_owner"],
                name="opportunity_stale",
                condition=LIVING & Q(stale_on__isnull=False),
            ),
            models.Index(fields=["customer", "-updated_at", "-id"], name="opportunity_of_customer"),
            models.Index(
                fields=["campaign", "-updated_at", "-id"],
                name="opportunity_by_campaign",
                condition=Q(campaign__isnull=False),
            ),
            models.Index(fields=["number"], name="opportunity_by_number", condition=~Q(number="")),
            models.Index(fields=["external_id"], name="opportunity_by_external_id", condition=~Q(external_id="")),
        ]
        triggers: ClassVar[list[Any]] = [*audit_triggers(), *STATE_TRIGGERS, *TALLY_TRIGGERS]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(amount__gte=0) | Q(amount__isnull=True), name="opportunity_not_negative")
        ]


class OpportunityState(models.Model):
    """What an opportunity was from ``at`` on, until its next state. Written by triggers, never by hand.

    ``value`` is in the workspace's currency; ``alive`` is false while it lies in the trash.
    """

    id = models.BigAutoField(primary_key=True)
    opportunity = models.ForeignKey(Opportunity, models.CASCADE, related_name="states", db_index=False)
    at = models.DateTimeField()
    pipeline = models.ForeignKey(Pipeline, models.CASCADE, null=True, related_name="+", db_index=False)
    stage = models.ForeignKey(Stage, models.CASCADE, null=True, related_name="+", db_index=False)
    category = models.CharField(max_length=10)
    value = models.DecimalField(max_digits=18, decimal_places=2)
    probability = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    close_on = models.DateField(null=True)
    owner = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+", db_index=False)
    forecast = models.CharField(max_length=20, blank=True)
    alive = models.BooleanField(default=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["opportunity", "-at", "-id"], name="opportunity_state_at"),
            models.Index(fields=["at", "opportunity"], name="opportunity_state_since"),
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id} {self.at:%Y-%m-%d} {self.category}"


class OpportunityTally(models.Model):
    """How many opportunities there are, and of what value, by stage, forecast, owners and months of the expected and of the real close.

    Written by triggers: a row for what each change added and took. See ``records.tallies``.
    """

    id = models.BigAutoField(primary_key=True)
    pipeline = counted_reference(Pipeline)
    stage = counted_reference(Stage)
    category = models.CharField(max_length=10)
    forecast = models.CharField(max_length=20, default="")
    owner = counted_reference("core.User")
    carrier_owner = counted_reference("core.User")
    close_on = models.DateField(null=True)
    closed_at = models.DateField(null=True)
    number = models.BigIntegerField()
    value = models.DecimalField(max_digits=24, decimal_places=2)
    weighted = models.DecimalField(max_digits=24, decimal_places=2)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["owner"], name="opportunity_tally_owner"),
            models.Index(fields=["carrier_owner"], name="opportunity_tally_carrier"),
            models.Index(fields=["category", "close_on"], name="opportunity_tally_close"),
            models.Index(
                fields=["closed_at"], name="opportunity_tally_closed", condition=models.Q(closed_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage_id} {self.category} {self.number}"


class OpportunityRole(CarriedRecord):
    """The part a contact plays in a deal: role in the decision, influence, attitude."""

    opportunity = models.ForeignKey(Opportunity, models.CASCADE, related_name="roles", verbose_name=_("opportunity"))
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="deal_roles", verbose_name=_("contact"))
    role = ChoiceField(_("role in decisions"), dictionary="decision_role", max_length=30)
    influence = ChoiceField(
        _("influence"), choices=[("high", _("high")), ("middle", _("middle")), ("low", _("low"))], max_length=10
    )
    attitude = ChoiceField(_("attitude"), dictionary="attitude", max_length=30)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("role in a deal")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["opportunity", "contact"], condition=LIVING, name="deal_role_once")
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id}: {self.contact_id} {self.role}"


class Party(CarriedRecord):
    """A company with a part in a long deal beside the customer: integrator, designer, owner, distributor, competitor."""

    opportunity = models.ForeignKey(Opportunity, models.CASCADE, related_name="parties", verbose_name=_("opportunity"))
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="parties", verbose_name=_("company"))
    role = ChoiceField(_("part"), dictionary="party_role", max_length=40, blank=False)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("party")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["opportunity", "customer", "role"], condition=LIVING, name="party_once")
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id}: {self.customer_id} {self.role}"


class Milestone(CarriedRecord):
    """A date a long deal has to reach; its owner answers for it."""

    opportunity = models.ForeignKey(
        Opportunity, models.CASCADE, related_name="milestones", verbose_name=_("opportunity")
    )
    name = models.CharField(_("milestone"), max_length=200)
    due_on = models.DateField(_("due"), null=True, blank=True)
    done_on = models.DateField(_("reached"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("milestone")
