"""Columns find their fields by their names and by what stands in them; a file finds its kind of record, or none."""

from __future__ import annotations

import pytest

from guanxi.areas.customers.models import Contact
from guanxi.core.exchange import imports
from guanxi.core.exchange.guessing import auto_map, date_order
from guanxi.core.exchange.reading import Column
from guanxi.core.kernel.errors import GuanxiError
from guanxi.core.models.exchange import ImportRow
from tests.core.exchange.bringing import CONTACT, CUSTOMER, bring, counts
from tests.factories.cast import Cast


@pytest.mark.parametrize(("header", "sample", "expected"), [
    ("Company Name,Phone,E-mail,Website,Street,City,Country", "", ["name", "phones", "emails", "websites", "addresses", "addresses", "addresses"]),
    ("customerID,companyName,contactName,contactTitle,phone,fax", "", ["external_id", "name", "customers.contact/name", "customers.contact/position", "phones", "phones"]),
    ("公司名称,行业,员工人数,负责人,创建时间,备注", "", ["name", "industry", "employees", "owner", "created_at", "description"]),
    ("a,b,c", "x@y.cn,13800138000,Acme\nz@y.cn,13900139000,Beta", ["emails", "phones", None]),
])  # fmt: skip
def test_columns_find_their_fields(cast: Cast, header: str, sample: str, expected: list[str | None]) -> None:
    columns = [Column(index, name) for index, name in enumerate(header.split(","))]
    mapping = auto_map(cast.root, CUSTOMER, columns, [line.split(",") for line in sample.split("\n") if line])
    assert [mapping.targets[i].field if i in mapping.targets else None for i in range(len(columns))] == expected


def test_dates_of_a_column_are_read_alike(cast: Cast) -> None:
    assert date_order(["4/8/1966", "5/14/1965"]) == "mdy"
    assert date_order(["4/8/1966", "14/5/1965"]) == "dmy"
    assert date_order(["4/8/1966"]) == ""
    run = bring(cast.root, "姓,名,生日\n张,三,4/8/1966\n李,四,5/14/1965\n", CONTACT)
    assert counts(run) == (2, 0, 0, 0)
    assert [str(one.birthday) for one in Contact.objects.order_by("pk")] == ["1966-04-08", "1965-05-14"]
    assert counts(bring(cast.root, "姓名,生日\n王五,4/8/1966\n", CONTACT)) == (1, 0, 0, 0)
    unclear = Contact.objects.get(name="王五")
    assert (unclear.birthday, unclear.description) == (None, "生日: 4/8/1966")


def test_a_file_for_nothing_we_know(cast: Cast) -> None:
    run = imports.import_stage(cast.root, content=b"foo,bar\n1,2\n3,4\n", name="x.csv")
    assert run.entity == ""
    with pytest.raises(GuanxiError) as refused:
        imports.import_start(cast.root, run=run)
    assert refused.value.code == "import.entity"
    assert ImportRow.objects.filter(run=run).count() == 2
