"""A gadget with a field of every stored kind, and parts that follow their gadget."""

from __future__ import annotations

from django.db import models

from guanxi.core.models import (
    CarriedRecord,
    ChoiceField,
    ListField,
    MoneyField,
    OwnedRecord,
    RegionField,
    RichTextField,
    TextKindField,
)
from guanxi.core.schema.fields import Field

STATES = [("new", "New"), ("used", "Used"), ("broken", "Broken")]


class Gadget(OwnedRecord):
    """One of everything."""

    name = models.CharField("name", max_length=100)
    number = TextKindField("number", kind="serial", max_length=40, unique=True, null=True, default=None)
    note = models.TextField("note", blank=True, default="")
    story = RichTextField("story")
    state = ChoiceField("state", choices=STATES, default="new")
    colours = ListField("colours", kind="choices")
    pieces = models.IntegerField("pieces", null=True, blank=True)
    weight = models.DecimalField("weight", max_digits=10, decimal_places=3, null=True, blank=True)
    share = models.DecimalField("share", max_digits=5, decimal_places=2, null=True, blank=True)
    price = MoneyField("price")
    currency = models.CharField("currency", max_length=3, default="CNY")
    made_on = models.DateField("made on", null=True, blank=True)
    sold_at = models.DateTimeField("sold at", null=True, blank=True)
    opens_at = models.TimeField("opens at", null=True, blank=True)
    active = models.BooleanField("active", default=True)
    region = RegionField("region")
    email = TextKindField("e-mail", kind="email")
    phone = TextKindField("phone", kind="phone", max_length=40)
    site = TextKindField("site", kind="url", max_length=500)
    phones = ListField("phones", kind="phones")
    emails = ListField("e-mails", kind="emails")
    sites = ListField("sites", kind="urls")
    addresses = ListField("addresses", kind="addresses")
    lines = ListField(
        "lines",
        kind="table",
        columns=(
            Field(name="what", kind="text", label="what", required=True),
            Field(name="amount", kind="money", label="amount"),
        ),
    )
    keeper = models.ForeignKey(
        "core.User", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="keeper"
    )
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="children", verbose_name="parent"
    )
    secret = models.CharField("secret", max_length=40, blank=True, default="")

    class Meta(OwnedRecord.Meta):
        verbose_name = "gadget"


class Part(CarriedRecord):
    """A piece of a gadget; whoever sees the gadget sees it."""

    name = models.CharField("name", max_length=100)
    gadget = models.ForeignKey(Gadget, models.CASCADE, related_name="parts", verbose_name="gadget")
    fitted_at = models.DateTimeField("fitted at", null=True, blank=True)

    class Meta(CarriedRecord.Meta):
        verbose_name = "part"
