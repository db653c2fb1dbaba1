"""Members of campaigns, and the opportunities that campaigns had a part in."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.campaigns.models import Campaign
from guanxi.areas.customers.models import Contact, Customer
from guanxi.areas.sales.models import Lead, Opportunity
from guanxi.core.kernel import clock
from guanxi.core.models import CarriedRecord, ChoiceField, MoneyField
from guanxi.core.models.audit_triggers import audit_triggers

LIVING = Q(deleted_at__isnull=True)


class Member(CarriedRecord):
    """A contact, a customer or a lead in a campaign: where he stands, since when, and when he answered.

    ``name`` repeats the name of whoever it is. ``responded`` follows from the state, ``barred`` from what he said about
    marketing. A lead that is converted stays one member, who is then the customer's contact too.
    """

    name = models.CharField(_("name"), max_length=200, blank=True, default="", editable=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="+", verbose_name=_("campaign"), db_index=False)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("customer"), db_index=False
    )
    contact = models.ForeignKey(
        Contact, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("contact"), db_index=False
    )
    lead = models.ForeignKey(
        Lead, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("lead"), db_index=False
    )
    state = ChoiceField(_("state"), dictionary="campaign_member_state", max_length=40, default="planned", blank=False)
    joined_at = models.DateTimeField(_("member since"), default=clock.now)
    responded = models.BooleanField(_("responded"), default=False, editable=False)
    responded_at = models.DateTimeField(_("responded on"), null=True, blank=True)
    barred = models.BooleanField(_("wants no marketing"), default=False, editable=False)
    note = models.CharField(_("note"), max_length=500, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("campaign member")
        verbose_name_plural = _("campaign members")
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(
                fields=["campaign", "state", "-updated_at", "-id"],
                include=["responded", "barred", "owner", "carrier_owner"],
                name="campaign_member_of_campaign",
                condition=LIVING,
            ),
            models.Index(fields=["customer", "joined_at"], name="campaign_member_customer"),
            models.Index(fields=["contact"], name="campaign_member_contact", condition=Q(contact__isnull=False)),
            models.Index(fields=["lead"], name="campaign_member_lead", condition=Q(lead__isnull=False)),
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(customer__isnull=False) | Q(contact__isnull=False) | Q(lead__isnull=False),
                name="campaign_member_is_somebody",
            ),
            models.UniqueConstraint(
                fields=["campaign", "contact"],
                condition=LIVING & Q(contact__isnull=False),
                name="campaign_member_contact_once",
            ),
            models.UniqueConstraint(
                fields=["campaign", "lead"], condition=LIVING & Q(lead__isnull=False), name="campaign_member_lead_once"
            ),
            models.UniqueConstraint(
                fields=["campaign", "customer"],
                condition=LIVING & Q(contact__isnull=True, lead__isnull=True),
                name="campaign_member_customer_once",
            ),
        ]


class Influence(CarriedRecord):
    """An opportunity that began after its customer had become a member of a campaign. Written by the house alone.

    ``value`` and ``won_value`` repeat the opportunity's, in the workspace's currency.
    """

    opportunity = models.ForeignKey(
        Opportunity, models.CASCADE, related_name="+", verbose_name=_("opportunity"), db_index=False
    )
    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="+", verbose_name=_("campaign"))
    name = models.CharField(_("name"), max_length=200, blank=True, default="")
    value = MoneyField(_("value"), currency="", editable=False)
    won_value = MoneyField(_("won amount"), currency="", editable=False)

    class Meta(CarriedRecord.Meta):
        verbose_name = _("campaign influence")
        verbose_name_plural = _("campaign influences")
        triggers: ClassVar[list[Any]] = audit_triggers()
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["opportunity", "campaign"], name="campaign_influence_once")
        ]
