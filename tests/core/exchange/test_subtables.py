"""Rows of a table within a record come in as people write them, with errors at the row, and go out so that they come in again."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from guanxi.areas.customers.models import Customer
from guanxi.core import records
from guanxi.core.exchange import exports, guessing, imports, results, subtables
from guanxi.core.exchange.reading import members_of, open_table
from guanxi.core.models import stamps
from guanxi.core.models.exchange import ImportOutcome, ImportRun
from guanxi.core.shaping import dictionaries, fields
from tests.core.exchange.bringing import CUSTOMER, bring, counts
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
HEAD = "名称,编号,设备·型号,设备·数量,设备·状态\n"
MAPPING = {"columns": {"0": "name", "1": "external_id", **{
    str(place): {"field": "custom.machines", "part": part} for place, part in ((2, "model"), (3, "count"), (4, "state"))
}}}  # fmt: skip


@pytest.fixture
def machines(cast: Cast) -> str:
    """A table of machines on customers: model, number, state from a dictionary."""
    stamps.refresh()
    dictionaries.dictionary_save(cast.root, "states", {"name_zh": "状态", "name_en": "States"}, new=True)
    for key, zh in (("runs", "在用"), ("stopped", "停用")):
        dictionaries.value_save(cast.root, "states", key, {"name_zh": zh, "name_en": key.title()}, new=True)
    columns = [
        {"key": "model", "kind": "text", "label_zh": "型号", "label_en": "Model"},
        {"key": "count", "kind": "integer", "label_zh": "数量", "label_en": "Count"},
        {"key": "state", "kind": "choice", "label_zh": "状态", "label_en": "State", "dictionary": "states"},
    ]
    given = {"kind": "table", "label_zh": "设备", "label_en": "Machines", "options": {"columns": columns}}
    fields.field_save(cast.root, CUSTOMER, "machines", given, new=True)
    return "custom.machines"


def rows(name: str) -> list[tuple[Any, ...]]:
    held = Customer.objects.get(name=name).custom.get("machines", [])
    return [(one["model"], one["count"], one["state"]) for one in held]


def said(run: ImportRun) -> dict[int, str]:
    found = ImportOutcome.objects.filter(run=run).order_by("position")
    return {one.position: str(one.reasons[0].get("text") or one.reasons[0]["code"]) for one in found if one.reasons}


REPEATED = HEAD + "甲公司,E1,A1,2,在用\n甲公司,E1,A2,3,停用\n乙公司,E2,B1,1,Runs\n"
BELOW = HEAD + "甲公司,E1,A1,2,在用\n,,A2,3,停用\n乙公司,E2,B1,1,Runs\n"


@pytest.mark.parametrize("text", [REPEATED, BELOW], ids=["repeated", "empty below"])
@pytest.mark.parametrize("mode", ["create", "both"])
def test_a_row_of_the_file_for_each_row_of_the_table(cast: Cast, machines: str, text: str, mode: str) -> None:
    run = bring(cast.root, text, mapping=MAPPING, mode=mode)
    assert counts(run) == (2, 1, 0, 0)
    assert rows("甲公司") == [("A1", 2, "runs"), ("A2", 3, "stopped")]
    assert rows("乙公司") == [("B1", 1, "runs")]
    assert Customer.objects.get(name="甲公司").version == 1


def test_a_sheet_of_its_own_by_the_number_of_the_record(cast: Cast, machines: str) -> None:
    bring(cast.root, REPEATED, mapping=MAPPING)
    mapping = {
        "columns": {
            "0": "external_id",
            "1": {"field": machines, "part": "model"},
            "2": {"field": machines, "part": "count"},
        }
    }
    run = bring(cast.root, "编号,型号,数量\nE2,C1,4\nE1,C2,5\nE2,C3,6\nE9,C4,7\n", mapping=mapping, mode="update")
    assert counts(run) == (0, 3, 1, 0)
    assert said(run) == {4: "row.not_found"}
    assert rows("乙公司") == [("C1", 4, None), ("C3", 6, None)], "what was there before the import is replaced"
    assert rows("甲公司") == [("C2", 5, None)]
    again = bring(cast.root, "编号,型号,数量\nE1,C2,5\n", mapping=mapping, mode="update")
    assert counts(again) == (0, 0, 1, 0)
    records.undo(cast.root, run.operation_id)
    assert rows("甲公司") == [("A1", 2, "runs"), ("A2", 3, "stopped")]


def test_an_error_stands_at_its_row_and_the_others_come_in(cast: Cast, machines: str) -> None:
    text = HEAD + "甲公司,E1,A1,2,在用\n甲公司,E1,A2,viele,在用\n甲公司,E1,A3,3,坏了\n甲公司,E1,A4,4,停用\n"
    run = bring(cast.root, text, mapping=MAPPING)
    assert counts(run) == (1, 1, 0, 2)
    found = said(run)
    assert list(found) == [2, 3]
    assert "设备·数量" in found[2] or "Machines·Count" in found[2]
    assert "坏了" in found[3]
    assert [one[0] for one in rows("甲公司")] == ["A1", "A4"]
    out = io.BytesIO()
    assert results.import_write_errors(cast.root, run=run, out=out) == 2


def test_rows_of_one_record_in_different_batches_stay_together(
    cast: Cast, machines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guanxi.core.exchange.ahead.BATCH", 2)
    text = HEAD + "".join(f"{name},{name},M{place},1,\n" for place in range(3) for name in ("甲公司", "乙公司"))
    text += ",,M9,1,\n"
    run = bring(cast.root, text, mapping=MAPPING, mode="create")
    assert run.failed == run.skipped == 0
    assert [one[0] for one in rows("甲公司")] == ["M0", "M1", "M2"]
    assert [one[0] for one in rows("乙公司")] == ["M0", "M1", "M2", "M9"]


def test_a_table_has_no_place_for_more_rows_than_it_may_hold(
    cast: Cast, machines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subtables, "MOST_ROWS", 2)
    text = HEAD + "甲公司,E1,A1,1,\n甲公司,E1,A2,1,\n甲公司,E1,A3,1,\n乙公司,E2,,,\n甲公司,E1,A4,1,\n"
    run = bring(cast.root, text, mapping=MAPPING)
    assert counts(run) == (2, 1, 0, 2)
    assert [one[0] for one in rows("甲公司")] == ["A1", "A2"]


def test_the_preview_tells_the_same_and_writes_nothing(cast: Cast, machines: str) -> None:
    run = imports.import_stage(cast.root, content=BELOW.encode(), name="x.csv", entity=CUSTOMER)
    imports.import_configure(cast.root, run=run, mapping=MAPPING)
    assert [one.outcome for one in imports.import_preview(cast.root, run=run)] == ["created", "updated", "created"]
    assert not Customer.objects.exists()


def test_columns_are_recognised(cast: Cast, machines: str) -> None:
    for header, wanted in (
        (["名称", "设备·型号", "设备：数量"], {1: "model", 2: "count"}),
        (["Name", "Machines Model", "machines.count"], {1: "model", 2: "count"}),
        (["名称", "型号", "数量"], {1: "model", 2: "count"}),
        (["名称", "数量"], {}),
    ):
        content = ",".join(header) + "\n甲公司,A1,2\n"
        found = guessing.auto_map(cast.root, CUSTOMER, open_table(content.encode(), name="x.csv").columns)
        assert {index: one.part for index, one in found.targets.items() if one.field == machines} == wanted


@pytest.mark.parametrize("form", ["xlsx", "zip"])
def test_what_goes_out_comes_in_again(cast: Cast, machines: str, form: str) -> None:
    bring(cast.root, REPEATED, mapping=MAPPING)
    out = io.BytesIO()
    exports.export_write(cast.root, CUSTOMER, out=out, format=form, columns=["name", "level", machines])
    first = Customer.objects.get(name="甲公司")
    parts = members_of(out.getvalue(), "x.zip") if form == "zip" else _sheets(out.getvalue())
    assert len(parts) >= 2
    listed = open_table(out.getvalue(), name=f"x.{form}", sheet=parts[0])
    assert [row.values[0] for row in listed.rows()] == ["乙公司", "甲公司"]
    sheet = open_table(out.getvalue(), name=f"x.{form}", sheet=parts[1])
    assert [row.values[1:] for row in sheet.rows()][-1][0] in ("甲公司", "乙公司")
    assert len(list(sheet.rows())) == 3
    before = {name: rows(name) for name in ("甲公司", "乙公司")}
    records.update(cast.root, first, {machines: []})
    run = imports.import_stage(cast.root, content=sheet, entity=CUSTOMER)
    imports.import_start(cast.root, run=run)
    run = imports.import_run(cast.root, run=run)
    assert run.failed == run.created == 0, said(run)
    assert {name: rows(name) for name in before} == before
    template = io.BytesIO()
    assert [one for one in results.template_write(cast.root, CUSTOMER, out=template) if subtables.MARK in one]


def _sheets(content: bytes) -> list[str]:
    return list(open_table(content, name="x.xlsx").facts.as_json().get("sheets") or [json.dumps("")])
