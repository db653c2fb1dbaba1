"""Customers, the people in them, and how they hang together."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models.pools import PooledRecord, pooled_triggers
from guanxi.core.kernel import clock
from guanxi.core.models import (
    CarriedRecord,
    ChoiceField,
    ListField,
    MoneyField,
    RegionField,
    TextKindField,
)
from guanxi.core.models.audit_triggers import SILENT, audit_triggers
from guanxi.core.models.paths import path_triggers
from guanxi.core.models.record import carrying
from guanxi.core.models.tally import MONTH_OF_MOMENT, counted_reference, tally_triggers
from guanxi.core.schema.fields import Field

ORGANISATION, PERSON = "organisation", "person"
KINDS = [(ORGANISATION, _("Company")), (PERSON, _("Individual"))]
GENDERS = [("male", _("male")), ("female", _("female")), ("other", _("other"))]
CALENDARS = [("solar", _("solar")), ("lunar", _("lunar"))]
CONSENT_STATES = [("given", _("given")), ("withdrawn", _("withdrawn"))]
CONSENT_CHANNELS = [
    ("any", _("every channel")),
    ("mail", _("e-mail")),
    ("sms", _("text message")),
    ("phone", _("phone")),
    ("wechat", _("WeChat")),
    ("post", _("post")),
]
CONSENT_SOURCES = [
    ("person", _("told in person")),
    ("phone", _("by phone")),
    ("mail", _("by mail")),
    ("form", _("questionnaire")),
    ("portal", _("own pages")),
    ("contract", _("contract")),
    ("link", _("link in a message")),
    ("import", _("import")),
]
NOTE_KINDS = (
    ("likes", _("likes")),
    ("dislikes", _("dislikes")),
    ("taboo", _("taboo")),
    ("habit", _("habit")),
    ("family", _("family")),
    ("occasion", _("occasion")),
)

#: Things to know about a person: what he likes, what must not be said or given, family, occasions.
NOTE_COLUMNS = (
    Field(name="kind", kind="choice", label=_("Kind"), choices=NOTE_KINDS),
    Field(name="note", kind="text", label=_("Note"), max_length=300, required=True),
    Field(name="noted_on", kind="date", label=_("Noted on")),
)
INVOICE_COLUMNS = (
    Field(name="title", kind="text", label=_("Invoice title"), max_length=200, required=True),
    Field(name="tax_number", kind="text", label=_("Tax number"), max_length=30),
    Field(name="address", kind="text", label=_("Registered address"), max_length=300),
    Field(name="phone", kind="text", label=_("Registered phone"), max_length=40),
    Field(name="bank", kind="text", label=_("Bank"), max_length=120),
    Field(name="account", kind="text", label=_("Account number"), max_length=40),
)
BANK_COLUMNS = (
    Field(name="bank", kind="text", label=_("Bank"), max_length=120, required=True),
    Field(name="branch", kind="text", label=_("Branch"), max_length=120),
    Field(name="holder", kind="text", label=_("Account holder"), max_length=200),
    Field(name="account", kind="text", label=_("Account number"), max_length=40, required=True),
    Field(name="swift", kind="text", label=_("SWIFT code"), max_length=11),
    Field(name="currency", kind="text", label=_("Currency"), max_length=3),
)
LIVING = Q(deleted_at__isnull=True)
#: Worked out from the activities: their change is nobody's act, so the audit and undo pass over it.
DERIVED = ("first_contact_at", "last_contact_at", "next_plan_at")

#: Keeps ``path`` right however a row changes: the ids of all higher customers, from the top down ("/12/45/"). Who stands under
#: nobody, and is said to, is passed over: millions do.
PATH_TRIGGERS = path_triggers(
    "customers_customer", "a customer", pgtrigger.Q(new__parent__isnull=False) | ~pgtrigger.Q(new__path="/")
)
TALLY_TRIGGERS = tally_triggers(
    "customers_customertally",
    keys=("kind", "level", "status", "lifecycle", "owner_id", "created_at"),
    dates={"created_at": MONTH_OF_MOMENT},
)


class PersonMixin(models.Model):
    """What we know of somebody as a person.

    ``birthday`` is the solar date of birth; with the calendar ``lunar`` the birthday is kept on that day's lunar date.
    ``birthday_key`` finds who has a birthday: month × 100 + day, plus 2000 for lunar ones.
    """

    gender = ChoiceField(_("gender"), choices=GENDERS, max_length=10)
    birthday = models.DateField(
        _("birthday"), null=True, blank=True, help_text=_("The date of birth in the solar calendar.")
    )
    birthday_calendar = ChoiceField(
        _("birthday kept by"),
        choices=CALENDARS,
        max_length=10,
        default="solar",
        help_text=_("With the lunar calendar the birthday moves each year with the lunar date."),
    )
    birthday_key = models.SmallIntegerField(null=True, blank=True, editable=False)
    id_number = models.CharField(_("identity number"), max_length=30, blank=True, default="")
    personal_notes = ListField(_("preferences and taboos"), kind="table", columns=NOTE_COLUMNS)

    class Meta:
        abstract = True


class Customer(PersonMixin, PooledRecord):
    """Who we do business with: an organisation or a person; ``kind`` says which."""

    kind = ChoiceField(_("kind"), choices=KINDS, max_length=12, default=ORGANISATION)
    name = models.CharField(_("name"), max_length=200)
    short_name = models.CharField(_("short name"), max_length=100, blank=True, default="")
    english_name = models.CharField(_("English name"), max_length=200, blank=True, default="")
    former_names = models.CharField(
        _("former names"), max_length=400, blank=True, default="", help_text=_("Separate several with a semicolon.")
    )
    sort_key = models.CharField(max_length=250, blank=True, default="", editable=False)
    number = TextKindField(_("customer number"), kind="serial", max_length=40)
    credit_code = models.CharField(
        _("unified social credit code"),
        max_length=18,
        blank=True,
        default="",
        help_text=_("18 characters; the check digit is verified."),
    )
    industry = ChoiceField(_("industry"), dictionary="industry", max_length=20)
    region = RegionField(_("region"))
    size = ChoiceField(_("size"), dictionary="customer_size", max_length=20)
    employees = models.PositiveIntegerField(_("employees"), null=True, blank=True)
    founded_year = models.PositiveSmallIntegerField(_("founded in"), null=True, blank=True)
    revenue = MoneyField(_("annual revenue"), currency="revenue_currency", max_digits=20)
    revenue_currency = ChoiceField(_("currency"), dictionary="currency", max_length=3, default="CNY")
    source = ChoiceField(_("source"), dictionary="customer_source")
    level = ChoiceField(_("level"), dictionary="customer_level", max_length=20)
    status = ChoiceField(_("status"), dictionary="customer_status", max_length=30, default="new")
    lifecycle = ChoiceField(_("lifecycle stage"), dictionary="lifecycle", max_length=30, default="potential")
    phones = ListField(_("phones"), kind="phones")
    emails = ListField(_("e-mails"), kind="emails")
    addresses = ListField(_("addresses"), kind="addresses")
    websites = ListField(_("websites"), kind="urls")
    invoice_titles = ListField(_("invoice titles"), kind="table", columns=INVOICE_COLUMNS)
    bank_accounts = ListField(_("bank accounts"), kind="table", columns=BANK_COLUMNS)
    occupation = models.CharField(_("occupation"), max_length=100, blank=True, default="")
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="subsidiaries", verbose_name=_("parent company")
    )
    path = models.CharField(max_length=250, blank=True, default="/", editable=False)
    description = models.TextField(_("description"), blank=True, default="")
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")
    first_contact_at = models.DateTimeField(_("first contact"), null=True, blank=True, editable=False)
    last_contact_at = models.DateTimeField(_("last contact"), null=True, blank=True, editable=False)
    next_plan_at = models.DateTimeField(_("next contact"), null=True, blank=True, editable=False)

    class Meta(PooledRecord.Meta):
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes: ClassVar[list[models.Index]] = [
            *carrying(PooledRecord.Meta.indexes, "level", "lifecycle", "status"),
            models.Index(fields=["sort_key", "id"], name="customer_by_name", condition=LIVING),
            models.Index(fields=["lifecycle", "-updated_at", "-id"], name="customer_by_lifecycle", condition=LIVING),
            models.Index(fields=["status", "-updated_at", "-id"], name="customer_by_status", condition=LIVING),
            models.Index(
                OpClass("region", "text_pattern_ops"), name="customer_by_region", condition=LIVING & ~Q(region="")
            ),
            models.Index(OpClass("path", "text_pattern_ops"), name="customer_by_path", condition=~Q(path="/")),
            models.Index(fields=["credit_code"], name="customer_by_credit_code", condition=~Q(credit_code="")),
            models.Index(fields=["number"], name="customer_by_number", condition=~Q(number="")),
            models.Index(fields=["external_id"], name="customer_by_external_id", condition=~Q(external_id="")),
            models.Index(fields=["last_contact_at", "id"], name="customer_by_last_contact", condition=LIVING),
            models.Index(fields=["created_at", "owner", "created_by"], name="customer_made", condition=LIVING),
            models.Index(fields=["owner", "-owner_since", "-id"], name="customer_since", condition=LIVING),
            models.Index(fields=["owner", "created_at"], name="customer_made_for", condition=LIVING),
            models.Index(
                fields=["next_plan_at", "id"],
                name="customer_by_next_plan",
                condition=LIVING & Q(next_plan_at__isnull=False),
            ),
            models.Index(
                fields=["birthday_key"], name="customer_by_birthday", condition=LIVING & Q(birthday_key__isnull=False)
            ),
            GinIndex(fields=["tags"], name="customer_by_tag"),
        ]
        triggers: ClassVar[list[Any]] = [
            *pooled_triggers(("path", "birthday_key", *DERIVED)),
            *PATH_TRIGGERS,
            *TALLY_TRIGGERS,
        ]

    @property
    def is_person(self) -> bool:
        """Whether this customer is a person."""
        return bool(self.kind == PERSON)


class CustomerTally(models.Model):
    """How many customers there are by what they are chosen by, owner and month of coming. See ``records.tallies``."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=12)
    level = models.CharField(max_length=20)
    status = models.CharField(max_length=30)
    lifecycle = models.CharField(max_length=30)
    owner = counted_reference("core.User")
    created_at = models.DateField()
    number = models.BigIntegerField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["owner"], name="customer_tally_owner")]

    def __str__(self) -> str:
        return f"{self.owner_id} {self.lifecycle} {self.number}"


class CustomerLink(CarriedRecord):
    """``other`` is ``relation`` (supplier, partner, competitor, referrer …) of ``customer``.

    Read from the other side the relation has its reverse name (see ``relations.reverse``).
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="links", verbose_name=_("customer"))
    other = models.ForeignKey(Customer, models.CASCADE, related_name="links_here", verbose_name=_("related customer"))
    relation = ChoiceField(_("relation"), dictionary="customer_relation", max_length=40, blank=False)
    since = models.DateField(_("since"), null=True, blank=True)
    until = models.DateField(_("until"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("customer relation")
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["customer", "other", "relation"], condition=LIVING, name="customer_link_once"
            ),
            models.CheckConstraint(condition=~Q(customer=models.F("other")), name="customer_link_to_another"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} ← {self.relation} {self.other_id}"


class Contact(PersonMixin, CarriedRecord):
    """A person at one or several customers.

    ``customer`` is the one he is mainly seen with; position, department, role in decisions, attitude, ``reports_to`` and
    ``since`` describe his place there. Further and earlier places are affiliations.
    """

    name = models.CharField(_("name"), max_length=100)
    english_name = models.CharField(_("English name"), max_length=100, blank=True, default="")
    sort_key = models.CharField(max_length=250, blank=True, default="", editable=False)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="contacts", verbose_name=_("customer")
    )
    position = models.CharField(_("position"), max_length=100, blank=True, default="")
    department = models.CharField(_("department"), max_length=100, blank=True, default="")
    decision_role = ChoiceField(_("role in decisions"), dictionary="decision_role", max_length=30)
    attitude = ChoiceField(_("attitude"), dictionary="attitude", max_length=30)
    reports_to = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="reports", verbose_name=_("reports to")
    )
    since = models.DateField(_("there since"), null=True, blank=True)
    is_key = models.BooleanField(_("key contact"), default=False)
    phones = ListField(_("phones"), kind="phones")
    emails = ListField(_("e-mails"), kind="emails")
    wechat = models.CharField(_("WeChat"), max_length=60, blank=True, default="")
    addresses = ListField(_("addresses"), kind="addresses")
    websites = ListField(_("profiles"), kind="urls")
    description = models.TextField(_("description"), blank=True, default="")
    external_id = models.CharField(_("number elsewhere"), max_length=100, blank=True, default="")
    last_contact_at = models.DateTimeField(_("last contact"), null=True, blank=True, editable=False)
    next_plan_at = models.DateTimeField(_("next contact"), null=True, blank=True, editable=False)

    class Meta(CarriedRecord.Meta):
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["sort_key", "id"], name="contact_by_name", condition=LIVING),
            models.Index(fields=["external_id"], name="contact_by_external_id", condition=~Q(external_id="")),
            models.Index(
                fields=["birthday_key"], name="contact_by_birthday", condition=LIVING & Q(birthday_key__isnull=False)
            ),
            GinIndex(fields=["tags"], name="contact_by_tag"),
        ]
        triggers: ClassVar[list[Any]] = audit_triggers((*SILENT, "birthday_key", *DERIVED), wide=True)


class Affiliation(CarriedRecord):
    """A further place of a contact beside his main one: at another customer, or an earlier one (``until`` is over).

    The main place stands on the contact itself, so that there is one truth about it.
    """

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="affiliations", verbose_name=_("contact"))
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="affiliations", verbose_name=_("customer"))
    position = models.CharField(_("position"), max_length=100, blank=True, default="")
    department = models.CharField(_("department"), max_length=100, blank=True, default="")
    decision_role = ChoiceField(_("role in decisions"), dictionary="decision_role", max_length=30)
    attitude = ChoiceField(_("attitude"), dictionary="attitude", max_length=30)
    reports_to = models.ForeignKey(
        Contact, models.SET_NULL, null=True, blank=True, related_name="further_reports", verbose_name=_("reports to")
    )
    since = models.DateField(_("since"), null=True, blank=True)
    until = models.DateField(_("until"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("affiliation")
        verbose_name_plural = _("affiliations")

    def __str__(self) -> str:
        return self.position or f"#{self.pk}"


class Consent(CarriedRecord):
    """What a customer, or one of its people, agreed to or no longer agrees to: the purpose, by which channel, when, and how it can be shown.

    Rows are not changed when somebody changes his mind: another one is written, and the latest of a purpose and channel holds.
    """

    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, blank=True, related_name="consents", verbose_name=_("customer")
    )
    contact = models.ForeignKey(
        Contact, models.CASCADE, null=True, blank=True, related_name="consents", verbose_name=_("contact")
    )
    purpose = ChoiceField(_("purpose"), dictionary="consent_purpose", max_length=40, default="marketing", blank=False)
    channel = ChoiceField(_("channel"), choices=CONSENT_CHANNELS, max_length=20, default="any", blank=False)
    state = ChoiceField(_("state"), choices=CONSENT_STATES, max_length=20, default="given", blank=False)
    at = models.DateTimeField(_("said at"), default=clock.now)
    source = ChoiceField(_("source"), choices=CONSENT_SOURCES, max_length=20, default="person", blank=False)
    proof = models.TextField(_("proof"), blank=True, default="")

    class Meta(CarriedRecord.Meta):
        verbose_name = _("consent")
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(customer__isnull=False) | Q(contact__isnull=False), name="consent_of_somebody"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            *CarriedRecord.Meta.indexes,
            models.Index(fields=["customer", "purpose", "-at"], name="consent_of_customer"),
            models.Index(fields=["contact", "purpose", "-at"], name="consent_of_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose}: {self.state}"
