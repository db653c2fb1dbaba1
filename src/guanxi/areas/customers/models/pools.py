"""Pools: records nobody owns, which members may claim under rules; and what every pooled record carries."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.core.models import ChoiceField, ListField, OwnedRecord, Record
from guanxi.core.models.audit_triggers import SILENT, audit_triggers

LIVING = Q(deleted_at__isnull=True)
SUBJECTS = [("customers.customer", _("customers")), ("sales.lead", _("leads"))]
NO_FOLLOW_UP, NO_DEAL, CONTRACT_ENDED = "no_follow_up", "no_deal", "contract_ended"
GROUNDS = [
    (NO_FOLLOW_UP, _("no follow-up")),
    (NO_DEAL, _("no deal won")),
    (CONTRACT_ENDED, _("contract ended")),
]
COPIES = [
    ("customer", _("the same words for the same customer")),
    ("person", _("the same words by the same person")),
    ("no", _("copies count")),
]
CLAIM, RELEASE, ASSIGN, RECALL = "claim", "release", "assign", "recall"
MOVES = [(CLAIM, _("claimed")), (RELEASE, _("released")), (ASSIGN, _("assigned")), (RECALL, _("taken back"))]
#: Columns of the pool's book-keeping; the audit does not repeat them.
KEPT = ("owner_since", "returns_on", "returns_why")

#: Whoever changes the owner, and however: since when he holds the record is noted.
OWNER_SINCE = (
    pgtrigger.Trigger(
        name="owner_since_new",
        level=pgtrigger.Row,
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Q(new__owner__isnull=False, new__owner_since__isnull=True),
        func="NEW.owner_since := NEW.created_at; RETURN NEW;",
    ),
    pgtrigger.Trigger(
        name="owner_since",
        level=pgtrigger.Row,
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(new__owner__df=pgtrigger.F("old__owner")),
        func="""
            NEW.owner_since := CASE WHEN NEW.owner_id IS NULL THEN NULL ELSE NEW.updated_at END;
            NEW.returns_on := NULL;
            NEW.returns_why := '';
            IF NEW.owner_id IS NULL THEN NEW.protected_until := NULL; END IF;
            RETURN NEW;
        """,
    ),
)


def pooled_triggers(silent: tuple[str, ...] = ()) -> list[Any]:
    """The triggers of a pooled table: the audit without the book-keeping, and since when the owner holds it."""
    return [*audit_triggers((*SILENT, *KEPT, *silent), wide=True), *OWNER_SINCE]


class Pool(Record):
    """Where records without an owner lie, and under which rules they are claimed and come back.

    ``daily_limit`` claims a person may make a day (empty: any number); ``bar_days`` a former owner must leave a record
    to others; ``warn_days`` before it returns its owner is warned. A follow-up counts when its type is among
    ``counted`` (none chosen: every type but notes), it says at least ``least_length`` characters, and is no copy.
    """

    name = models.CharField(_("name"), max_length=100)
    name_en = models.CharField(_("English name"), max_length=100, blank=True, default="")
    subject = ChoiceField(_("pool of"), choices=SUBJECTS, max_length=40, default="customers.customer")
    everyone = models.BooleanField(_("everyone is a member"), default=False)
    position = models.PositiveSmallIntegerField(_("order"), default=1)
    active = models.BooleanField(_("in use"), default=True)
    daily_limit = models.PositiveSmallIntegerField(_("claims a day"), null=True, blank=True)
    bar_days = models.PositiveSmallIntegerField(_("former owner barred for days"), default=0)
    warn_days = models.PositiveSmallIntegerField(_("warn days before"), default=3)
    counted = ListField(_("what counts as follow-up"), kind="choices")
    least_length = models.PositiveSmallIntegerField(_("least characters of a follow-up"), default=4)
    copies = ChoiceField(_("copies that do not count"), choices=COPIES, max_length=10, default="customer")
    spare_deals = models.BooleanField(_("spare those with an open opportunity"), default=False)
    description = models.TextField(_("description"), blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("pool")
        verbose_name_plural = _("pools")


class PoolMember(Record):
    """A person, or everybody in a department and below, who belongs to a pool; administrators also assign."""

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="members", verbose_name=_("pool"))
    user = models.ForeignKey(
        "core.User", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    department = models.ForeignKey(
        "core.Department", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("department")
    )
    admin = models.BooleanField(_("administrator"), default=False)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("pool member")

    def __str__(self) -> str:
        return f"{self.pool_id}: {self.user_id or self.department_id}"


class PoolRule(Record):
    """When a record goes back to its pool: ``days`` after the last counted follow-up, won deal, or end of contract.

    ``level`` limits it to customers of one level, ``segment`` to those in it on the day. Of several rules that fit, the earliest day counts.
    """

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="rules", verbose_name=_("pool"))
    ground = ChoiceField(_("because of"), choices=GROUNDS, max_length=20, default=NO_FOLLOW_UP)
    level = ChoiceField(_("level"), dictionary="customer_level", max_length=20)
    segment = ChoiceField(_("segment"), dictionary="segment", max_length=60)
    days = models.PositiveSmallIntegerField(_("after days"))
    active = models.BooleanField(_("in use"), default=True)
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("return rule")

    def __str__(self) -> str:
        return f"{self.ground} {self.days}"


class HoldingLimit(Record):
    """How many records one person may hold: a named one, or each in a department and below. The smallest counts.

    ``spared`` are statuses and levels of customers that do not count, by key. Converted and invalid leads never do.
    """

    subject = ChoiceField(_("limit of"), choices=SUBJECTS, max_length=40, default="customers.customer")
    user = models.ForeignKey(
        "core.User", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    department = models.ForeignKey(
        "core.Department", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("department")
    )
    most = models.PositiveIntegerField(_("holds at most"))
    spared_levels = ListField(_("levels that do not count"), kind="choices")
    spared_statuses = ListField(_("statuses that do not count"), kind="choices")
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta(Record.Meta):
        verbose_name = _("holding limit")

    def __str__(self) -> str:
        return f"{self.subject} ≤ {self.most}"


class PoolMove(models.Model):
    """One claim, release, assignment or recall: of what, from whom, to whom, why."""

    id = models.BigAutoField(primary_key=True)
    pool = models.ForeignKey(Pool, models.SET_NULL, null=True, related_name="moves")
    subject = models.CharField(max_length=40)
    record_id = models.BigIntegerField()
    sort = models.CharField(max_length=10, choices=MOVES)
    at = models.DateTimeField()
    by = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    before = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    after = models.ForeignKey("core.User", models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=60, blank=True, default="")
    note = models.CharField(max_length=300, blank=True, default="")
    operation = models.ForeignKey("core.Operation", models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject", "record_id", "-at"], name="pool_move_of_record"),
            models.Index(fields=["by", "sort", "-at"], name="pool_move_by"),
            models.Index(fields=["note", "-at"], name="pool_move_by_rule", condition=Q(reason="rule")),
        ]

    def __str__(self) -> str:
        return f"{self.subject}/{self.record_id} {self.sort}"


class PooledRecord(OwnedRecord):
    """An owned record that lies in a pool while nobody owns it.

    ``returns_on`` is the day it goes back unless something is done, ``returns_why`` the ground; until and including
    ``protected_until`` it stays.
    """

    pool = models.ForeignKey(
        Pool, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("pool"), editable=False
    )
    owner_since = models.DateTimeField(_("held since"), null=True, blank=True, editable=False)
    protected_until = models.DateField(_("protected until"), null=True, blank=True, editable=False)
    returns_on = models.DateField(_("returns to the pool"), null=True, blank=True, editable=False)
    returns_why = ChoiceField(_("returns because of"), choices=GROUNDS, max_length=20, editable=False)

    class Meta(OwnedRecord.Meta):
        abstract = True
        indexes: ClassVar[list[models.Index]] = [
            *OwnedRecord.Meta.indexes,
            models.Index(
                fields=["pool", "-updated_at", "-id"],
                name="%(class)s_pooled",
                condition=LIVING & Q(owner__isnull=True),
            ),
            models.Index(
                fields=["returns_on", "id"], name="%(class)s_returns", condition=LIVING & Q(returns_on__isnull=False)
            ),
        ]
