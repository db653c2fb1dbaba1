"""People named beside a company in a file of companies become its contacts."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core import records
from guanxi.core.access import actors
from guanxi.core.exchange import imports
from guanxi.core.exchange.options import Options
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models.exchange import ImportOutcome, ImportRun
from guanxi.core.people.roles import RoleDraft, role_draft, role_save
from tests.factories.cast import Cast

CUSTOMER, CONTACT = "customers.customer", "customers.contact"
FILE = (
    "客户名称,电话,联系人,联系人手机,联系人职务\n"
    "甲公司,010-62781234,张三,13800138000,采购经理\n"
    "乙公司,,李四；王五,,\n"
    "丙公司,,,13900139000,\n"
    "甲公司,,赵六,,财务\n"
    "甲公司,,张 三,13700137000,总监\n"
)


def bring(actor: Any, text: str, **how: Any) -> ImportRun:
    run = imports.import_stage(actor, content=text.encode(), name="客户.csv", entity=CUSTOMER)
    run = imports.import_configure(actor, run=run, **how)
    return imports.import_run(actor, run=imports.import_start(actor, run=run))


def people() -> list[tuple[str, str, str, list[str]]]:
    rows = Contact.objects.select_related("customer").order_by("customer__name", "pk")
    return [(one.customer.name, one.name, one.position, [entry["value"] for entry in one.phones]) for one in rows]


def test_the_contact_beside_a_company(cast: Cast) -> None:
    run = imports.import_stage(cast.root, content=FILE.encode(), name="客户.csv", entity=CUSTOMER)
    assert {index: target["field"] for index, target in run.mapping["columns"].items()} == {
        "0": "name", "1": "phones", "2": f"{CONTACT}/name", "3": f"{CONTACT}/phones", "4": f"{CONTACT}/position",
    }  # fmt: skip
    assert imports.import_check(cast.root, run=run).counts == {"created": 3, "updated": 0, "skipped": 2, "failed": 0}
    assert Contact.objects.count() == 0
    run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert (run.created, run.updated, run.skipped, run.failed) == (3, 0, 2, 0)
    assert people() == [
        ("乙公司", "李四；王五", "", []),
        ("甲公司", "张三", "采购经理", ["+8613800138000", "+8613700137000"]),
        ("甲公司", "赵六", "财务", []),
    ]
    assert Customer.objects.get(name="甲公司").phones[0]["value"] == "+861062781234"
    assert {one.owner_id for one in Contact.objects.all()} == {cast.root.user_id}
    assert records.select(cast.root, CONTACT, text="zhangsan").items[0].name == "张三"


def test_known_contacts_are_completed_and_undo_takes_all_back(cast: Cast, make: Any) -> None:
    known = make(CUSTOMER, name="甲公司", by=cast.root_user)
    person = make(CONTACT, name="张三", customer=known, position="经理", by=cast.root_user)
    run = bring(cast.root, FILE)
    person.refresh_from_db()
    assert (person.position, [one["value"] for one in person.phones]) == ("经理", ["+8613800138000", "+8613700137000"])
    assert Contact.objects.count() == 3
    imports.import_undo(cast.root, run=run)
    person.refresh_from_db()
    assert (Contact.objects.count(), Customer.objects.count(), person.phones) == (1, 1, [])


def test_what_is_wrong_with_a_contact_is_said_at_its_row(cast: Cast) -> None:
    run = bring(cast.root, "客户名称,联系人,联系人手机\n甲公司,张三,12\n", options=Options(unreadable="refuse"))
    assert (run.created, run.failed, Contact.objects.count()) == (1, 0, 0)
    assert [one["field"] for one in ImportOutcome.objects.get(run=run).reasons or ()] == ["phones"]


def test_without_the_right_there_are_no_columns_for_contacts(cast: Cast) -> None:
    draft = role_draft(cast.role)
    rights = {key: given for key, given in draft.rights.items() if key != (CONTACT, "create")}
    role_save(cast.root, cast.role, RoleDraft(name=draft.name, rights=rights))
    alice = actors.renewed(cast.alice)
    run = imports.import_stage(alice, content=FILE.encode(), name="客户.csv", entity=CUSTOMER)
    assert {target["field"] for target in run.mapping["columns"].values()} == {"name", "phones"}
    mapping = {"columns": {"0": "name", "2": f"{CONTACT}/name"}}
    with pytest.raises(Invalid):
        imports.import_configure(alice, run=run, mapping=mapping)


def test_a_contact_phone_without_a_name_stays_with_the_company(cast: Cast) -> None:
    text = "Company,Contact Phone\nAcme,+1 212-555-0106\n"
    run = imports.import_stage(cast.root, content=text.encode(), name="companies.csv", entity=CUSTOMER)
    assert [target["field"] for target in run.mapping["columns"].values()] == ["name", "phones"]
