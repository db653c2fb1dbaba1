"""Rules that hold on every way in."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guanxi.areas.customers.models import Consent, Contact, Customer
from guanxi.areas.customers.policies import birthday_key_of
from guanxi.core import records
from guanxi.core.kernel import clock
from guanxi.core.kernel.errors import Denied, Invalid, NotFound
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


def refused(error: pytest.ExceptionInfo[Invalid]) -> dict[str, list[str]]:
    return {name: [one.code for one in found] for name, found in error.value.errors.items()}


def test_customer_starts_with_defaults_number_and_sort_key(cast: Cast) -> None:
    made = records.create(cast.alice, "customers.customer", {"name": "重庆长安汽车股份有限公司"})
    stored = Customer.objects.get(pk=made.pk)
    assert (stored.kind, stored.status, stored.lifecycle, stored.revenue_currency) == (
        "organisation",
        "new",
        "potential",
        "CNY",
    )
    assert stored.owner_id == cast.alice_user.pk
    assert stored.sort_key.startswith("chong qing chang an") or stored.sort_key.startswith("chongqingchangan")
    assert stored.number.startswith("C")
    assert len(stored.number) == 7
    assert stored.path == "/"


def test_credit_code_is_checked_and_brought_to_one_form(cast: Cast) -> None:
    made = records.create(cast.alice, "customers.customer", {"name": "华为", "credit_code": "9144 0300 1922 0382 16"})
    assert made.credit_code == "914403001922038216"
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "customers.customer", {"name": "华为", "credit_code": "914403001922038217"})
    assert refused(error) == {"credit_code": ["credit_code.check_digit"]}
    assert Customer.objects.count() == 1


def test_an_organisation_has_no_birthday(cast: Cast) -> None:
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "customers.customer", {"name": "华为", "birthday": "1987-09-15"})
    assert refused(error) == {"birthday": ["customer.not_a_person"]}
    made = records.create(
        cast.alice, "customers.customer", {"name": "欧阳修", "kind": "person", "birthday": "1985-10-01"}
    )
    assert made.birthday == dt.date(1985, 10, 1)
    assert made.sort_key.replace(" ", "").startswith("ouyang")


def test_citizen_number_gives_birthday_and_gender(cast: Cast) -> None:
    made = records.create(cast.root, "customers.contact", {"name": "张三", "id_number": "11010519491231002x"})
    assert (made.id_number, made.birthday, made.gender) == ("11010519491231002X", dt.date(1949, 12, 31), "female")
    with pytest.raises(Invalid) as error:
        records.create(cast.root, "customers.contact", {"name": "张三", "id_number": "110105194912310021"})
    assert refused(error) == {"id_number": ["id_card.check_digit"]}
    passport = records.create(cast.root, "customers.contact", {"name": "John", "id_number": "E12345678"})
    assert passport.id_number == "E12345678"


@pytest.mark.parametrize(
    ("born", "calendar", "key"),
    [
        (dt.date(1985, 10, 1), "solar", 1001),
        (dt.date(1985, 10, 1), "lunar", 2817),
        (dt.date(1984, 2, 29), "solar", 229),
        (None, "solar", None),
    ],
)
def test_birthday_key(born: dt.date | None, calendar: str, key: int | None) -> None:
    assert birthday_key_of(born, calendar) == key


def test_birthday_and_founding_lie_in_the_past(cast: Cast) -> None:
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "customers.contact", {"name": "张三", "birthday": "2999-01-01"})
    assert refused(error) == {"birthday": ["birthday.future"]}
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "customers.customer", {"name": "华为", "founded_year": 2999})
    assert refused(error) == {"founded_year": ["founded_year.range"]}
    with pytest.raises(Invalid) as error:
        records.create(cast.alice, "customers.customer", {"name": "华为", "revenue": "-1"})
    assert refused(error) == {"revenue": ["revenue.negative"]}
    assert not Customer.objects.exists()
    assert not Contact.objects.exists()


def test_tree_knows_its_path_and_refuses_circles(cast: Cast, make: Any) -> None:
    top = make("customers.customer", name="招商局集团")
    middle = make("customers.customer", name="招商蛇口", parent=top)
    low = make("customers.customer", name="招商物业", parent=middle)
    paths = dict(Customer.objects.values_list("name", "path"))
    assert paths == {"招商局集团": "/", "招商蛇口": f"/{top.pk}/", "招商物业": f"/{top.pk}/{middle.pk}/"}
    for parent in (top, low):
        with pytest.raises(Invalid) as error:
            records.update(cast.alice, top, {"parent": parent.pk})
        assert refused(error) == {"parent": ["parent.circle"]}
    head = make("customers.customer", name="国务院国资委")
    records.update(cast.alice, top, {"parent": head.pk})
    assert Customer.objects.get(pk=low.pk).path == f"/{head.pk}/{top.pk}/{middle.pk}/"


def test_nobody_reports_to_himself_and_ends_follow_beginnings(cast: Cast, make: Any) -> None:
    contact = make("customers.contact")
    with pytest.raises(Invalid) as error:
        records.update(cast.alice, contact, {"reports_to": contact.pk})
    assert refused(error) == {"reports_to": ["reports_to.self"]}
    with pytest.raises(Invalid) as error:
        make("customers.affiliation", since="2024-05-01", until="2024-04-30")
    assert refused(error) == {"until": ["until.before_since"]}


def test_money_and_lists_are_kept_exactly(cast: Cast) -> None:
    made = records.create(
        cast.alice,
        "customers.customer",
        {
            "name": "格力电器",
            "revenue": "1.5亿",
            "phones": ["0756-8614883", {"value": "13800138000", "label": "前台", "primary": True}],
            "invoice_titles": [{"title": "珠海格力电器股份有限公司", "tax_number": "91440400192548256N"}],
            "personal_notes": [{"kind": "taboo", "note": "不要提竞争对手", "noted_on": "2024-03-01"}],
        },
    )
    stored = Customer.objects.get(pk=made.pk)
    assert stored.revenue == Decimal("150000000.00")
    assert [(one["value"], one["label"], one["primary"]) for one in stored.phones] == [
        ("+8613800138000", "前台", True),
        ("+867568614883", "", False),
    ]
    assert stored.invoice_titles[0]["tax_number"] == "91440400192548256N"
    assert stored.personal_notes == [{"kind": "taboo", "note": "不要提竞争对手", "noted_on": "2024-03-01"}]


def test_rights_follow_the_customer(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", name="比亚迪")
    contact = make("customers.contact", name="王传福", customer=customer, by=cast.charlie_user)
    assert records.get(cast.alice, "customers.contact", contact.pk).name == "王传福"
    assert records.get(cast.bob, "customers.customer", customer.pk).name == "比亚迪"
    with pytest.raises(NotFound):
        records.get(cast.charlie, "customers.customer", customer.pk)
    with pytest.raises(NotFound):
        records.update(cast.charlie, customer, {"name": "特斯拉"})
    with pytest.raises(Denied):
        records.update(cast.bob, customer, {"name": "特斯拉"})
    with pytest.raises(Denied):
        records.create(cast.dave, "customers.customer", {"name": "特斯拉"})
    assert list(Customer.objects.values_list("name", flat=True)) == ["比亚迪"]


def test_a_consent_without_a_moment_was_said_just_now(cast: Cast, make: Any) -> None:
    person = make("customers.contact", owner=cast.alice_user)
    given = {"contact": person.pk, "purpose": "marketing", "channel": "mail", "state": "withdrawn", "at": ""}
    page = browser(cast.alice_user).post("/consents/new/", {name: str(one) for name, one in given.items()})
    assert page.status_code in (200, 204, 302, 303), page.content[:300]
    made = Consent.objects.get()
    assert abs(made.at - clock.now()) < dt.timedelta(minutes=1)
    with pytest.raises(Invalid) as missing:
        records.update(cast.alice, made, {"at": None}, version=made.version)
    assert list(refused(missing)) == ["at"]
