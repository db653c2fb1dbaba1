"""Real files, unmodified: each comes in right, or is refused with a reason at the row; the counts always add up."""

# ruff: noqa: PT017 - a file may be read or refused; both are right

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core.exchange import imports, results
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.reading import members_of
from guanxi.core.kernel.actor import Actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models.exchange import ImportRun
from tests.core.exchange.shared import DATA, needs_data
from tests.factories.cast import Cast

pytestmark = needs_data


def bring(actor: Actor, path: Path, *, sheet: str | None = None, entity: str = "", **options: Any) -> ImportRun:
    run = imports.import_stage(actor, content=path, name=sheet or path.name, sheet=sheet, entity=entity)
    imports.import_configure(actor, run=run, options=Options(**options))
    run = imports.import_run(actor, run=imports.import_start(actor, run=run))
    counts = imports.counts_of(run)
    assert run.total == sum(counts.values()) == run.done
    assert (counts["created"], counts["failed"]) == (run.created, run.failed)
    assert all(row[3] for row in results.import_rows(run, (4,))), "every refused row says why"
    return run


def outcome(run: ImportRun) -> tuple[str, int, int, int, int]:
    return run.entity, run.created, run.updated, run.skipped, run.failed


def test_maven_accounts(cast: Cast) -> None:
    run = bring(cast.root, DATA / "maven_crm_sales" / "accounts.csv")
    assert outcome(run) == ("customers.customer", 85, 0, 0, 0)
    acme = Customer.objects.get(name="Acme Corporation")
    assert (acme.employees, acme.founded_year, acme.revenue, acme.region) == (2822, 1996, Decimal("1100.04"), "US")
    assert "technolgy" in acme.description
    children = Customer.objects.filter(parent__isnull=False)
    assert children.count() == 15
    assert {child.parent.name for child in children} <= set(Customer.objects.values_list("name", flat=True))


def test_northwind(cast: Cast) -> None:
    run = bring(cast.root, DATA / "northwind" / "customers.csv")
    assert outcome(run) == ("customers.customer", 91, 0, 0, 0)
    first = Customer.objects.get(external_id="ALFKI")
    assert first.name == "Alfreds Futterkiste"
    assert first.addresses[0]["street"] == "Obere Str. 57, Berlin"
    assert (first.addresses[0]["postcode"], first.addresses[0]["country"]) == ("12209", "Germany")
    assert first.phones[0]["value"] == "+49300074321" or "030-0074321" in first.description
    assert Customer.objects.filter(name__contains="Constitución").count() == 0
    assert Customer.objects.get(external_id="ANTON").name == "Antonio Moreno Taquería"
    suppliers = bring(cast.root, DATA / "northwind" / "suppliers.csv")
    assert outcome(suppliers) == ("customers.customer", 29, 0, 0, 0)
    assert outcome(bring(cast.root, DATA / "northwind" / "customers.csv", mode="create")) == (
        "customers.customer",
        0,
        0,
        91,
        0,
    )


def test_companies_of_the_index(cast: Cast) -> None:
    run = bring(cast.root, DATA / "companies_sp500" / "constituents.csv")
    assert run.entity == "customers.customer"
    assert (run.total, run.created + run.updated, run.skipped, run.failed) == (503, 503, 0, 0)
    unclear = Customer.objects.get(name="Accenture")
    assert (unclear.founded_year, "1989" in unclear.description) in ((None, True), (1989, False))
    assert Customer.objects.filter(name__in=["3M", "Alphabet Inc. (Class A)", "Alphabet Inc. (Class C)"]).count() == 3


def test_adventureworks_people_and_stores(cast: Cast) -> None:
    folder = DATA / "adventureworks"
    stores = bring(cast.root, folder / "oltp_sales_store.csv.gz")
    assert (stores.entity, stores.total, stores.failed) == ("customers.customer", 701, 0)
    addresses = bring(cast.root, folder / "oltp_sales_vstorewithaddresses.csv.gz")
    assert (addresses.total, addresses.failed, addresses.created) == (712, 0, 0)
    bikes = Customer.objects.get(external_id="1490")
    assert bikes.addresses[0]["street"] == "123 Camelia Avenue, Oxnard, California"
    people = bring(cast.root, folder / "oltp_sales_vstorewithcontacts.csv.gz", create_references=True)
    assert outcome(people) == ("customers.contact", 753, 0, 0, 0)
    john = Contact.objects.get(emails__contains=[{"value": "john6@adventure-works.com"}])
    assert (john.name, john.customer.name, john.position) == ("John Arthur", "The Gear Store", "Owner")


def test_adventureworks_private_customers(cast: Cast) -> None:
    run = bring(cast.root, DATA / "adventureworks" / "customers.csv.gz")
    assert (run.entity, run.total, run.failed, run.created) == ("customers.customer", 18148, 0, 18148)
    jon = Customer.objects.get(external_id="11000")
    assert (jon.name, jon.kind, str(jon.birthday), jon.gender) == ("JON YANG", "person", "1966-04-08", "male")


#: Archive → entity of the files that must come in, and how many rows each brings at least.
CRM = {
    "hubspot_objects.tar.gz": {"company_data.csv": ("customers.customer", 24), "contact_data.csv": ("customers.contact", 22)},
    "salesforce_objects.tar.gz": {"sf_account_data.csv": ("customers.customer", 10), "sf_contact_data.csv": ("customers.contact", 3)},
    "salesforce_sobject_tree_json.tar.gz": {"Accounts.json": ("customers.customer", 1), "contacts-data.json": ("customers.contact", 5)},
    "mautic_fixtures.tar.gz": {"fakecompanydata.csv": ("customers.customer", 1), "10contacts.csv": ("customers.contact", 2)},
}  # fmt: skip


@pytest.mark.parametrize("archive", CRM)
def test_exports_of_other_systems(cast: Cast, archive: str) -> None:
    path = DATA / "crm_export_formats" / archive
    for member in members_of(path):
        wanted = CRM[archive].get(member.rsplit("/", 1)[1])
        try:
            run = bring(cast.root, path, sheet=member, create_references=True)
        except Invalid as error:
            assert wanted is None, (member, str(error))
            assert error.code.startswith(("file.", "import."))
            continue
        if wanted:
            assert run.entity == wanted[0], member
            assert run.created + run.updated >= wanted[1], (member, outcome(run))


@pytest.mark.parametrize(
    "suite", ["ez-vcard", "ical.js", "libical", "nextcloud-contacts", "node-vcf", "roundcube", "sabre-vobject"]
)
def test_cards_become_contacts(cast: Cast, suite: str) -> None:
    path = DATA / "vcard_samples" / f"{suite}.tar.gz"
    for member in members_of(path):
        if not member.endswith(".vcf"):
            continue
        run = bring(cast.root, path, sheet=member, entity="customers.contact", create_references=True)
        assert run.failed <= (member.endswith(("issue64.vcf", "quoted-list.vcf"))), (
            member,
            list(results.import_rows(run, (4,))),
        )


def test_one_card_whole(cast: Cast) -> None:
    path = DATA / "vcard_samples" / "ez-vcard.tar.gz"
    member = next(name for name in members_of(path) if name.endswith("outlook-2003.vcf"))
    run = bring(cast.root, path, sheet=member, create_references=True)
    assert outcome(run)[:2] == ("customers.contact", 1)
    john = Contact.objects.get()
    assert (john.name, john.customer.name, john.position, str(john.birthday)) == (
        "John Doe III",
        "Company, The",
        "The Job Title",
        "1980-03-21",
    )
    assert "MobilePhone" in john.description, "what is no number is kept in the description"


SUITES = ["csv-spectrum", "csv-test-data", "messytables-horror", "tabulator", "univocity", "pollock-polluted"]


@pytest.mark.parametrize("suite", SUITES)
def test_messy_files_lose_no_row(cast: Cast, suite: str) -> None:
    """First column as name, whatever it is: each row is made, matched or refused with a reason."""
    path = DATA / "messy_csv" / f"{suite}.tar.gz"
    tried = 0
    for member in list(members_of(path))[:90]:
        if "/clean/" in member or "/parameters/" in member or "/json/" in member:
            continue
        try:
            run = imports.import_stage(cast.root, content=path, name=member, sheet=member, entity="customers.customer")
        except Invalid as error:
            assert error.code.startswith("file."), member
            continue
        imports.import_configure(cast.root, run=run, mapping={"columns": {"0": "name"}})
        run = imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
        assert run.total == sum(imports.counts_of(run).values()), member
        assert all(row[3] for row in results.import_rows(run, (4,))), member
        tried += 1
    assert tried > 3


def test_encodings_come_in_right(cast: Cast) -> None:
    for name in ("areas.gb18030.csv.gz", "areas.utf16le-bom.csv.gz"):
        run = imports.import_stage(cast.root, content=DATA / "cn_divisions" / name, entity="customers.customer")
        assert run.total > 2900
        assert run.facts["encoding_sure"]
