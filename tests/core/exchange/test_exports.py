"""Taking lists out: rights, masks, formulas, formats; and what goes out comes in again."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core.exchange import exports, imports, results
from guanxi.core.exchange.jobs import export_do
from guanxi.core.exchange.reading import open_table
from guanxi.core.exchange.writers import CsvWriter, guarded, unguarded
from guanxi.core.kernel.errors import Denied, Invalid
from guanxi.core.models import AccessEntry, RoleField
from guanxi.core.models.stamps import bump
from tests.factories.cast import Cast
from tests.runtime.helpers import small_disk
from tests.signing import browser

CUSTOMER, CONTACT = "customers.customer", "customers.contact"


def export(actor: Any, entity: str = CUSTOMER, **what: Any) -> bytes:
    out = io.BytesIO()
    exports.export_write(actor, entity, out=out, **what)
    return out.getvalue()


def table(content: bytes) -> list[list[str]]:
    return [row.values for row in open_table(content, name="x").rows()]


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_only_what_may_be_exported_goes_out(cast: Cast, make: Callable[..., Any], format: str) -> None:
    make(CUSTOMER, name="我的公司", level="a", phones=[{"value": "13800138000"}])
    make(CUSTOMER, name="鲍勃的公司", by=cast.bob_user)
    make(CUSTOMER, name="查理的公司", by=cast.charlie_user)
    content = export(cast.alice, format=format, columns=["name", "level", "phones", "owner"])
    assert table(content) == [["我的公司", "A 大客户", "13800138000", "林爱丽"]]
    entry = AccessEntry.objects.get(sort="export")
    assert (entry.actor_id, entry.entity, entry.details["rows"]) == (cast.alice_user.pk, CUSTOMER, 1)
    with pytest.raises(Denied):
        export(cast.dave)
    assert AccessEntry.objects.filter(sort="export").count() == 1


def test_masked_and_hidden_fields(cast: Cast, make: Callable[..., Any]) -> None:
    make(CUSTOMER, name="甲", phones=[{"value": "13800138000"}], description="秘密")
    RoleField.objects.create(role=cast.role, entity=CUSTOMER, field="phones", level="masked")
    RoleField.objects.create(role=cast.role, entity=CUSTOMER, field="description", level="hidden")
    bump("rights")
    alice = cast.actor(cast.alice_user)
    content = export(alice, format="csv", columns=["name", "phones"]).decode("utf-8-sig")
    assert "13800138000" not in content
    assert "秘密" not in export(alice, format="csv").decode("utf-8-sig")
    with pytest.raises(Invalid):
        export(alice, format="csv", columns=["description"])


def test_filter_sort_and_selection(cast: Cast, make: Callable[..., Any]) -> None:
    made = [make(CUSTOMER, name=f"公司{n}", employees=n) for n in range(5)]
    tree = {"field": "employees", "op": "gte", "value": 2}
    assert table(export(cast.alice, format="csv", columns=["employees"], filter=tree, sort=["-employees"])) == [
        ["4"],
        ["3"],
        ["2"],
    ]
    chosen = [made[0].pk, made[3].pk]
    assert sorted(table(export(cast.alice, format="csv", columns=["name"], ids=chosen))) == [["公司0"], ["公司3"]]


@pytest.mark.parametrize(("text", "safe"), [
    ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("@SUM(A1)", "'@SUM(A1)"), ("-2+3+cmd", "'-2+3+cmd"),
    ("\t=1", "'\t=1"), ("＝1", "'＝1"), ("+86 138-0013-8000", "+86 138-0013-8000"), ("-5", "-5"), ("plain", "plain"), ("", ""),
])  # fmt: skip
def test_no_cell_becomes_a_formula(text: str, safe: str) -> None:
    assert guarded(text) == safe
    assert unguarded(safe) == text


def test_what_stands_behind_another_divider_is_no_cell_of_its_own() -> None:
    out = io.BytesIO()
    writer = CsvWriter(out, ["a", "b"])
    for cells in (["plain", "1"], ["x;=1+1", "2"], ["x\t@y", "3"], ["x|-y", "4"]):
        writer.row(cells)
    writer.close()
    lines = out.getvalue().decode("utf-8-sig").split("\r\n")
    assert lines == ["a,b", "plain,1", '"x;=1+1","2"', '"x\t@y","3"', '"x|-y","4"', ""]


def test_formulas_in_values_stay_text(cast: Cast, make: Callable[..., Any]) -> None:
    make(CUSTOMER, name='=HYPERLINK("http://x","y")')
    assert "'=HYPERLINK" in export(cast.alice, format="csv").decode("utf-8-sig")
    assert table(export(cast.alice, format="xlsx", columns=["name"])) == [['=HYPERLINK("http://x","y")']]
    content = export(cast.alice, format="csv", columns=["name"])
    Customer.everything.all().delete()
    run = imports.import_start(
        cast.alice, run=imports.import_stage(cast.alice, content=content, name="x.csv", entity=CUSTOMER)
    )
    imports.import_run(cast.alice, run=run)
    assert Customer.objects.get().name == '=HYPERLINK("http://x","y")'


def test_cards_go_out_and_come_back(cast: Cast, make: Callable[..., Any]) -> None:
    company = make(CUSTOMER, name="甲,乙;公司")
    make(CONTACT, name="张三", customer=company, position="经理", phones=[{"value": "13800138000"}], emails=[{"value": "z@x.cn"}],
         birthday="1980-01-02", description="第一行\n第二行" * 20)  # fmt: skip
    content = export(cast.alice, CONTACT, format="vcf")
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    Contact.everything.all().delete()
    run = imports.import_stage(cast.alice, content=content, name="x.vcf", entity=CONTACT)
    imports.import_run(cast.alice, run=imports.import_start(cast.alice, run=run))
    back = Contact.objects.get()
    assert (back.name, back.customer_id, back.position, str(back.birthday)) == (
        "张三",
        company.pk,
        "经理",
        "1980-01-02",
    )
    assert back.description == "第一行\n第二行" * 20
    assert back.phones[0]["value"] == "+8613800138000"


def test_a_template_has_every_field_and_comes_back(cast: Cast) -> None:
    out = io.BytesIO()
    names = results.template_write(cast.root, CUSTOMER, out=out)
    opened = open_table(out.getvalue(), name="t.xlsx")
    assert [column.name for column in opened.columns] == names
    assert len(opened.facts.sheets) == 2
    run = imports.import_stage(cast.root, content=out.getvalue(), name="t.xlsx", entity=CUSTOMER)
    assert len(run.mapping["columns"]) == len(names), "each column of the template finds its field again"


def test_as_a_job(
    cast: Cast, make: Callable[..., Any], settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(CUSTOMER, name="甲")
    monkeypatch.setattr(exports, "export_path", lambda operation: tmp_path / f"{operation.pk}.csv")
    operation = exports.export_begin(cast.alice, CUSTOMER, format="csv", columns=["name"])
    done = exports.export_make(cast.alice, operation)
    assert (done.state, done.result["done"]) == ("done", 1)
    assert table(exports.export_file(cast.alice, operation_id=operation.pk).read_bytes()) == [["甲"]]


@pytest.mark.parametrize("format", ["csv", "xlsx", "zip"])
def test_a_full_disk_leaves_nothing_behind_and_is_said(
    cast: Cast, make: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    for _number in range(12):
        make(CUSTOMER, description=os.urandom(9000).hex())
    client = browser(cast.alice_user)
    with small_disk(tmp_path / "exports", "48k") as small:
        monkeypatch.setattr(exports, "export_path", lambda operation: small / f"{operation.pk}.{format}")
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        operation = exports.export_begin(cast.alice, CUSTOMER, format=format)
        export_do(operation.pk)
        assert list(small.iterdir()) == []
        page = client.get(f"/operations/{operation.pk}/").content.decode()
        assert "The disk is full: nothing can be saved until there is room again." in page
        assert "data-again" not in page, "nobody waits for it any more"
        assert not AccessEntry.objects.filter(sort="export").exists()
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        again = exports.export_begin(cast.alice, CUSTOMER, format=format)
        export_do(again.pk)
        made = exports.export_file(cast.alice, operation_id=again.pk)
        assert format == "zip" or len(table(made.read_bytes())) == 12
        assert [one.name for one in small.iterdir()] == [f"{again.pk}.{format}"]


def test_an_export_that_may_not_be_made_any_more_says_so_instead_of_waiting(
    cast: Cast, make: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(CUSTOMER)
    monkeypatch.setattr(exports, "export_path", lambda operation: tmp_path / f"{operation.pk}.csv")
    operation = exports.export_begin(cast.alice, CUSTOMER, format="csv")
    cast.role.rights.filter(entity=CUSTOMER, action="export").delete()
    bump("rights")
    export_do(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "failed"
    assert operation.result["problems"][0]["reason"]
    assert list(tmp_path.iterdir()) == []
