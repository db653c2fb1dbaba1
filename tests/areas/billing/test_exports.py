"""Documents taken out with their items: whose, into which files, and how many rows of the day they are."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest

from guanxi.areas.billing.models import Contract
from guanxi.core import records
from guanxi.core.exchange import exports, imports
from guanxi.core.exchange.options import Options
from guanxi.core.kernel.errors import TooMany
from guanxi.core.models import AccessEntry, RoleField, User
from guanxi.core.models.stamps import bump
from guanxi.core.privacy import policy
from guanxi.core.records import discretion
from tests.factories.cast import Cast
from tests.signing import browser

pytestmark = pytest.mark.django_db


def _files(content: bytes) -> dict[str, list[list[str]]]:
    """The tables of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {one.removesuffix(".csv"): list(csv.reader(io.StringIO(archive.read(one).decode("utf-8-sig")))) for one in archive.namelist()}  # fmt: skip


def test_documents_are_taken_out_with_their_items_and_come_in_again(cast: Cast, make: Any) -> None:
    customer = make("customers.customer", owner=cast.alice_user)
    items = [{"sort": "section", "name": "硬件"}, {"name": "泵", "quantity": 3, "price": "33.33", "tax_class": "13"}]
    made = [
        records.create(cast.alice, "billing.contract", {"name": name, "customer": customer.pk, "lines": items, "instalments": [{"name": "全款", "percent": 100}]})
        for name in ("一期", "二期")
    ]  # fmt: skip
    client = browser(cast.alice_user)
    User.objects.filter(pk=cast.alice_user.pk).update(language="zh-hans")
    assert "单据明细一个" in client.get("/contracts/export/").content.decode()
    answer = client.post("/contracts/export/", {"format": "zip", "columns": "shown", "state": ""})
    assert answer["Content-Type"] == "application/zip"
    files = _files(answer.content)
    assert list(files) == ["合同", "明细", "回款计划"]
    head, *rows = files["明细"]
    assert head[:4] == ["合同", "行类型", "产品", "描述"]
    at = {name: place for place, name in enumerate(head)}
    assert {(row[0], row[at["描述"]], row[at["金额"]] if "金额" in at else row[-1]) for row in rows} >= {(one.number, "硬件", "") for one in made}  # fmt: skip
    assert sorted(row[0] for row in rows) == sorted(one.number for one in made for _item in items)
    assert [row[:2] for row in files["回款计划"][1:]] == [[one.number, "全款"] for one in sorted(made, key=lambda one: -one.pk)]  # fmt: skip
    # the same file brings the items to contracts without any
    for one in made:
        records.update(cast.alice, one, {"lines": [], "instalments": []})
    out = io.StringIO()
    csv.writer(out).writerows(files["明细"])
    run = imports.import_stage(cast.alice, content=out.getvalue().encode(), name="x.csv", entity="billing.contractline")
    imports.import_configure(cast.alice, run=run, options=Options())
    run = imports.import_run(cast.alice, run=imports.import_start(cast.alice, run=run))
    assert (run.created, run.failed) == (4, 0)
    assert {one.total for one in Contract.objects.all()} == {one.total for one in made}


def test_items_a_role_may_not_take_out_stay_out(cast: Cast, make: Any) -> None:
    make("billing.contract", owner=cast.alice_user, lines=[{"name": "泵", "quantity": 1, "price": 5, "tax_class": "0"}])
    cast.role.rights.filter(entity__in=("billing.contractline", "billing.instalment"), action="export").delete()
    RoleField.objects.create(role=cast.role, entity="billing.contractline", field="cost", level="hidden")
    bump("rights")
    client = browser(cast.alice_user)
    assert 'value="zip"' not in client.get("/contracts/export/").content.decode()
    out = io.BytesIO()
    exports.export_write(cast.actor(cast.alice_user), "billing.contract", out=out, format="zip")
    assert len(_files(out.getvalue())) == 1


def test_items_taken_out_count_among_the_rows_of_the_day(cast: Cast, make: Any) -> None:
    items = [{"name": name, "quantity": 1, "price": 5, "tax_class": "0"} for name in ("泵", "阀")]
    plan = [{"name": "全款", "percent": 100}]
    for _number in range(2):
        make("billing.contract", owner=cast.alice_user, lines=items, instalments=plan)

    def taken(**what: Any) -> int:
        return exports.export_write(cast.alice, "billing.contract", out=io.BytesIO(), **what).rows

    policy.discretion_set(cast.root, looks="0", rows="9", marked=True, watermark=False)
    assert taken(format="csv") == 2
    assert discretion.rows_left(cast.alice) == 7
    with pytest.raises(TooMany, match="9"):
        taken(format="zip")  # 2 contracts, 4 items, 2 instalments
    assert discretion.rows_left(cast.alice) == 7
    policy.discretion_set(cast.root, looks="0", rows="10", marked=True, watermark=False)
    assert taken(format="zip") == 2
    assert discretion.rows_left(cast.alice) == 0
    assert AccessEntry.objects.filter(sort="export").latest("pk").details["rows"] == 8
