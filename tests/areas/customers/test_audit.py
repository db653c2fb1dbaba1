"""The triggers that spell out their columns note exactly what the general one would."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.apps import apps
from django.db import connection

from guanxi.areas.customers.models import Contact, Customer
from guanxi.core.models import AuditEntry
from guanxi.core.models.audit_triggers import SILENT, Inserted, Updated
from tests.factories.cast import Cast

SPELLED = [
    (model, trigger)
    for model in apps.get_models()
    for trigger in getattr(model._meta, "triggers", ())
    if isinstance(trigger, Inserted) and trigger.wide
]
#: What the general trigger notes of a new row.
GENERAL = """
SELECT (SELECT json_object_agg(k.key, json_build_array(NULL, k.value))::jsonb FROM json_each(row_to_json(n)) k
        WHERE NOT k.key = ANY(%s) AND k.value::text NOT IN ('null', '""', '[]', '{}'))
FROM {table} n WHERE id = %s
"""


def general(record: Any, silent: tuple[str, ...]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(GENERAL.replace("{table}", record._meta.db_table), [list(silent), record.pk])
        return cursor.fetchone()[0]


def noted(record: Any) -> Any:
    with connection.cursor() as cursor:
        entry = AuditEntry.objects.get(entity=record._meta.db_table, record_id=record.pk, action="create")
        cursor.execute("SELECT changes FROM core_auditentry WHERE id = %s", [entry.pk])
        return cursor.fetchone()[0]


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "trigger"), SPELLED, ids=[model.__name__ for model, _trigger in SPELLED])
def test_every_column_is_spelled(model: Any, trigger: Inserted) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [model._meta.db_table],
        )
        there = {name for (name,) in cursor.fetchall()} - set(trigger.silent)
    told = trigger.get_func(model)
    assert [name for name in there if f""""{name}":[null,'""" not in told] == []
    updated = next(one for one in model._meta.triggers if isinstance(one, Updated))
    assert (updated.wide, updated.silent) == (True, trigger.silent)
    told = updated.get_func(model)
    assert [name for name in there if f""""{name}":['""" not in told] == []


def test_the_dear_tables_are_spelled() -> None:
    assert {model._meta.label for model, _trigger in SPELLED} == {
        "customers.Customer",
        "customers.Contact",
        "sales.Lead",
    }


ODD: list[dict[str, Any]] = [
    {"name": "空"},
    {"name": 'a "b" \\ c\n\t,', "description": "null", "tags": [3, 1], "short_name": "[]", "custom": {"x": None, "y": ""}},
    {
        "name": "满", "revenue": Decimal("1.50"), "employees": 0, "founded_year": 1990, "custom": {"k": [1, {"a": "b"}]},
        "phones": [{"value": "+8613800138000", "label": ""}], "former_names": [], "emails": [{}],
        "last_contact_at": dt.datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=dt.UTC),
    },
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Customer, Contact])
@pytest.mark.parametrize("values", ODD, ids=["empty", "odd", "full"])
def test_a_spelled_entry_is_the_general_one(cast: Cast, model: Any, values: dict[str, Any]) -> None:
    names = {column.attname for column in model._meta.concrete_fields}
    record = model.objects.create(
        **{name: value for name, value in values.items() if name in names}, owner_id=cast.alice.user_id
    )
    silent = next(trigger.silent for one, trigger in SPELLED if one is model)
    assert set(SILENT) <= set(silent)
    found = noted(record)
    assert found == general(record, silent)
    assert "name" in str(found)


@pytest.mark.django_db
@pytest.mark.parametrize("model", [Customer, Contact])
@pytest.mark.parametrize("before", ODD, ids=["empty", "odd", "full"])
@pytest.mark.parametrize("after", ODD, ids=["empty", "odd", "full"])
def test_a_spelled_entry_of_a_change_is_the_general_one(
    cast: Cast, model: Any, before: dict[str, Any], after: dict[str, Any]
) -> None:
    columns = {column.attname: column for column in model._meta.concrete_fields}
    usual = {name: columns[name].get_default() for name in {*before, *after} & set(columns)}
    first, second = ({**usual, **{name: one[name] for name in usual if name in one}} for one in (before, after))
    record = model.objects.create(**first, owner_id=cast.alice.user_id)
    old = document(record)
    model.objects.filter(pk=record.pk).update(**second, created_by_id=cast.bob.user_id, version=7)
    silent = next(trigger.silent for one, trigger in SPELLED if one is model)
    new = document(record)
    differs = {name: [old[name], new[name]] for name in new if old[name] != new[name] and name not in silent}
    entries = AuditEntry.objects.filter(entity=model._meta.db_table, record_id=record.pk, action="update")
    assert [one.changes for one in entries] == ([differs] if differs else [])
    assert bool(differs) is (before is not after)


def document(record: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT to_jsonb(t) FROM "{record._meta.db_table}" t WHERE id = %s', [record.pk])
        found = cursor.fetchone()[0]
    return dict(json.loads(found) if isinstance(found, str) else found)


@pytest.mark.django_db
def test_a_trigger_keeps_silent_when_told_and_only_then(cast: Cast) -> None:
    loud = Customer.objects.create(name="响", owner_id=cast.alice.user_id)
    with pgtrigger.ignore("customers.Customer:audit_insert"):
        quiet = Customer.objects.create(name="静", owner_id=cast.alice.user_id)
    again = Customer.objects.create(name="又响", owner_id=cast.alice.user_id)
    about = AuditEntry.objects.filter(entity=Customer._meta.db_table, record_id__in=[loud.pk, quiet.pk, again.pk])
    assert set(about.values_list("record_id", flat=True)) == {loud.pk, again.pk}
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE oid = 'public._pgtrigger_should_ignore'::regproc")
        assert "EXCEPTION" not in cursor.fetchone()[0], "the library's dear function is back"
