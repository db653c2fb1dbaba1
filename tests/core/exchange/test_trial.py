"""A dry run says of rows that mean a record made or changed further up in the file what the run then does with them."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.areas.customers.models import Customer
from guanxi.core.exchange import ahead, imports, subtables, trial
from guanxi.core.exchange.options import Options
from guanxi.core.exchange.reasons import texts
from guanxi.core.kernel.actor import Actor
from guanxi.core.models import stamps
from guanxi.core.models.exchange import OUTCOMES, ImportOutcome
from guanxi.core.shaping import fields
from tests.core.exchange.bringing import CUSTOMER
from tests.factories import Make
from tests.factories.cast import Cast

pytestmark = pytest.mark.django_db
DEAL = "sales.opportunity"
COLUMNS = {"columns": {"0": "name", "1": "external_id", "2": "founded_year"}}


def alike(actor: Actor, text: str, entity: str = CUSTOMER, *, mapping: Any = None, **options: Any) -> list[str]:
    """What became of the rows, which is what the dry run had said; of refused ones with the same sentences."""
    run = imports.import_stage(actor, content=text.encode(), name="x.csv", entity=entity)
    imports.import_configure(actor, run=run, mapping=mapping, options=Options(**options))
    check = imports.import_check(actor, run=run)
    told = imports.import_preview(actor, run=run)
    assert all(one.record_id is None or one.record_id > 0 for one in told)
    run = imports.import_run(actor, run=imports.import_start(actor, run=run))
    found = ImportOutcome.objects.filter(run=run).order_by("position")
    done = [OUTCOMES[one.outcome] for one in found]
    assert [one.outcome for one in told] == done
    assert check.counts == imports.counts_of(run)
    for said, one in zip(told, found, strict=True):
        if said.outcome == "failed":
            assert said.reasons.endswith(texts(one.reasons))
    return done


@pytest.mark.parametrize("wanted", [{"required": ["amount"]}, {"checklist": True}, {"routes": True}])
def test_a_stage_asks_of_the_second_row_what_it_asks_in_the_run(cast: Cast, make: Make, wanted: dict[str, Any]) -> None:
    make(CUSTOMER, name="甲公司")
    pipeline = make("sales.pipeline", name="试用流程")
    lines = [{"text": "核对需求", "required": True}] if "checklist" in wanted else []
    first = make("sales.stage", pipeline=pipeline, name="起步一", position=1, checklist=lines)
    asked = wanted.get("required", [])
    make("sales.stage", pipeline=pipeline, name="报价二", position=2, required=asked)
    if "routes" in wanted:
        make("sales.stageroute", stage=first, to=make("sales.stage", pipeline=pipeline, name="签约三", position=3))
    text = (
        "商机名称,客户,销售流程,阶段,金额,外部编号\n"
        "甲机会,甲公司,试用流程,起步一,,D1\n"
        "甲机会,甲公司,试用流程,报价二,,D1\n"
        "甲机会,甲公司,试用流程,起步一,,D1\n"
        "甲机会,甲公司,试用流程,报价二,100,D1\n"
    )
    columns = ("name", "customer", "pipeline", "stage", "amount", "external_id")
    mapping = {"columns": {str(place): name for place, name in enumerate(columns)}}
    done = alike(cast.alice, text, DEAL, mapping=mapping)
    assert done[:3] == ["created", "failed", "skipped"]
    assert done[3] == ("updated" if "required" in wanted else "failed")


@pytest.fixture
def machines(cast: Cast) -> dict[str, Any]:
    """A table of machines on customers, and a number below ten, which is asked of a record when all is on it."""
    stamps.refresh()
    columns = [{"key": "model", "kind": "text", "label_zh": "型号", "label_en": "Model"}]
    given = {"kind": "table", "label_zh": "设备", "label_en": "Machines", "options": {"columns": columns}}
    fields.field_save(cast.root, CUSTOMER, "machines", given, new=True)
    rules = {"check": "employees < 10 || founded_year < 2000", "message_zh": "太大了"}
    given = {"kind": "text", "label_zh": "说明", "label_en": "Remark", "rules": rules}
    fields.field_save(cast.root, CUSTOMER, "remark", given, new=True)
    names = ("name", "external_id", "employees", "custom.remark", {"field": "custom.machines", "part": "model"})
    return {"columns": {str(place): name for place, name in enumerate(names)}}


def test_rows_with_tables_are_held_to_the_rules(cast: Cast, machines: dict[str, Any]) -> None:
    head = "名称,外部编号,员工人数,说明,设备·型号\n"
    text = head + "甲公司,E1,5,x,A1\n甲公司,E1,5,x,A2\n乙公司,E2,5,x,B1\n甲公司,E1,50,x,A3\n甲公司,E1,6,x,A4\n"
    assert alike(cast.root, text, mapping=machines) == ["created", "updated", "created", "failed", "updated"]
    assert [one["model"] for one in Customer.objects.get(name="甲公司").custom["machines"]] == ["A1", "A2", "A4"]


@pytest.mark.parametrize("size", [2, 2000], ids=["in different batches", "in one"])
def test_a_table_is_full_for_the_dry_run_too(
    cast: Cast, machines: dict[str, Any], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subtables, "MOST_ROWS", 2)
    monkeypatch.setattr(ahead, "BATCH", size)
    monkeypatch.setattr(imports, "BATCH", size)
    head = "名称,外部编号,员工人数,说明,设备·型号\n"
    text = (
        head + "甲公司,E1,5,,A1\n乙公司,E2,5,,B1\n甲公司,E1,6,,A2\n乙公司,E2,5,,B2\n甲公司,E1,7,,A3\n乙公司,E2,5,,B2\n"
    )
    for mode in ("create", "both"):
        Customer.objects.all().delete()
        assert alike(cast.root, text, mapping=machines, mode=mode) == [
            "created", "created", "updated", "updated", "failed", "failed",
        ]  # fmt: skip


@pytest.mark.parametrize("mode", ["both", "update", "create"])
@pytest.mark.parametrize("there", [False, True])
def test_rows_of_different_batches_mean_the_same_record(
    cast: Cast, make: Make, mode: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "BATCH", 2)
    monkeypatch.setattr(imports, "BATCH", 2)
    if there:
        make(CUSTOMER, name="甲公司", external_id="E1", by=cast.root_user)
    text = "名称,外部编号,成立年份\n甲公司,E1,2001\n乙公司,E2,2004\n甲公司,E1,2001\n乙公司,E2,2005\n甲公司,E1,2003\n,E3,1999\n"
    run = imports.import_stage(cast.root, content=text.encode(), name="x.csv", entity=CUSTOMER)
    imports.import_configure(cast.root, run=run, mapping=COLUMNS, options=Options(mode=mode))
    check = imports.import_check(cast.root, run=run)
    imports.import_run(cast.root, run=imports.import_start(cast.root, run=run))
    assert check.counts == imports.counts_of(run)
    if mode == "both":
        assert check.counts == {"created": 2 - there, "updated": 2 + there, "skipped": 1, "failed": 1}


def test_what_is_remembered_has_an_end(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 1)
    monkeypatch.setattr(trial, "KEPT", 2)
    text = "名称,外部编号\n甲公司,E1\n乙公司,E2\n丙公司,E3\n丙公司,E3\n甲公司,E1\n"
    run = imports.import_stage(cast.root, content=text.encode(), name="x.csv", entity=CUSTOMER)
    assert imports.import_check(cast.root, run=run).counts == {"created": 4, "updated": 0, "skipped": 1, "failed": 0}


def test_a_row_looks_for_its_record_by_what_the_rows_before_leave_of_it(cast: Cast, make: Make) -> None:
    make(CUSTOMER, name="甲公司", external_id="E1", by=cast.root_user)
    text = "名称,外部编号,成立年份\n甲新公司,E1,\n甲新公司,,2001\n甲新公司,E1,\n甲公司,,2002\n丙公司,E3,\n丁公司,E3,\n丙公司,,2003\n"
    assert alike(cast.root, text, mapping=COLUMNS)[:3] == ["updated", "updated", "skipped"]


def test_what_is_kept_of_filled_fields_is_kept_of_those_a_row_before_filled(cast: Cast, make: Make) -> None:
    make(CUSTOMER, name="甲公司", external_id="E1", by=cast.root_user)
    text = "名称,外部编号,成立年份\n甲公司,E1,2001\n甲公司,E1,2002\n乙公司,E2,\n乙公司,E2,2003\n乙公司,E2,2004\n"
    assert alike(cast.root, text, mapping=COLUMNS, keep_filled=True) == [
        "updated",
        "skipped",
        "created",
        "updated",
        "skipped",
    ]


def test_a_record_that_would_be_somebody_elses_is_not_there_for_the_next_row(cast: Cast) -> None:
    assert alike(cast.alice, "名称,负责人,成立年份\n甲公司,CHARLIE,\n甲公司,,2001\n")[0] == "created"
