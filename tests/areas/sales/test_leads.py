"""Leads: conversion that makes or attaches, keeps history, refuses a second time, and can be taken back."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from guanxi.areas.activities.models import Activity
from guanxi.areas.customers.models import Contact, Customer
from guanxi.areas.sales import panels, services
from guanxi.areas.sales.models import Lead, Opportunity
from guanxi.core import records
from guanxi.core.automation import outbox
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound, RuleBroken
from guanxi.core.models import RoleField
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2024, 5, 20, 4, 0, tzinfo=dt.UTC)


def _lead(make: Any, **values: Any) -> Lead:
    given = {
        "name": "李思远",
        "company": "佛山恒达机械有限公司",
        "phones": "13800138000",
        "position": "采购经理",
        **values,
    }
    lead: Lead = make("sales.lead", **given)
    return lead


def test_conversion_makes_customer_contact_and_opportunity(cast: Cast, make: Any) -> None:
    lead = _lead(make, interest="数控系统", source="exhibition")
    services.lead_convert(cast.alice, lead, amount="120000", close_on="2030-06-30")
    lead.refresh_from_db()
    assert (lead.status, lead.customer.name, lead.contact.name) == ("converted", "佛山恒达机械有限公司", "李思远")
    deal = lead.opportunity
    assert (deal.name, str(deal.amount), deal.customer_id, deal.contact_id) == (
        "佛山恒达机械有限公司 · 数控系统", "120000.00", lead.customer_id, lead.contact_id,
    )  # fmt: skip
    assert (deal.source, deal.owner_id, deal.stage.key) == ("exhibition", cast.alice_user.pk, "contact")
    assert lead.contact.phones[0]["value"] == "+8613800138000"
    assert lead.contact.position == "采购经理"


def test_conversion_keeps_the_history(cast: Cast, make: Any) -> None:
    lead = _lead(make)
    with clock.moved_to(NOON):
        records.create(cast.alice, "sales.leadfollowup", {"lead": lead.pk, "kind": "call", "body": "要报价"})
        records.create(cast.alice, "sales.leadfollowup", {"lead": lead.pk, "kind": "note", "body": "老板姓黄"})
    lead.refresh_from_db()
    assert (lead.status, lead.last_contact_at) == ("contacting", NOON)
    services.lead_convert(cast.alice, lead, make_opportunity=False)
    lead.refresh_from_db()
    moved = Activity.objects.filter(customer=lead.customer).order_by("pk").values_list("body", "kind", "contact_id")
    assert list(moved) == [("要报价", "call", lead.contact_id), ("老板姓黄", "note", lead.contact_id)]
    assert (lead.customer.last_contact_at, lead.opportunity_id) == (NOON, None)
    assert lead.follow_ups.count() == 2


def test_conversion_attaches_to_what_exists(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", name="佛山恒达机械")
    person = make("customers.contact", customer=customer)
    deal = make("sales.opportunity", customer=customer)
    before = (Customer.objects.count(), Contact.objects.count(), Opportunity.objects.count())
    lead = _lead(make)
    services.lead_convert(cast.alice, lead, customer=customer.pk, contact=person.pk, opportunity=deal.pk)
    lead.refresh_from_db()
    assert (lead.customer_id, lead.contact_id, lead.opportunity_id) == (customer.pk, person.pk, deal.pk)
    assert (Customer.objects.count(), Contact.objects.count(), Opportunity.objects.count()) == before


def test_conversion_refuses_foreign_records(cast: Cast, make: Any) -> None:
    lead = _lead(make)
    foreign = make("customers.customer", by=cast.charlie_user)
    mine, other = make("customers.customer"), make("sales.opportunity")
    for values, field in (
        ({"customer": foreign.pk}, "customer"),
        ({"customer": mine.pk, "opportunity": other.pk}, "opportunity"),
        ({"customer": mine.pk, "contact": make("customers.contact").pk}, "contact"),
    ):
        with pytest.raises(Invalid) as error:
            services.lead_convert(cast.alice, lead, **values)
        assert error.value.field == field
    with pytest.raises(Denied):
        services.lead_convert(cast.bob, lead)
    with pytest.raises(NotFound):
        services.lead_convert(cast.charlie, lead)
    lead.refresh_from_db()
    assert lead.converted_at is None


def test_conversion_happens_once(cast: Cast, make: Any) -> None:
    lead = _lead(make)
    services.lead_convert(cast.alice, lead)
    with pytest.raises(RuleBroken) as error:
        services.lead_convert(cast.alice, lead)
    assert error.value.code == "lead.converted"
    assert Customer.objects.filter(name="佛山恒达机械有限公司").count() == 1
    with pytest.raises(Invalid) as refused:
        records.update(cast.alice, Lead.objects.get(pk=lead.pk), {"status": "new"})
    assert refused.value.field == "status"


def test_conversion_is_taken_back_with_what_it_made(cast: Cast, make: Any) -> None:
    lead = _lead(make)
    records.create(cast.alice, "sales.leadfollowup", {"lead": lead.pk, "kind": "call", "body": "要报价"})
    services.lead_convert(cast.alice, lead)
    lead.refresh_from_db()
    made = (lead.customer_id, lead.contact_id, lead.opportunity_id)
    outbox.deliver_all()
    step = services.lead_unconvert(cast.alice, lead)
    assert step.result["problems"] == []
    lead.refresh_from_db()
    assert (lead.status, lead.converted_at, lead.customer_id) == ("contacting", None, None)
    assert not Customer.objects.filter(pk=made[0]).exists()
    assert not Contact.objects.filter(pk=made[1]).exists()
    assert not Opportunity.objects.filter(pk=made[2]).exists()
    assert lead.follow_ups.count() == 1
    with pytest.raises(RuleBroken):
        services.lead_unconvert(cast.alice, lead)
    services.lead_convert(cast.alice, lead)
    assert Lead.objects.get(pk=lead.pk).customer_id not in (None, made[0])


def test_bad_leads_are_refused_at_the_field(cast: Cast) -> None:
    for values, field in (({"score": 101}, "score"), ({"status": "converted"}, "status"), ({"name": ""}, "name")):
        with pytest.raises(Invalid) as error:
            records.create(cast.alice, "sales.lead", {"name": "王五", **values})
        assert list(error.value.errors) == [field]


def _asked(page: Any) -> dict[str, str]:
    """What the pickers of a form hold."""
    text = page.content.decode()
    boxes = re.findall(r'<select[^>]* name="(\w+)".*?</select>', text, re.S)
    chosen = (re.search(rf'name="{one}".*?</select>', text, re.S) for one in boxes)
    values = [re.search(r'value="(\d*)" selected', one[0]) if one else None for one in chosen]
    return {name: one[1] if one else "" for name, one in zip(boxes, values, strict=True)}


def test_the_form_proposes_the_customer_it_nearly_certainly_is(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", name="佛山恒达机械有限公司")
    person = make("customers.contact", customer=customer, name="李经理", phones="13800138000")
    lead = _lead(make)
    outbox.deliver_all()
    client, address = browser(cast.alice_user), f"/leads/{lead.pk}/do/convert/"
    page = client.get(address)
    assert _asked(page) == {"customer": str(customer.pk), "contact": str(person.pk), "opportunity": ""}
    assert "This is almost certainly a customer already" in page.content.decode()
    assert [(one.id, one.sure, who) for one, who in panels.twins(cast.alice, lead)] == [(customer.pk, True, person.pk)]
    other = client.get(address, {"customer": "", "contact": "", "opportunity_name": "数控"})
    assert _asked(other) == {"customer": "", "contact": "", "opportunity": ""}
    assert 'value="数控"' in other.content.decode()


def test_the_form_proposes_nothing_doubtful_and_names_nothing_hidden(cast: Cast, make: Any) -> None:
    make("customers.customer", by=cast.charlie_user, name="佛山恒达机械有限公司")
    alike = make("customers.customer", name="顺德永安五金厂", phones="13800138000")
    lead = _lead(make)
    outbox.deliver_all()
    assert panels.attached(cast.alice, lead) == {}
    found = [(one.visible, one.sure, one.url, who) for one, who in panels.twins(cast.alice, lead)]
    assert found == [(False, True, "", None), (True, False, f"/customers/{alike.pk}/", None)]
    page = browser(cast.alice_user).get(f"/leads/{lead.pk}/do/convert/").content.decode()
    assert "佛山恒达" not in page
    assert f"ask {cast.charlie_user.name} first" in page


@pytest.mark.parametrize(("key", "about"), [("activities.activity", "customer"), ("sales.leadfollowup", "lead")])
def test_a_follow_up_without_a_moment_is_refused_at_its_field(key: str, about: str, cast: Cast, make: Any) -> None:
    told = make("sales.lead" if about == "lead" else "customers.customer", owner=cast.alice_user)
    given = {about: told.pk, "kind": "call", "body": "x"}
    with pytest.raises(Invalid) as missing:
        records.create(cast.alice, key, {**given, "occurred_at": None})
    assert "occurred_at" in missing.value.errors
    made = records.create(cast.alice, key, given)
    with pytest.raises(Invalid) as cleared:
        records.update(cast.alice, made, {"occurred_at": None}, version=made.version)
    assert "occurred_at" in cleared.value.errors


def test_a_conversion_compares_nothing_hidden(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", name="顺德永安五金厂", phones="13800138000")
    person = make("customers.contact", customer=customer, name="李经理", phones="13800138000")
    lead = _lead(make)
    outbox.deliver_all()

    def told(*hidden: str) -> list[tuple[int, int | None]]:
        RoleField.objects.filter(role=cast.role).delete()
        RoleField.objects.bulk_create(
            RoleField(role=cast.role, entity=entity, field="phones", level="hidden") for entity in hidden
        )
        bump("rights")
        return [(one.id, who) for one, who in panels.twins(cast.actor(cast.alice_user), lead)]

    assert told() == [(customer.pk, person.pk)]
    assert told("customers.contact") == [(customer.pk, None)]
    assert told("sales.lead") == told("customers.customer") == []
