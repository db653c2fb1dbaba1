"""Rules of the area that hold on every way in: each is called by the write path before a record is stored."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import MutableMapping
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from guanxi.areas.customers.models import PERSON, Affiliation, Consent, Contact, Customer, CustomerLink
from guanxi.core.kernel import clock, lunar
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.kernel.identifiers import business_number_check, id_card_check
from guanxi.core.kernel.text import sort_key
from guanxi.core.schema.derive import fields_of

Changes = MutableMapping[str, list[Any]]
DEEPEST = 20
_CITIZEN = re.compile(r"\d{15}|\d{17}[\dXx]")


def birthday_key_of(birthday: dt.date | None, calendar: str) -> int | None:
    """Month × 100 + day of the day a birthday is kept on, plus 2000 in the lunar calendar.

    >>> birthday_key_of(dt.date(1985, 10, 1), "solar"), birthday_key_of(dt.date(1985, 10, 1), "lunar")
    (1001, 2817)
    """
    if birthday is None:
        return None
    if calendar != "lunar":
        return birthday.month * 100 + birthday.day
    day = lunar.to_lunar(birthday)
    return 2000 + day.month * 100 + day.day


def _set(record: Any, changes: Changes, name: str, value: Any) -> None:
    """Change a value on the way in, so that the event tells of it too."""
    before = changes[name][0] if name in changes else getattr(record, name)
    if value != getattr(record, name):
        setattr(record, name, value)
        changes[name] = [before, value]


def _person_clean(record: Customer | Contact, changes: Changes) -> None:
    if record.id_number and "id_number" in changes and _CITIZEN.fullmatch(record.id_number.replace(" ", "")):
        try:
            citizen = id_card_check(record.id_number)
        except Invalid as error:
            raise Invalid(error.message, code=error.code, field="id_number") from None
        _set(record, changes, "id_number", citizen.number)
        if record.birthday is None:
            _set(record, changes, "birthday", citizen.birthday)
        if not record.gender:
            _set(record, changes, "gender", citizen.gender)
    if record.birthday and record.birthday > clock.today(settings.TIME_ZONE):
        raise Invalid(_("A birthday cannot lie in the future."), code="birthday.future", field="birthday")
    try:
        record.birthday_key = birthday_key_of(record.birthday, record.birthday_calendar)
    except Invalid as error:
        raise Invalid(error.message, code=error.code, field="birthday") from None


def customer_clean(_actor: Actor, customer: Customer, changes: Changes) -> None:
    """Names sort by pinyin; codes are checked; an organisation has no birthday; nobody stands above himself."""
    if not customer.sort_key or {"name", "kind"} & set(changes):
        customer.sort_key = sort_key(customer.name, person=customer.kind == PERSON)
    if customer.credit_code and "credit_code" in changes:
        try:
            _set(customer, changes, "credit_code", business_number_check(customer.credit_code).value)
        except Invalid as error:
            raise Invalid(error.message, code=error.code, field="credit_code") from None
    if customer.kind != PERSON:
        _only_persons(customer)
    _person_clean(customer, changes)
    year = clock.today(settings.TIME_ZONE).year
    if customer.founded_year is not None and not 1000 <= customer.founded_year <= year:
        raise Invalid(
            _("The year must lie between %(from)d and %(to)d.") % {"from": 1000, "to": year},
            code="founded_year.range",
            field="founded_year",
        )
    if customer.revenue is not None and customer.revenue < 0:
        raise Invalid(_("Revenue cannot be negative."), code="revenue.negative", field="revenue")
    if "parent" in changes:
        customer.path = _path_clean(customer)


def _only_persons(customer: Customer) -> None:
    for name in ("gender", "birthday", "occupation", "id_number"):
        if getattr(customer, name):
            label = fields_of(Customer)[name].label
            raise Invalid(
                _("Only a person has “%(field)s”; this customer is an organisation.") % {"field": label},
                code="customer.not_a_person",
                field=name,
            )


def _path_clean(customer: Customer) -> str:
    """The path below the parent; raises Invalid when that is the customer itself, one below it, or lies too deep."""
    if customer.parent_id is None:
        return "/"
    if customer.parent_id == customer.pk:
        raise Invalid(_("A customer cannot be above itself."), code="parent.circle", field="parent")
    path = Customer.everything.filter(pk=customer.parent_id).values_list("path", flat=True).first() or "/"
    if customer.pk and f"/{customer.pk}/" in path:
        raise Invalid(
            _("This customer stands below the one you are editing already."), code="parent.circle", field="parent"
        )
    if path.count("/") > DEEPEST:
        raise Invalid(
            _("A group of companies can be %(levels)d levels deep.") % {"levels": DEEPEST},
            code="parent.too_deep",
            field="parent",
        )
    return f"{path}{customer.parent_id}/"


def contact_clean(_actor: Actor, contact: Contact, changes: Changes) -> None:
    """Names sort by pinyin; nobody reports to himself; dates make sense."""
    if not contact.sort_key or "name" in changes:
        contact.sort_key = sort_key(contact.name, person=True)
    _person_clean(contact, changes)
    if contact.pk and contact.reports_to_id == contact.pk:
        raise Invalid(_("Nobody can report to themselves."), code="reports_to.self", field="reports_to")


def affiliation_clean(_actor: Actor, affiliation: Affiliation, _changes: Changes) -> None:
    """A place begins before it ends, and nobody reports to himself."""
    if affiliation.since and affiliation.until and affiliation.until < affiliation.since:
        raise Invalid(_("The end lies before the beginning."), code="until.before_since", field="until")
    if affiliation.reports_to_id == affiliation.contact_id:
        raise Invalid(_("Nobody can report to themselves."), code="reports_to.self", field="reports_to")


def link_clean(_actor: Actor, link: CustomerLink, _changes: Changes) -> None:
    """A customer is related to another one, and a relation begins before it ends."""
    if link.customer_id == link.other_id:
        raise Invalid(_("Choose another customer: none can be related to itself."), code="other.self", field="other")
    if link.since and link.until and link.until < link.since:
        raise Invalid(_("The end lies before the beginning."), code="until.before_since", field="until")


def consent_clean(_actor: Actor, consent: Consent, changes: Changes) -> None:
    """A consent is somebody's; what was said was said already, without a moment just now; a contact's stands with his company too."""
    if consent.customer_id is None and consent.contact_id is None:
        raise Invalid(_("Choose whose consent it is."), code="consent.whose", field="customer")
    if consent.contact_id is not None and consent.customer_id is None and consent.contact is not None:
        _set(consent, changes, "customer_id", consent.contact.customer_id)
    said: Any = consent.at  # a form may send none
    if said is None and consent._state.adding:
        _set(consent, changes, "at", clock.now())
    elif said is not None and said > clock.now() + dt.timedelta(minutes=5):
        raise Invalid(_("Nobody can have said it in the future."), code="consent.future", field="at")
