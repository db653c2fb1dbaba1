"""Trusted loads: everything or nothing, and what follows makes the records like any others."""

from pathlib import Path

import pytest
from django.db import connection

from guanxi.areas.customers.models import Customer
from guanxi.core.exchange import trusted
from guanxi.core.kernel.actor import system_actor
from guanxi.core.kernel.errors import Invalid
from guanxi.core.models import AuditEntry, Operation, OutboxEvent
from guanxi.core.models.search import MatchValue
from guanxi.core.records import saving
from guanxi.core.records.search import index
from guanxi.core.records.search.query import search
from guanxi.core.records.undo import undo
from tests.factories.cast import Cast

CUSTOMER = "customers.customer"
HEADER = "name,credit_code,phones,employees,description,external_id\n"
PHONES = '"[{""value"": ""+8613800138000"", ""label"": """"}]"'
pytestmark = pytest.mark.django_db


def written(tmp_path: Path, text: str) -> Path:
    place = tmp_path / "clean.csv"
    place.write_text(text, "utf-8")
    return place


def loaded(tmp_path: Path, rows: str, owner: int | None = None) -> Operation:
    return trusted.load(
        system_actor("guanxi", via="cli"), entity=CUSTOMER, file=written(tmp_path, HEADER + rows), owner=owner
    )


def test_a_load_then_what_follows(cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted, "BATCH", 2)
    events = OutboxEvent.objects.count()
    rows = f'深圳市星辰科技有限公司,,{PHONES},12,"a\tb \\ c\nd",X1\n' + "".join(
        f"第{n}号贸易有限公司,,,,,Y{n}\n" for n in range(4)
    )
    operation = loaded(tmp_path, rows, owner=cast.alice.user_id)
    star = Customer.objects.get(external_id="X1")
    assert (operation.state, operation.total) == ("running", 5)
    assert (star.description, star.employees, star.owner_id) == ("a\tb \\ c\nd", 12, cast.alice.user_id)
    assert star.phones == [{"value": "+8613800138000", "label": ""}]
    assert star.sort_key.startswith("shen zhen shi xing chen")
    audit = AuditEntry.objects.filter(entity="customers_customer", operation_id=operation.pk, action="create")
    assert (audit.count(), OutboxEvent.objects.count()) == (0, events)
    assert trusted.catch_up() == 5
    assert trusted.catch_up() == 0
    operation.refresh_from_db()
    assert (operation.state, operation.progress, audit.count()) == ("done", 5, 5)
    entry = audit.get(record_id=star.pk)
    assert (entry.via, entry.changes["employees"], entry.changes["name"]) == ("cli", [None, 12], [None, star.name])
    keys = set(MatchValue.objects.filter(entity=CUSTOMER, record_id=star.pk).values_list("kind", "value"))
    assert {("name", "星辰科技"), ("phone", "+8613800138000")} <= keys
    index.catch_up()
    assert [hit.record_id for hit in search(cast.root, "xingchen")] == [star.pk]
    undo(cast.root, operation.pk)
    assert Customer.objects.filter(external_id__in=("X1", "Y0", "Y3")).count() == 0


def test_a_record_edited_before_keeps_one_entry_and_its_keys(cast: Cast, tmp_path: Path) -> None:
    operation = loaded(tmp_path, "旧名贸易有限公司,,,,,X1\n")
    record = Customer.objects.get(external_id="X1")
    saving.update(cast.root, record, {"name": "新名贸易有限公司"})
    assert trusted.catch_up() == 1
    assert AuditEntry.objects.filter(record_id=record.pk, action="create", operation_id=operation.pk).count() == 1
    names = MatchValue.objects.filter(entity=CUSTOMER, record_id=record.pk, kind="name")
    assert list(names.values_list("value", flat=True)) == ["新名贸易"]


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (HEADER + "甲,,,many,,\n", "load.row", "employees"),
        (HEADER + "甲,,,1,,\n乙,,\n", "load.row", "2"),
        (HEADER + "甲,,{broken,1,,\n", "load.row", "phones"),
        ("name,nonsense\n甲,1\n", "load.columns", "nonsense"),
        ("name,id\n甲,1\n", "load.columns", "id"),
        (HEADER, "file.empty", ""),
    ],
)
def test_one_bad_row_refuses_the_file(tmp_path: Path, text: str, code: str, told: str) -> None:
    with pytest.raises(Invalid) as refused:
        trusted.load(system_actor("guanxi", via="cli"), entity=CUSTOMER, file=written(tmp_path, "" + text))
    assert refused.value.code == code
    assert told in str(refused.value)
    assert Customer.objects.filter(name__in=("甲", "乙")).count() == 0
    assert Operation.objects.filter(sort="load").count() == 0


def test_only_the_operator_and_only_what_stands_alone(cast: Cast, tmp_path: Path) -> None:
    place = written(tmp_path, "name\n甲\n")
    for actor, entity in ((cast.root, CUSTOMER), (system_actor("x", via="cli"), "sales.opportunity")):
        with pytest.raises(Invalid) as refused:
            trusted.load(actor, entity=entity, file=place)
        assert refused.value.code == "load.not_possible"
    assert Customer.objects.filter(name="甲").count() == 0


def test_the_audit_is_on_again_afterwards(cast: Cast, tmp_path: Path) -> None:
    loaded(tmp_path, "甲乙丙,,,,,X1\n")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', '', true)")  # what the end of its transaction does
    record = Customer.objects.create(name="丁")
    assert AuditEntry.objects.filter(entity="customers_customer", record_id=record.pk, action="create").count() == 1
